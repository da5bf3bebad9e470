// Capturing a media tree: walk, read, store, record; each step in key order, with bounded memory.

import Chunking
import Files
package import Format
import FoundationEssentials
package import Repository
package import Workers

/// Takes one media source into a snapshot's catalog.
package struct MediaCapture {
  private let source: MediaSource
  private let repository: Repository
  private let writer: BlobWriter
  private let parent: MediaParent?
  private let cancellation: Cancellation
  private let progress: Progress
  private let workers: Int

  /// - Parameters:
  ///   - source: the tree.
  ///   - repository: where chunks are known from; its index must be loaded.
  ///   - writer: stores chunks, and counts what was read.
  ///   - parent: a snapshot of the same source: files that did not change since are taken over
  ///     without being opened. Nil to read everything.
  ///   - cancellation: checked at each chunk.
  ///   - progress: gets bytes read and entries done.
  ///   - workers: threads that read and store.
  package init(
    _ source: MediaSource, repository: Repository, writer: BlobWriter, parent: MediaParent?,
    cancellation: Cancellation, progress: Progress, workers: Int
  ) {
    self.source = source
    self.repository = repository
    self.writer = writer
    self.parent = parent
    self.cancellation = cancellation
    self.progress = progress
    self.workers = max(1, workers)
  }

  /// Walks the tree and appends its entries to `catalog`, beneath ``CatalogKey/media(_:)``.
  ///
  /// An entry that cannot be read is counted and named in the summary and stands in the catalog as
  /// unreadable; a directory whose entries cannot be listed keeps its own entry. A file that
  /// changes while it is read is read up to three times, then kept and marked. One that vanishes
  /// between being listed and being opened was never there, unless it only got another name: then it
  /// counts as unreadable. What patterns, limits, marks and mounts leave out is named. The first name of an inode, in key
  /// order, holds the content and the others are hard links to it; names in other sources are not
  /// known to belong together, which is noted.
  ///
  /// - Parameters:
  ///   - catalog: all that was appended to it before sorts before this source. After an error it
  ///     holds part of the source and must be given up.
  ///   - required: the keys of this source that rows name, in ascending order, one a call, then nil.
  ///     Called by one thread at a time, but not always the same.
  ///   - onMissing: told of each required key that is not in the tree, and whether it was taken
  ///     over from the parent. Called as `required` is.
  /// - Returns: counts, and the names of the users and groups that occur.
  /// - Throws: ``MediaError`` for the source as a whole; errors of the repository; ``Cancelled``.
  package func capture(
    into catalog: inout CatalogWriter,
    required: @escaping () throws -> CatalogKey? = { nil },
    onMissing: @escaping (CatalogKey, Bool) -> Void = { _, _ in }
  ) throws -> MediaSummary {
    let now = Timestamp(Date())
    let merge = try parent.map {
      try ParentMerge(
        $0, source: .media(source.name), now: now, repository: repository)
    }
    let walk = try MediaWalk(source, parent: merge)
    let chunker = try Self.chunker(of: repository)
    // One for each worker, and one for the thread that delivers.
    let files = try (0...workers).map { _ in
      try FileCapture(
        writer: writer, chunker: chunker, workers: workers, cancellation: cancellation,
        progress: progress)
    }
    // A reader of its own: the walk uses the other one at the same time.
    let lookup = try parent.map {
      try CatalogReader(
        repository.makeReader(), root: CatalogRoot(root: $0.catalog.root.hex, entryCount: 0))
    }
    let delivery = try MediaDelivery(
      source: source, catalog: catalog, parent: lookup, writer: writer, files: files[workers],
      required: required, onMissing: onMissing)
    defer { catalog = delivery.catalog }
    try orderedParallel(
      workers: workers, window: workers * 2 + 2, cancellation: cancellation,
      next: { try walk.nextBatch() },
      work: { [progress] batch, worker in
        defer { progress.add(bytes: 0, items: batch.count) }
        return try batch.map { try Self.outcome(of: $0, files[worker]) }
      },
      deliver: { batch in for outcome in batch { try delivery.deliver(outcome) } })
    try delivery.finish()
    return delivery.summary
  }

  static func outcome(of item: WalkItem, _ files: FileCapture) throws -> MediaOutcome {
    var failures = item.failures
    let result: MediaOutcome.Result
    var isOfGroup = true
    switch item.task {
    case .entry(let entry, let isUnchanged): result = .entry(entry, isUnchanged: isUnchanged)
    case .link(let target, let file): result = .link(target: target, file)
    case .unreadable(let reason): result = .unreadable(reason: reason)
    case .vanished: result = .vanished
    case .excluded(let reason): result = .excluded(reason: reason)
    case .renamed(let name): result = .renamed(to: name)
    case .note(let text): result = .note(text)
    case .read(let file):
      switch try files.capture(file) {
      case .file(let entry, let more, let identity):
        isOfGroup = identity == item.linkGroup
        result = .entry(.file(entry), isUnchanged: false)
        failures += more
      case .unreadable(let reason): result = .unreadable(reason: reason)
      case .vanished: result = .vanished
      }
    }
    return MediaOutcome(
      key: item.key, result: result, failures: failures, linkGroup: item.linkGroup,
      isOfGroup: isOfGroup)
  }

  /// The repository's chunker, with its secret tables.
  static func chunker(of repository: Repository) throws -> Chunker {
    guard let parameters = ChunkerParameters(number: repository.config.chunkerProfile) else {
      throw RepositoryError(
        .newerFormat, what: "cannot cut files",
        why: "chunker profile \(repository.config.chunkerProfile) is unknown",
        next: "install a newer lifeboat; this one leaves the repository untouched")
    }
    let (table, prfKey) = try repository.keys.chunkerTables()
    return try Chunker(table: table, prfKey: prfKey, parameters: parameters)
  }
}
