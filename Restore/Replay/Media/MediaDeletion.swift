// Removing what a restored tree has and the snapshot has not: only on request, and never what the
// snapshot itself says it left out.

import Files
package import Format
package import Repository
package import Workers

/// What was, or would be, removed; lists hold at most ``MediaReplayReport/listLimit`` lines.
package struct MediaDeletionReport: Sendable {
  package var removed: [String] = []
  package var removedCount: UInt64 = 0
  /// Absent from the snapshot because it was left out or could not be read: it stays.
  package var spared: [String] = []
  package var sparedCount: UInt64 = 0
  package var errors: [String] = []
  package var errorCount: UInt64 = 0
  /// Something could not be restored, so nothing was removed.
  package var isSkipped = false

  package init() {}

  fileprivate static func add(_ line: String, _ list: inout [String], _ count: inout UInt64) {
    count += 1
    if list.count < MediaReplayReport.listLimit { list.append(line) }
  }
}

/// Finds and removes what is beyond the snapshot.
package struct MediaDeletion {
  private let catalog: CatalogReader
  private let summary: MediaSummary
  private let selection: MediaSelection
  private let cancellation: Cancellation
  /// Paths that the snapshot says it lacks, and directories of which it lacks what they hold.
  private let lacking: Set<String>
  private let unknownInside: Set<String>

  /// - Throws: ``MediaReplayError`` `deletionUnsafe` if the snapshot does not list all that it left
  ///   out; errors of the repository.
  init(
    catalog: CatalogReader, summary: MediaSummary, _ selection: MediaSelection,
    _ cancellation: Cancellation
  ) throws {
    self.catalog = catalog
    self.summary = summary
    self.selection = selection
    self.cancellation = cancellation
    guard let excluded = summary.excluded, let count = summary.excludedCount,
      UInt64(excluded.count) == count,
      UInt64(summary.unreadable.count) == summary.unreadableCount
    else {
      let why =
        summary.excluded == nil
        ? "the snapshot is of a program that did not record what it left out"
        : "the snapshot left out more entries than it lists"
      throw MediaReplayError(
        .deletionUnsafe, what: "cannot remove what the snapshot lacks", why: why,
        next: "restore without --delete, or into an empty directory")
    }
    var lacking: Set<String> = []
    var unknownInside: Set<String> = []
    for line in excluded + summary.unreadable {
      // "path: reason"; a path may hold ": " itself, so every reading of the line counts.
      var rest = line[...]
      while let colon = rest.firstRange(of: ": ") {
        let path = String(line[..<colon.lowerBound])
        lacking.insert(path)
        rest = rest[colon.upperBound...]
        if rest.hasPrefix("what it holds: ") { unknownInside.insert(path) }
      }
    }
    self.lacking = lacking
    self.unknownInside = unknownInside
  }

  /// The plan for a tree at `path`; changes nothing.
  ///
  /// - Returns: what ``MediaReplay`` would remove; nothing if there is no such directory.
  /// - Throws: as ``MediaReplay/perform()``.
  package static func plan(
    catalog: CatalogReader, summary: MediaSummary, include: [[UInt8]], beneath path: String,
    cancellation: Cancellation
  ) throws -> MediaDeletionReport {
    let selection = try MediaSelection(include, of: catalog, source: summary.name)
    let deletion = try MediaDeletion(
      catalog: catalog, summary: summary, selection, cancellation)
    let root: SharedDirectory
    do throws(SystemError) {
      root = try SharedDirectory(OwnedDescriptor.openDirectory(path, followingLinks: true))
    } catch {
      if error.isNotFound { return MediaDeletionReport() }
      throw MediaReplayError(
        .targetUnusable, what: "cannot look at \(path)", why: error.description,
        next: "choose a directory that can be read")
    }
    return try deletion.walk(root, removing: false)
  }

  /// Removes, unless something could not be restored: then it may be needed.
  func perform(beneath root: SharedDirectory, after report: MediaReplayReport) throws
    -> MediaDeletionReport
  {
    var result = MediaDeletionReport()
    result.isSkipped = true
    guard report.errorCount == 0 else { return result }
    return try walk(root, removing: true)
  }

  private func walk(_ root: SharedDirectory, removing: Bool) throws -> MediaDeletionReport {
    var report = MediaDeletionReport()
    let merge = ComparisonMerge(
      catalog, source: CatalogKey.media(summary.name), selection: selection, root: root)
    while let batch = try merge.nextBatch() {
      for pair in batch {
        guard let found = pair.actual, let place = found.place else { continue }
        // A directory in place of anything else was replaced by the restore, or will be.
        let isExtra = pair.expected == nil
        guard isExtra else { continue }
        try cancellation.check()
        let path = displayedPath(pair.key)
        if isLacking(pair.key) {
          MediaDeletionReport.add(path, &report.spared, &report.sparedCount)
          continue
        }
        do throws(SystemError) {
          if removing { try Self.remove(place.name, from: place.directory) }
          MediaDeletionReport.add(path, &report.removed, &report.removedCount)
        } catch {
          MediaDeletionReport.add(
            "\(path): \(error.call): \(error.reason)", &report.errors, &report.errorCount)
        }
      }
    }
    return report
  }

  private func isLacking(_ key: CatalogKey) -> Bool {
    if lacking.contains(displayedPath(key)) { return true }
    guard !unknownInside.isEmpty else { return false }
    let components = key.components
    return (2..<components.count).contains { count in
      CatalogKey(components: Array(components[..<count])).map {
        unknownInside.contains(displayedPath($0))
      } ?? false
    }
  }

  /// The directory keeps the time that the restore gave it.
  private static func remove(_ name: FileName, from directory: SharedDirectory)
    throws(SystemError)
  {
    let before = try directory.descriptor.status()
    try directory.descriptor.removeTree(name)
    try directory.descriptor.setTimes(modified: before.modified)
  }
}
