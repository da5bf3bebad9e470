// Owns what can go wrong with a source, as the operator reads it; storage and repository have their own.

import Postgres
import Programs

/// A source could not be captured: what was attempted, why it failed, what to do next.
package struct CaptureError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases: exit statuses and scripts depend on it.
  package enum Code: String, Sendable {
    case unreachable = "source-unreachable"
    case authentication = "source-authentication"
    case databaseMissing = "source-database-missing"
    /// A role lacks a privilege; `next` holds the GRANT.
    case privilege = "source-privilege"
    /// Row-level security would hide rows.
    case rowSecurity = "source-row-security"
    /// Somebody holds a lock; `why` names them.
    case lockTimeout = "source-lock-timeout"
    case connectionLost = "source-connection-lost"
    case serverTooOld = "source-server-too-old"
    /// A table or column that the configuration names does not exist.
    case missing = "source-missing"
    /// A row that the server can't write out.
    case rowTooLarge = "source-row-too-large"
    /// Tables kept changing while they were being locked.
    case unsettled = "source-unsettled"
    /// Any other error of the server.
    case server = "source-server"
    /// The server's answers contradict each other.
    case inconsistent = "source-inconsistent"
  }
  package var code: Code
  package var what, why, next: String
  /// True only if the same call may succeed unchanged.
  package var isTransient = false

  package init(
    _ code: Code, what: String, why: String, next: String, isTransient: Bool = false
  ) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
    self.isTransient = isTransient
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }

  /// What the server said while `what` was attempted.
  init(_ what: String, _ error: PostgresError) {
    let code: Code =
      switch error.kind {
      case .unreachable: .unreachable
      case .authentication: .authentication
      case .databaseMissing: .databaseMissing
      case .privilege: .privilege
      case .lockTimeout: .lockTimeout
      case .connectionLost: .connectionLost
      case .protocolViolation: .inconsistent
      case .malformedTarget, .cancelled, .server, .misuse: .server
      }
    var why = error.why
    if let context = error.context { why += " (\(context))" }
    self.init(code, what: what, why: why, next: error.next, isTransient: error.isTransient)
    if code == .connectionLost {
      next = "read the server's log; nothing was committed, a new run reuses what was stored"
    }
    // Under row_security=off the server refuses instead of hiding rows.
    if code == .privilege, error.why.contains("row-level security") {
      self.code = .rowSecurity
      next = Self.bypassAdvice
    }
  }

  static let bypassAdvice =
    "back up as the tables' owner, or as a superuser: ALTER ROLE … BYPASSRLS"
}
