// Owns the cutting of rows into chunks: on row boundaries, so that a changed row changes one chunk.

import Sodium

/// Collects rows and hands them on in chunks; its memory is reused and does not follow the table's size.
///
/// A chunk holds whole rows of at most ``chunkByteCount`` bytes together; a larger row is a chunk of its own,
/// and one above ``rowByteCount`` is cut into pieces of that length. What fits in one chunk is one. Else the
/// row with the least hash of those that may end a chunk ends it: so in a range of large rows the chunks soon
/// begin with the same rows again after one that came, went or changed, and are the same, or much like before.
package struct RowBuffer {
  /// Rows are collected up to this many bytes.
  package static let chunkByteCount = 4 << 20
  /// No row ends a chunk before, unless a larger one follows.
  package static let shortestByteCount = 1 << 20
  /// No chunk is longer.
  package static let rowByteCount = 8 << 20

  private var bytes: [UInt8] = []
  /// Rows in `bytes` whose hash is less than that of every later one: offset of the end, hash, both ascending.
  private var ends: [(offset: Int, hash: UInt64)] = []

  package init() {}

  /// Adds a row, or other bytes that should stay together; calls `store` with each chunk that is complete.
  ///
  /// - Parameter hash: the first bytes of the row's hash.
  package mutating func add(
    _ row: Span<UInt8>, hash: UInt64, _ store: (Span<UInt8>) throws -> Void
  ) throws {
    if row.count > Self.chunkByteCount {
      try flush(store)
      var offset = 0
      while offset < row.count {
        let end = min(offset + Self.rowByteCount, row.count)
        try store(row.extracting(offset..<end))
        offset = end
      }
      return
    }
    while bytes.count + row.count > Self.chunkByteCount { try cut(store) }
    Bytes.append(row, to: &bytes)
    while let last = ends.last, last.hash >= hash { ends.removeLast() }
    ends.append((bytes.count, hash))
  }

  /// Hands on the first rows, up to the one with the least hash.
  private mutating func cut(_ store: (Span<UInt8>) throws -> Void) throws {
    guard let end = ends.first(where: { $0.offset >= Self.shortestByteCount })?.offset,
      end < bytes.count
    else { return try flush(store) }
    try store(bytes.span.extracting(0..<end))
    bytes.removeSubrange(0..<end)
    ends = ends.compactMap { $0.offset > end ? ($0.offset - end, $0.hash) : nil }
  }

  /// Hands on what is left.
  package mutating func flush(_ store: (Span<UInt8>) throws -> Void) throws {
    defer { discard() }
    guard !bytes.isEmpty else { return }
    try store(bytes.span)
  }

  /// Forgets what is left, after an error.
  package mutating func discard() {
    bytes.removeAll(keepingCapacity: true)
    ends.removeAll(keepingCapacity: true)
  }
}
