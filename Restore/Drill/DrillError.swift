// Why a drill could not be made at all; what a drill finds stands in its report.

/// A drill that was refused or could not begin.
package struct DrillError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases.
  package enum Code: String, Sendable {
    /// The server named for the drill is the one that was backed up.
    case isSource = "drill-target-is-source"
    /// The place to restore to cannot be used.
    case scratch = "drill-scratch"
  }
  package var code: Code
  package var what, why, next: String

  package init(_ code: Code, what: String, why: String, next: String) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }
}
