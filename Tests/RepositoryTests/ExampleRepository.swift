// A repository in memory with a snapshot or two, for the suites of this target.

import Format
import Repository
import Sodium
import Storage

/// A small repository whose storage a test can damage.
struct ExampleRepository {
  let storage = MemoryStorage()
  let passphrase: Secret

  init(packByteCount: Int = 1 << 20) throws {
    passphrase = try Secret(copying: Array("correct horse".utf8).span)
    _ = try KeyRing.create(
      in: storage, passphrase: passphrase, hash: .minimal, label: "test", withRecoveryKey: false,
      created: Timestamp(microseconds: 1_000_000), packByteCount: packByteCount)
  }

  func open() throws -> Repository {
    try Repository.open(storage, with: .passphrase(passphrase), scratch: "/tmp")
  }

  /// Commits a snapshot whose media source `files` holds one file for each item.
  @discardableResult
  func backUp(_ files: [String: [UInt8]], at microseconds: Int64 = 2_000_000) throws -> Snapshot {
    let repository = try open()
    try repository.loadIndex()
    let writer = try repository.makeWriter()
    var catalog = try CatalogWriter(writer, keys: repository.keys)
    let encoder = try ChunkEncoder()
    let root = CatalogKey.media("files")
    try catalog.append(root, .directory(metadata))
    for (name, bytes) in files.sorted(by: {
      Array($0.key.utf8).lexicographicallyPrecedes(Array($1.key.utf8))
    }) {
      var content = ContentBuilder(writer)
      var start = 0
      while start < bytes.count {
        let end = min(start + 100_000, bytes.count)
        let reference = try writer.store(
          bytes.span.extracting(start..<end), class: .content, using: encoder)
        try content.append(reference, using: encoder)
        start = end
      }
      try catalog.append(
        root.appending(name),
        .file(
          FileEntry(
            metadata: metadata, byteCount: UInt64(bytes.count),
            content: try content.finish(using: encoder))))
    }
    let catalogRoot = try catalog.finish()
    try writer.finish()
    return try repository.commit(manifest(catalogRoot, at: microseconds, writer.statistics))
  }

  /// Every file of `snapshot`, loaded and checked.
  func restore(_ snapshot: Snapshot) throws -> [String: [UInt8]] {
    let repository = try open()
    try repository.loadIndex()
    let reader = repository.makeReader()
    let catalog = try repository.catalog(of: snapshot, reader: reader)
    let decoder = try ChunkDecoder()
    var files: [String: [UInt8]] = [:]
    try catalog.forEach(within: .media("files")) { key, entry in
      guard case .file(let file) = entry, let name = key.components.last else { return }
      files[String(decoding: name, as: UTF8.self)] = try reader.bytes(
        of: file.content, limit: 1 << 30, using: decoder)
    }
    return files
  }

  private var metadata: FileMetadata {
    FileMetadata(
      mode: 0o644, userID: 1, groupID: 2, modified: FileTime(seconds: -5, nanoseconds: 7),
      changed: FileTime(seconds: 9, nanoseconds: 11), inode: 13)
  }

  private func manifest(
    _ root: CatalogRoot, at microseconds: Int64, _ statistics: CaptureStatistics
  ) -> Manifest {
    Manifest(
      time: Timestamp(microseconds: microseconds), finished: Timestamp(microseconds: microseconds),
      host: "host", user: "user", program: "lifeboat test", tags: ["nightly"], sequence: 0,
      previous: nil, parent: nil, catalog: root, indexRuns: [], databases: [],
      media: [MediaSummary(name: "files", path: "/files")], references: [],
      statistics: statistics)
  }
}

/// Bytes that look random and are the same for the same seed: xorshift64*.
func noise(_ count: Int, seed: UInt64) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return UInt8(truncatingIfNeeded: (state &* 0x2545_F491_4F6C_DD1D) >> 56)
  }
}
