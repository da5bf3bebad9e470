// Reading a catalog: one key, a subtree in order, or a cursor that merges with a walk.

package import Format
import Synchronization

/// The catalog of one snapshot.
package final class CatalogReader {
  let reader: BlobReader
  let decoder: ChunkDecoder
  package let root: BlobID

  /// - Throws: ``RepositoryError`` if the root's id is malformed.
  package init(_ reader: BlobReader, root: CatalogRoot) throws {
    guard let id = BlobID(hex: root.root) else {
      throw RepositoryError.damaged("snapshot", .invalid("catalog root"))
    }
    self.reader = reader
    self.root = id
    decoder = try ChunkDecoder()
  }

  /// The node `id`, which must be on `level` if one is given.
  func node(_ id: BlobID, level: Int?) throws -> CatalogNode {
    var bytes: [UInt8] = []
    try reader.load(id, into: &bytes, using: decoder)
    do {
      let node = try CatalogNode(bytes)
      if let level, node.level != level { throw FormatError.invalid("catalog level") }
      return node
    } catch let error as FormatError {
      throw RepositoryError.damaged("catalog node \(id)", error)
    }
  }

  /// The entry under exactly `key`, or nil.
  ///
  /// Reads one node a level.
  package func entry(_ key: CatalogKey) throws -> CatalogEntry? {
    let cursor = CatalogCursor(self)
    try cursor.seek(to: key)
    guard let item = try cursor.next(), item.key == key else { return nil }
    return try Self.decode(item)
  }

  /// Calls `body` with each entry at or beneath `key`, in order.
  package func forEach(
    within key: CatalogKey, _ body: (CatalogKey, CatalogEntry) throws -> Void
  ) throws {
    let cursor = CatalogCursor(self)
    try cursor.seek(to: key)
    while let item = try cursor.next(), item.key.isWithin(key) {
      try body(item.key, try Self.decode(item))
    }
  }

  /// Calls `body` with every entry, in order.
  package func forEach(_ body: (CatalogKey, CatalogEntry) throws -> Void) throws {
    let cursor = CatalogCursor(self)
    while let item = try cursor.next() { try body(item.key, try Self.decode(item)) }
  }

  /// Parses an item's value.
  package static func decode(_ item: CatalogItem) throws -> CatalogEntry {
    do { return try CatalogEntry(item.value) } catch {
      throw RepositoryError.damaged("a catalog entry", error)
    }
  }
}

extension CatalogNode {
  /// 0 for a leaf.
  package var level: Int {
    switch self {
    case .leaf: 0
    case .inner(let level, _): Int(level)
    }
  }
}

/// A position in a catalog that moves forward in key order; holds one node a level.
package final class CatalogCursor {
  private struct Step {
    var id: BlobID
    var children: [CatalogChild]
    var next: Int
    var level: Int
  }
  private let catalog: CatalogReader
  private var path: [Step] = []
  private var leaf: [CatalogItem] = []
  private var nextItem = 0
  private var started = false

  /// A cursor before the first entry.
  package init(_ catalog: CatalogReader) { self.catalog = catalog }

  /// Moves so that ``next()`` returns the first entry at or after `key`, forward or back.
  package func seek(to key: CatalogKey) throws {
    started = true
    path = []
    leaf = []
    nextItem = 0
    var id = catalog.root
    var level: Int?
    while true {
      switch try catalog.node(id, level: level) {
      case .leaf(let items):
        leaf = items
        var low = 0
        var high = items.count
        while low < high {
          let middle = (low + high) / 2
          if items[middle].key < key { low = middle + 1 } else { high = middle }
        }
        nextItem = low
        return
      case .inner(let nodeLevel, let children):
        // The last child whose first key is not after `key`; the first if all are.
        var low = 0
        var high = children.count
        while low < high {
          let middle = (low + high) / 2
          if key < children[middle].firstKey { high = middle } else { low = middle + 1 }
        }
        let chosen = max(0, low - 1)
        path.append(
          Step(id: id, children: children, next: chosen + 1, level: Int(nodeLevel)))
        id = children[chosen].id
        level = Int(nodeLevel) - 1
      }
    }
  }

  /// The next entry, undecoded, or nil at the end.
  package func next() throws -> CatalogItem? {
    if !started {
      started = true
      try descend(catalog.root, level: nil)
    }
    while true {
      if nextItem < leaf.count {
        defer { nextItem += 1 }
        return leaf[nextItem]
      }
      guard try advance() else { return nil }
    }
  }

  /// The subtrees that begin exactly here, outermost first: what ``skip(_:)`` can leave out.
  ///
  /// Empty unless the next entry is the first of a node.
  package func subtreesHere() throws -> [BlobID] {
    if !started {
      started = true
      try descend(catalog.root, level: nil)
    }
    while nextItem == leaf.count { guard try advance() else { return [] } }
    guard nextItem == 0 else { return [] }
    var ids: [BlobID] = []
    for step in path.reversed() {
      guard step.next > 0 else { break }
      ids.insert(step.children[step.next - 1].id, at: 0)
      if step.next != 1 { return ids }
    }
    return [catalog.root] + ids
  }

  /// Leaves out the subtree `id`, one of ``subtreesHere()``.
  package func skip(_ id: BlobID) {
    if id == catalog.root {
      path = []
      leaf = []
      nextItem = 0
      return
    }
    while let step = path.last {
      leaf = []
      nextItem = 0
      if step.next > 0, step.children[step.next - 1].id == id { return }
      path.removeLast()
    }
  }

  private func advance() throws -> Bool {
    leaf = []
    nextItem = 0
    while var step = path.popLast() {
      guard step.next < step.children.count else { continue }
      let child = step.children[step.next].id
      step.next += 1
      path.append(step)
      try descend(child, level: step.level - 1)
      return true
    }
    return false
  }

  private func descend(_ id: BlobID, level: Int?) throws {
    var id = id
    var level = level
    while true {
      switch try catalog.node(id, level: level) {
      case .leaf(let items):
        leaf = items
        nextItem = 0
        return
      case .inner(let nodeLevel, let children):
        path.append(Step(id: id, children: children, next: 1, level: Int(nodeLevel)))
        guard let first = children.first else { return }
        id = first.id
        level = Int(nodeLevel) - 1
      }
    }
  }
}
