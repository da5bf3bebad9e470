// Catalog and tree side by side, in key order.

import Files
import Format
import Repository

/// What the catalog and the tree have under one key; one of them may be nil.
struct ComparisonPair: Sendable {
  let key: CatalogKey
  let expected: CatalogEntry?
  let actual: TreeItem?
}

/// Merges catalog and tree in key order; for one thread at a time.
final class ComparisonMerge: @unchecked Sendable {  // orderedParallel: one at a time
  private let catalog: CatalogReader
  private let cursor: CatalogCursor
  private let selection: MediaSelection
  private let source: CatalogKey
  private var tree: TreeWalk
  private var started = false
  private var item: CatalogItem?
  private var actual: TreeItem?
  /// A directory that only the catalog has: what lies in it need not be told.
  private var missing: CatalogKey?

  private static let batchCount = 64
  private static let batchBytes: UInt64 = 4 << 20
  private static let batchDirectories = 8

  init(
    _ catalog: CatalogReader, source: CatalogKey, selection: MediaSelection, root: SharedDirectory
  ) {
    self.catalog = catalog
    self.selection = selection
    cursor = CatalogCursor(catalog)
    self.source = source
    tree = TreeWalk(root: root, key: source)
  }

  func nextBatch() throws -> [ComparisonPair]? {
    if !started {
      started = true
      try cursor.seek(to: source)
      try advanceCatalog()
      actual = try tree.next()
    }
    var batch: [ComparisonPair] = []
    var byteCount: UInt64 = 0
    var directories = 0
    while batch.count < Self.batchCount, byteCount < Self.batchBytes,
      directories < Self.batchDirectories, let pair = try next()
    {
      batch.append(pair)
      // Each stays open until it is compared.
      if pair.actual?.opened != nil { directories += 1 }
      byteCount &+= pair.expected?.content?.byteCount ?? 0
    }
    return batch.isEmpty ? nil : batch
  }

  private func advanceCatalog() throws {
    item = try cursor.next()
    if item?.key.isWithin(source) != true { item = nil }
  }

  private func next() throws -> ComparisonPair? {
    while true {
      if let item, selection.relation(of: item.key) == .outside {
        try advanceCatalog()
        continue
      }
      if let actual, selection.relation(of: actual.key) == .outside {
        self.actual = try tree.next()
        continue
      }
      if let item, let missing, item.key.isWithin(missing) {
        try advanceCatalog()
        continue
      }
      switch (item, actual) {
      case (nil, nil): return nil
      case (let expected?, let found?) where expected.key == found.key:
        let entry = try self.entry(expected)
        var isEntered = false
        if case .directory = entry {
          try tree.enter(found)
          isEntered = found.opened != nil
          if !isEntered { missing = expected.key }
        }
        try advanceCatalog()
        actual = try tree.next()
        if isEntered, selection.relation(of: expected.key) == .above { continue }
        return ComparisonPair(key: expected.key, expected: entry, actual: found)
      case (let expected?, let found) where found.map({ expected.key < $0.key }) ?? true:
        missing = expected.key
        let entry = try self.entry(expected)
        try advanceCatalog()
        return ComparisonPair(key: expected.key, expected: entry, actual: nil)
      case (_, let found?):
        actual = try tree.next()
        return ComparisonPair(key: found.key, expected: nil, actual: found)
      default: return nil
      }
    }
  }

  /// The entry; of a hard link to what is not meant, that of its target, for it stands alone.
  private func entry(_ item: CatalogItem) throws -> CatalogEntry {
    let entry = try CatalogReader.decode(item)
    guard case .hardLink(let target) = entry, selection.relation(of: target) != .inside else {
      return entry
    }
    return try catalog.entry(target) ?? entry
  }
}
