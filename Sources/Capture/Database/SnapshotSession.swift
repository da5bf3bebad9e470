// Owns the one moment that everything of a database is captured of: locks first, then the snapshot.
//
// pg_dump does it the other way round. A TRUNCATE that commits between its snapshot and its lock is not undone
// by MVCC: the table then reads as empty, without an error, while tables that refer to it are still full. With
// the locks taken first, nobody can truncate, drop or rewrite a table once the snapshot exists; what slipped
// in before is noticed, because the catalogs are read again inside the snapshot.

import Format
import Inventory
import Postgres
import Programs
import Synchronization
import Workers

/// What the server said at the moment of the snapshot.
struct SnapshotFacts: Sendable {
  /// What other sessions import.
  var exported: String
  var transactionSnapshot: String?
  var time: Timestamp
  var logPosition: String?
  var isStandby: Bool
  var serverVersion: String
  var serverMajor: Int
  var systemIdentifier: String?
  var blockByteCount: UInt64
  var role: String
  var database: String
}

/// The session that holds the locks and the snapshot: while its transaction lives, the moment does.
final class SnapshotSession: Sendable {
  let connection: Connection
  let facts: SnapshotFacts
  /// Tables to copy, in key order.
  let tables: [TableDescription]
  /// Held by whoever uses `connection` while several threads work.
  let gate = Mutex(())

  /// Tries again when tables appear or vanish between listing and locking.
  private static let attempts = 5
  private static let lockBatch = 100

  /// Connects, locks, takes and exports the snapshot.
  ///
  /// - Throws: ``CaptureError``; nothing stays open then.
  init(_ source: DatabaseSource, cancellation: Cancellation) throws {
    let what = "cannot capture the database \(source.name)"
    connection = try sourceWork(what, cancellation) {
      try Connection(
        source.target, applicationName: "lifeboat backup",
        cancellation: { cancellation.isCancelled })
    }
    guard connection.serverMajor >= 14 else {
      throw CaptureError(
        .serverTooOld, what: what,
        why: "the server is PostgreSQL \(connection.parameter("server_version") ?? "?")",
        next: "upgrade the server to PostgreSQL 14 or newer; older ones get no security fixes")
    }
    let connection = self.connection
    (facts, tables) = try sourceWork(what, cancellation) {
      try connection.applyCatalogSettings()
      for _ in 1...Self.attempts {
        if let moment = try Self.settle(connection, source, what) { return moment }
        try connection.execute("ROLLBACK")
        try cancellation.check()
      }
      throw CaptureError(
        .unsettled, what: what,
        why: "tables were created or dropped each of the \(Self.attempts) times they were locked",
        next: "run it when no migration is running", isTransient: true)
    }
  }

  /// Ends the transaction and the session.
  func close() { connection.close() }

  /// A table or partitioned table as the lock needs it.
  private struct Lockable {
    var oid: String
    var name: QualifiedName
  }

  /// The relations that pg_dump and we need locked, without their sizes: that would wait for locks.
  private static let lockables = """
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
      AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
      AND (NOT EXISTS (
          SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
            AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
        OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
    """

  /// One try; nil if the tables changed under it, when a transaction may be open.
  private static func settle(_ connection: Connection, _ source: DatabaseSource, _ what: String)
    throws -> (SnapshotFacts, [TableDescription])?
  {
    let wanted = try listLockables(connection, what)
    try connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    // Neither SET nor LOCK takes the snapshot yet (manual, LOCK, "Description").
    try connection.execute("SET LOCAL lock_timeout = \(source.lockTimeoutMilliseconds)")
    for start in stride(from: 0, to: wanted.count, by: lockBatch) {
      let batch = wanted[start..<min(start + lockBatch, wanted.count)]
      let names = batch.map { "ONLY \($0.name.quoted)" }.joined(separator: ", ")
      do {
        try connection.execute("LOCK TABLE \(names) IN ACCESS SHARE MODE")
      } catch {
        switch error.sqlState {
        // Gone since it was listed (table, schema, or another kind of relation now), or a deadlock
        // with somebody's DDL that was resolved at our cost.
        case "42P01", "3F000", "42809", "40P01": return nil
        case "55P03":
          try connection.execute("ROLLBACK")
          throw try Blockers.lockTimeout(
            what, relations: batch.map(\.oid), after: source.lockTimeout, over: connection)
        default: throw error
        }
      }
    }
    try connection.execute("SET LOCAL lock_timeout = 0")
    let facts = try takeSnapshot(connection)
    let unlocked = try connection.query(
      """
      SELECT count(*) \(lockables) AND c.oid NOT IN (
        SELECT l.relation FROM pg_locks l
        WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
          AND l.mode = 'AccessShareLock' AND l.database = (
            SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
      """)
    guard unlocked[0, 0] == "0" else { return nil }
    let tables = try TableDescription.list(over: connection)
    try requireAllRows(tables, source, facts, what)
    return (facts, tables)
  }

  private static func listLockables(_ connection: Connection, _ what: String) throws -> [Lockable] {
    let rows = try connection.query(
      """
      SELECT c.oid, n.nspname, c.relname, current_user,
        has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
      \(lockables) ORDER BY c.oid
      """)
    var refused: [String] = []
    let lockables = rows.map { row in
      let name = QualifiedName(schema: row[1] ?? "", name: row[2] ?? "")
      // NULL means that it vanished meanwhile.
      if row[4] == "f" { refused.append(name.quoted) }
      return Lockable(oid: row[0] ?? "0", name: name)
    }
    guard refused.isEmpty else {
      let role = Connection.quoteIdentifier(rows[0, 3] ?? "")
      let some = refused.prefix(3).joined(separator: ", ")
      let more = refused.count > 3 ? " and \(refused.count - 3) more tables" : ""
      throw CaptureError(
        .privilege, what: what, why: "the role \(role) may not read \(some)\(more)",
        next: "as a superuser: GRANT pg_read_all_data TO \(role), or at least GRANT SELECT ON "
          + "\(some) TO \(role) with USAGE on the schema")
    }
    return lockables
  }

  /// The first query of the transaction: from here on every read is of this moment.
  private static func takeSnapshot(_ connection: Connection) throws -> SnapshotFacts {
    let row = try connection.query(
      """
      SELECT pg_export_snapshot(), pg_current_snapshot(),
        (extract(epoch FROM clock_timestamp()) * 1000000)::int8, pg_is_in_recovery(),
        CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()
          ELSE pg_current_wal_insert_lsn() END,
        current_setting('server_version'), current_setting('block_size'), current_user,
        current_database(), has_function_privilege('pg_control_system()', 'EXECUTE')
      """)
    guard let exported = row[0, 0], let time = row[0, 2].flatMap({ Int64($0) }) else {
      throw PostgresError(
        .protocolViolation, what: "cannot take a snapshot", why: "the server named none")
    }
    var system: String?
    if row[0, 9] == "t" {
      system = try connection.query("SELECT system_identifier FROM pg_control_system()")[0, 0]
    }
    return SnapshotFacts(
      exported: exported, transactionSnapshot: row[0, 1], time: Timestamp(microseconds: time),
      logPosition: row[0, 4], isStandby: row[0, 3] == "t", serverVersion: row[0, 5] ?? "",
      serverMajor: connection.serverMajor, systemIdentifier: system,
      blockByteCount: row[0, 6].flatMap { UInt64($0) } ?? 8192, role: row[0, 7] ?? "",
      database: row[0, 8] ?? "")
  }

  /// Rows that a policy hides would be missing without a word.
  private static func requireAllRows(
    _ tables: [TableDescription], _ source: DatabaseSource, _ facts: SnapshotFacts, _ what: String
  ) throws {
    let hidden = tables.filter {
      $0.hidesRows && source.exclusion(of: $0) == nil
    }
    guard let first = hidden.first else { return }
    let role = Connection.quoteIdentifier(facts.role)
    let more = hidden.count > 1 ? " and \(hidden.count - 1) more tables" : ""
    throw CaptureError(
      .rowSecurity, what: what,
      why: "row-level security would hide rows of \(first.name.quoted)\(more) from \(role)",
      next: "as a superuser: ALTER ROLE \(role) BYPASSRLS")
  }
}
