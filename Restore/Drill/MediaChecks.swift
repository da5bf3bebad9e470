// Files: every byte loaded and authenticated, and counts as the manifest has them.

import Format
import Repository
import Workers

extension Drill {
  /// Reads every file of a media source as a restore would, and writes none.
  func streamMedia(_ media: MediaSummary) throws {
    try findings.check(
      "files.content", "Every file can be read, and is what was stored", on: media.name,
      expected:
        "\(ReportWords.count(media.fileCount, "file")), \(ReportWords.bytes(media.byteCount))",
      isRecovery: true
    ) {
      try findings.phase("files", media.name) { try stream(media) }
    }
  }

  private func stream(_ media: MediaSummary) throws -> Finding {
    let cursor = try SharedCursor(repository, manifest.catalog, within: .media(media.name))
    let reader = self.reader
    let progress = self.progress
    let damaged = DifferenceList()
    let files = Tally()
    let bytes = Tally()
    try onThreads(
      options.workers, cancellation: cancellation,
      next: { () -> (CatalogKey, FileEntry)? in
        while let (key, entry) = try cursor.next() {
          if case .file(let file) = entry { return (key, file) }
        }
        return nil
      },
      makeWorker: { _ in
        let decoder = try ChunkDecoder()
        return { item in
          let (key, file) = item
          files.add()
          bytes.add(file.byteCount)
          do {
            try reader.forEachPiece(of: file.content, using: decoder) { piece in
              progress.add(bytes: piece.count)
            }
            progress.add(bytes: 0, items: 1)
          } catch {
            damaged.add("\(Reachability.display(key)): \(Findings.words(error))")
          }
        }
      })
    findings.volume.files += files.total
    findings.volume.bytes += bytes.total
    let words =
      "\(ReportWords.count(files.total, "file")), \(ReportWords.bytes(bytes.total)), every chunk authenticated"
    if damaged.count > 0 {
      return Finding(
        .fail, "\(ReportWords.count(damaged.count, "file")) of \(files.total) cannot be restored",
        details: damaged.lines)
    }
    guard files.total == media.fileCount, bytes.total == media.byteCount else {
      return Finding(.fail, words)
    }
    return .pass(words)
  }

  /// What the backup itself said it could not read, or read while it changed.
  func checkMediaCapture(_ media: MediaSummary) throws {
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

extension Drill {
  func drillMedia(_ media: MediaSummary) throws { try streamMedia(media) }
  func checkMediaRemoved() throws {}
  func removeMedia() throws {}
}
