// Owns the failures of bringing something back, as the operator reads them at three in the morning.

import Postgres
import Programs
import Repository
import Workers

/// A replay that failed: what happened, why, what to do next.
///
/// Never holds a secret or a row.
package struct ReplayError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases: exit statuses and scripts depend on it.
  package enum Code: String, Sendable, CaseIterable {
    /// The target holds something already; it was not touched.
    case targetNotEmpty = "target-not-empty"
    /// The snapshot holds no source of that name, or no table of that name.
    case notInSnapshot = "not-in-snapshot"
    /// The database is not there and cannot be made.
    case databaseMissing = "database-missing"
    case unreachable
    case privilege
    case extensionMissing = "extension-missing"
    case localeMissing = "locale-missing"
    /// The server, or pg_restore, is older than what was backed up.
    case versionTooOld = "version-too-old"
    case roleMissing = "role-missing"
    case programMissing = "program-missing"
    /// The server or pg_restore refused a step that must succeed.
    case restoreFailed = "restore-failed"
    /// What arrived is not what the snapshot says.
    case damaged
    /// The snapshot holds rows in a form that plain SQL cannot carry.
    case notText = "not-text"
    /// The repository or its storage failed for another reason than damage.
    case repository
    case cancelled
    case internalFailure = "internal"
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

extension ReplayError {
  /// Makes any error of the modules below one of ours; `what` is what was being attempted.
  static func wrapping(_ error: any Error, what: String) -> ReplayError {
    switch error {
    case let error as ReplayError: return error
    case is Cancelled: return cancelled(what)
    case let error as PostgresError: return wrapping(error, what: what)
    case let error as ProgramError: return wrapping(error, what: what)
    case let error as RepositoryError:
      let code: Code = error.code == .damaged ? .damaged : .repository
      return ReplayError(code, what: what, why: "\(error.what): \(error.why)", next: error.next)
    default:
      return ReplayError(
        .internalFailure, what: what, why: "\(error)", next: "report this as a bug")
    }
  }

  static func cancelled(_ what: String) -> ReplayError {
    ReplayError(
      .cancelled, what: what, why: "the operation was cancelled", next: "run it again when ready")
  }

  private static func wrapping(_ error: PostgresError, what: String) -> ReplayError {
    let code: Code =
      switch error.kind {
      case .unreachable, .authentication, .connectionLost, .malformedTarget: .unreachable
      case .databaseMissing: .databaseMissing
      case .privilege: .privilege
      case .cancelled: .cancelled
      case .lockTimeout, .server, .protocolViolation: .restoreFailed
      case .misuse: .internalFailure
      }
    let place = error.context.map { " (\($0))" } ?? ""
    var wrapped = ReplayError(
      code, what: what, why: "\(error.what): \(error.why)\(place)", next: error.next)
    wrapped.isTransient = error.isTransient
    return wrapped
  }

  private static func wrapping(_ error: ProgramError, what: String) -> ReplayError {
    let code: Code =
      switch error.code {
      case .notFound, .noAccount, .launchFailed: .programMissing
      case .tooOld: .versionTooOld
      case .cancelled: .cancelled
      case .outputLimit, .failed, .system: .restoreFailed
      }
    return ReplayError(
      code, what: what, why: "\(error.what): \(error.why)", next: error.next)
  }
}
