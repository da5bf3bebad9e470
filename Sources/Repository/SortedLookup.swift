// Looking up many keys that come in order, reading each leaf of the catalog once.

package import Format

/// Finds entries by keys that ascend.
///
/// Memory: one node a level.
package final class SortedLookup {
  private let cursor: CatalogCursor
  /// The first entry at or after ``last``.
  private var current: CatalogItem?
  private var last: CatalogKey?

  /// More steps forward than this cost more than a descent from the root: about a leaf's entries.
  private static let stepLimit = 400

  package init(_ catalog: CatalogReader) { cursor = CatalogCursor(catalog) }

  /// The entry under `key`, or nil; a key before the one asked for last costs a descent.
  package func entry(_ key: CatalogKey) throws -> CatalogEntry? {
    var isFar = last.map { key < $0 } ?? true
    var steps = 0
    while !isFar, let item = current, item.key < key {
      current = try cursor.next()
      steps += 1
      isFar = steps == Self.stepLimit
    }
    if isFar {
      try cursor.seek(to: key)
      current = try cursor.next()
    }
    last = key
    guard let item = current, item.key == key else { return nil }
    return try CatalogReader.decode(item)
  }
}
