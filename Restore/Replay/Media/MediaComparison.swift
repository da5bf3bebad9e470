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
  private let include: [[UInt8]]
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
  ///   - include: as the restore had it: only that is compared.
  ///   - ignoring: what not to report, as what the restore said it could not set.
  ///   - numericOwners: as the restore had it.
  ///   - workers: threads that read.
  ///   - cancellation: checked at each chunk.
  ///   - progress: gets bytes read and entries compared.
  package init(
    repository: Repository, catalog: CatalogReader, summary: MediaSummary, against path: String,
    include: [[UInt8]] = [], ignoring: Set<MediaDifference.Aspect> = [],
    numericOwners: Bool = false, workers: Int,
    cancellation: Cancellation, progress: Progress
  ) {
    self.repository = repository
    self.catalog = catalog
    self.summary = summary
    self.path = path
    self.include = include
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
    let selection = try MediaSelection(include, of: catalog, source: summary.name)
    let merge = ComparisonMerge(catalog, source: source, selection: selection, root: root)
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
