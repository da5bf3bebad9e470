// Threads of our own for blocking work, and a way to wait for them.

import Foundation

/// Starts threads and waits for all of them.
///
/// Blocking C calls (libpq, file reads, fsync) must not run on the cooperative pool, which has one
/// thread a core; so bytes move on threads started here. Stacks are 1 MiB.
package final class ThreadGroup: Sendable {
  private let group = DispatchGroup()

  package init() {}

  /// Runs `body` on a new thread.
  package func start(name: String, _ body: @escaping @Sendable () -> Void) {
    group.enter()
    let thread = Thread { [group] in
      body()
      group.leave()
    }
    thread.name = name
    thread.stackSize = 1 << 20
    thread.start()
  }

  /// Returns when every started body has returned.
  package func wait() { group.wait() }
}
