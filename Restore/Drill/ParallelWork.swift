// Threads that compare, each with a session and a decoder of its own.

import Format
import Repository
import Synchronization
import Workers

/// Runs `count` threads until `next` has no more items or one of them fails.
///
/// - Parameters:
///   - count: how many threads, at least one.
///   - cancellation: asked before each item.
///   - next: called from all threads at once.
///   - makeWorker: called once on each thread; what it returns is called there for each item, and may hold
///     what belongs to one thread.
/// - Throws: the first error of any of them, after every thread has ended; ``Cancelled``.
func onThreads<Item: Sendable>(
  _ count: Int, cancellation: Cancellation, next: @escaping @Sendable () throws -> Item?,
  makeWorker: @escaping @Sendable (Int) throws -> (Item) throws -> Void
) throws {
  let failure = Mutex<(any Error)?>(nil)
  let group = ThreadGroup()
  for number in 0..<max(count, 1) {
    group.start(name: "drill \(number)") {
      do {
        let work = try makeWorker(number)
        while failure.withLock({ $0 == nil }) {
          try cancellation.check()
          guard let item = try next() else { break }
          try work(item)
        }
      } catch {
        failure.withLock { $0 = $0 ?? error }
      }
    }
  }
  group.wait()
  if let failure = failure.withLock({ $0 }) { throw failure }
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

/// A number that several threads add to.
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

  init(_ repository: Repository, _ root: CatalogRoot, within key: CatalogKey) throws {
    let cursor = CatalogCursor(try CatalogReader(repository.makeReader(), root: root))
    try cursor.seek(to: key)
    self.cursor = Mutex(cursor)
    self.key = key
  }

  /// The next entry at or beneath the key; nil at the end.
  func next() throws -> (key: CatalogKey, entry: CatalogEntry)? {
    let key = self.key
    return try cursor.withLock { cursor in
      guard let item = try cursor.next(), item.key.isWithin(key) else { return nil }
      return (item.key, try CatalogReader.decode(item))
    }
  }
}
