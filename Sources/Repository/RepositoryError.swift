// Failures of a repository as the operator reads them.

package import Format
package import Storage

/// A failure of the repository: what happened, why, what to do next.
package struct RepositoryError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases: exit statuses and scripts depend on it.
  package enum Code: String, Sendable {
    case missing
    case exists
    case newerFormat = "newer-format"
    case wrongPassphrase = "wrong-passphrase"
    case damaged
    case storage
    case busy
    case snapshotMissing = "snapshot-missing"
    case snapshotAmbiguous = "snapshot-ambiguous"
    case keyMissing = "key-missing"
    case rolledBack = "rolled-back"
    case refused
    case internalFailure = "internal"
  }
  package var code: Code
  package var what, why, next: String

  package init(_ code: Code, what: String, why: String, next: String) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  /// Whether it is the storage that failed; the object may be gone.
  var isStorage: Bool { code == .storage }

  package var description: String { "\(what): \(why)\nhint: \(next)" }

  /// Bytes of `object` are not what the format says.
  package static func damaged(_ what: String, _ error: FormatError) -> RepositoryError {
    if case .newer = error {
      return RepositoryError(
        .newerFormat, what: "cannot read \(what)", why: "\(error)",
        next: "install a newer lifeboat; this one leaves the repository untouched")
    }
    return RepositoryError(
      .damaged, what: "cannot read \(what)", why: "\(error)",
      next: "run 'lifeboat check --read-data' to list all damage and the snapshots it touches")
  }

  /// The storage failed while `what` was done.
  package static func storage(_ what: String, _ error: StorageError) -> RepositoryError {
    RepositoryError(.storage, what: what, why: "\(error.what): \(error.why)", next: error.next)
  }
}
