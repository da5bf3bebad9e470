// Owns the cutting of rows into chunks: on row boundaries, so that a changed row changes one chunk.

import Sodium

/// Collects rows and hands them on in chunks; its memory is reused and does not follow the table's size.
///
/// A chunk holds whole rows of at most ``chunkByteCount`` bytes together; a larger row is a chunk of its own,
/// and one above ``rowByteCount`` is cut into pieces of that length.
package struct RowBuffer {
  /// Rows are collected up to this many bytes.
  package static let chunkByteCount = 4 << 20
  /// No chunk is longer.
  package static let rowByteCount = 8 << 20

  private var bytes: [UInt8] = []

  package init() {}

  /// Adds a row, or other bytes that should stay together; calls `store` with each chunk that is complete.
  package mutating func add(_ row: Span<UInt8>, _ store: (Span<UInt8>) throws -> Void) throws {
    if bytes.count + row.count > Self.chunkByteCount { try flush(store) }
    if row.count > Self.chunkByteCount {
      var offset = 0
      while offset < row.count {
        let end = min(offset + Self.rowByteCount, row.count)
        try store(row.extracting(offset..<end))
        offset = end
      }
    } else {
      Bytes.append(row, to: &bytes)
    }
  }

  /// Hands on what is left.
  package mutating func flush(_ store: (Span<UInt8>) throws -> Void) throws {
    guard !bytes.isEmpty else { return }
    defer { bytes.removeAll(keepingCapacity: true) }
    try store(bytes.span)
  }

  /// Forgets what is left, after an error.
  package mutating func discard() { bytes.removeAll(keepingCapacity: true) }
}
