// Owns the exchange of a database in use for one that was restored beside it.

import Foundation
package import Postgres
import Synchronization
package import Workers

/// Puts a restored database in the place of one that is there, and keeps that one under another name.
///
/// The restore goes into ``restored``, a new database; only when that is whole do both change names, in one
/// transaction. Sessions on the old one are ended, because PostgreSQL renames no database that is in use; a
/// client that connects at that very moment is refused once ("just been dropped or renamed"), and finds the
/// new database when it tries again.
package struct DatabaseSwap: Sendable {
  /// The name that applications use.
  package let current: String
  /// The new database's name until the exchange.
  package let restored: String
  /// The old database's name afterwards.
  package let kept: String
  private let target: ConnectionTarget
  private let cancellation: Cancellation

  /// Takes where the database in use is; `stamp` makes the other two names, as `20260131T120000Z`.
  ///
  /// - Throws: ``ReplayError`` `databaseMissing` if the target names no database.
  package init(of target: ConnectionTarget, stamp: String, cancellation: Cancellation) throws {
    guard let name = target.databaseName, !name.isEmpty else {
      throw ReplayError(
        .databaseMissing, what: "cannot exchange a database", why: "the target names none",
        next: "add the name of the database to replace, such as postgresql://host/shop")
    }
    self.target = target
    self.cancellation = cancellation
    current = name
    restored = Self.name(name, "_restored_\(stamp)")
    kept = Self.name(name, "_before_\(stamp)")
  }

  /// Where to restore.
  package var restoredTarget: ConnectionTarget { target.replacing(database: restored) }

  /// Name and ending within PostgreSQL's limit of 63 bytes, cut between characters.
  static func name(_ name: String, _ ending: String) -> String {
    var kept = name
    while kept.utf8.count + ending.utf8.count > 63 { kept.removeLast() }
    return kept + ending
  }

  private var what: String { "cannot put a restored database in the place of '\(current)'" }

  /// Checks, before hours of restoring, that the exchange will be possible.
  ///
  /// - Throws: ``ReplayError`` `databaseMissing`, `privilege` or what connecting throws.
  package func preflight() throws(ReplayError) {
    let connection = try session()
    let answer: String?
    do throws(PostgresError) {
      let rows = try connection.query(
        """
        SELECT r.rolsuper OR (r.rolcreatedb AND pg_catalog.pg_has_role(d.datdba, 'USAGE'))
        FROM pg_catalog.pg_database d, pg_catalog.pg_roles r
        WHERE d.datname = $1 AND r.rolname = current_user
        """, [current])
      answer = rows.isEmpty ? nil : rows[0, 0]
    } catch { throw .wrapping(error, what: what) }
    guard let answer else {
      throw ReplayError(
        .databaseMissing, what: what, why: "there is no database of that name",
        next: "restore without --swap: there is nothing to replace")
    }
    guard answer == "t" else {
      throw ReplayError(
        .privilege, what: what,
        why: "only its owner with CREATEDB, or a superuser, may rename it",
        next: "connect as such a role")
    }
  }

  /// Ends the sessions on both databases and exchanges their names.
  ///
  /// - Throws: ``ReplayError``; both databases are then as they were, and the error says under which name
  ///   the restored one is.
  package func perform() throws(ReplayError) {
    let connection = try session()
    let ender = try session()
    // Whoever is thrown out connects again at once, so sessions are ended until the names are exchanged.
    let done = Cancellation()
    let refusal = Mutex<PostgresError?>(nil)
    let group = ThreadGroup()
    group.start(name: "end sessions") { [self] in
      while !done.isCancelled, !cancellation.isCancelled {
        do throws(PostgresError) { try endSessions(ender) } catch {
          refusal.withLock { $0 = error }
          return
        }
        usleep(20_000)
      }
    }
    defer {
      done.cancel()
      group.wait()
    }
    var attempt = 1
    while true {
      do throws(PostgresError) { return try exchange(connection) } catch {
        try? connection.execute("ROLLBACK")
        let cause = refusal.withLock { $0 } ?? error
        // PostgreSQL waits five seconds for sessions to go; a busy server may need more.
        guard cause.sqlState == "55006", attempt < 5, !cancellation.isCancelled else {
          throw failure(cause)
        }
        attempt += 1
      }
    }
  }

  private func failure(_ cause: PostgresError) -> ReplayError {
    var failure = ReplayError.wrapping(cause, what: what)
    if cancellation.isCancelled { failure = .cancelled(what) }
    failure.why += "; the restored database is whole, and is named '\(restored)'"
    failure.next =
      "end what holds '\(current)' (pg_stat_activity, pg_prepared_xacts), then rename both with ALTER DATABASE … RENAME TO"
    return failure
  }

  private func exchange(_ connection: Connection) throws(PostgresError) {
    func quoted(_ name: String) -> String { Connection.quoteIdentifier(name) }
    try connection.execute("BEGIN")
    // Renaming locks the database before it looks for sessions, so newcomers wait for the end of this.
    try connection.execute("ALTER DATABASE \(quoted(current)) RENAME TO \(quoted(kept))")
    try connection.execute("ALTER DATABASE \(quoted(restored)) RENAME TO \(quoted(current))")
    try connection.execute("COMMIT")
  }

  /// Of sessions of other roles only a privileged one sees the type; a process of the server has no user.
  private func endSessions(_ connection: Connection) throws(PostgresError) {
    _ = try connection.query(
      """
      SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
      WHERE datname IN ($1, $2) AND usesysid IS NOT NULL
        AND COALESCE(backend_type, 'client backend') = 'client backend'
      """, [current, restored])
  }

  /// A session on a database that is neither of the two.
  private func session() throws(ReplayError) -> Connection {
    let connector = ReplayConnector(
      target: target, database: current, role: nil, cancellation: cancellation)
    do throws(PostgresError) {
      return current == "postgres"
        ? try connector.raw(database: "template1") : try connector.maintenance()
    } catch { throw .wrapping(error, what: what) }
  }
}
