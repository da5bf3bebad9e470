// Ctrl-C and SIGTERM ask the work to stop at its next safe point; a second one ends the process.

import Dispatch
import Files
import Foundation
import Synchronization
import Workers

extension Cancellation {
  /// The cancellation that signals set.
  static let process = Cancellation()
}

/// Watches signals on a queue of its own.
final class ProcessSignals: Sendable {
  static let shared = ProcessSignals()

  private let queue = DispatchQueue(label: "signals")
  private let sources = Mutex<[SendableSource]>([])
  private let handlers = Mutex<[Int32: [@Sendable () -> Void]]>([:])
  private let count = Mutex(0)

  /// A dispatch source is thread-safe; the library does not say so yet.
  private struct SendableSource: @unchecked Sendable {
    let source: any DispatchSourceSignal
  }

  /// Takes SIGINT and SIGTERM for ``Cancellation/process``.
  func watchStops() {
    for number in [SIGINT, SIGTERM] {
      on(number) { [self] in
        Cancellation.process.cancel()
        let times = count.withLock { value in
          value += 1
          return value
        }
        if times == 1 {
          Terminal.shared.say("stopping at the next safe point; again to stop at once")
        } else {
          Foundation.exit(ExitStatus.interrupted.rawValue)
        }
      }
    }
  }

  /// Calls `handler` on a queue each time `number` arrives.
  func on(_ number: Int32, _ handler: @escaping @Sendable () -> Void) {
    let isFirst = handlers.withLock { handlers in
      handlers[number, default: []].append(handler)
      return handlers[number]?.count == 1
    }
    guard isFirst else { return }
    Signals.take(number)
    let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
    source.setEventHandler { [self] in
      for handler in handlers.withLock({ $0[number] ?? [] }) { handler() }
    }
    source.resume()
    sources.withLock { $0.append(SendableSource(source: source)) }
  }
}
