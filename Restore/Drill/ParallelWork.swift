// Threads that compare, each with a session and a decoder of its own.

import Format
import Repository
import Synchronization
import Workers

/// A decoder that one worker uses at a time.
final class OwnedDecoder: Sendable {
  private let decoder: Mutex<ChunkDecoder>

  init() throws { decoder = Mutex(try ChunkDecoder()) }

  func with<Value>(_ body: (ChunkDecoder) throws -> Value) rethrows -> Value {
    try decoder.withLock { try body($0) }
  }
}

/// Lines that several threads find; kept in order, at most 1,000, but all counted.
final class DifferenceList: Sendable {
  private let state = Mutex<(lines: [String], count: Int)>(([], 0))

  func add(_ line: String) {
    state.withLock {
      $0.count += 1
      if $0.lines.count < 1000 { $0.lines.append(line) }
    }
  }

  var count: Int { state.withLock { $0.count } }
  var lines: [String] { state.withLock { $0.lines.sorted() } }
}

/// Numbers that several threads add to.
final class Tally: Sendable {
  private let value = Atomic<UInt64>(0)
  func add(_ amount: UInt64 = 1) { value.wrappingAdd(amount, ordering: .relaxed) }
  var total: UInt64 { value.load(ordering: .relaxed) }
}

/// Hands out the items of an array, one at a time.
final class WorkList<Item: Sendable>: Sendable {
  private let items: Mutex<ArraySlice<Item>>
  init(_ items: [Item]) { self.items = Mutex(items[...]) }
  func next() -> Item? { items.withLock { $0.popFirst() } }
}

/// Walks the entries under a key for several threads.
final class SharedCursor: Sendable {
  private let cursor: Mutex<CatalogCursor>
  private let key: CatalogKey

  init(_ makeCatalog: () throws -> sending CatalogReader, within key: CatalogKey) throws {
    let cursor = CatalogCursor(try makeCatalog())
    try cursor.seek(to: key)
    self.cursor = Mutex(cursor)
    self.key = key
  }

  /// The next entry at or beneath the key; nil at the end.
  func next() throws -> (key: CatalogKey, entry: CatalogEntry)? {
    try cursor.withLock { cursor in
      guard let item = try cursor.next(), item.key.isWithin(key) else { return nil }
      return (item.key, try CatalogReader.decode(item))
    }
  }
}
