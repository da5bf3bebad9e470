// What a process says: results to stdout, talk to stderr, each line whole.
//
// Rules: results (also JSON) go to standard output and nothing else does. Progress, warnings and
// errors go to standard error, lower case, without a full stop. Progress is drawn over itself on a
// terminal and is a plain line now and then elsewhere. No secret is ever passed to anything here.

import Files
import Foundation
import Synchronization

/// The process's standard output and error.
final class Terminal: Sendable {
  static let shared = Terminal()

  private struct State {
    var progressLine = ""
    var outputFailed = false
  }
  private let state = Mutex(State())

  let isErrorTerminal = StandardStream.error.isTerminal
  let usesColour =
    StandardStream.output.isTerminal && ProcessInfo.processInfo.environment["NO_COLOR"] == nil

  /// Writes bytes to standard output at once.
  ///
  /// - Throws: ``OutputGone`` once the reader is gone: a dump into `head` must stop, not go on.
  func write(_ bytes: Span<UInt8>) throws(OutputGone) {
    let isWritten = state.withLock { state in
      clearProgress(&state)
      if !state.outputFailed, !StandardStream.output.write(bytes) { state.outputFailed = true }
      return !state.outputFailed
    }
    guard isWritten else { throw OutputGone() }
  }

  /// Writes a line to standard output.
  func print(_ line: String) throws(OutputGone) {
    try write(Array((line + "\n").utf8).span)
  }

  /// Writes a line to standard error.
  func say(_ line: String) {
    state.withLock { state in
      clearProgress(&state)
      _ = StandardStream.error.write(Array((line + "\n").utf8).span)
    }
  }

  /// Draws `line` over the progress line before it; on a terminal only.
  func showProgress(_ line: String) {
    guard isErrorTerminal else { return }
    state.withLock { state in
      state.progressLine = line
      _ = StandardStream.error.write(Array("\r\u{1B}[K\(line)".utf8).span)
    }
  }

  /// Removes the progress line.
  func endProgress() { state.withLock { clearProgress(&$0) } }

  private func clearProgress(_ state: inout State) {
    guard !state.progressLine.isEmpty else { return }
    state.progressLine = ""
    _ = StandardStream.error.write(Array("\r\u{1B}[K".utf8).span)
  }
}

/// Standard output takes no more.
struct OutputGone: Error, CustomStringConvertible {
  var description: String {
    "cannot write to standard output: its reader is gone or the disk is full\nhint: see where the output goes"
  }
}
