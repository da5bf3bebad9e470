// The passphrase, typed.

import Files
import Sodium

enum PassphrasePrompt {
  /// Asks at the terminal; nil where there is none.
  static func ask(_ prompt: String) throws -> Secret? {
    guard var typed = TerminalPrompt.readSecret(prompt) else { return nil }
    defer { wipe(&typed) }
    guard !typed.isEmpty else {
      throw UsageError(
        what: "the passphrase is empty", why: "nothing was typed", next: "try again")
    }
    return try Secret(copying: typed.span)
  }
}
