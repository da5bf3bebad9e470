// Proves connections and statements against a real server, the refusals above all.

import Glibc
import Postgres
import Programs
import Synchronization
import TestSupport
import Testing

/// Answers true from the moment it is pulled.
final class Cord: Sendable {
  private let pulled = Mutex(false)
  func pull() { pulled.withLock { $0 = true } }
  var isPulled: Bool { pulled.withLock { $0 } }
}

/// Waits until `query` answers true, on a connection of its own; for "the other session is there now".
func waitUntil(_ target: ConnectionTarget, _ query: String) throws {
  let observer = try Connection(target)
  while try observer.query(query)[0, 0] != "t" { usleep(10_000) }
}

@Suite struct `A connection` {
  let server = TestServer.shared

  @Test func `knows whom it talks to`() throws {
    let connection = try Connection(server.makeDatabase("odd \"name\""))
    #expect(connection.serverMajor == (try server.major()))
    #expect(connection.serverVersion / 10_000 == connection.serverMajor)
    #expect(connection.databaseName == "odd \"name\"")
    #expect(connection.hostDescription.hasSuffix(":5432"))
    #expect(connection.parameter("server_encoding") == "UTF8")
    #expect(try connection.query("SHOW application_name")[0, 0] == "lifeboat")
  }

  @Test func `to a port where nobody listens is unreachable`() throws {
    let target = try ConnectionTarget("host=127.0.0.1 port=1 user=u dbname=d password=hunter2")
    let error = #expect(throws: PostgresError.self) { try Connection(target) }
    #expect(error?.kind == .unreachable)
    #expect(error?.isTransient == true)
    #expect(error?.sqlState == nil)
    #expect(error?.what == "cannot connect to host=127.0.0.1 port=1 user=u dbname=d")
    #expect(error?.why.contains("Connection refused") == true)
    #expect(error.map { "\($0)" }?.contains("hunter2") == false)
  }

  @Test func `to several hosts of which none answers is unreachable`() throws {
    let target = try ConnectionTarget("host=127.0.0.1,127.0.0.1 port=1,2 dbname=d")
    let error = #expect(throws: PostgresError.self) { try Connection(target) }
    #expect(error?.kind == .unreachable)
  }

  @Test func `to a server that never answers gives up or is cancelled`() throws {
    // Listens and accepts nothing; the kernel completes the handshake.
    let listener = try Listener()
    let target = try ConnectionTarget("host=127.0.0.1 port=\(listener.port) dbname=d")
    let late = #expect(throws: PostgresError.self) {
      try Connection(target, connectTimeoutSeconds: 1)
    }
    #expect(late?.kind == .unreachable)
    #expect(late?.why == "no answer within 1 s")
    let cancelled = #expect(throws: PostgresError.self) {
      try Connection(target, connectTimeoutSeconds: 60, cancellation: { true })
    }
    #expect(cancelled?.kind == .cancelled)
  }

  @Test func `to a missing database says so`() throws {
    let target = try server.target(database: "no_such_database")
    let error = #expect(throws: PostgresError.self) { try Connection(target) }
    #expect(error?.kind == .databaseMissing)
    #expect(error?.sqlState == "3D000")
    #expect(error?.why.contains("LOCATION") == false)
    #expect(error?.isTransient == false)
  }

  @Test func `as a missing role is an authentication failure`() throws {
    let target = try server.makeDatabase().setting("user", to: "nobody_here")
    let error = #expect(throws: PostgresError.self) { try Connection(target) }
    #expect(error?.kind == .authentication)
    #expect(error?.sqlState == "28000")
  }

  @Test func `without the right to connect lacks a privilege`() throws {
    let target = try server.makeDatabase()
    let role = try server.makeRole()
    let name = Connection.quoteIdentifier(target.databaseName ?? "")
    try Connection(target).execute("REVOKE CONNECT ON DATABASE \(name) FROM PUBLIC")
    let error = #expect(throws: PostgresError.self) {
      try Connection(target.setting("user", to: role))
    }
    #expect(error?.kind == .privilege)
  }

  @Test func `that is closed refuses every call`() throws {
    let connection = try Connection(server.makeDatabase())
    connection.close()
    connection.close()
    connection.cancel()
    #expect(!connection.isOpen)
    #expect(connection.serverVersion == 0)
    let error = #expect(throws: PostgresError.self) { try connection.query("SELECT 1") }
    #expect(error?.kind == .misuse)
  }
}

@Suite struct `A statement` {
  let server = TestServer.shared

  @Test func `returns values as they are`() throws {
    let connection = try Connection(server.makeDatabase())
    let rows = try connection.query(
      "SELECT * FROM (VALUES (1, NULL, '', E'a\\tb\\\\c\\nd', $1, $2)) v(i, n, e, t, p, q)",
      ["it's \"$1\"", nil])
    #expect(rows.count == 1)
    #expect(rows.columns == ["i", "n", "e", "t", "p", "q"])
    #expect(rows[0, 0] == "1")
    #expect(rows[0, "n"] == nil)
    #expect(rows.bytes(0, 1) == nil)
    #expect(rows[0, "e"] == "")
    #expect(rows.bytes(0, 2) == [])
    #expect(rows[0, 3] == "a\tb\\c\nd")
    #expect(rows.first?["p"] == "it's \"$1\"")
    #expect(rows.first?[5] == nil)
    // What is not there reads as nil instead of trapping.
    #expect(rows[1, 0] == nil)
    #expect(rows[0, 99] == nil)
    #expect(rows[-1, -1] == nil)
    #expect(rows[0, "missing"] == nil)
    #expect(try connection.query("SELECT 1 WHERE false").isEmpty)
    #expect(try connection.query("SET work_mem = '4MB'").isEmpty)
  }

  @Test func `keeps bytes that are no UTF-8`() throws {
    let connection = try Connection(server.makeDatabase(encoding: "LATIN1"))
    try connection.execute("SET client_encoding = 'LATIN1'")
    let name: [UInt8] = [0xE9, 0x22, 0x74]  // é"t in LATIN1
    try connection.execute(
      Array("CREATE TABLE ".utf8) + Connection.quoteIdentifier(name) + Array(" (a int)".utf8))
    let rows = try connection.query(
      "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '%t'")
    #expect(rows.bytes(0, 0) == name)
    #expect(rows[0, 0] == "\u{FFFD}\"t")
    let copied = try connection.copyOut(
      Array("COPY ".utf8) + Connection.quoteIdentifier(name) + Array(" TO STDOUT".utf8)
    ) { _ in }
    #expect(copied == 0)
  }

  @Test func `quoted odd names and values reach the server unchanged`() throws {
    let connection = try Connection(server.makeDatabase())
    for name in ["a\"b", "it's", #"back\slash"#, "--", "; DROP", "名前", "\"\"", "a\nb"] {
      let identifier = Connection.quoteIdentifier(name)
      try connection.execute("CREATE TABLE \(identifier) (\(identifier) int)")
      let rows = try connection.query(
        "SELECT relname FROM pg_class WHERE relname = \(Connection.quoteLiteral(name))")
      #expect(rows[0, 0] == name)
    }
  }

  @Test func `that fails names the state and leaves the connection usable`() throws {
    let connection = try Connection(server.makeDatabase())
    let error = #expect(throws: PostgresError.self) {
      try connection.execute("SELECT 1; SELECT * FROM no_such_table; SELECT 2")
    }
    #expect(error?.kind == .server)
    #expect(error?.sqlState == "42P01")
    #expect(error?.severity == "ERROR")
    #expect(error?.what.hasPrefix("cannot SELECT on host=") == true)
    #expect(error?.why == "relation \"no_such_table\" does not exist")
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test func `without the privilege says which`() throws {
    let target = try server.makeDatabase()
    try Connection(target).execute("CREATE TABLE secret (a int)")
    let connection = try Connection(target.setting("user", to: server.makeRole()))
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut("COPY secret TO STDOUT") { _ in }
    }
    #expect(error?.kind == .privilege)
    #expect(error?.why == "permission denied for table secret")
    #expect(connection.isOpen)
  }

  @Test func `behind a lock times out as such`() throws {
    let target = try server.makeDatabase()
    let holder = try Connection(target)
    try holder.execute("CREATE TABLE t (a int)")
    try holder.execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    #expect(holder.isInTransaction)
    let waiter = try Connection(target)
    #expect(!waiter.isInTransaction)
    try waiter.execute("SET lock_timeout = '50ms'")
    let error = #expect(throws: PostgresError.self) { try waiter.query("SELECT * FROM t") }
    #expect(error?.kind == .lockTimeout)
    #expect(error?.isTransient == true)
    let nowait = #expect(throws: PostgresError.self) {
      try waiter.execute("BEGIN; LOCK TABLE t IN ACCESS SHARE MODE NOWAIT")
    }
    #expect(nowait?.kind == .lockTimeout)
  }

  @Test func `whose session is terminated has lost its connection`() throws {
    let target = try server.makeDatabase()
    let victim = try Connection(target)
    let pid = try #require(try victim.query("SELECT pg_backend_pid()")[0, 0])
    try Connection(target).execute("SELECT pg_terminate_backend(\(pid), 5000)")
    let error = #expect(throws: PostgresError.self) { try victim.query("SELECT 1") }
    #expect(error?.kind == .connectionLost)
    #expect(error?.sqlState == "57P01")
    #expect(!victim.isOpen)
    let again = #expect(throws: PostgresError.self) { try victim.query("SELECT 1") }
    #expect(again != nil)
  }

  @Test func `asleep on the server is cancelled by the token`() throws {
    let target = try server.makeDatabase()
    let cord = Cord()
    let connection = try Connection(
      target, applicationName: "sleeper", cancellation: { cord.isPulled })
    let thread = try WatchThread {
      try waitUntil(
        target, "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(1000)'")
      cord.pull()
    }
    let error = #expect(throws: PostgresError.self) {
      try connection.query("SELECT pg_sleep(1000)")
    }
    try thread.join()
    #expect(error?.kind == .cancelled)
    #expect(connection.isOpen)
    #expect(
      try Connection(target).query(
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1000)' AND state = 'active'"
      )[
        0, 0] == "0")
  }

  @Test func `asleep on the server is cancelled from another thread`() throws {
    let target = try server.makeDatabase()
    let connection = try Connection(target)
    let thread = try WatchThread {
      try waitUntil(
        target, "SELECT count(*) = 1 FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(999)'")
      connection.cancel()
    }
    let error = #expect(throws: PostgresError.self) { try connection.query("SELECT pg_sleep(999)") }
    try thread.join()
    #expect(error?.kind == .cancelled)
    #expect(error?.sqlState == "57014")
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test func `with a NUL byte is refused instead of cut short`() throws {
    let connection = try Connection(server.makeDatabase())
    for attempt in 0...1 {
      let error = #expect(throws: PostgresError.self) {
        if attempt == 0 {
          try connection.execute("DROP TABLE t\u{0} -- not this one")
        } else {
          _ = try connection.query("SELECT $1", ["a\u{0}b"])
        }
      }
      #expect(error?.kind == .misuse)
    }
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test func `that is a COPY in disguise is refused, and the connection lives on`() throws {
    let connection = try Connection(server.makeDatabase())
    try connection.execute("CREATE TABLE t (a int)")
    for sql in ["COPY t TO STDOUT", "COPY t FROM STDIN"] {
      #expect(throws: PostgresError.self) { try connection.execute(sql) }
      #expect(throws: PostgresError.self) { _ = try connection.query(sql) }
      #expect(try connection.query("SELECT 1")[0, 0] == "1")
    }
  }

  @Test func `leaves notices that cannot drive a terminal`() throws {
    let connection = try Connection(server.makeDatabase())
    try connection.execute("DO $$ BEGIN RAISE WARNING E'one\\ntwo \\x1b[31mred'; END $$")
    let notice = try #require(connection.notices.last)
    #expect(notice.hasPrefix("WARNING:  one | two \u{FFFD}[31mred"))
    try connection.execute(
      "DO $$ BEGIN FOR i IN 1..300 LOOP RAISE NOTICE 'n%', i; END LOOP; END $$")
    #expect(connection.notices.count == 100)
    let error = #expect(throws: PostgresError.self) {
      try connection.execute("DO $$ BEGIN RAISE EXCEPTION E'a\\r\\nerror: forged\\x07'; END $$")
    }
    #expect(error?.why == "a | error: forged\u{FFFD}")
  }

  @Test func `reads the same under dump settings, whatever the role prefers`() throws {
    let target = try server.makeDatabase()
    let role = try server.makeRole("LOGIN SUPERUSER")
    try Connection(target).execute(
      """
      ALTER ROLE "\(role)" SET timezone = 'Asia/Tokyo'; ALTER ROLE "\(role)" SET datestyle = 'German';
      ALTER ROLE "\(role)" SET bytea_output = 'escape'; ALTER ROLE "\(role)" SET intervalstyle = 'iso_8601';
      ALTER ROLE "\(role)" SET extra_float_digits = 0; ALTER ROLE "\(role)" SET lock_timeout = '1s';
      ALTER ROLE "\(role)" SET client_encoding = 'LATIN1'
      """)
    let connection = try Connection(target.setting("user", to: role))
    try connection.applyDumpSettings()
    let row = try connection.query(
      """
      SELECT '2024-01-31 12:00:00+00'::timestamptz, '\\xff00'::bytea, '1 day 02:00'::interval,
        0.1::float8 + 0.2::float8, current_setting('lock_timeout'), current_setting('search_path'),
        current_setting('client_encoding'), current_setting('row_security')
      """)
    #expect(
      (0..<8).map { row[0, $0] } == [
        "2024-01-31 12:00:00+00", "\\xff00", "1 day 02:00:00", "0.30000000000000004", "0", "",
        "UTF8", "off",
      ])
  }
}

/// A TCP socket that listens and never accepts.
final class Listener {
  private let descriptor: Int32
  let port: UInt16

  init() throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0
          && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else {
      throw PostgresError(.misuse, what: "cannot listen", why: "errno \(errno)")
    }
    port = UInt16(bigEndian: address.sin_port)
  }

  deinit { close(descriptor) }
}
