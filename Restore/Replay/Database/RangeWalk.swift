// Owns the walk over the stored ranges of one table.

import Format
import Repository

/// The ranges of one table, in key order.
struct RangeWalk {
  private let cursor: CatalogCursor
  private let key: CatalogKey
  private let end: CatalogKey?
  private var peeked: (key: CatalogKey, range: TableRange)?

  /// All ranges of `table`, or those within `bounds`.
  init(
    _ catalog: CatalogReader, _ table: QualifiedName, source: String, bounds: RangeBounds? = nil
  ) throws {
    cursor = CatalogCursor(catalog)
    key = DatabaseContents.rowsKey(table, in: source)
    end = bounds?.end
    try cursor.seek(to: bounds?.first ?? key)
  }

  /// The next range, or nil behind the last one.
  mutating func next() throws -> TableRange? { try next { _ in true } }

  /// The next range if `condition` holds for it; otherwise it stays the next one.
  mutating func next(where condition: (TableRange) -> Bool) throws -> TableRange? {
    try peek()
    guard let range = peeked?.range, condition(range) else { return nil }
    peeked = nil
    return range
  }

  /// The next range with its key.
  mutating func nextWithKey() throws -> (key: CatalogKey, range: TableRange)? {
    try peek()
    defer { peeked = nil }
    return peeked
  }

  private mutating func peek() throws {
    guard peeked == nil, let item = try cursor.next(), item.key.isWithin(key) else { return }
    if let end, !(item.key < end) { return }
    guard case .range(let range) = try CatalogReader.decode(item) else {
      throw ReplayError(
        .damaged, what: "cannot read rows", why: "something else than rows lies among them",
        next: "run 'lifeboat check --read-data', or choose another snapshot")
    }
    peeked = (item.key, range)
  }
}
