// Owns the failures of starting and driving a child process, as the operator reads them.

/// A child process could not be started, was stopped by us, or failed where success was demanded.
package struct ProgramError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases.
  package enum Code: String, Sendable {
    case notFound = "program-not-found"
    case tooOld = "program-too-old"
    case noAccount = "no-account"
    case launchFailed = "launch-failed"
    case outputLimit = "output-limit"
    case cancelled
    case failed = "program-failed"
    case system = "system-call-failed"
  }
  package var code: Code
  package var what, why, next: String
  /// True only if the same call may succeed unchanged.
  package var isTransient = false

  package init(_ code: Code, what: String, why: String, next: String) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }
}

/// Makes foreign bytes fit to be quoted in an error or a log.
///
/// Invalid UTF-8 is repaired; line ends become " | ", other control and bidirectional-override
/// characters become U+FFFD, so a child cannot forge lines of ours or drive a terminal.
package func quotable(_ text: String, limit: Int = 2_000) -> String {
  var cleaned = ""
  var pendingBreak = false
  for scalar in text.unicodeScalars {
    if cleaned.unicodeScalars.count >= limit { return cleaned + "…" }
    switch scalar.value {
    case 0x0A, 0x0D, 0x0B, 0x0C, 0x85, 0x2028, 0x2029:
      pendingBreak = !cleaned.isEmpty
      continue
    case 0x09: append(" ")
    case 0x00...0x1F, 0x7F...0x9F, 0x202A...0x202E, 0x2066...0x2069, 0x200E, 0x200F:
      append("\u{FFFD}")
    default: append(scalar)
    }
  }
  return cleaned

  func append(_ scalar: Unicode.Scalar) {
    if pendingBreak { cleaned += " | " }
    pendingBreak = false
    cleaned.unicodeScalars.append(scalar)
  }
}
