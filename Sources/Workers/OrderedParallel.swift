// Leader/follower workers: each takes the next item itself, and results leave in the order taken.

import Foundation
import Synchronization

/// What the workers of one run share.
private final class Gate<Item: Sendable, Output: Sendable>: Sendable {
  struct State {
    var nextTicket = 0
    var nextDelivery = 0
    var exhausted = false
    var waiting: [Int: Output] = [:]
    var failure: (any Error)?
    var delivering = false
  }
  let state = Mutex(State())
  // Followers that are too far ahead of delivery wait here; a condition cannot pair with Mutex.
  let condition = NSCondition()

  func isFull(_ window: Int) -> Bool {
    state.withLock { $0.failure == nil && $0.nextTicket - $0.nextDelivery >= window }
  }
}

/// Runs `work` on `workers` threads and hands each result to `deliver` in the order of `next`.
///
/// `next` and `deliver` are each called by one thread at a time (never both by none: whoever is
/// free), so they need no locking of their own. At most `window` items (or one a worker, if that is
/// more) are between `next` and `deliver`, which bounds memory. The first error of any of the three stops all and is rethrown
/// after every thread has ended; items already delivered stay delivered.
///
/// - Parameter work: called with the item and the number of its worker, 0..<workers.
package func orderedParallel<Item: Sendable, Output: Sendable>(
  workers: Int, window: Int, cancellation: Cancellation,
  next: @escaping @Sendable () throws -> Item?,
  work: @escaping @Sendable (Item, Int) throws -> Output,
  deliver: @escaping @Sendable (Output) throws -> Void
) throws {
  let gate = Gate<Item, Output>()
  let workers = max(workers, 1)
  let window = max(window, workers)

  @Sendable func fail(_ error: any Error) {
    gate.state.withLock { if $0.failure == nil { $0.failure = error } }
    gate.condition.lock()
    gate.condition.broadcast()
    gate.condition.unlock()
  }

  /// Takes the next ticket and item under one lock, so that tickets follow the source's order.
  let source = Mutex(())
  @Sendable func take() throws -> (Int, Item)? {
    // The wait is inside the lock, or all who waited would take an item at once. Who delivers does
    // not need it.
    try source.withLock { _ in
      gate.condition.lock()
      while gate.isFull(window) { gate.condition.wait() }
      gate.condition.unlock()
      let stop = gate.state.withLock { $0.failure != nil || $0.exhausted }
      if stop { return nil }
      try cancellation.check()
      guard let item = try next() else {
        gate.state.withLock { $0.exhausted = true }
        return nil
      }
      let ticket = gate.state.withLock { state in
        defer { state.nextTicket += 1 }
        return state.nextTicket
      }
      return (ticket, item)
    }
  }

  /// Delivers all that is ready; only one thread at a time does, others leave theirs to it.
  @Sendable func settle(_ ticket: Int, _ output: Output) throws {
    let mine = gate.state.withLock { state in
      state.waiting[ticket] = output
      if state.delivering { return false }
      state.delivering = true
      return true
    }
    guard mine else { return }
    while true {
      let ready = gate.state.withLock { state -> Output? in
        guard state.failure == nil,
          let output = state.waiting.removeValue(forKey: state.nextDelivery)
        else {
          state.delivering = false
          return nil
        }
        return output
      }
      guard let ready else { return }
      try deliver(ready)
      gate.state.withLock { $0.nextDelivery += 1 }
      gate.condition.lock()
      gate.condition.broadcast()
      gate.condition.unlock()
    }
  }

  let group = ThreadGroup()
  for number in 0..<workers {
    group.start(name: "worker \(number)") {
      do {
        while let (ticket, item) = try take() {
          try settle(ticket, try work(item, number))
        }
      } catch {
        fail(error)
      }
    }
  }
  group.wait()
  if let failure = gate.state.withLock({ $0.failure }) { throw failure }
}
