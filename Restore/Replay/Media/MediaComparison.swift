// Comparing a restored tree with the catalog, by reading both: what a drill believes.

import Files
package import Format
package import Repository
import Synchronization
package import Workers

/// One thing in which a tree differs from the snapshot.
package struct MediaDifference: Sendable, Hashable, CustomStringConvertible {
  package enum Aspect: String, Sendable, CaseIterable {
    case missing, extra, kind, content, length, owner, mode, modified, attributes, flags
    case linkTarget = "link-target"
    case hardLink = "hard-link"
    case device
    case unreadable
  }
  /// Beneath the root, for display.
  package var path: String
  package var aspect: Aspect
  /// Expected and actual, in words.
  package var detail: String

  package init(path: String, aspect: Aspect, detail: String) {
    self.path = path
    self.aspect = aspect
    self.detail = detail
  }

  package var description: String { "\(path): \(aspect.rawValue): \(detail)" }
}

/// The outcome of a comparison.
package struct MediaComparisonResult: Sendable {
  /// In key order; at most ``MediaReplayReport/listLimit``.
  package var differences: [MediaDifference] = []
  package var differenceCount: UInt64 = 0
  /// Entries compared, and bytes of content read again.
  package var entryCount: UInt64 = 0
  package var byteCount: UInt64 = 0

  package init() {}

  mutating func add(_ difference: MediaDifference) {
    differenceCount += 1
    if differences.count < MediaReplayReport.listLimit { differences.append(difference) }
  }
}

/// Compares a directory tree with one media source of a snapshot.
package struct MediaComparison {
  private let repository: Repository
  private let catalog: CatalogReader
  private let summary: MediaSummary
  private let path: String
  private let ignoring: Set<MediaDifference.Aspect>
  private let numericOwners: Bool
  private let workers: Int
  private let cancellation: Cancellation
  private let progress: Progress

  /// - Parameters:
  ///   - repository: with its index loaded; its keys identify content.
  ///   - catalog: of the snapshot.
  ///   - summary: the source's, from the manifest.
  ///   - path: the root of the tree; not to be changed meanwhile.
  ///   - ignoring: what not to report, as what the restore said it could not set.
  ///   - numericOwners: as the restore had it.
  ///   - workers: threads that read.
  ///   - cancellation: checked at each chunk.
  ///   - progress: gets bytes read and entries compared.
  package init(
    repository: Repository, catalog: CatalogReader, summary: MediaSummary, against path: String,
    ignoring: Set<MediaDifference.Aspect> = [], numericOwners: Bool = false, workers: Int,
    cancellation: Cancellation, progress: Progress
  ) {
    self.repository = repository
    self.catalog = catalog
    self.summary = summary
    self.path = path
    self.ignoring = ignoring
    self.numericOwners = numericOwners
    self.workers = max(1, workers)
    self.cancellation = cancellation
    self.progress = progress
  }

  /// Reads the whole tree and the whole catalog of the source.
  ///
  /// Every file's chunks are read back and identified, holes must read as zeros, and all metadata
  /// must be equal. Access and change times and inode numbers are nobody's to restore.
  /// - Throws: ``MediaReplayError`` if the tree cannot be walked; what reading the catalog threw;
  ///   ``Cancelled``.
  package func differences() throws -> MediaComparisonResult {
    let source = CatalogKey.media(summary.name)
    let root: SharedDirectory
    do throws(SystemError) {
      root = try SharedDirectory(OwnedDescriptor.openDirectory(path, followingLinks: true))
    } catch { throw unreadable(error) }
    let merge = ComparisonMerge(catalog, source: source, root: root)
    let owners = OwnerMap(summary, numeric: numericOwners)
    let reader = repository.makeReader()
    let comparers = try (0..<workers).map { _ in
      try EntryComparer(
        repository: repository, reader: reader, source: source, root: root, owners: owners,
        cancellation: cancellation, progress: progress)
    }
    let result = Mutex(MediaComparisonResult())
    do {
      try orderedParallel(
        workers: workers, window: workers * 2 + 2, cancellation: cancellation,
        next: { try merge.nextBatch() },
        work: { batch, worker in
          try batch.map { pair in
            let differences = try comparers[worker].differences(pair)
            let isFile = pair.actual != nil && pair.expected?.content != nil
            return (differences, isFile ? pair.expected?.content?.byteCount ?? 0 : 0)
          }
        },
        deliver: { [ignoring, progress] batch in
          progress.add(bytes: 0, items: batch.count)
          result.withLock { result in
            for (differences, byteCount) in batch {
              result.entryCount += 1
              result.byteCount += byteCount
              for difference in differences where !ignoring.contains(difference.aspect) {
                result.add(difference)
              }
            }
          }
        })
    } catch let error as SystemError {
      throw unreadable(error)
    }
    return result.withLock { $0 }
  }

  private func unreadable(_ error: SystemError) -> MediaReplayError {
    MediaReplayError(
      .targetUnusable, what: "cannot compare \(path) with the snapshot", why: error.description,
      next: "compare as a user who can read the whole tree, and keep others from changing it")
  }
}

/// What the catalog and the tree have under one key; one of them may be nil.
struct ComparisonPair: Sendable {
  let key: CatalogKey
  let expected: CatalogEntry?
  let actual: TreeItem?
}

/// Merges catalog and tree in key order; for one thread at a time.
private final class ComparisonMerge: @unchecked Sendable {  // orderedParallel: one at a time
  private let cursor: CatalogCursor
  private let source: CatalogKey
  private var tree: TreeWalk
  private var started = false
  private var item: CatalogItem?
  private var actual: TreeItem?
  /// A directory that only the catalog has: what lies in it need not be told.
  private var missing: CatalogKey?

  private static let batchCount = 64
  private static let batchBytes: UInt64 = 4 << 20
  private static let batchDirectories = 8

  init(_ catalog: CatalogReader, source: CatalogKey, root: SharedDirectory) {
    cursor = CatalogCursor(catalog)
    self.source = source
    tree = TreeWalk(root: root, key: source)
  }

  func nextBatch() throws -> [ComparisonPair]? {
    if !started {
      started = true
      try cursor.seek(to: source)
      try advanceCatalog()
      actual = try tree.next()
    }
    var batch: [ComparisonPair] = []
    var byteCount: UInt64 = 0
    var directories = 0
    while batch.count < Self.batchCount, byteCount < Self.batchBytes,
      directories < Self.batchDirectories, let pair = try next()
    {
      batch.append(pair)
      // Each stays open until it is compared.
      if pair.actual?.opened != nil { directories += 1 }
      byteCount &+= pair.expected?.content?.byteCount ?? 0
    }
    return batch.isEmpty ? nil : batch
  }

  private func advanceCatalog() throws {
    item = try cursor.next()
    if item?.key.isWithin(source) != true { item = nil }
  }

  private func next() throws -> ComparisonPair? {
    while true {
      if let item, let missing, item.key.isWithin(missing) {
        try advanceCatalog()
        continue
      }
      switch (item, actual) {
      case (nil, nil): return nil
      case (let expected?, let found?) where expected.key == found.key:
        let entry = try CatalogReader.decode(expected)
        if case .directory = entry {
          try tree.enter(found)
          if found.opened == nil { missing = expected.key }
        }
        try advanceCatalog()
        actual = try tree.next()
        return ComparisonPair(key: expected.key, expected: entry, actual: found)
      case (let expected?, let found) where found.map({ expected.key < $0.key }) ?? true:
        missing = expected.key
        let entry = try CatalogReader.decode(expected)
        try advanceCatalog()
        return ComparisonPair(key: expected.key, expected: entry, actual: nil)
      case (_, let found?):
        actual = try tree.next()
        return ComparisonPair(key: found.key, expected: nil, actual: found)
      default: return nil
      }
    }
  }
}
