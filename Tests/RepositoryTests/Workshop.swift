// Repositories in any storage: made, written, read, copied, and storages that fail at a chosen call.

import Format
import Repository
import Sodium
import Storage
import Synchronization
import Testing
import Workers

/// Makes and opens small repositories; their packs are 64 KiB unless told otherwise.
struct Workshop {
  let passphrase: Secret

  init() throws { passphrase = try Secret(copying: Array("correct horse".utf8).span) }

  func make(packByteCount: Int = 1 << 16) throws -> MemoryStorage {
    let storage = MemoryStorage()
    _ = try KeyRing.create(
      in: storage, passphrase: passphrase, hash: .minimal, label: "test", withRecoveryKey: false,
      created: Timestamp(microseconds: 1), packByteCount: packByteCount)
    return storage
  }

  /// Opens, and loads the index.
  func open(_ storage: any Storage) throws -> Repository {
    let repository = try Repository.open(storage, with: .passphrase(passphrase), scratch: "/tmp")
    try repository.loadIndex()
    return repository
  }

  /// Stores `files` in chunks of 10,000 bytes; commits nothing.
  ///
  /// Chunks of a file that `parent` has, too, are stored after those in the same place there.
  func store(
    _ files: [String: [UInt8]], in repository: Repository, writer: BlobWriter,
    after parent: Snapshot? = nil
  ) throws -> CatalogRoot {
    let before = try parent.map { try repository.catalog(of: $0, reader: repository.makeReader()) }
    var catalog = try CatalogWriter(writer, keys: repository.keys)
    let encoder = try ChunkEncoder()
    let root = CatalogKey.media("files")
    try catalog.append(root, .directory(Self.metadata))
    for (name, bytes) in files.sorted(by: { Array($0.key.utf8).precedes(Array($1.key.utf8)) }) {
      var content = ContentBuilder(writer)
      var predecessors: [ChunkReference] = []
      if case .direct(let chunks)? = try before?.entry(root.appending(name))?.content?.chunks {
        predecessors = chunks
      }
      for (i, start) in stride(from: 0, to: bytes.count, by: 10_000).enumerated() {
        let chunk = Array(bytes[start..<min(start + 10_000, bytes.count)])
        try content.append(
          try writer.store(
            chunk.span, class: .content,
            after: i < predecessors.count ? [predecessors[i].id] : [], using: encoder),
          using: encoder)
      }
      let stored = try content.finish(using: encoder)
      let file = FileEntry(
        metadata: Self.metadata, byteCount: UInt64(bytes.count), content: stored)
      try catalog.append(root.appending(name), .file(file))
    }
    return try catalog.finish()
  }

  @discardableResult
  func backUp(
    _ files: [String: [UInt8]], in storage: any Storage, at seconds: Int64 = 1,
    after parent: Snapshot? = nil, deltas: DeltaPolicy = DeltaPolicy()
  ) throws -> Snapshot {
    let repository = try open(storage)
    let writer = try repository.makeWriter(deltas: deltas)
    do {
      let root = try store(files, in: repository, writer: writer, after: parent)
      try writer.finish()
      var manifest = Self.manifest(root, at: seconds)
      manifest.statistics = writer.statistics
      return try repository.commit(manifest)
    } catch {
      writer.abandon()
      throw error
    }
  }

  /// Every file of the snapshot, each chunk checked.
  func restore(_ id: SnapshotID, from storage: any Storage) throws -> [String: [UInt8]] {
    let repository = try open(storage)
    let snapshot = try #require(try repository.loadSnapshot(id))
    let reader = repository.makeReader()
    let decoder = try ChunkDecoder()
    var files: [String: [UInt8]] = [:]
    try repository.catalog(of: snapshot, reader: reader).forEach { key, entry in
      guard case .file(let file) = entry, let name = key.components.last else { return }
      files[String(decoding: name, as: UTF8.self)] = try reader.bytes(
        of: file.content, limit: 1 << 30, using: decoder)
    }
    return files
  }

  /// Plans and performs a prune `seconds` after 1970.
  @discardableResult
  func prune(
    _ storage: any Storage, at seconds: Int64, grace: Int64 = 1000, deadShare: Double = 0.5
  ) throws -> PrunePlan {
    let repository = try open(storage)
    var options = PruneOptions(now: Timestamp(microseconds: seconds * 1_000_000))
    options.graceSeconds = grace
    options.deadShare = deadShare
    let plan = try repository.planPrune(options, cancellation: Cancellation())
    if !plan.isEmpty {
      _ = try repository.performPrune(plan, options, cancellation: Cancellation())
    }
    return plan
  }

  func check(_ storage: any Storage, readingData: Bool = true) throws -> CheckReport {
    try Repository.open(storage, with: .passphrase(passphrase), scratch: "/tmp").check(
      readingData: readingData, workers: 2, cancellation: Cancellation(), progress: Progress())
  }

  static let metadata = FileMetadata(
    mode: 0o644, userID: 1, groupID: 2, modified: FileTime(seconds: -5, nanoseconds: 7),
    changed: FileTime(seconds: 9, nanoseconds: 11), inode: 13)

  static func manifest(
    _ root: CatalogRoot = CatalogRoot(root: Digest().hex, entryCount: 0), at seconds: Int64,
    finished: Int64? = nil, host: String = "host", source: String = "files", tags: [String] = [],
    parent: SnapshotID? = nil
  ) -> Manifest {
    Manifest(
      time: Timestamp(microseconds: seconds * 1_000_000),
      finished: Timestamp(microseconds: (finished ?? seconds) * 1_000_000), host: host,
      user: "user", program: "lifeboat test", tags: tags, sequence: 0, previous: nil,
      parent: parent?.hex, catalog: root, indexRuns: [], databases: [],
      media: [MediaSummary(name: source, path: "/files")], references: [],
      statistics: CaptureStatistics())
  }
}

extension Array where Element == UInt8 {
  func precedes(_ other: [UInt8]) -> Bool { lexicographicallyPrecedes(other) }
}

extension MemoryStorage {
  /// Another storage with the same objects.
  func copy() throws -> MemoryStorage {
    let copy = MemoryStorage()
    for key in try everything() { try copy.save(try load(key, limit: 1 << 28), as: key) }
    return copy
  }

  /// Every key.
  func everything() throws -> [StorageKey] {
    try [.config] + StorageFolder.allCases.flatMap { try list($0).map(\.key) }
  }

  func packs() throws -> Set<String> { Set(try list(.packs).map(\.key.name)) }
}

/// A storage that dies at one call and stays dead, as a process does that is killed there.
final class DyingStorage: Storage {
  /// What becomes of the call at which it dies.
  enum Manner: CaseIterable { case before, after }
  private let base: MemoryStorage
  private let left: Mutex<Int>
  private let manner: Manner
  private let sparesReads: Bool

  init(_ base: MemoryStorage, after calls: Int, _ manner: Manner, sparingReads: Bool = false) {
    self.base = base
    self.manner = manner
    sparesReads = sparingReads
    left = Mutex(calls)
  }

  var isDead: Bool { left.withLock { $0 < 0 } }
  var location: String { base.location }

  private func count(_ call: () throws(StorageError) -> Void) throws(StorageError) {
    let left = left.withLock { left in
      left -= 1
      return left
    }
    if left >= 0 || (left == -1 && manner == .after) { try call() }
    if left < 0 {
      throw StorageError(code: .failed, what: "cannot go on", why: "killed", next: "try again")
    }
  }

  func save(_ bytes: Span<UInt8>, as key: StorageKey) throws(StorageError) {
    // A span cannot go into the closure.
    var copy: [UInt8] = []
    for i in 0..<bytes.count { copy.append(bytes[i]) }
    try count { () throws(StorageError) in try base.save(copy, as: key) }
  }

  func replace(_ key: StorageKey, with bytes: Span<UInt8>) throws(StorageError) {
    var copy: [UInt8] = []
    for i in 0..<bytes.count { copy.append(bytes[i]) }
    try count { () throws(StorageError) in try base.replace(key, with: copy.span) }
  }

  func read(_ key: StorageKey, at offset: Int, into buffer: inout MutableSpan<UInt8>)
    throws(StorageError)
  {
    if !sparesReads { try count { () throws(StorageError) in } }
    try base.read(key, at: offset, into: &buffer)
  }

  func byteCount(of key: StorageKey) throws(StorageError) -> Int {
    if !sparesReads { try count { () throws(StorageError) in } }
    return try base.byteCount(of: key)
  }

  func list(_ folder: StorageFolder) throws(StorageError) -> [StoredObject] {
    if !sparesReads { try count { () throws(StorageError) in } }
    return try base.list(folder)
  }

  func delete(_ key: StorageKey) throws(StorageError) {
    try count { () throws(StorageError) in try base.delete(key) }
  }
}
