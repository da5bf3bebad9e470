// Owns a second thread for tests in which one session acts on another.

import Dispatch
import FoundationEssentials
import Synchronization

/// Runs `work` on a thread of its own; `join` waits for it and rethrows its error.
final class WatchThread: Sendable {
  private let outcome = Mutex<(any Error)?>(nil)
  private let done = DispatchSemaphore(value: 0)

  init(_ work: @escaping @Sendable () throws -> Void) throws {
    // A queue of its own, so that a busy global pool cannot keep it waiting.
    DispatchQueue(label: "watch", target: nil).async { [self] in
      do { try work() } catch { outcome.withLock { $0 = error } }
      done.signal()
    }
  }

  func join() throws {
    done.wait()
    if let error = outcome.withLock({ $0 }) { throw error }
  }
}
