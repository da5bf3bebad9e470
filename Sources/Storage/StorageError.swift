// Failures of the place where a repository lies.

/// A failure of the storage as the operator reads it; source errors are another type.
package struct StorageError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases: exit statuses depend on it.
  package enum Code: String, Sendable {
    /// No such object.
    case missing
    /// The key holds other bytes already.
    case exists
    case denied
    case full
    case readOnly = "read-only"
    /// The object is shorter than what was asked of it.
    case short
    case failed
  }
  package var code: Code
  package var what, why, next: String
  /// True only if the same call may succeed unchanged.
  package var isTransient = false

  package init(
    code: Code, what: String, why: String, next: String, isTransient: Bool = false
  ) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
    self.isTransient = isTransient
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }
}
