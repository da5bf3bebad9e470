// What differs between two catalogs, in time proportional to the difference.

package import Format

/// One key that is not the same in two snapshots.
package struct CatalogChange: Sendable {
  package enum Kind: String, Sendable { case added, removed, changed }
  package var kind: Kind
  package var key: CatalogKey
  package var old: CatalogEntry?
  package var new: CatalogEntry?
}

package enum CatalogDifference {
  /// Calls `body` with each change from `old` to `new`, in key order.
  ///
  /// Equal subtrees are skipped whole by their ids.
  package static func forEach(
    from old: CatalogReader, to new: CatalogReader, _ body: (CatalogChange) throws -> Void
  ) throws {
    let left = CatalogCursor(old)
    let right = CatalogCursor(new)
    while true {
      skipCommon(left, right)
      let (a, b) = (try left.nextKey(), try right.nextKey())
      if a == nil && b == nil { return }
      // Only the smaller key's node is read: the other may turn out to be common.
      let isLeft = b.map { theirs in a.map { $0 <= theirs } ?? false } ?? true
      let isRight = a.map { ours in b.map { $0 <= ours } ?? false } ?? true
      let levels = (isLeft ? left.unreadLevel : nil, isRight ? right.unreadLevel : nil)
      guard levels.0 == nil && levels.1 == nil else {
        // The higher of two first, or both, so that they meet on equal levels.
        if (levels.0 ?? -1) >= (levels.1 ?? -1) { try left.descend() }
        if (levels.1 ?? -1) >= (levels.0 ?? -1) { try right.descend() }
        continue
      }
      let x = isLeft ? try left.next() : nil
      let y = isRight ? try right.next() : nil
      guard let key = x?.key ?? y?.key, x?.value != y?.value else { continue }
      try body(
        CatalogChange(
          kind: x == nil ? .added : y == nil ? .removed : .changed, key: key,
          old: try x.map { try CatalogReader.decode($0) },
          new: try y.map { try CatalogReader.decode($0) }))
    }
  }

  /// Skips subtrees that both cursors are at the beginning of; reads nothing.
  private static func skipCommon(_ left: CatalogCursor, _ right: CatalogCursor) {
    while true {
      let theirs = Set(right.subtreesHere())
      guard let common = left.subtreesHere().first(where: { theirs.contains($0) }) else { return }
      left.skip(common)
      right.skip(common)
    }
  }
}
