// How the world outside speaks to a running scheduler: stop, reload, and "a job has ended".

import Configuration
import Dispatch
package import Foundation
import Synchronization

/// The flags of one scheduler; set from any thread, but not from inside a signal handler.
package final class SchedulerControl: Sendable {  // a class: the loop and its callers share it
  private struct State {
    var isStopping = false
    var wantsReload = false
    var ended: [EndedRun] = []
  }

  private let state = Mutex(State())
  private let changed = DispatchSemaphore(value: 0)

  package init() {}

  /// Ends the loop after its running jobs were asked to stop and have ended; safe to repeat.
  package func stop() {
    state.withLock { $0.isStopping = true }
    changed.signal()
  }

  /// Reads the configuration again at the loop's next turn; running jobs go on as they are.
  package func reload() {
    state.withLock { $0.wantsReload = true }
    changed.signal()
  }

  package var isStopping: Bool { state.withLock { $0.isStopping } }

  /// Waits until something is said or the wall clock reaches `deadline`; may return early.
  package func wait(until deadline: Date?) {
    guard let deadline else { return changed.wait() }
    let seconds = min(max(deadline.timeIntervalSinceNow, 0), 3_600)
    _ = changed.wait(wallTimeout: .now() + seconds)
  }

  func takeReload() -> Bool {
    state.withLock { state in
      defer { state.wantsReload = false }
      return state.wantsReload
    }
  }

  func jobEnded(_ run: EndedRun) {
    state.withLock { $0.ended.append(run) }
    changed.signal()
  }

  func takeEnded() -> [EndedRun] {
    state.withLock { state in
      defer { state.ended = [] }
      return state.ended
    }
  }
}

/// A run that is over, and how.
struct EndedRun: Sendable {
  var kind: JobKind
  /// What the job threw, in words; `nil` when it was done.
  var failure: String?
}
