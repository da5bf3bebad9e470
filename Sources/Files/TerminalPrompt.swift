// Asking for a secret at the controlling terminal, without echo.

import Glibc

/// A prompt at `/dev/tty`.
package enum TerminalPrompt {
  /// Shows `text` and reads one line without echo.
  ///
  /// - Parameters:
  ///   - text: the prompt.
  ///   - isCancelled: asked several times a second while nothing is typed.
  /// - Returns: the line without its end, or nil if there is no terminal or it was closed.
  /// - Throws: ``SystemError`` with ECANCELED once `isCancelled`; echo is on again by then.
  package static func readSecret(_ text: String, isCancelled: () -> Bool) throws(SystemError)
    -> [UInt8]?
  {
    guard let terminal = try? OwnedDescriptor.openFileForWriting("/dev/tty", followingLinks: true)
    else { return nil }
    var saved = termios()
    guard unsafe tcgetattr(terminal.rawValue, &saved) == 0 else { return nil }
    var silent = saved
    silent.c_lflag &= ~tcflag_t(ECHO)
    _ = unsafe tcsetattr(terminal.rawValue, TCSAFLUSH, &silent)
    defer { _ = unsafe tcsetattr(terminal.rawValue, TCSAFLUSH, &saved) }
    let prompt = Array(text.utf8)
    _ = unsafe Glibc.write(terminal.rawValue, prompt, prompt.count)
    var line: [UInt8] = []
    while line.count < 4096 {
      guard !isCancelled() else { throw SystemError(call: "read", code: ECANCELED) }
      var poller = pollfd(fd: terminal.rawValue, events: Int16(POLLIN), revents: 0)
      guard unsafe poll(&poller, 1, 200) > 0 else { continue }
      var byte: UInt8 = 0
      let count = unsafe Glibc.read(terminal.rawValue, &byte, 1)
      if count < 0, errno == EINTR { continue }
      if count <= 0 { return nil }
      if byte == UInt8(ascii: "\n") { break }
      line.append(byte)
    }
    let end: [UInt8] = [UInt8(ascii: "\n")]
    _ = unsafe Glibc.write(terminal.rawValue, end, 1)
    return line
  }
}
