// The passphrase, typed.

import Files
import Sodium
import Workers

enum PassphrasePrompt {
  /// Asks at the terminal; nil where there is none.
  static func ask(_ prompt: String) throws -> Secret? {
    let line: [UInt8]?
    do {
      line = try TerminalPrompt.readSecret(prompt) { Cancellation.process.isCancelled }
    } catch { throw Cancelled() }
    guard var typed = line else { return nil }
    defer { wipe(&typed) }
    guard !typed.isEmpty else {
      throw UsageError(
        what: "the passphrase is empty", why: "nothing was typed", next: "try again")
    }
    return try Secret(copying: typed.span)
  }
}
