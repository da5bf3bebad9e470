// A report for an auditor: a stretch of the evidence log, readable and provable without the repository.

package import Format
import FoundationEssentials
import Sodium
import Storage

/// What a report states: the figures, and the entries that they come from.
package struct EvidenceStatement: Codable, Sendable {
  /// An entry with what proves it.
  package struct Entry: Codable, Sendable {
    package var number: UInt64
    package var id: String
    /// The object as it lies in the repository, in base 64.
    package var object: String
    /// Its session key in hexadecimal digits: it opens this one entry and nothing else.
    package var key: String
  }
  package var version = 1
  package var program: String
  package var created: Timestamp
  package var host: String
  package var repository: String
  package var from: Timestamp
  package var to: Timestamp
  /// The newest entry of the whole log when the report was made.
  package var head: String?
  /// What was wrong with the log as a whole; empty if it held.
  package var findings: [String]
  package var summary: EvidenceSummary
  package var entries: [Entry]
}

/// A signed statement, as the file holds it.
package struct SignedReport: Codable, Sendable {
  package var version = 1
  /// An ``EvidenceStatement`` as JSON: the signature covers these bytes, so they stay as they are.
  package var statement: String
  /// The owner's Ed25519 verification key: compare it with what `lifeboat status` prints.
  package var ownerKey: String
  package var signer: String
  package var certificate: String
  package var role: UInt8
  package var signature: String

  /// What is signed, before a zero byte and the hash of the statement.
  static let context = "lifeboat report v1"
}

extension Repository {
  /// Makes a report of what happened from `from` up to, not including, `to`.
  ///
  /// The whole log is verified; what is wrong with it stands in the report. The entries carry their own
  /// session keys, made for one document each, so whoever has the report can read and prove those
  /// entries and nothing else.
  package func evidenceReport(
    from: Timestamp, to: Timestamp, created: Timestamp, host: String, program: String
  ) throws -> (statement: EvidenceStatement, signed: SignedReport) {
    let log = try verifyLog()
    let events = log.events.filter { $0.entry.time >= from && $0.entry.time < to }
    let statement = EvidenceStatement(
      program: program, created: created, host: host, repository: id.hex, from: from, to: to,
      head: log.head?.description, findings: log.findings.map(\.what),
      summary: EvidenceSummary(events),
      entries: try events.map { event in
        try disclosed(LogName(number: event.number, id: event.id))
      })
    let text = try DocumentBody.encode(statement)
    let message =
      Array(SignedReport.context.utf8) + [0] + Blake2b.hash(text).bytes
    return (
      statement,
      SignedReport(
        statement: String(decoding: text, as: UTF8.self), ownerKey: keys.secrets.ownerVerifyKey.hex,
        signer: keys.signer.publicKey.hex, certificate: Hexadecimal.text(keys.signer.certificate),
        role: keys.role.rawValue,
        signature: Hexadecimal.text(try Ed25519.sign(message, with: keys.signer.secretKey)))
    )
  }

  /// An entry with the session key that opens it.
  private func disclosed(_ name: LogName) throws -> EvidenceStatement.Entry {
    guard let key = StorageKey(.log, name.objectName) else {
      throw RepositoryError.damaged("log entry \(name.short)", .invalid("name"))
    }
    let bytes: [UInt8]
    do { bytes = try storage.load(key, limit: Self.documentLimit) } catch {
      throw RepositoryError.storage("cannot read log entry \(name.short)", error)
    }
    do {
      let header = try ObjectHeader(bytes)
      guard header.kind == .logEntry, let session = try keys.session(of: header) else {
        throw FormatError.invalid("recipient")
      }
      return EvidenceStatement.Entry(
        number: name.number, id: name.id.hex, object: Data(bytes).base64EncodedString(),
        key: session.withBytes { span in Hexadecimal.text((0..<span.count).map { span[$0] }) })
    } catch let error as FormatError {
      throw RepositoryError.damaged("log entry \(name.short)", error)
    }
  }
}

/// Bytes as lower-case hexadecimal digits.
enum Hexadecimal {
  static func text(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(
      decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }
}
