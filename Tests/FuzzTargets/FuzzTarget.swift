// The parsers of bytes that we did not just write ourselves, each as one function of bytes.

import Capture
import Configuration
import Format
import Foundation
import Replay
import Repository
import Sodium
import Zstd

/// A parser to throw bytes at.
///
/// It may refuse them with an error of its own, and must do nothing else: no trap, no endless loop, no
/// memory out of proportion. Where a parser has an inverse, what it accepts must also survive the way there
/// and back.
package struct FuzzTarget: Sendable {
  package let name: String
  /// The longest input worth trying.
  package let byteLimit: Int
  private let body: @Sendable ([UInt8]) throws -> Void

  init(
    _ name: String, byteLimit: Int = 4096, _ body: @escaping @Sendable ([UInt8]) throws -> Void
  ) {
    self.name = name
    self.byteLimit = byteLimit
    self.body = body
  }

  /// Parses `bytes`.
  ///
  /// - Returns: whether they were accepted.
  /// - Throws: ``NotReversible`` if what was accepted does not come back from its own encoding.
  package func parse(_ bytes: [UInt8]) throws(NotReversible) -> Bool {
    do {
      try body(bytes)
      return true
    } catch let error as NotReversible { throw error } catch { return false }
  }

  /// A parser accepted bytes that its own encoder cannot write again.
  package struct NotReversible: Error { package let what: String }

  private static func require<Value: Equatable>(_ a: Value, _ b: Value, _ what: String) throws {
    if a != b { throw NotReversible(what: what) }
  }

  /// Every target, by name.
  package static let all: [FuzzTarget] = [
    FuzzTarget("object-header") { bytes in
      let header = try ObjectHeader(bytes)
      try require(header.encoded, Array(bytes[..<ObjectHeader.byteCount]), "object header")
    },
    FuzzTarget("pack-header") { bytes in
      let header = try ObjectHeader(bytes)
      guard bytes.count >= ObjectHeader.byteCount + 32 else { return }
      let pack = Digest(bytes.span, at: ObjectHeader.byteCount).map { PackID($0) }
      _ = try PackFormat.Header(
        bytes, expecting: pack ?? PackID(Digest()), repository: header.repository)
    },
    FuzzTarget("key-slot") { bytes in _ = try KeySlot(bytes, repository: nil) },
    FuzzTarget("role-secrets") { bytes in _ = try RoleSecrets(decoding: bytes) },
    FuzzTarget("index-run") { bytes in
      let run = try IndexRun(checking: bytes.span)
      for ordinal in 0..<run.packCount { _ = run.pack(ordinal, in: bytes.span) }
      for ordinal in 0..<run.entryCount {
        _ = run.id(ordinal, in: bytes.span)
        _ = run.entry(ordinal, in: bytes.span)
      }
    },
    FuzzTarget("catalog-node") { bytes in
      switch try CatalogNode(bytes) {
      case .leaf(let items): for item in items { _ = try CatalogReader.decode(item) }
      case .inner: break
      }
    },
    FuzzTarget("catalog-entry") { bytes in
      let entry = try CatalogEntry(bytes)
      try require(try CatalogEntry(entry.encoded), entry, "catalog entry")
    },
    FuzzTarget("chunk-list") { bytes in _ = try Content.decodeList(bytes) },
    FuzzTarget("manifest", byteLimit: 16_384) { bytes in
      let manifest = try DocumentBody.decode(Manifest.self, from: bytes, kind: .snapshot)
      let again = try DocumentBody.encode(manifest)
      try require(
        try DocumentBody.decode(Manifest.self, from: again, kind: .snapshot), manifest, "manifest")
    },
    FuzzTarget("log-entry") { bytes in
      _ = try DocumentBody.decode(LogEntry.self, from: bytes, kind: .logEntry)
    },
    FuzzTarget("repository-config") { bytes in
      _ = try DocumentBody.decode(RepositoryConfig.self, from: bytes, kind: .config)
    },
    // Two bytes of length before the frame, as an index has it beside the blob.
    FuzzTarget("zstd-frame") { bytes in
      guard bytes.count >= 2 else { throw ZstdError.damaged }
      var plain = [UInt8](repeating: 0, count: Int(bytes[0]) | Int(bytes[1]) << 8)
      var output = plain.mutableSpan
      try ZstdDecoder().decompress(bytes.span.extracting(2...), into: &output)
    },
    FuzzTarget("configuration") { bytes in
      _ = try Configuration.parse(Data(bytes), file: "lifeboat.yaml")
    },
    FuzzTarget("cron") { bytes in _ = try CronExpression(String(decoding: bytes, as: UTF8.self)) },
    FuzzTarget("exclude-rules", byteLimit: 256) { bytes in
      let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
      let rules = try ExcludeRules(lines)
      _ = rules.excludes([Array("media".utf8), Array("a.jpg".utf8)], isDirectory: false)
    },
    FuzzTarget("media-reference") { bytes in _ = MediaReference.key(of: bytes, in: "uploads") },
    FuzzTarget("archive-header") { bytes in _ = try ArchiveHeader(bytes) },
    FuzzTarget("archive-list", byteLimit: 16_384) { bytes in
      _ = ArchiveEntry.entries(of: String(decoding: bytes, as: UTF8.self))
    },
    FuzzTarget("sql-script", byteLimit: 16_384) { bytes in
      _ = SQLSplitter.statements(of: bytes)
    },
    FuzzTarget("access-privileges") { bytes in
      _ = try AccessPrivileges(String(decoding: bytes, as: UTF8.self))
    },
  ]
}
