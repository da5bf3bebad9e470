// Small shared boxes for orderedParallel: what is still to do, what was found.

import Synchronization

/// Hands out items one at a time.
final class Pending<Item: Sendable>: Sendable {
  private let items: Mutex<ArraySlice<Item>>

  init(_ items: [Item]) { self.items = Mutex(items[...]) }

  func next() -> Item? { items.withLock { $0.popFirst() } }
}

/// Findings of a check, collected in order.
final class Collected: Sendable {
  private let state = Mutex<(findings: [CheckReport.Finding], byteCount: UInt64)>(([], 0))

  func add(_ findings: [CheckReport.Finding], byteCount: UInt64) {
    state.withLock {
      $0.findings += findings
      $0.byteCount += byteCount
    }
  }

  var findings: [CheckReport.Finding] { state.withLock { $0.findings } }
  var byteCount: UInt64 { state.withLock { $0.byteCount } }
}
