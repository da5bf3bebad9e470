// Asks work to end, from any thread, once and for good.

import Synchronization

/// A request to stop that the work looks at when it is safe to.
package final class StopToken: Sendable {  // a class: asker and worker share it
  private struct State {
    var isRequested = false
    var actions: [@Sendable () -> Void] = []
  }

  private let state = Mutex(State())

  package init() {}

  /// Whether the work should end at its next safe point.
  package var isRequested: Bool { state.withLock { $0.isRequested } }

  /// Asks the work to end; safe to repeat.
  ///
  /// Runs the actions on the calling thread, so it must not be called from inside a signal handler.
  package func request() {
    let actions = state.withLock { state in
      state.isRequested = true
      defer { state.actions = [] }
      return state.actions
    }
    for action in actions { action() }
  }

  /// Calls `action` once when the request comes, at once if it came already: to pass it on to work
  /// that has a token of another kind.
  package func onRequest(_ action: @escaping @Sendable () -> Void) {
    let isLate = state.withLock { state in
      if !state.isRequested { state.actions.append(action) }
      return state.isRequested
    }
    if isLate { action() }
  }
}
