// Owns the tests of what a capture refuses or fails at, and what it says then.

import Capture
import Format
import Postgres
import Repository
import TestSupport
import Testing
import Workers

@Suite struct `A capture that cannot be whole` {
  private func failure(_ source: DatabaseSource, progress: Progress = Progress()) -> CaptureError? {
    #expect(throws: CaptureError.self) { _ = try Captured(source, progress: progress) }
  }

  @Test func `says that the server is not there`() throws {
    let target = try ConnectionTarget("host=/nowhere dbname=x")
    let error = failure(DatabaseSource(name: "shop", target: target))
    #expect(error?.code == .unreachable)
    #expect(error?.what == "cannot capture the database shop")
  }

  @Test func `says that the database is not there`() throws {
    let target = try TestServer.shared.makeDatabase().replacing(database: "missing")
    let error = failure(DatabaseSource(name: "shop", target: target))
    #expect(error?.code == .databaseMissing)
    #expect(error?.why.contains("\"missing\"") == true)
  }

  @Test func `names the GRANT that is missing`() throws {
    let target = try TestServer.shared.makeDatabase()
    let role = try TestServer.shared.makeRole()
    try Connection(target).execute(
      "CREATE TABLE secret (x int); CREATE TABLE open (x int); GRANT SELECT ON open TO \(role)")
    let error = failure(
      DatabaseSource(name: "shop", target: target.setting("user", to: role)))
    #expect(error?.code == .privilege)
    #expect(error?.why == "the role \"\(role)\" may not read \"public\".\"secret\"")
    #expect(
      error?.next.hasPrefix("as a superuser: GRANT pg_read_all_data TO \"\(role)\"") == true)
  }

  @Test func `is whole for a role that may read all, and says what that role may not`() throws {
    let target = try TestServer.shared.makeDatabase()
    let role = try TestServer.shared.makeRole("LOGIN IN ROLE pg_read_all_data")
    try Connection(target).execute(
      "CREATE TABLE t AS SELECT 1 AS x; CREATE SEQUENCE s; SELECT lo_from_bytea(0, 'x')")
    let captured = try Captured(
      DatabaseSource(name: "shop", target: target.setting("user", to: role)))
    #expect(captured.summary.rowCount == 1)
    #expect(captured.summary.largeObjectCount == 1)
    #expect(
      captured.summary.notIncluded == [
        "server settings that need pg_read_all_settings: \(role) does not have it"
      ])
  }

  @Test func `is whole but for passwords for a role that has plain grants only`() throws {
    let target = try TestServer.shared.makeDatabase()
    let role = try TestServer.shared.makeRole()
    try Connection(target).execute(
      "CREATE TABLE t AS SELECT 1 AS x; GRANT SELECT ON ALL TABLES IN SCHEMA public TO \(role)")
    let captured = try Captured(
      DatabaseSource(name: "shop", target: target.setting("user", to: role)))
    #expect(captured.summary.rowCount == 1)
    #expect(
      captured.summary.notIncluded.contains("passwords of roles: \(role) may not read pg_authid"))
    let globals = String(decoding: try #require(try captured.stream(.globals)), as: UTF8.self)
    #expect(globals.contains("CREATE ROLE \(role)"))
    #expect(!globals.contains("SCRAM-SHA-256"))
  }

  @Test func `names BYPASSRLS where a policy would hide rows`() throws {
    let target = try TestServer.shared.makeDatabase()
    let role = try TestServer.shared.makeRole("LOGIN IN ROLE pg_read_all_data")
    try Connection(target).execute(
      """
      CREATE TABLE t AS SELECT 1 AS x; ALTER TABLE t ENABLE ROW LEVEL SECURITY;
      CREATE POLICY none ON t USING (false)
      """)
    let source = DatabaseSource(name: "shop", target: target.setting("user", to: role))
    let error = failure(source)
    #expect(error?.code == .rowSecurity)
    #expect(error?.why.contains("hide rows of \"public\".\"t\" from \"\(role)\"") == true)
    #expect(error?.next == "as a superuser: ALTER ROLE \"\(role)\" BYPASSRLS")
    var without = source
    without.excludedTables = ["public.t"]
    #expect(try Captured(without).summary.rowCount == 0)
  }

  @Test func `names the GRANT for large objects`() throws {
    let target = try TestServer.shared.makeDatabase()
    let role = try TestServer.shared.makeRole()
    try Connection(target).execute("SELECT lo_create(0)")
    let error = failure(
      DatabaseSource(name: "shop", target: target.setting("user", to: role)))
    #expect(error?.code == .privilege)
    #expect(error?.next == "as a superuser: GRANT pg_read_all_data TO \"\(role)\"")
  }

  @Test func `stores no summary when its snapshot was killed before the rows were read`() throws {
    let target = try TestServer.shared.makeDatabase()
    let other = try Connection(target)
    try other.execute("CREATE TABLE t AS SELECT 1 AS x")
    let error = #expect(throws: (any Error).self) {
      _ = try Captured(DatabaseSource(name: "shop", target: target)) {
        try terminate(target, from: other)
      }
    }
    // pg_dump, which cannot import the snapshot any more, or our own session may notice first.
    #expect(error != nil)
  }

  @Test(arguments: ["large objects", "rows"])
  func `says that the connection was lost when the server ends it`(phase: String) throws {
    let target = try TestServer.shared.makeDatabase()
    let other = try Connection(target)
    try other.execute(
      """
      CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 5000) g;
      SELECT lo_create(0)
      """)
    let progress = Progress { reading in
      if reading.phase.hasPrefix(phase) { try? terminate(target, from: other) }
    }
    let error = failure(DatabaseSource(name: "shop", target: target), progress: progress)
    #expect(error?.code == .connectionLost)
    #expect(error?.isTransient == true)
  }

  @Test(arguments: ["locking", "definitions", "large objects", "rows"])
  func `stops when it is asked to`(phase: String) throws {
    let target = try TestServer.shared.makeDatabase()
    let other = try Connection(target)
    try other.execute(
      "CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 5000) g")
    let cancellation = Cancellation()
    let progress = Progress { if $0.phase.hasPrefix(phase) { cancellation.cancel() } }
    #expect(throws: Cancelled.self) {
      _ = try Captured(
        DatabaseSource(name: "shop", target: target), cancellation: cancellation,
        progress: progress)
    }
    // Nothing is left behind that would keep a migration waiting.
    try other.execute("SET lock_timeout = '30s'; TRUNCATE t")
  }

  @Test func `names the table whose row the server cannot write out`() throws {
    let target = try TestServer.shared.makeDatabase()
    try Connection(target).execute(
      """
      CREATE TABLE fine AS SELECT 1 AS x; CREATE TABLE huge (a bytea COMPRESSION lz4);
      INSERT INTO huge SELECT repeat('x', 540000000)::bytea
      """)
    let error = failure(DatabaseSource(name: "shop", target: target))
    #expect(error?.code == .rowTooLarge)
    #expect(error?.what == "cannot read rows of public.huge in the database shop")
    #expect(error?.why.hasPrefix("a row of the table is too large") == true)
  }

  /// Ends every session of the database but `connection`.
  private func terminate(_ target: ConnectionTarget, from connection: Connection) throws {
    try connection.execute(
      """
      SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
      """)
  }
}

@Suite struct `A pattern for tables to leave out` {
  @Test(arguments: [
    ("public.a", "public.a", true), ("public.a", "public.*", true), ("public.a", "*.a", true),
    ("public.a", "*", true), ("public.abc", "public.*b*", true), ("public.a", "public.ab", false),
    ("public.ab", "public.a", false), ("public.", "public.*", true), ("a.aab", "a.*ab", true),
    ("public.a", "", false),
  ])
  func `knows only the star`(name: String, pattern: String, fits: Bool) {
    #expect(DatabaseSource.matches(name, pattern) == fits)
  }
}
