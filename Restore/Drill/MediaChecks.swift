// Files: every one brought back or read, every byte authenticated, and counts as the manifest has them.

import Format
import Programs
import Replay
import Repository
import Workers

extension Drill {
  /// Restores a media source, or reads it as a restore would.
  func drillMedia(_ media: MediaSummary) throws {
    switch options.media {
    case .streamed: try streamMedia(media)
    case .folder(let folder): try restoreMedia(media, into: folder)
    }
  }

  // MARK: Without writing

  private func streamMedia(_ media: MediaSummary) throws {
    try findings.check(
      "files.content", "Every file can be read, and is what was stored", on: media.name,
      expected:
        "\(ReportWords.count(media.fileCount, "file")), \(ReportWords.bytes(media.byteCount))",
      isRecovery: true
    ) {
      let verifier = MediaVerifier(
        repository: repository, catalog: try repository.catalog(of: snapshot, reader: reader),
        source: media.name, workers: options.workers, cancellation: cancellation,
        progress: progress)
      let result = try findings.phase("files", media.name) { try verifier.perform() }
      findings.volume.files &+= result.fileCount
      findings.volume.bytes &+= result.byteCount
      let words =
        "\(ReportWords.count(result.fileCount, "file")), \(ReportWords.bytes(result.byteCount)) in \(ReportWords.count(result.chunkCount, "chunk")), each authenticated"
      guard result.errorCount == 0 else {
        return Finding(
          .fail,
          "\(ReportWords.number(result.errorCount)) of \(ReportWords.count(result.fileCount, "file")) cannot be restored",
          details: result.errors)
      }
      // Holes of sparse files are counted in the manifest and have no chunks.
      guard result.fileCount == media.fileCount, result.byteCount <= media.byteCount else {
        return Finding(.fail, words)
      }
      return .pass(words)
    }
  }

  // MARK: Into a folder

  private func restoreMedia(_ media: MediaSummary, into folder: String) throws {
    var report: MediaReplayReport?
    let path = folder + "/" + Self.folderName(media.name)
    try findings.check(
      "files.restore", "Every file was restored", on: media.name,
      expected:
        "\(ReportWords.count(media.fileCount, "file")), \(ReportWords.bytes(media.byteCount)), with all metadata",
      isRecovery: true
    ) {
      try prepareMediaFolder(folder)
      let replay = MediaReplay(
        repository: repository, catalog: try repository.catalog(of: snapshot, reader: reader),
        summary: media, into: path, options: MediaReplayOptions(workers: options.workers),
        cancellation: cancellation, progress: progress)
      madeFolders.append(path)
      let done = try findings.phase("files", media.name) { try replay.perform() }
      report = done
      findings.volume.files &+= done.fileCount
      findings.volume.bytes &+= done.byteCount
      let words =
        "\(ReportWords.count(done.fileCount, "file")), \(ReportWords.bytes(done.byteCount))"
      guard done.errorCount == 0, done.fileCount == media.fileCount else {
        return Finding(
          .fail,
          "\(words), \(ReportWords.count(done.errorCount, "entry").replacing("entrys", with: "entries")) failed",
          details: done.errors)
      }
      // Someone who is not root cannot give files away.
      guard done.notSetCount == 0 else {
        return Finding(
          .warnings, "\(words), but some metadata could not be set", details: done.notSet)
      }
      return .pass(words)
    }
    if report != nil { try options.afterMediaRestore?(path) }
    try findings.check(
      "files.content", "The restored files are equal, byte for byte", on: media.name,
      expected: "content and metadata as in the snapshot"
    ) {
      guard let report else { return Finding(.fail, "not made: the files were not restored") }
      let result = try MediaComparison(
        repository: repository, catalog: try repository.catalog(of: snapshot, reader: reader),
        summary: media, against: path, workers: options.workers, cancellation: cancellation,
        progress: progress
      ).differences()
      let words =
        "\(ReportWords.number(result.entryCount)) entries, \(ReportWords.bytes(result.byteCount)) read again"
      guard result.differenceCount > 0 else { return .pass("\(words), all equal") }
      let isComplete = UInt64(result.differences.count) == result.differenceCount
      let isMetadata = result.differences.allSatisfy {
        [.owner, .mode, .modified, .attributes, .flags].contains($0.aspect)
      }
      return Finding(
        report.notSetCount > 0 && isMetadata && isComplete ? .warnings : .fail,
        "\(words), \(ReportWords.count(result.differenceCount, "difference"))",
        details: result.differences.map(\.description))
    }
  }

  private func prepareMediaFolder(_ folder: String) throws {
    guard madeFolders.isEmpty else { return }
    if let contents = FolderLook.contents(folder) {
      guard contents.isEmpty else {
        throw DrillError(
          .scratch, what: "cannot restore files into \(folder)", why: "it is not empty",
          next: "name a folder that is empty or does not exist")
      }
    } else {
      try FolderLook.makePrivate(folder)
      madeMediaFolder = true
    }
  }

  /// A media source's name as a folder's.
  private static func folderName(_ name: String) -> String {
    let plain = name.replacing("/", with: "_")
    return ["", ".", ".."].contains(plain) ? "_" : plain
  }

  /// Removes what ``restoreMedia(_:into:)`` made, and only that.
  func removeMedia() throws {
    guard case .folder(let folder) = options.media, !options.keepScratch else { return }
    for path in madeFolders { try PrivateFolder.removeTree(path) }
    if madeMediaFolder { try PrivateFolder.removeTree(folder) }
  }

  func checkMediaRemoved() throws {
    guard !madeFolders.isEmpty else { return }
    if options.keepScratch {
      return findings.notCovered("the removal of the restored files: they were kept, as asked")
    }
    try findings.check(
      "after.files", "Nothing of the restored files is left", expected: "no file"
    ) {
      try removeMedia()
      let left = madeFolders.filter { FolderLook.exists($0) }
      return left.isEmpty
        ? .pass("looked: no file") : Finding(.fail, "something is left", details: left)
    }
  }

  // MARK: What the backup said

  /// What the backup itself could not read, or read while it changed.
  func checkMediaCapture(_ media: MediaSummary) throws {
    if let count = media.excludedCount, count > 0 {
      findings.notCovered(
        "\(media.name): \(count == 1 ? "one entry" : "\(count) entries") left out on purpose")
    }
    try findings.check(
      "files.capture", "The backup read every file, and none while it changed", on: media.name,
      expected: "no entry unreadable, none changed while it was read"
    ) {
      guard media.unreadableCount > 0 || media.changedWhileReadCount > 0 else {
        return .pass("none")
      }
      var details = media.unreadable
      if UInt64(details.count) < media.unreadableCount {
        details.append("… and \(media.unreadableCount - UInt64(details.count)) more")
      }
      return Finding(
        .warnings,
        "\(media.unreadableCount) unreadable at the source, \(media.changedWhileReadCount) changed while read",
        details: details)
    }
  }
}
