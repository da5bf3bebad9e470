// Owns the answer to "who is in our way": holders of locks that keep us from reading a table.

import Postgres
import Programs

/// Finds sessions whose locks conflict with reading.
enum Blockers {
  /// The error for locks that were not to be had in time, naming who holds them or waits for them.
  ///
  /// Only ACCESS EXCLUSIVE conflicts with reading; a session that still waits for it blocks those who come
  /// after it, and is itself blocked by others, who are named too.
  /// - Parameters:
  ///   - what: what was attempted.
  ///   - relations: oids of the tables; empty for all of the database.
  ///   - after: how long was waited.
  ///   - connection: any session of the database that is not in an aborted transaction.
  /// - Returns: the error to throw.
  /// - Throws: ``PostgresError``, if the question itself fails.
  static func lockTimeout(
    _ what: String, relations: [String], after: Duration, over connection: Connection
  ) throws -> CaptureError {
    let rows = try connection.query(
      """
      SELECT l.pid, coalesce(a.usename::text, p.owner::text), a.query, l.granted,
        n.nspname, c.relname, p.gid,
        (SELECT string_agg(b::text, ', ') FROM unnest(pg_blocking_pids(l.pid)) b)
      FROM pg_locks l
      JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN pg_stat_activity a ON a.pid = l.pid
      LEFT JOIN pg_prepared_xacts p ON l.pid IS NULL AND p.transaction = (
        SELECT x.transactionid FROM pg_locks x
        WHERE x.virtualtransaction = l.virtualtransaction AND x.pid IS NULL
          AND x.locktype = 'transactionid' AND x.mode = 'ExclusiveLock' LIMIT 1)
      WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock'
        AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
        AND c.relkind IN ('r', 'p')
        AND (cardinality($1::oid[]) = 0 OR l.relation = ANY ($1::oid[]))
      ORDER BY l.granted DESC, l.pid LIMIT 1
      """, ["{\(relations.joined(separator: ","))}"])
    guard rows.count == 1 else {
      return CaptureError(
        .lockTimeout, what: what,
        why: "a table was locked for more than \(after); its holder has ended since",
        next: "run it again", isTransient: true)
    }
    let table = "\(rows[0, 4] ?? "?").\(rows[0, 5] ?? "?")"
    if let prepared = rows[0, 6] {
      return CaptureError(
        .lockTimeout, what: what,
        why: "the prepared transaction '\(quotable(prepared, limit: 80))' holds \(table) locked",
        next: "commit it or roll it back: COMMIT PREPARED or ROLLBACK PREPARED")
    }
    let pid = rows[0, 0] ?? "?"
    let doing = rows[0, 2].map { ", running: \(quotable($0, limit: 120))" } ?? ""
    let who = "process \(pid) of \(rows[0, 1] ?? "an unknown role")"
    if rows[0, 3] == "t" {
      return CaptureError(
        .lockTimeout, what: what, why: "\(who) holds \(table) locked\(doing)",
        next:
          "let it finish, or end it with SELECT pg_terminate_backend(\(pid)), then run it again",
        isTransient: true)
    }
    let behind = rows[0, 7].map { " behind process \($0)" } ?? ""
    return CaptureError(
      .lockTimeout, what: what, why: "\(who) waits to lock \(table)\(behind)\(doing)",
      next: "let it finish, or end it with SELECT pg_terminate_backend(\(pid)), then run it again",
      isTransient: true)
  }
}
