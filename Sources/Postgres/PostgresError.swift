// Owns what can go wrong between us and a PostgreSQL server, in the operator's words.

/// A failure of a connection, a statement or a COPY.
///
/// Never holds a password. `description` shows neither ``detail`` nor the values in a COPY's context,
/// since both may quote rows.
package struct PostgresError: Error, CustomStringConvertible, Sendable {
  /// What kind of failure; stable across releases.
  package enum Kind: String, Sendable {
    /// The connection string cannot be parsed.
    case malformedTarget = "malformed-target"
    /// No server answered, or it takes no connections now.
    case unreachable
    case authentication
    case databaseMissing = "database-missing"
    case privilege
    case lockTimeout = "lock-timeout"
    /// The server or the network ended an established connection.
    case connectionLost = "connection-lost"
    /// We asked the server to stop, or someone else asked it to stop this statement.
    case cancelled
    /// Any other error that the server reported; see ``PostgresError/sqlState``.
    case server
    /// The server's answer does not fit the question.
    case protocolViolation = "protocol-violation"
    /// A call that cannot work, such as text with a NUL byte or a closed connection.
    case misuse
  }
  package var kind: Kind
  /// The five characters of appendix A of the PostgreSQL manual; nil if no server spoke.
  package var sqlState: String?
  package var what, why, next: String
  /// ERROR, FATAL or PANIC, not localised (only servers before 9.6 omit it).
  package var severity: String?
  /// The server's own further words; may quote rows.
  package var detail: String?
  package var hint: String?
  /// Where in the server it happened, as "COPY t, line 3, column a"; values cut off.
  package var context: String?
  /// True only if the same call may succeed unchanged.
  package var isTransient = false

  package init(_ kind: Kind, what: String, why: String, next: String? = nil) {
    self.kind = kind
    self.what = what
    self.why = why
    self.next = next ?? Self.advice(kind, sqlState: nil)
    isTransient = kind == .lockTimeout || kind == .connectionLost
  }

  package var description: String {
    let place = context.map { " (\($0))" } ?? ""
    return "\(what): \(why)\(place)\nhint: \(next)"
  }

  /// The kind that a SQLSTATE stands for.
  ///
  /// - Parameters:
  ///   - state: five characters.
  ///   - isConnecting: whether the session was still being set up.
  /// - Returns: the kind; `server` for states that need no distinction.
  static func kind(ofSQLState state: String, isConnecting: Bool) -> Kind {
    switch state {
    case "3D000": .databaseMissing
    case "42501": .privilege
    case "55P03": .lockTimeout
    case "57014": .cancelled
    // too_many_connections, cannot_connect_now, and shutdown while we knock.
    case "53300", "57P03": .unreachable
    case "57P01", "57P02", "57P04", "57P05", "25P03", "25P04":
      isConnecting ? .unreachable : .connectionLost
    case let state where state.hasPrefix("28"): .authentication
    case let state where state.hasPrefix("08"):
      state == "08P01" ? .protocolViolation : isConnecting ? .unreachable : .connectionLost
    default: .server
    }
  }

  /// Whether the statement that met `state` may be repeated as it is: serialization failures, deadlocks,
  /// cancelled by recovery, too many connections, starting up or shutting down.
  static func isTransient(sqlState state: String) -> Bool {
    state.hasPrefix("40") || state.hasPrefix("08")
      || ["55P03", "53300", "57P01", "57P02", "57P03"].contains(state)
  }

  static func advice(_ kind: Kind, sqlState: String?) -> String {
    switch kind {
    case .malformedTarget:
      "write it as postgresql://user@host:port/database or as host=… dbname=… user=…"
    case .unreachable:
      "check that the server runs, and that host, port and firewall are right"
    case .authentication:
      "check the user and the password (a passfile is read too), and the server's pg_hba.conf"
    case .databaseMissing: "check the database's name; 'psql -l' lists those that exist"
    case .privilege: "grant the role what the message names, or connect as another role"
    case .lockTimeout: "find the holder with pg_blocking_pids(), then run it again"
    case .connectionLost: "read the server's log, then run it again"
    case .cancelled: "run it again when ready"
    case .server:
      "look SQLSTATE \(sqlState ?? "unknown") up in appendix A of the PostgreSQL manual"
    case .protocolViolation: "connect to the server itself, not to a connection pooler"
    case .misuse: "report this; it is a bug of the caller"
    }
  }
}
