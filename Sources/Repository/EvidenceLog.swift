// The evidence log: what was done to a repository, signed and chained.

package import Format
package import Sodium
import Storage

/// A log entry that was read and checked.
package struct RecordedEvent: Sendable {
  package let number: UInt64
  package let id: DocumentID
  package let entry: LogEntry
  /// What the key that signed it may do.
  package let role: Role
  package let signer: Digest

  /// `number-id` with the first digits of the id, as messages name it.
  package var name: String { "\(number)-\(id)" }
}

/// A log entry as a listing shows it: its name, nothing of it checked.
package struct LogName: Hashable, Comparable, Sendable, CustomStringConvertible {
  package let number: UInt64
  package let id: DocumentID

  /// Nobody does a million things a second for thirty years; a greater number is not ours.
  package static let greatestNumber: UInt64 = 1_000_000_000_000_000

  package init(number: UInt64, id: DocumentID) {
    self.number = number
    self.id = id
  }

  /// Reads `number-id` with all digits of the id; leading zeros of the number don't matter.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", maxSplits: 1)
    guard parts.count == 2, let number = UInt64(parts[0]), let id = DocumentID(hex: parts[1]),
      (1...Self.greatestNumber).contains(number)
    else { return nil }
    self.init(number: number, id: id)
  }

  package static func < (a: LogName, b: LogName) -> Bool { (a.number, a.id) < (b.number, b.id) }

  /// `number-id` with all digits: what ``init(_:)`` reads.
  package var description: String { "\(number)-\(id.hex)" }

  /// For messages.
  package var short: String { "\(number)-\(id)" }

  /// The object's name: ten digits or more, a hyphen, the id.
  var objectName: String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, 10 - digits.count)) + digits + "-" + id.hex
  }
}

extension Repository {
  /// Appends an event.
  ///
  /// Entries are named `<number>-<id>` and hold the id of the one before. Two writers at once may
  /// take the same number; both entries stay, and the next names both.
  package func record(
    _ event: LogEntry.Event, outcome: String, snapshots: [SnapshotID],
    details: [String: String], host: String, program: String, time: Timestamp
  ) throws {
    let names = try logNames()
    let last = names.last?.number ?? 0
    let newest = names.filter { $0.number == last }.map(\.id.hex)
    let entry = LogEntry(
      time: time, host: host, program: program, event: event, outcome: outcome,
      snapshots: snapshots.map(\.hex), details: details, previous: newest.first,
      others: newest.count > 1 ? Array(newest.dropFirst()) : nil)
    let digits = String(last + 1)
    let prefix = String(repeating: "0", count: max(0, 10 - digits.count)) + digits + "-"
    _ = try saveDocument(
      try DocumentBody.encode(entry), kind: .logEntry, for: .keeper, in: .log, prefix: prefix)
  }

  /// The names of all entries, oldest first.
  package func logNames() throws -> [LogName] {
    try list(.log).compactMap { LogName($0.key.name) }.sorted()
  }

  /// The newest events, newest first; at most `limit` are read.
  ///
  /// - Throws: ``RepositoryError``; `damaged`, naming the entry, also if those that are read are not
  ///   one chain: one was taken out, put in or changed.
  package func events(limit: Int = .max) throws -> [RecordedEvent] {
    let all = try logNames()
    let names = all.suffix(limit)
    let events = try names.map(event)
    let findings = LogVerification.chain(
      events, of: all, firstNumber: names.first?.number ?? 1
    ).findings
    if let broken = findings.first {
      throw RepositoryError(
        .damaged, what: "cannot trust the evidence log", why: broken.what,
        next: "run 'lifeboat log --verify' to list all that is wrong with it")
    }
    return events.reversed()
  }

  /// Reads and checks one entry.
  package func event(_ name: LogName) throws -> RecordedEvent {
    try require(.keeper, to: "read the evidence log")
    let (envelope, body) = try logDocument(name)
    do {
      let entry = try DocumentBody.decode(LogEntry.self, from: body, kind: .logEntry)
      return RecordedEvent(
        number: name.number, id: name.id, entry: entry, role: envelope.role,
        signer: envelope.signer)
    } catch let error as FormatError {
      throw RepositoryError.damaged("log entry \(name.short)", error)
    }
  }

  func logDocument(_ name: LogName) throws -> (envelope: Envelope, plaintext: [UInt8]) {
    guard let key = StorageKey(.log, name.objectName) else {
      throw RepositoryError.damaged("log entry \(name.short)", .invalid("name"))
    }
    return try loadDocument(key, kind: .logEntry)
  }
}
