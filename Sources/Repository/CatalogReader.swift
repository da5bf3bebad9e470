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
///
/// A node is read when its content is asked for, not when the position comes to it: so a subtree that
/// is skipped costs nothing.
package final class CatalogCursor {
  private struct Step {
    var children: [CatalogChild]
    /// The child after the one that the position is in or before.
    var next: Int
    var level: Int
  }
  /// A node that the position is before, and that was not read.
  private struct Unread {
    var id: BlobID
    /// Nil for the root, whose level and first key only itself knows.
    var level: Int?
    var firstKey: CatalogKey?
  }
  private let catalog: CatalogReader
  private var path: [Step] = []
  private var unread: Unread?
  private var leaf: [CatalogItem] = []
  private var nextItem = 0

  /// A cursor before the first entry.
  package init(_ catalog: CatalogReader) {
    self.catalog = catalog
    unread = Unread(id: catalog.root)
  }

  /// Moves so that ``next()`` returns the first entry at or after `key`, forward or back.
  package func seek(to key: CatalogKey) throws {
    path = []
    leaf = []
    nextItem = 0
    unread = nil
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
        path.append(Step(children: children, next: chosen + 1, level: Int(nodeLevel)))
        id = children[chosen].id
        level = Int(nodeLevel) - 1
      }
    }
  }

  /// The next entry, undecoded, or nil at the end.
  package func next() throws -> CatalogItem? {
    while true {
      if nextItem < leaf.count {
        defer { nextItem += 1 }
        return leaf[nextItem]
      }
      guard moveOn() else { return nil }
      try descend()
    }
  }

  /// The key of the next entry, or nil at the end.
  package func nextKey() throws -> CatalogKey? {
    while nextItem == leaf.count {
      guard moveOn() else { return nil }
      if let key = unread?.firstKey { return key }
      try descend()
    }
    return leaf[nextItem].key
  }

  /// The level of the node that the next entry is in and that was not read; nil if it was.
  package var unreadLevel: Int? { unread.map { $0.level ?? Int(CatalogNode.maximumLevel) } }

  /// Reads the unread node, if there is one: one level down.
  package func descend() throws {
    guard let node = unread else { return }
    unread = nil
    switch try catalog.node(node.id, level: node.level) {
    case .leaf(let items):
      leaf = items
      nextItem = 0
    case .inner(let level, let children):
      path.append(Step(children: children, next: 1, level: Int(level)))
      if let first = children.first {
        unread = Unread(id: first.id, level: Int(level) - 1, firstKey: first.firstKey)
      }
    }
  }

  /// The subtrees that begin exactly here, outermost first: what ``skip(_:)`` can leave out.
  ///
  /// Empty unless the next entry is the first of a node.
  package func subtreesHere() -> [BlobID] {
    if nextItem == leaf.count { guard moveOn() else { return [] } }
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
    leaf = []
    nextItem = 0
    unread = nil
    while let step = path.last {
      if step.next > 0, step.children[step.next - 1].id == id { return }
      path.removeLast()
    }
  }

  /// Makes the next node the unread one, if the leaf is used up; false at the end.
  private func moveOn() -> Bool {
    if unread != nil { return true }
    leaf = []
    nextItem = 0
    while var step = path.popLast() {
      guard step.next < step.children.count else { continue }
      let child = step.children[step.next]
      step.next += 1
      path.append(step)
      unread = Unread(id: child.id, level: step.level - 1, firstKey: child.firstKey)
      return true
    }
    return false
  }
}
