// Cutting one open file into chunks: its data only, holes left out.

import Chunking
import Files
import Format
import Workers

/// The file, not the repository, is what failed: an outcome of one entry, not the end of the run.
struct FileFailure: Error {
  let error: SystemError

  /// Does what the file is asked for, and marks its errors as the file's.
  static func marking<Result: ~Copyable>(
    _ body: () throws(SystemError) -> Result
  ) throws(FileFailure) -> Result {
    do { return try body() } catch { throw FileFailure(error: error) }
  }
}

/// The chunks of one open file, in order; for one thread at a time.
final class FileCutter {
  /// The length of data beyond which a file is truncated, or nil while it is as long as it was.
  private(set) var truncatedAt: Int64?
  private(set) var bytesRead: Int64 = 0
  private var reader: CacheNeutralReader
  private let ranges: [Range<Int64>]
  private var range = 0
  private var position: Int64
  private let chunker: Chunker
  private var scan = ChunkScan()
  private let buffer: SharedBuffer
  /// The bytes of the buffer that are read but not cut.
  private var start = 0
  private var end = 0

  /// - Parameters:
  ///   - file: open for reading.
  ///   - ranges: where the file has data: ascending, none empty.
  ///   - chunker: decides where to cut.
  ///   - buffer: ``bufferByteCount(_:)`` bytes, not used by anything else until the last chunk.
  init(
    _ file: consuming OwnedDescriptor, ranges: [Range<Int64>], chunker: Chunker,
    buffer: SharedBuffer
  ) {
    reader = CacheNeutralReader(file)
    self.ranges = ranges
    self.chunker = chunker
    self.buffer = buffer
    position = ranges.first?.lowerBound ?? 0
  }

  /// Room for a chunk that is not yet cut, and for as much again to be read.
  static func bufferByteCount(_ parameters: ChunkerParameters) -> Int {
    parameters.maximumByteCount * 2
  }

  func status() throws(FileFailure) -> FileStatus {
    try FileFailure.marking { () throws(SystemError) in try reader.file.status() }
  }

  /// Lends the next chunk; nil after the last.
  func next<Result>(_ body: (Span<UInt8>) throws -> Result) throws -> Result? {
    while true {
      let cut = buffer.withBytes(at: start, count: end - start) { bytes in
        chunker.nextCut(in: bytes, isEnd: range == ranges.count, resuming: &scan)
      }
      if let cut {
        defer { start += cut }
        return try buffer.withBytes(at: start, count: cut) { try body($0) }
      }
      if range == ranges.count { return nil }
      try FileFailure.marking { () throws(SystemError) in try fill() }
    }
  }

  /// Moves what is not cut to the front and reads until the buffer is full.
  private func fill() throws(SystemError) {
    if start > 0 {
      buffer.withRegion(at: 0, count: end) { bytes in
        for i in 0..<end - start { bytes[i] = bytes[start + i] }
      }
      end -= start
      start = 0
    }
    while end < buffer.byteCount, range < ranges.count {
      let upper = ranges[range].upperBound
      let wanted = Int(min(Int64(buffer.byteCount - end), upper - position))
      let count = try buffer.withRegion(at: end, count: wanted) {
        (room: inout MutableSpan<UInt8>) throws(SystemError) in
        try reader.read(into: &room, at: position)
      }
      end += count
      position += Int64(count)
      bytesRead += Int64(count)
      if count < wanted {
        truncatedAt = position
        range = ranges.count
      } else if position == upper {
        range += 1
        if range < ranges.count { position = ranges[range].lowerBound }
      }
    }
  }

  /// The extents of what was read of a file of `byteCount` bytes; nil if it has no holes.
  func extents(byteCount: Int64) -> [Extent]? {
    let read = ranges.compactMap { range -> Extent? in
      let upper = min(range.upperBound, truncatedAt ?? range.upperBound)
      guard range.lowerBound < upper else { return nil }
      return Extent(
        offset: UInt64(range.lowerBound), byteCount: UInt64(upper - range.lowerBound))
    }
    if byteCount == 0 { return nil }
    if read == [Extent(offset: 0, byteCount: UInt64(byteCount))] { return nil }
    return read
  }

  /// Joins ranges across the smallest holes until no more than `limit` are left, so that a file of
  /// very many holes has a short entry; zeros compress to nothing.
  static func joined(_ ranges: [Range<Int64>], limit: Int) -> [Range<Int64>] {
    var ranges = ranges
    var hole: Int64 = 1 << 16
    while ranges.count > limit {
      var result: [Range<Int64>] = []
      for range in ranges {
        if let last = result.last, range.lowerBound - last.upperBound < hole {
          result[result.count - 1] = last.lowerBound..<range.upperBound
        } else {
          result.append(range)
        }
      }
      ranges = result
      hole *= 2
    }
    return ranges
  }
}
