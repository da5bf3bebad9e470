// Owns the look back: which chunk of the parent snapshot a chunk of rows may be an edition of.

import Format
import Repository

/// The chunks that stood in a range's place in the parent snapshot.
struct RangePredecessor: Sendable {
  /// Each with its offset in the range, in order; not empty.
  private let chunks: [(offset: UInt64, id: BlobID)]

  /// Nil if there are none.
  init?(_ references: [ChunkReference]) {
    guard !references.isEmpty else { return nil }
    var offset: UInt64 = 0
    chunks = references.map { reference in
      defer { offset += UInt64(reference.byteCount) }
      return (offset, reference.id)
    }
  }

  /// The chunks that begin nearest to `offset`, the nearest first: rows that came or went have moved the
  /// others a little.
  func chunks(at offset: UInt64) -> [BlobID] {
    func distance(_ other: UInt64) -> UInt64 { other > offset ? other - offset : offset - other }
    // Sorted by offset already, so the nearest are neighbours; a range may have thousands.
    let nearest =
      chunks.indices.min { distance(chunks[$0].offset) < distance(chunks[$1].offset) } ?? 0
    return chunks[max(0, nearest - 2)..<min(nearest + 3, chunks.count)]
      .sorted { distance($0.offset) < distance($1.offset) }.map(\.id)
  }
}

/// The ranges of one database in the parent snapshot, looked up in key order.
///
/// Whatever is wrong with the parent's catalog ends the look back, not the backup: chunks without a
/// predecessor are stored whole.
final class RangePredecessors: @unchecked Sendable {
  // Unchecked because it is asked under the lock of the walk over ranges only.
  private let cursor: CatalogCursor
  private let reader: BlobReader
  private let decoder: ChunkDecoder
  private let rows: CatalogKey
  /// The next range of the parent; nil at the end of its rows, or of what can be read.
  private var next: (key: CatalogKey, content: Content)?
  /// The last range of the parent that was passed.
  private var last: (key: CatalogKey, content: Content)?

  /// - Parameter name: the database's name in the snapshot.
  init(_ catalog: CatalogReader, reader: BlobReader, of name: String) throws {
    rows = DatabasePart.rows.key(in: name)
    cursor = CatalogCursor(catalog)
    self.reader = reader
    decoder = try ChunkDecoder()
    do { try cursor.seek(to: rows) } catch { return }
    advance()
  }

  /// What stood in the place of a range; ask in key order.
  ///
  /// Behind a table's former end it is the last range: rows that were updated moved there, and those that
  /// were added resemble it.
  func predecessor(of number: UInt64, in table: QualifiedName) -> RangePredecessor? {
    let tableKey = rows.appending(table.schema).appending(table.name)
    let key = tableKey.appending(number: number)
    while let found = next, !(key < found.key) {
      last = found
      advance()
    }
    guard let last, last.key.isWithin(tableKey) else { return nil }
    var references: [ChunkReference] = []
    let isWhole: Void? = try? reader.forEachChunk(of: last.content, using: decoder) {
      references.append($0)
    }
    guard isWhole != nil else { return nil }
    return RangePredecessor(last.key == key ? references : references.suffix(2))
  }

  private func advance() {
    next = nil
    while let item = try? cursor.next(), item.key.isWithin(rows) {
      if case .range(let range)? = try? CatalogReader.decode(item) {
        next = (item.key, range.content)
        return
      }
    }
  }
}
