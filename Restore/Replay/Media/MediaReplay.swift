// Bringing a media tree back from a snapshot: beneath the target only, whatever the catalog says.

import Files
package import Format
import Glibc
package import Repository
import Synchronization
package import Workers

/// Restores one media source, or parts of it.
package struct MediaReplay {
  private let repository: Repository
  private let catalog: CatalogReader
  private let source: CatalogKey
  private let summary: MediaSummary
  private let target: String
  private let options: MediaReplayOptions
  private let cancellation: Cancellation
  private let progress: Progress

  /// - Parameters:
  ///   - repository: with its index loaded, and keys that read content.
  ///   - catalog: of the snapshot.
  ///   - summary: the source's, from the manifest.
  ///   - path: the target directory.
  ///   - options: what may happen to existing files, and what is wanted.
  ///   - cancellation: checked at each chunk.
  ///   - progress: gets bytes written and entries done.
  package init(
    repository: Repository, catalog: CatalogReader, summary: MediaSummary, into path: String,
    options: MediaReplayOptions = MediaReplayOptions(), cancellation: Cancellation,
    progress: Progress
  ) {
    self.repository = repository
    self.catalog = catalog
    self.summary = summary
    self.options = options
    self.cancellation = cancellation
    self.progress = progress
    source = CatalogKey.media(summary.name)
    target = path
  }

  /// Restores.
  ///
  /// Each file is written under a temporary name (``FileName/isTemporary``) and gets its own when it
  /// is complete and has its metadata, so that no interruption leaves a partial file that looks
  /// whole; a directory gets its metadata when all beneath it is done. Nothing is created or changed
  /// outside the target, and no symbolic link is followed inside. On return everything is on the
  /// device.
  /// - Returns: counts, and what could not be set or restored.
  /// - Throws: ``MediaReplayError``; `targetNotEmpty` before anything changed; ``Cancelled``. What was
  ///   restored until then stays.
  package func perform() throws -> MediaReplayReport {
    let selection = try MediaSelection(options.include, of: catalog, source: summary.name)
    let deletion =
      options.deletesExtra
      ? try MediaDeletion(catalog: catalog, summary: summary, selection, cancellation) : nil
    let (root, isNew) = try openTarget()
    let walk = ReplayWalk(
      catalog, source: source, selection: selection.keys, root: root, overwrite: options.overwrite,
      ownsRoot: options.include.isEmpty && (isNew || options.overwrite == .always))
    let run = try ReplayRun(
      repository: repository, root: root, summary: summary, options: options,
      cancellation: cancellation, progress: progress)
    try orderedParallel(
      workers: options.workers, window: options.workers * 2 + 2, cancellation: cancellation,
      next: { try walk.nextBatch() },
      work: { batch, worker in
        try batch.map { (step: $0, outcome: try run.perform($0, worker)) }
      },
      deliver: { batch in for item in batch { try run.deliver(item.step, item.outcome) } })
    run.addNotCaptured(options.include.isEmpty ? summary.unreadable : [])
    if let deletion { run.note(try deletion.perform(beneath: root, after: run.report)) }
    do throws(SystemError) { try root.descriptor.syncFileSystem() } catch {
      throw MediaReplayError(
        .failed, what: "cannot finish the restore into \(target)", why: error.description,
        next: "what was restored may be lost in a power cut; check the disk and restore again")
    }
    return run.report
  }

  /// The target, and whether it is empty.
  private func openTarget() throws -> (SharedDirectory, isNew: Bool) {
    let what = "cannot restore into \(target)"
    do throws(SystemError) {
      try OwnedDescriptor.workingDirectory.makeDirectories(target)
      let root = try SharedDirectory(OwnedDescriptor.openDirectory(target, followingLinks: true))
      var entries = try root.descriptor.entries()
      let isEmpty = try entries.next() == nil
      if isEmpty || options.overwrite != .refuse { return (root, isEmpty) }
    } catch {
      throw MediaReplayError(
        .targetUnusable, what: what, why: error.description,
        next: "choose a directory that can be made or written")
    }
    throw MediaReplayError(
      .targetNotEmpty, what: what, why: "the directory is not empty",
      next: "choose an empty or new directory, or say what may happen to existing files with "
        + "'--overwrite never', 'if-newer' or 'always'")
  }
}

/// The steps of one restore and their outcomes.
private final class ReplayRun: Sendable {
  private let root: SharedDirectory
  private let writers: [EntryWriter]
  private let metadata: MetadataWriter
  private let keepGoing: Bool
  private let progress: Progress
  private let state = Mutex(MediaReplayReport())

  init(
    repository: Repository, root: SharedDirectory, summary: MediaSummary,
    options: MediaReplayOptions, cancellation: Cancellation, progress: Progress
  ) throws {
    self.root = root
    self.progress = progress
    keepGoing = options.keepGoing
    let metadata = MetadataWriter(
      owners: OwnerMap(summary, numeric: options.numericOwners), setID: options.setID)
    self.metadata = metadata
    let reader = repository.makeReader()
    // One for each worker, and one for the thread that delivers.
    writers = try (0...options.workers).map { _ in
      try EntryWriter(
        repository: repository, reader: reader, metadata: metadata, options: options,
        cancellation: cancellation, progress: progress)
    }
  }

  var report: MediaReplayReport { state.withLock { $0 } }

  /// What the backup said it could not read and that is no entry of its own.
  func addNotCaptured(_ lines: [String]) {
    state.withLock { report in
      let known = Set(report.notCaptured)
      for line in lines where !known.contains(line) { report.addNotCaptured(line) }
    }
  }

  func note(_ deletion: MediaDeletionReport) { state.withLock { $0.deletion = deletion } }

  /// What can be done in any order; nil for what has to wait for ``deliver(_:_:)``.
  func perform(_ step: ReplayStep, _ worker: Int) throws -> EntryResult? {
    switch step {
    case .file(let key, let file, let directory, let name):
      return try attempt(key) { notSet in
        try writers[worker].write(file, as: name, in: directory, notSet: &notSet)
      }
    case .other(let key, let entry, let directory, let name):
      return try attempt(key) { notSet in
        try writers[worker].make(entry, as: name, in: directory, notSet: &notSet)
      }
    case .hardLink, .finishDirectory, .notCaptured, .failed: return nil
    }
  }

  /// What has to wait until everything before it is done; and counts.
  func deliver(_ step: ReplayStep, _ outcome: EntryResult?) throws {
    progress.add(bytes: 0, items: 1)
    switch step {
    case .file: count(outcome) { $0.fileCount += 1 }
    case .other: count(outcome) { $0.otherCount += 1 }
    case .hardLink(let key, let target, let expected, let directory, let name):
      let writer = writers[writers.count - 1]
      var isLink = true
      let result = try attempt(key) { notSet in
        if case .file(let file)? = expected,
          !writer.isRestored(file, at: target, root: root.descriptor)
        {
          isLink = false
          return try writer.write(file, as: name, in: directory, notSet: &notSet)
        }
        return try writer.link(target, as: name, in: directory, root: root.descriptor)
      }
      count(result) { if isLink { $0.hardLinkCount += 1 } else { $0.fileCount += 1 } }
    case .finishDirectory(let key, let directory, let metadata):
      let notSet =
        self.metadata.apply(metadata, to: directory.descriptor)
        + self.metadata.setFlags(metadata, of: directory.descriptor)
      state.withLock { report in
        report.directoryCount += 1
        for line in notSet { report.addNotSet("\(displayedPath(key)): \(line)") }
      }
    case .notCaptured(let key, let reason):
      state.withLock { $0.addNotCaptured("\(displayedPath(key)): \(reason)") }
    case .failed(let key, let why): try fail(key, why, next: nil)
    }
  }

  private func count(_ result: EntryResult?, _ written: (inout MediaReplayReport) -> Void) {
    state.withLock { report in
      switch result {
      case .written(let byteCount):
        written(&report)
        report.byteCount += byteCount
      case .unchanged: report.unchangedCount += 1
      case .kept: report.keptCount += 1
      case nil: break
      }
    }
  }

  /// Nil if it failed and the run goes on.
  private func attempt(
    _ key: CatalogKey, _ body: (inout [String]) throws -> EntryResult
  ) throws -> EntryResult? {
    var notSet: [String] = []
    do {
      let result = try body(&notSet)
      if !notSet.isEmpty {
        state.withLock { report in
          for line in notSet { report.addNotSet("\(displayedPath(key)): \(line)") }
        }
      }
      return result
    } catch let error as Cancelled {
      throw error
    } catch let error as SystemError {
      try fail(key, "\(error.call): \(error.reason)", next: nil)
    } catch let error as RepositoryError {
      try fail(key, "\(error.what): \(error.why)", next: error.next)
    } catch {
      try fail(key, "\(error)", next: nil)
    }
    return nil
  }

  private func fail(_ key: CatalogKey, _ why: String, next: String?) throws {
    guard keepGoing else {
      throw MediaReplayError(
        .failed, what: "cannot restore '\(displayedPath(key))'", why: why,
        next: next ?? "restore the rest without it by going on after errors")
    }
    state.withLock { $0.addError("\(displayedPath(key)): \(why)") }
  }
}
