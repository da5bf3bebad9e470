// A whole repository that another program wrote from the format's document.

import Format
import FoundationEssentials
import Repository
import Sodium
import Storage
import Testing
import Workers

@Suite struct `A repository written by another program` {
  let storage = MemoryStorage()
  private var values: [String: String] = [:]
  /// What packs of these lengths hash to.
  private var parities: [Int: String] = [:]

  init() throws {
    let folder = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let text = try String(
      contentsOfFile: "/\(folder)/FormatTests/format-vectors.txt", encoding: .utf8)
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      if words[0] == "value" {
        if words[1] == "parity", let byteCount = Int(words[2]) {
          parities[byteCount] = String(words[3])
          continue
        }
        values[String(words[1])] = String(words[2])
        continue
      }
      let parts = words[1].split(separator: "/")
      let key = try #require(Self.key(parts.map { String($0) }))
      #expect(key.path == words[1])
      try storage.save(try bytes(String(words[2])), as: key)
    }
  }

  private static func key(_ parts: [String]) -> StorageKey? {
    guard let name = parts.last, parts.count > 1 else { return .config }
    return StorageFolder(rawValue: parts[0]).flatMap { StorageKey($0, name) }
  }

  private func bytes(_ hex: String) throws -> [UInt8] {
    let digits = hex.compactMap(\.hexDigitValue)
    try #require(digits.count == hex.utf8.count && digits.count % 2 == 0)
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  private func value(_ name: String) throws -> [UInt8] { try bytes(try #require(values[name])) }

  private func open() throws -> Repository {
    let passphrase = try Secret(copying: Array("correct horse battery staple".utf8).span)
    let repository = try Repository.open(storage, with: .passphrase(passphrase), scratch: "/tmp")
    try repository.loadIndex()
    return repository
  }

  @Test func `opens with its passphrase and its recovery key`() throws {
    #expect(try open().id.digest.bytes == (try value("repository")))
    let text = try #require(values["recovery-text"])
    let recovery = try #require(RecoveryKey(Array(text.utf8)))
    #expect(recovery.text == text)
    #expect(
      try Repository.open(storage, with: .recoveryKey(recovery.secret), scratch: "/tmp").config
        .chunkerProfile == 2)
  }

  @Test func `is sound, every byte of it`() throws {
    let report = try open().check(
      readingData: true, workers: 1, cancellation: Cancellation(), progress: Progress())
    #expect(report.findings.map(\.what) == [])
    #expect(report.packCount == 2)
  }

  @Test func `gives back its files, plain, compressed, as deltas, listed and sparse`() throws {
    let repository = try open()
    let snapshot = try repository.snapshot(named: "latest")
    let reader = repository.makeReader()
    let decoder = try ChunkDecoder()
    var found: [String: [UInt8]] = [:]
    var count = 0
    try repository.catalog(of: snapshot, reader: reader).forEach { key, entry in
      count += 1
      guard let content = entry.content, let name = key.components.last else { return }
      found[String(decoding: name, as: UTF8.self)] = try reader.bytes(
        of: content, limit: 1 << 20, using: decoder)
    }
    #expect(count == 17)
    #expect(found["a"] == (try value("chunk-first")))
    #expect(found["k-delta"] == (try value("chunk-edited-again")))
    #expect(found["c-listed"] == (try value("chunk-first") + value("chunk-edited")))
    #expect(found["0000000000000000"] == (try value("chunk-rows")))
  }

  @Test func `has the ids and secrets that we derive`() throws {
    let keys = try open().keys
    let abc = Array("abc".utf8)
    #expect(
      keys.blobID(of: abc.span, class: .content).digest.bytes == (try value("content-id-of-abc")))
    #expect(
      keys.blobID(of: abc.span, class: .metadata).digest.bytes == (try value("metadata-id-of-abc")))
    let (table, prfKey) = try keys.chunkerTables()
    #expect(table == (try value("chunker-table")))
    #expect(prfKey == (try value("chunker-prf")))
    for (key, name) in [(keys.rowKey, "row-key"), (keys.boundaryKey, "edge-key")] {
      let bytes = key.withBytes { span in (0..<32).map { span[$0] } }
      #expect(bytes == (try value(name)))
    }
  }

  @Test func `has packs whose parity is ours, byte for byte`() throws {
    #expect(parities.count == 4)
    for (byteCount, hash) in parities {
      var pack: [UInt8] = []
      while pack.count < byteCount {
        pack += Blake2b.hash(Array("parity \(pack.count)".utf8)).bytes
      }
      pack.removeLast(pack.count - byteCount)
      var span = pack.mutableSpan
      try PackParity.add(to: &span)
      #expect(Blake2b.hash(pack).hex == hash, "\(byteCount) bytes")
    }
  }

  @Test func `takes a new snapshot and a prune`() throws {
    let workshopFiles = ["new": noise(9000, seed: 1)]
    let repository = try open()
    let writer = try repository.makeWriter()
    let root = try Workshop().store(workshopFiles, in: repository, writer: writer)
    try writer.finish()
    let snapshot = try repository.commit(Workshop.manifest(root, at: 2_000_000_000))
    #expect(snapshot.manifest.sequence == 2)
    #expect(try repository.events().count == 1)
    #expect(try repository.doomMarks().map(\.graceSeconds) == [86_400])
  }

  @Test func `whose configuration a lesser role signed is refused`() throws {
    let repository = try open()
    let secrets = try repository.keys.secrets.delegated(to: .writer, repository: repository.id)
    let writer = try RoleKeys(secrets, repository: repository.id)
    let forged = try writer.seal(
      try DocumentBody.encode(repository.config), kind: .config, for: .everyone)
    storage.tamper(.config) { $0 = forged }
    let error = #expect(throws: RepositoryError.self) { try open() }
    #expect(error?.code == .damaged)
  }
}
