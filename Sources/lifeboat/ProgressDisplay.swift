// Progress of long work: phase, bytes, rate, time left; drawn on a terminal, a line now and then elsewhere.

import Files
import Foundation
import Synchronization
import Workers

/// Shows a ``Workers/Progress`` from a thread of its own once the work takes over two seconds.
final class ProgressDisplay: Sendable {
  private let progress: Workers.Progress
  private let ended = Mutex(false)
  private let wake = NSCondition()
  private let threads = ThreadGroup()
  private let isLine: Bool

  /// Starts showing, unless the session is quiet.
  init(_ session: Session) {
    progress = session.progress
    isLine = StandardStream.error.isTerminal
    guard !session.options.quiet else { return }
    let messages = session.messages
    threads.start(name: "progress") { [self] in loop(messages) }
  }

  /// Stops showing; safe to repeat.
  func end() {
    ended.withLock { $0 = true }
    wake.lock()
    wake.broadcast()
    wake.unlock()
    threads.wait()
    Terminal.shared.endProgress()
  }

  deinit { ended.withLock { $0 = true } }

  private func loop(_ messages: Messages) {
    let start = Date()
    var phase = ""
    var phaseStart = start
    var lastLine = start
    while !ended.withLock({ $0 }) {
      wake.lock()
      _ = wake.wait(until: Date(timeIntervalSinceNow: 0.2))
      wake.unlock()
      let reading = progress.reading
      let now = Date()
      if reading.phase != phase {
        phase = reading.phase
        phaseStart = now
      }
      guard now.timeIntervalSince(start) > 2, !ended.withLock({ $0 }) else { continue }
      let text = Self.text(reading, seconds: now.timeIntervalSince(phaseStart))
      if isLine {
        Terminal.shared.showProgress(text)
      } else if now.timeIntervalSince(lastLine) >= 15 {
        lastLine = now
        messages.info(text)
      }
    }
  }

  /// `copying rows: 120.0 MiB of 1.2 GiB, 64.2 MiB/s, 17 s left`.
  static func text(_ reading: Workers.Progress.Reading, seconds: Double) -> String {
    var text = reading.phase.isEmpty ? "working" : reading.phase
    if reading.doneBytes > 0 {
      text += ": \(Display.bytes(reading.doneBytes))"
      if reading.totalBytes > 0 { text += " of \(Display.bytes(reading.totalBytes))" }
      if seconds > 1 {
        let rate = Double(reading.doneBytes) / seconds
        text += ", \(Display.bytes(UInt64(rate)))/s"
        if reading.totalBytes > reading.doneBytes, rate > 0 {
          let left = Double(reading.totalBytes - reading.doneBytes) / rate
          text += ", \(Display.duration(seconds: left)) left"
        }
      }
    }
    if reading.doneItems > 0 { text += ", \(Display.count(reading.doneItems)) done" }
    return text
  }
}
