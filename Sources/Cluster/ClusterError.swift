// Owns the failures of a scratch cluster, as the operator reads them.

/// A private server could not be made, started, or removed.
package struct ClusterError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases.
  package enum Code: String, Sendable {
    case initialisation = "cluster-init-failed"
    case start = "cluster-start-failed"
    case environment = "cluster-environment"
    case leftBehind = "cluster-left-behind"
    case stopped = "cluster-stopped"
  }
  package var code: Code
  package var what, why, next: String
  /// True only if the same call may succeed unchanged.
  package var isTransient = false

  init(_ code: Code, what: String, why: String, next: String) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }
}
