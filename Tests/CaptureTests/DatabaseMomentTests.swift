// Owns the tests of the one moment: what others do meanwhile is seen whole or not at all.

import Capture
import Format
import Postgres
import Repository
import TestSupport
import Testing
import Workers

@Suite struct `A capture among other sessions` {
  /// Starts a capture while `blocker` holds a lock on `table`, commits once it waits, and returns it.
  private func captureWaiting(
    for table: String, of blocker: Connection, _ source: DatabaseSource, then change: String
  ) throws -> Captured {
    let watcher = try Connection(source.target)
    let group = ThreadGroup()
    let outcome = Box<Result<Void, any Error>>(.success(()))
    group.start(name: "blocker") {
      outcome.value = Result {
        try waitUntil("the capture waits for \(table)") { try watcher.hasWaiter(on: table) }
        try blocker.execute(change)
        try blocker.execute("COMMIT")
      }
    }
    let captured = Result { try Captured(source) }
    group.wait()
    try outcome.value.get()
    return try captured.get()
  }

  @Test
  func `sees a TRUNCATE that commits while it waits for the lock, with all that belongs to it`()
    throws
  {
    let target = try TestServer.shared.makeDatabase()
    let blocker = try Connection(target)
    try blocker.execute(
      """
      CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TABLE log (x text);
      INSERT INTO b SELECT generate_series(1, 100)
      """)
    try blocker.execute("BEGIN; TRUNCATE b")
    let captured = try captureWaiting(
      for: "b", of: blocker, DatabaseSource(name: "race", target: target),
      then: "INSERT INTO log VALUES ('b was truncated')")
    // A snapshot from before the lock would hold neither the rows of b nor the line in the log.
    #expect(try captured.rows(.table("b")).isEmpty)
    #expect(try captured.rows(.table("log")) == Array("b was truncated\n".utf8))
  }

  @Test func `keeps a TRUNCATE out once it has begun`() throws {
    let target = try TestServer.shared.makeDatabase()
    let other = try Connection(target)
    try other.execute("CREATE TABLE t AS SELECT generate_series(1, 100) x")
    let captured = try Captured(DatabaseSource(name: "race", target: target)) {
      try other.execute("INSERT INTO t VALUES (101); DELETE FROM t WHERE x < 50")
      try other.execute("SET lock_timeout = 200")
      let error = #expect(throws: PostgresError.self) { try other.execute("TRUNCATE t") }
      #expect(error?.kind == .lockTimeout)
    }
    #expect(captured.summary.rowCount == 100)
  }

  @Test func `includes a table that was made between listing and locking`() throws {
    let target = try TestServer.shared.makeDatabase()
    let blocker = try Connection(target)
    try blocker.execute(
      "CREATE TABLE t (x int)")
    try blocker.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    let captured = try captureWaiting(
      for: "t", of: blocker, DatabaseSource(name: "race", target: target),
      then: "CREATE TABLE late AS SELECT 7 AS x")
    #expect(try captured.rows(.table("late")) == Array("7\n".utf8))
  }

  @Test func `manages without a table that was dropped between listing and locking`() throws {
    let target = try TestServer.shared.makeDatabase()
    let blocker = try Connection(target)
    try blocker.execute(
      "CREATE TABLE stays (x int); CREATE TABLE t (x int)")
    try blocker.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    let captured = try captureWaiting(
      for: "t", of: blocker, DatabaseSource(name: "race", target: target), then: "DROP TABLE t")
    #expect(try captured.tables().keys.map(\.name) == ["stays"])
  }

  @Test func `takes the table that has the name when another one gave it up`() throws {
    let target = try TestServer.shared.makeDatabase()
    let blocker = try Connection(target)
    try blocker.execute(
      "CREATE TABLE t AS SELECT 1 AS x")
    try blocker.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    let captured = try captureWaiting(
      for: "t", of: blocker, DatabaseSource(name: "race", target: target),
      then: "ALTER TABLE t RENAME TO old; CREATE TABLE t AS SELECT 2 AS x")
    #expect(try captured.rows(.table("t")) == Array("2\n".utf8))
    #expect(try captured.rows(.table("old")) == Array("1\n".utf8))
  }

  @Test func `names who holds the lock that it waited for in vain`() throws {
    let target = try TestServer.shared.makeDatabase()
    let blocker = try Connection(target)
    try blocker.execute("CREATE TABLE t (x int)")
    try blocker.execute("BEGIN")
    try blocker.execute("ALTER TABLE t ADD y int")
    let pid = try blocker.query("SELECT pg_backend_pid()")[0, 0] ?? ""
    let source = DatabaseSource(
      name: "held", target: target, lockTimeout: .milliseconds(300))
    let error = #expect(throws: CaptureError.self) { _ = try Captured(source) }
    #expect(error?.code == .lockTimeout)
    #expect(error?.isTransient == true)
    #expect(
      error?.why
        == "process \(pid) of postgres holds public.t locked, running: SELECT pg_backend_pid()")
    #expect(error?.next.contains("pg_terminate_backend(\(pid))") == true)
  }

  @Test func `names a prepared transaction that nobody ended`() throws {
    let target = try TestServer.shared.makeDatabase()
    let blocker = try Connection(target)
    let name = "forgotten-\(blocker.databaseName)"
    try blocker.execute("CREATE TABLE t (x int)")
    try blocker.execute("BEGIN; TRUNCATE t; PREPARE TRANSACTION '\(name)'")
    defer { try? blocker.execute("ROLLBACK PREPARED '\(name)'") }
    let source = DatabaseSource(
      name: "held", target: target, lockTimeout: .milliseconds(300))
    let error = #expect(throws: CaptureError.self) { _ = try Captured(source) }
    #expect(error?.why == "the prepared transaction '\(name)' holds public.t locked")
  }

  @Test func `names the migration that queues while definitions are dumped`() throws {
    let target = try TestServer.shared.makeDatabase()
    let other = try Connection(target)
    try other.execute("CREATE TABLE t (x int)")
    let watcher = try Connection(target)
    let group = ThreadGroup()
    let source = DatabaseSource(
      name: "queue", target: target, lockTimeout: .milliseconds(500))
    let error = #expect(throws: CaptureError.self) {
      _ = try Captured(source) {
        group.start(name: "migration") { try? other.execute("ALTER TABLE t ADD y int") }
        try waitUntil("the migration queues") { try watcher.hasWaiter(on: "t") }
      }
    }
    group.wait()
    #expect(error?.code == .lockTimeout)
    #expect(error?.why.contains("waits to lock public.t behind process") == true)
    #expect(error?.why.contains("running: ALTER TABLE t ADD y int") == true)
  }

  @Test func `reads rows though a migration queues behind it`() throws {
    let target = try TestServer.shared.makeDatabase()
    let other = try Connection(target)
    try other.execute(
      "CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 5000) g")
    let watcher = try Connection(target)
    let group = ThreadGroup()
    let progress = Progress { reading in
      guard reading.phase.hasPrefix("rows") else { return }
      group.start(name: "migration") { try? other.execute("ALTER TABLE t ADD y int") }
      try? waitUntil("the migration queues") { try watcher.hasWaiter(on: "t") }
    }
    let captured = try Captured(
      DatabaseSource(name: "queue", target: target, connections: 3), progress: progress)
    group.wait()
    #expect(captured.summary.rowCount == 5000)
    #expect(try captured.tables()[.table("t")]?.columns == ["g", "md5"])
  }
}

/// A value that one thread sets before another reads it.
final class Box<Value>: @unchecked Sendable {
  // Unchecked because the reader waits for the writer's thread to end first.
  var value: Value
  init(_ value: Value) { self.value = value }
}
