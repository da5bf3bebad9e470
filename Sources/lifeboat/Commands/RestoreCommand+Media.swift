// The part of `restore` that brings files back: options to a replay, its report to people and programs.

import ArgumentParser
import Format
import Foundation
import Replay
import Repository
import Workers

extension RestoreCommand {
  struct MediaResult: Encodable {
    struct Verification: Encodable {
      var entries, bytes, differenceCount: UInt64
      var differences: [String]
    }
    var snapshot, media, into: String
    var files, directories, hardLinks, others, bytes: UInt64
    /// Files that were there and equal, or were left as the policy says.
    var unchanged, kept: UInt64
    /// Owners, attributes and the like that could not be set.
    var notSet: [String]
    /// Entries that the snapshot lacks because they could not be read at the source.
    var notCaptured: [String]
    var errors: [String]
    /// With --delete: what was removed, and what stayed because the snapshot left it out.
    var removed: [String]?
    var removedCount: UInt64?
    var spared: [String]?
    /// With --verify.
    var verification: Verification?
    var complete: Bool

    init(
      _ report: MediaReplayReport, snapshot: Snapshot, media: String, into: String,
      comparison: MediaComparisonResult?
    ) {
      self.snapshot = snapshot.id.hex
      self.media = media
      self.into = into
      files = report.fileCount
      directories = report.directoryCount
      hardLinks = report.hardLinkCount
      others = report.otherCount
      bytes = report.byteCount
      unchanged = report.unchangedCount
      kept = report.keptCount
      notSet = report.notSet
      notCaptured = report.notCaptured
      errors = report.errors + (report.deletion?.errors ?? [])
      removed = report.deletion?.removed
      removedCount = report.deletion?.removedCount
      spared = report.deletion?.spared
      verification = comparison.map {
        Verification(
          entries: $0.entryCount, bytes: $0.byteCount, differenceCount: $0.differenceCount,
          differences: $0.differences.map(\.description))
      }
      complete = report.isComplete && (comparison?.differenceCount ?? 0) == 0
    }
  }

  func restoreMedia(
    _ name: String, _ snapshot: Snapshot, _ repository: Repository, _ catalog: CatalogReader,
    _ session: Session
  ) throws {
    guard let summary = snapshot.manifest.media.first(where: { $0.name == name }) else {
      throw noSource(name, "media source", snapshot.manifest.media.map(\.name), snapshot)
    }
    let target = URL(fileURLWithPath: into).path
    let include = paths.map { Array($0.utf8) }
    if dryRun { return try plan(summary, include, target, snapshot, catalog, session) }
    let options = mediaOptions(include)
    let display = ProgressDisplay(session)
    defer { display.end() }
    let report = try MediaReplay(
      repository: repository, catalog: catalog, summary: summary, into: target, options: options,
      cancellation: session.cancellation, progress: session.progress
    ).perform()
    var comparison: MediaComparisonResult?
    if verify {
      session.progress.begin("reading back")
      comparison = try MediaComparison(
        repository: repository, catalog: catalog, summary: summary, against: target,
        include: include, ignoring: mayHoldMore(report) ? [.extra] : [],
        numericOwners: numericOwners, workers: options.workers,
        cancellation: session.cancellation, progress: session.progress
      ).differences()
    }
    display.end()
    let result = MediaResult(
      report, snapshot: snapshot, media: name, into: into, comparison: comparison)
    try show(result, report, session)
    if let comparison { try judge(comparison, report, target) }
    if !report.isComplete { throw ExitStatus.partly }
  }

  /// Whether the target may have what the snapshot has not.
  private func mayHoldMore(_ report: MediaReplayReport) -> Bool {
    guard overwrite != nil else { return false }
    return report.deletion.map { $0.sparedCount > 0 } ?? true
  }

  private func mediaOptions(_ include: [[UInt8]]) -> MediaReplayOptions {
    var options = MediaReplayOptions(
      include: include, numericOwners: numericOwners, deletesExtra: delete, devices: !noDevices,
      setID: !noSetId, workers: ProcessInfo.processInfo.activeProcessorCount,
      keepGoing: keepGoing)
    switch overwrite {
    case nil: break
    case .never: options.overwrite = .never
    case .ifNewer: options.overwrite = .ifNewer
    case .always: options.overwrite = .always
    }
    return options
  }

  /// What would be done, and with --delete what would be removed, one line each.
  private func plan(
    _ summary: MediaSummary, _ include: [[UInt8]], _ target: String, _ snapshot: Snapshot,
    _ catalog: CatalogReader, _ session: Session
  ) throws {
    try Terminal.shared.print(
      "would restore media \(summary.name) of snapshot \(snapshot.id) (\(Display.count(summary.fileCount)) files, \(Display.bytes(summary.byteCount))) into \(into)"
    )
    guard delete else { return }
    let plan = try MediaDeletion.plan(
      catalog: catalog, summary: summary, include: include, beneath: target,
      cancellation: session.cancellation)
    for path in plan.removed { try Terminal.shared.print("would remove \(path)") }
    for path in plan.spared {
      try Terminal.shared.print("would not remove \(path): the snapshot left it out")
    }
    let rest = plan.removedCount - UInt64(plan.removed.count)
    if rest > 0 { try Terminal.shared.print("would remove \(Display.count(rest)) more") }
    if plan.removedCount == 0 { try Terminal.shared.print("would remove nothing") }
  }

  private func show(_ result: MediaResult, _ report: MediaReplayReport, _ session: Session) throws {
    if global.json { return try Terminal.shared.print(JSONText.pretty(result)) }
    for item in result.notSet { session.messages.warning("could not set \(item)") }
    for item in result.notCaptured { session.messages.warning("not in the snapshot: \(item)") }
    for error in result.errors { session.messages.warning("not restored: \(error)") }
    if let deletion = report.deletion {
      if deletion.isSkipped {
        session.messages.warning("nothing was removed, because something could not be restored")
      }
      for path in deletion.removed { session.messages.detail("removed \(path)") }
      for path in deletion.spared {
        session.messages.info("not removed: \(path): the snapshot left it out")
      }
    }
    for line in result.verification?.differences ?? [] {
      session.messages.warning("differs: \(line)")
    }
    guard !global.quiet else { return }
    try Terminal.shared.print(
      "restored media \(result.media): \(Display.count(result.files)) files, \(Display.bytes(result.bytes)) into \(into)"
    )
    if let count = result.removedCount {
      try Terminal.shared.print("removed \(Display.count(count)) entries")
    }
    if let verification = result.verification, verification.differenceCount == 0 {
      try Terminal.shared.print(
        "verified \(Display.count(verification.entries)) entries, \(Display.bytes(verification.bytes)) read back: all equal"
      )
    }
  }

  /// What differs and was not told before is a failure.
  private func judge(
    _ comparison: MediaComparisonResult, _ report: MediaReplayReport, _ target: String
  ) throws {
    guard comparison.differenceCount > 0 else { return }
    let isMetadata = comparison.differences.allSatisfy {
      [.owner, .mode, .modified, .attributes, .flags].contains($0.aspect)
    }
    let isTold = report.notSetCount > 0 && isMetadata
    let isWhole = UInt64(comparison.differences.count) == comparison.differenceCount
    if isTold && isWhole || report.errorCount > 0 { return }
    throw MediaReplayError(
      .failed, what: "cannot vouch for the restore into \(target)",
      why: comparison.differenceCount == 1
        ? "one entry differs from the snapshot"
        : "\(comparison.differenceCount) differences from the snapshot",
      next: "see what differs above; restore again with --overwrite always")
  }
}
