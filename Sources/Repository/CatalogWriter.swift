// Building a catalog: entries arrive in key order, nodes leave as metadata blobs.

package import Format

/// Builds the tree of one snapshot from its leaves up, with one open node a level in memory.
package struct CatalogWriter {
  private let writer: BlobWriter
  private let keys: RoleKeys
  private let encoder: ChunkEncoder
  private var levels: [CatalogNodeBuilder]
  private var last: CatalogKey?

  package init(_ writer: BlobWriter, keys: RoleKeys) throws {
    self.writer = writer
    self.keys = keys
    encoder = try ChunkEncoder()
    levels = [CatalogNodeBuilder(level: 0, boundaryKey: keys.boundaryKey)]
  }

  /// Adds an entry.
  ///
  /// - Throws: ``RepositoryError`` (a bug) unless `key` comes after every key before it.
  package mutating func append(_ key: CatalogKey, _ entry: CatalogEntry) throws {
    if let last, !(last < key) {
      throw RepositoryError(
        .internalFailure, what: "cannot write the catalog",
        why: "entries came out of order", next: "report this as a bug")
    }
    last = key
    if levels[0].append(key, value: entry.encoded) { try end(level: 0) }
  }

  /// Stores what is open and returns the root.
  package mutating func finish() throws -> CatalogRoot {
    let total = levels.reduce(UInt64(0)) { $0 + $1.entryCount }
    var level = 0
    while true {
      let isTop = level == levels.count - 1
      if isTop, level > 0, levels[level].count == 1, let only = onlyChild {
        return CatalogRoot(root: only.id.hex, entryCount: total)
      }
      if isTop {
        let bytes = levels[level].finish()
        let root = try writer.store(bytes.span, class: .metadata, using: encoder)
        return CatalogRoot(root: root.id.hex, entryCount: total)
      }
      if levels[level].count > 0 { try end(level: level) }
      level += 1
    }
  }

  /// The last child that was handed up: the root, if it is alone on the top level.
  private var onlyChild: CatalogChild?

  private mutating func end(level: Int) throws {
    guard let firstKey = levels[level].firstKey else { return }
    let entryCount = levels[level].entryCount
    let bytes = levels[level].finish()
    let reference = try writer.store(bytes.span, class: .metadata, using: encoder)
    let child = CatalogChild(firstKey: firstKey, id: reference.id, entryCount: entryCount)
    if level + 1 == levels.count {
      levels.append(CatalogNodeBuilder(level: UInt8(level + 1), boundaryKey: keys.boundaryKey))
    }
    onlyChild = child
    if levels[level + 1].append(child) { try end(level: level + 1) }
  }
}
