// A request to stop, checked at safe points.

import Synchronization

/// Thrown where work stops because it was asked to.
package struct Cancelled: Error, CustomStringConvertible {
  package init() {}
  package var description: String { "stopped on request" }
}

/// Set once by a signal handler or a failing worker, read by everything that loops.
package final class Cancellation: Sendable {
  private let flag = Atomic<Bool>(false)

  package init() {}

  /// Asks the work to stop at its next safe point; never undone.
  package func cancel() { flag.store(true, ordering: .sequentiallyConsistent) }

  /// Whether ``cancel()`` was called.
  package var isCancelled: Bool { flag.load(ordering: .relaxed) }

  /// - Throws: ``Cancelled`` once ``cancel()`` was called.
  package func check() throws(Cancelled) { if isCancelled { throw Cancelled() } }
}
