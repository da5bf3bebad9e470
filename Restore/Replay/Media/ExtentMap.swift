// Where the bytes of a file's content belong in the file.

import Format

/// Maps offsets in the content (data only) to offsets in the file (holes included).
struct ExtentMap: Sendable {
  private let extents: [Extent]
  /// Content offset of each extent's first byte.
  private let starts: [UInt64]

  /// - Throws: ``EntryFailure`` unless the extents ascend, lie within the file and hold exactly the
  ///   content.
  init(_ file: FileEntry) throws(EntryFailure) {
    guard file.byteCount <= UInt64(Int64.max) else {
      throw EntryFailure("its length, \(file.byteCount) bytes, is more than a file can have")
    }
    let invalid = EntryFailure("its extents do not fit its length and content")
    let extents =
      file.extents
      ?? (file.byteCount == 0 ? [] : [Extent(offset: 0, byteCount: file.byteCount)])
    var starts: [UInt64] = []
    var (end, total) = (UInt64(0), UInt64(0))
    for extent in extents {
      let (upper, overflow) = extent.offset.addingReportingOverflow(extent.byteCount)
      guard !overflow, extent.offset >= end, extent.byteCount > 0, upper <= file.byteCount else {
        throw invalid
      }
      starts.append(total)
      total += extent.byteCount
      end = upper
    }
    guard total == file.content.byteCount else { throw invalid }
    self.extents = extents
    self.starts = starts
  }

  /// The data extents, ascending.
  var dataExtents: [Extent] { extents }

  /// Calls `body` with each run of `count` content bytes at `offset`: where it lies in the file, and
  /// which of the `count` bytes it holds.
  func forEachRun<E: Error>(
    at offset: UInt64, count: Int,
    _ body: (_ fileOffset: UInt64, _ bytes: Range<Int>) throws(E) -> Void
  ) throws(E) {
    var (low, high) = (0, starts.count)
    while low < high {
      let middle = (low + high) / 2
      if starts[middle] <= offset { low = middle + 1 } else { high = middle }
    }
    var index = low - 1
    var done = 0
    while done < count, index >= 0, index < extents.count {
      let inside = offset + UInt64(done) - starts[index]
      let length = Int(min(UInt64(count - done), extents[index].byteCount - inside))
      try body(extents[index].offset + inside, done..<done + length)
      done += length
      index += 1
    }
  }
}
