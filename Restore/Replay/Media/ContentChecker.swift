// Whether a file on disk holds what the catalog says, by the ids of its chunks.

import Files
import Format
import Repository
import Workers

/// Reads files and recomputes the ids of their chunks.
struct ContentChecker: Sendable {
  let repository: Repository
  let reader: BlobReader

  /// No chunk that we cut is longer (64 MiB is what the packer takes).
  private static let chunkLimit: UInt32 = 64 << 20

  /// Where the content differs, in words; nil if it is equal, holes included.
  ///
  /// `extents` are those of `expected`.
  func difference(
    of file: borrowing OwnedDescriptor, from expected: FileEntry, _ extents: ExtentMap,
    using decoder: ChunkDecoder, cancellation: Cancellation, progress: Progress? = nil
  ) throws -> String? {
    var offset: UInt64 = 0
    var found: String?
    var buffer: [UInt8] = []
    try reader.forEachChunk(of: expected.content, using: decoder) { reference in
      guard found == nil else { return }
      try cancellation.check()
      guard reference.byteCount <= Self.chunkLimit else {
        found = "content from byte \(offset) on: a chunk is longer than any"
        return
      }
      let count = Int(reference.byteCount)
      if buffer.count != count { buffer = [UInt8](repeating: 0, count: count) }
      var first: UInt64?
      var isShort = false
      try extents.forEachRun(at: offset, count: count) { fileOffset, bytes throws(SystemError) in
        first = first ?? fileOffset
        var span = buffer.mutableSpan
        var part = span._mutatingExtracting(bytes)
        if try file.read(into: &part, at: Int64(fileOffset)) < bytes.count { isShort = true }
      }
      progress?.add(bytes: count)
      if isShort || repository.keys.blobID(of: buffer.span, class: .content) != reference.id {
        found = "content differs within \(count) bytes from byte \(first ?? 0) on"
      }
      offset += UInt64(reference.byteCount)
    }
    if found == nil, expected.extents != nil { found = try dataInHoles(file, extents) }
    return found
  }

  /// Between the extents there must be nothing but zeros; holes need no look.
  private func dataInHoles(
    _ file: borrowing OwnedDescriptor, _ extents: ExtentMap
  ) throws(SystemError) -> String? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    for range in try file.dataRanges() {
      var position = range.lowerBound
      while position < range.upperBound {
        let end = min(range.upperBound, position + Int64(buffer.count))
        let count = try file.read(into: &buffer, at: position)
        for i in 0..<min(count, Int(end - position)) where buffer[i] != 0 {
          let place = UInt64(position) + UInt64(i)
          if !extents.contain(place) { return "byte \(place) is not 0, where the file has a hole" }
        }
        position = end
      }
    }
    return nil
  }
}

extension ExtentMap {
  /// Whether a byte of the file lies in an extent.
  func contain(_ offset: UInt64) -> Bool {
    var (low, high) = (0, dataExtents.count)
    while low < high {
      let middle = (low + high) / 2
      if dataExtents[middle].offset <= offset { low = middle + 1 } else { high = middle }
    }
    guard low > 0 else { return false }
    let extent = dataExtents[low - 1]
    return offset - extent.offset < extent.byteCount
  }
}
