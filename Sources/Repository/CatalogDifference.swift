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
    var a: CatalogItem?
    var b: CatalogItem?
    while true {
      if a == nil && b == nil { try skipCommon(left, right) }
      if a == nil { a = try left.next() }
      if b == nil { b = try right.next() }
      switch (a, b) {
      case (nil, nil): return
      case (let item?, nil):
        try body(
          CatalogChange(
            kind: .removed, key: item.key, old: try CatalogReader.decode(item), new: nil))
        a = nil
      case (nil, let item?):
        try body(
          CatalogChange(
            kind: .added, key: item.key, old: nil, new: try CatalogReader.decode(item)))
        b = nil
      case (let x?, let y?):
        if x.key == y.key {
          if x.value != y.value {
            try body(
              CatalogChange(
                kind: .changed, key: x.key, old: try CatalogReader.decode(x),
                new: try CatalogReader.decode(y)))
          }
          a = nil
          b = nil
        } else if x.key < y.key {
          try body(
            CatalogChange(
              kind: .removed, key: x.key, old: try CatalogReader.decode(x), new: nil))
          a = nil
        } else {
          try body(
            CatalogChange(
              kind: .added, key: y.key, old: nil, new: try CatalogReader.decode(y)))
          b = nil
        }
      }
    }
  }

  /// Skips subtrees that both cursors are at the beginning of.
  private static func skipCommon(_ left: CatalogCursor, _ right: CatalogCursor) throws {
    while true {
      let theirs = Set(try right.subtreesHere())
      guard let common = try left.subtreesHere().first(where: { theirs.contains($0) }) else {
        return
      }
      left.skip(common)
      right.skip(common)
    }
  }
}
