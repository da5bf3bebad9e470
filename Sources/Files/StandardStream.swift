// The process's standard output and error, written without buffering.

import Glibc

/// Standard output or standard error.
package enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Whether a person looks at it.
  package var isTerminal: Bool { isatty(rawValue) == 1 }

  /// Writes all of `bytes` at once; false once the reader is gone or the disk is full.
  ///
  /// Needs `SIGPIPE` ignored, or a gone reader ends the process.
  package func write(_ bytes: Span<UInt8>) -> Bool {
    var done = 0
    while done < bytes.count {
      let rest = bytes.extracting(done..<bytes.count)
      let written = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(rawValue, $0.baseAddress, $0.count)
      }
      if written > 0 {
        done += written
      } else if errno == EAGAIN {
        var poller = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&poller, 1, 1000)
      } else if errno != EINTR {
        return false
      }
    }
    return true
  }
}

/// Signals that ask a process to stop or to read its configuration again.
package enum Signals {
  /// Lets a write to a closed pipe be an error of that write instead of the end of the process.
  package static func ignoreBrokenPipes() { _ = signal(SIGPIPE, SIG_IGN) }

  /// Takes the default effect from `number`, so that a dispatch source alone sees it.
  package static func take(_ number: Int32) { _ = signal(number, SIG_IGN) }
}
