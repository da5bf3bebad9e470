// A repository in memory, captures of media trees into it, and trees that a test builds.

package import Capture
package import Files
package import Format
import FoundationEssentials
package import Repository
package import Storage
import Synchronization
package import TestSupport
package import Workers

/// What a capture gave.
package struct CapturedMedia {
  package var summary: MediaSummary
  package var root: CatalogRoot
  package var started: Timestamp
  package var statistics: CaptureStatistics
  /// Required keys that were not in the tree, and whether the parent had them.
  package var missing: [String: Bool]

  package init(
    summary: MediaSummary, root: CatalogRoot, started: Timestamp, statistics: CaptureStatistics,
    missing: [String: Bool]
  ) {
    self.summary = summary
    self.root = root
    self.started = started
    self.statistics = statistics
    self.missing = missing
  }
}

/// A repository of its own for one test.
package final class MediaRepository: Sendable {
  package let repository: Repository
  package let storage: MemoryStorage

  /// Hashing a passphrase takes a second: one repository is made, and each test gets a copy.
  private static let template = Result {
    let storage = MemoryStorage()
    let created = try KeyRing.create(
      in: storage, passphrase: try RecoveryKey.generate().secret, label: "test",
      withRecoveryKey: true, created: Timestamp(microseconds: 0), packByteCount: 8 << 20)
    let keys = try (storage.list(.keys).map(\.key) + [.config]).map { key in
      (key, try storage.load(key, limit: 1 << 20))
    }
    return (created.recoveryKey, keys)
  }

  package init() throws {
    let (recoveryKey, objects) = try Self.template.get()
    storage = MemoryStorage()
    for (key, bytes) in objects { try storage.save(bytes, as: key) }
    guard let key = recoveryKey else {
      throw RepositoryError(
        .internalFailure, what: "cannot copy the test repository", why: "it has no recovery key",
        next: "look at KeyRing.create")
    }
    repository = try Repository.open(
      storage, with: .recoveryKey(key.secret), scratch: "/tmp")
  }

  /// Captures, with `parent`'s clock moved on so that nothing counts as changed just now.
  package func capture(
    _ source: MediaSource, parent: CapturedMedia? = nil, parentClock: Int64 = 3600,
    required: [String] = [], workers: Int = 2, cancellation: Cancellation = Cancellation()
  ) throws -> CapturedMedia {
    let writer = try repository.makeWriter()
    let started = Timestamp(Date())
    let mediaParent = try parent.map {
      MediaParent(
        catalog: try self.catalog($0),
        started: Timestamp(microseconds: $0.started.microseconds + parentClock * 1_000_000))
    }
    let capture = MediaCapture(
      source, repository: repository, writer: writer, parent: mediaParent,
      cancellation: cancellation, progress: Progress(), workers: workers)
    var catalog = try CatalogWriter(writer, keys: repository.keys)
    let wanted = Mutex(required.map { Self.key($0, in: source.name) }.sorted()[...])
    let missing = Mutex<[String: Bool]>([:])
    let summary = try capture.capture(
      into: &catalog, required: { wanted.withLock { $0.popFirst() } },
      onMissing: { key, carried in
        missing.withLock { $0[Self.path(key)] = carried }
      })
    let root = try catalog.finish()
    try writer.finish()
    return CapturedMedia(
      summary: summary, root: root, started: started, statistics: writer.statistics,
      missing: missing.withLock { $0 })
  }

  package func catalog(_ captured: CapturedMedia) throws -> CatalogReader {
    try CatalogReader(repository.makeReader(), root: captured.root)
  }

  /// Every entry by path; the root is `.`.
  package func entries(_ captured: CapturedMedia) throws -> [String: CatalogEntry] {
    var result: [String: CatalogEntry] = [:]
    try catalog(captured).forEach { key, entry in result[Self.path(key)] = entry }
    return result
  }

  package func file(_ path: String, of captured: CapturedMedia, source: String = "media") throws
    -> FileEntry?
  {
    guard case .file(let file) = try catalog(captured).entry(Self.key(path, in: source)) else {
      return nil
    }
    return file
  }

  /// The content of a file: its data extents one after the other.
  package func bytes(_ path: String, of captured: CapturedMedia) throws -> [UInt8]? {
    guard let file = try file(path, of: captured) else { return nil }
    return try repository.makeReader().bytes(
      of: file.content, limit: 1 << 30, using: try ChunkDecoder())
  }

  package static func key(_ path: String, in source: String) -> CatalogKey {
    path.split(separator: "/").reduce(CatalogKey.media(source)) {
      $0.appending(Array($1.utf8))
    }
  }

  package static func path(_ key: CatalogKey) -> String {
    let components = key.components.dropFirst(2)
    return components.isEmpty ? "." : displayed(Array(components.joined(separator: [0x2f])))
  }
}

/// A directory tree that a test builds and changes.
package struct MediaTree {
  package let folder: ScratchFolder
  package let root: String

  package init() throws {
    folder = try ScratchFolder()
    root = folder.path + "/tree"
    try OwnedDescriptor.workingDirectory.makeDirectory(root, permissions: 0o755)
  }

  package var source: MediaSource { MediaSource(name: "media", path: root) }

  package func path(_ name: String) -> String { root + "/" + name }

  package func directory(_ name: String) throws {
    try OwnedDescriptor.workingDirectory.makeDirectories(path(name), permissions: 0o755)
  }

  /// Makes or overwrites a file, in place.
  package func write(_ bytes: [UInt8], _ name: String) throws {
    let file = try OwnedDescriptor.openOrCreateFile(path(name))
    try file.truncate(toByteCount: 0)
    try file.write(bytes, at: 0)
  }

  package func write(_ text: String, _ name: String) throws { try write(Array(text.utf8), name) }

  package func status(_ name: String) throws -> FileStatus {
    try OwnedDescriptor.workingDirectory.status(of: path(name))
  }

  package func setModified(_ name: String, _ seconds: Int64, _ nanoseconds: UInt32 = 0) throws {
    try OwnedDescriptor.workingDirectory.setTimes(
      of: path(name), modified: Files.FileTime(seconds: seconds, nanoseconds: nanoseconds))
  }

  package func remove(_ name: String) throws {
    try OwnedDescriptor.workingDirectory.removeTree(path(name))
  }
}

/// Bytes that do not repeat, the same for the same seed (SplitMix64).
package func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count + 8)
  while bytes.count < count {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
    word ^= word >> 31
    for i in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> (8 * UInt64(i)))) }
  }
  return Array(bytes.prefix(count))
}

/// A million bytes of noise for each of `count`, each piece a little different.
package func megabytes(_ count: Int) -> [UInt8] {
  let piece = noise(1_000_000)
  return (0..<count).flatMap { [UInt8(truncatingIfNeeded: $0)] + piece }
}
