// The entries of a directory tree in the order of catalog keys.

import Files
import Format

/// An entry of a tree that exists.
struct TreeItem: Sendable {
  let key: CatalogKey
  let status: FileStatus
  /// Where it lies; nil for the root.
  let place: (directory: SharedDirectory, name: FileName)?
  /// It itself, opened, if it is a directory.
  let opened: SharedDirectory?
}

/// Walks a tree, into directories only if asked to; for one thread at a time.
struct TreeWalk {
  private struct Level {
    var key: CatalogKey
    var listing: DirectoryListing
    var next = 0
  }
  private var chain: DirectoryChain
  private var levels: [Level] = []
  private var root: TreeItem?

  init(root: SharedDirectory, key: CatalogKey) {
    chain = DirectoryChain(root: root)
    self.root = TreeItem(key: key, status: root.status, place: nil, opened: root)
  }

  /// The next entry; nil after the last.
  ///
  /// - Throws: ``SystemError``; the tree is not to be changed while it is walked.
  mutating func next() throws(SystemError) -> TreeItem? {
    if let item = root {
      root = nil
      return item
    }
    while let level = levels.last, let directory = chain.current {
      guard level.next < level.listing.count else {
        levels.removeLast()
        if !levels.isEmpty { try chain.leave() }
        continue
      }
      levels[levels.count - 1].next += 1
      let name = level.listing[level.next].name
      guard let status = try directory.descriptor.statusIfAny(of: name) else { continue }
      let opened =
        status.kind == .directory
        ? try SharedDirectory(directory.descriptor.open(beneath: name, .directory)) : nil
      return TreeItem(
        key: level.key.appending(name.bytes), status: status, place: (directory, name),
        opened: opened)
    }
    return nil
  }

  /// Goes into a directory that ``next()`` gave last; its entries come next.
  mutating func enter(_ item: TreeItem) throws(SystemError) {
    guard let directory = item.opened else { return }
    let listing = try directory.descriptor.sortedEntries()
    if let place = item.place { chain.enter(directory, name: place.name.bytes) }
    levels.append(Level(key: item.key, listing: listing))
  }
}
