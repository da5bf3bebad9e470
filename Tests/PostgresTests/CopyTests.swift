// Proves COPY in both directions against a real server, with every way it can be cut short.

import Postgres
import Synchronization
import TestSupport
import Testing

private func bytes(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

private func text(_ span: Span<UInt8>) -> String { String(decoding: bytes(span), as: UTF8.self) }

private struct Enough: Error {}

@Suite struct `COPY to us` {
  let server = TestServer.shared

  @Test func `lends each row as the server wrote it`() throws {
    let connection = try Connection(server.makeDatabase())
    try connection.execute(
      """
      CREATE TABLE t (i int, s text);
      INSERT INTO t VALUES (1, NULL), (2, ''), (3, E'a\\tb\\\\c\\nd'), (4, 'é名')
      """)
    var rows: [String] = []
    let count = try connection.copyOut("COPY t TO STDOUT") { rows.append(text($0)) }
    #expect(count == 4)
    #expect(rows == ["1\t\\N\n", "2\t\n", "3\ta\\tb\\\\c\\nd\n", "4\té名\n"])
  }

  @Test func `keeps bytes that are no UTF-8`() throws {
    let connection = try Connection(server.makeDatabase(encoding: "SQL_ASCII"))
    try connection.applyDumpSettings()
    try connection.execute(
      Array("CREATE TABLE public.t AS SELECT '".utf8) + [0xFF, 0xE9] + Array("'::text".utf8))
    var rows: [[UInt8]] = []
    _ = try connection.copyOut("COPY public.t TO STDOUT") { rows.append(bytes($0)) }
    #expect(rows == [[0xFF, 0xE9, 0x0A]])
  }

  @Test func `copes with empty tables, wide rows and binary form`() throws {
    let connection = try Connection(server.makeDatabase())
    #expect(try connection.copyOut("COPY (SELECT 1 WHERE false) TO STDOUT") { _ in } == 0)
    var length = 0
    #expect(
      try connection.copyOut("COPY (SELECT repeat('x', 5000000)) TO STDOUT") { length = $0.count }
        == 1)
    #expect(length == 5_000_001)
    var total = 0
    let rows = try connection.copyOut(
      "COPY (SELECT generate_series(1, 100)) TO STDOUT (FORMAT binary)"
    ) { total += $0.count }
    #expect(rows == 100)
    #expect(total == 19 + 100 * 10 + 2)
  }

  @Test func `is cancelled when the reader throws, and the connection lives on`() throws {
    let connection = try Connection(server.makeDatabase())
    var seen = 0
    #expect(throws: Enough.self) {
      try connection.copyOut("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT") { _ in
        seen += 1
        if seen == 1_000 { throw Enough() }
      }
    }
    #expect(seen == 1_000)
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test func `is cancelled by the token in the midst of rows`() throws {
    let target = try server.makeDatabase()
    let cord = Cord()
    let connection = try Connection(target, cancellation: { cord.isPulled })
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut("COPY (SELECT generate_series(1, 1000000000)) TO STDOUT") { _ in
        cord.pull()
      }
    }
    #expect(error?.kind == .cancelled)
    #expect(connection.isOpen)
  }

  @Test func `that the server breaks off is an error, not a short table`() throws {
    let connection = try Connection(server.makeDatabase())
    var seen = 0
    let error = #expect(throws: PostgresError.self) {
      try connection.copyOut("COPY (SELECT 1/(1000 - i) FROM generate_series(1, 2000) i) TO STDOUT")
      { _ in
        seen += 1
      }
    }
    #expect(seen > 0)
    #expect(error?.sqlState == "22012")
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test func `whose session is terminated midway has lost its connection`() throws {
    let target = try server.makeDatabase()
    let victim = try Connection(target)
    let pid = try #require(try victim.query("SELECT pg_backend_pid()")[0, 0])
    let killer = try Connection(target)
    var isKilled = false
    let error = #expect(throws: PostgresError.self) {
      try victim.copyOut(
        "COPY (SELECT repeat('x', 1000), generate_series(1, 1000000000)) TO STDOUT"
      ) {
        _ in
        guard !isKilled else { return }
        isKilled = true
        try killer.execute("SELECT pg_terminate_backend(\(pid))")
      }
    }
    #expect(error?.kind == .connectionLost)
    #expect(!victim.isOpen)
  }

  @Test func `cannot be interleaved with another statement`() throws {
    let connection = try Connection(server.makeDatabase())
    var inner: PostgresError? = nil
    var seen = 0
    let rows = try connection.copyOut("COPY (SELECT generate_series(1, 10)) TO STDOUT") { _ in
      seen += 1
      do throws(PostgresError) { try connection.execute("SELECT 1") } catch { inner = error }
    }
    #expect(inner?.kind == .misuse)
    #expect(rows == 10)
    #expect(seen == 10)
  }

  @Test func `is nothing else`() throws {
    let connection = try Connection(server.makeDatabase())
    try connection.execute("CREATE TABLE t (a int)")
    for sql in ["SELECT 1", "COPY t FROM STDIN", ""] {
      #expect(throws: PostgresError.self) { try connection.copyOut(sql) { _ in } }
      #expect(try connection.query("SELECT 1")[0, 0] == "1")
    }
  }
}

@Suite struct `COPY from us` {
  let server = TestServer.shared

  private func table(_ definition: String = "a int, s text") throws -> Connection {
    let connection = try Connection(server.makeDatabase())
    try connection.execute("CREATE TABLE t (\(definition))")
    return connection
  }

  @Test func `takes rows cut anywhere`() throws {
    let connection = try table()
    let data = Array("1\t\\N\n2\t\n3\ta\\tb\\\\c\\nd\n".utf8)
    let rows = try connection.copyIn("COPY t FROM STDIN") { input in
      for byte in data { try input.write([byte]) }
    }
    #expect(rows == 3)
    var back: [UInt8] = []
    _ = try connection.copyOut("COPY t TO STDOUT") { back += bytes($0) }
    #expect(back == data)
  }

  @Test func `takes more than any buffer holds`() throws {
    let connection = try table("s text")
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 3_000_000) + [0x0A]
    let rows = try connection.copyIn("COPY t FROM STDIN") { input in
      for _ in 0..<10 { try input.write(line) }
    }
    #expect(rows == 10)
    #expect(try connection.query("SELECT sum(length(s)) FROM t")[0, 0] == "30000000")
  }

  @Test func `leaves nothing when the writer throws`() throws {
    let connection = try table()
    #expect(throws: Enough.self) {
      try connection.copyIn("COPY t FROM STDIN") { input in
        try input.write(Array("1\tx\n".utf8))
        throw Enough()
      }
    }
    #expect(try connection.query("SELECT count(*) FROM t")[0, 0] == "0")
    #expect(!connection.isInTransaction)
  }

  @Test func `of bad data is the server's error, and no row value is shown`() throws {
    let connection = try table()
    let error = #expect(throws: PostgresError.self) {
      try connection.copyIn("COPY t FROM STDIN") { input in
        try input.write(Array("1\tx\nprivate-value\ty\n".utf8))
      }
    }
    #expect(error?.sqlState == "22P02")
    #expect(error?.context == "COPY t, line 2, column a")
    #expect(try connection.query("SELECT count(*) FROM t")[0, 0] == "0")
  }

  @Test func `of bad data at the start is refused before all is sent`() throws {
    let connection = try table()
    let line = Array("1\t\([String](repeating: "y", count: 10_000).joined())\n".utf8)
    var written = 0
    let error = #expect(throws: PostgresError.self) {
      try connection.copyIn("COPY t FROM STDIN") { input in
        try input.write(Array("bad\tx\n".utf8))
        while written < 100_000 {
          try input.write(line)
          written += 1
        }
      }
    }
    #expect(error?.sqlState == "22P02")
    #expect(written < 100_000)
    #expect(try connection.query("SELECT count(*) FROM t")[0, 0] == "0")
  }

  @Test func `refused by the server cannot be talked into success`() throws {
    let connection = try table()
    let error = #expect(throws: PostgresError.self) {
      try connection.copyIn("COPY t FROM STDIN") { input in
        try input.write(Array("bad\tx\n".utf8))
        for _ in 0..<20_000 { try? input.write([UInt8](repeating: 0x31, count: 1_000)) }
      }
    }
    #expect(error?.sqlState == "22P02")
    #expect(try connection.query("SELECT 1")[0, 0] == "1")
  }

  @Test func `is cancelled by the token`() throws {
    let target = try server.makeDatabase()
    let cord = Cord()
    let connection = try Connection(target, cancellation: { cord.isPulled })
    try connection.execute("CREATE TABLE t (a int, s text)")
    let error = #expect(throws: PostgresError.self) {
      try connection.copyIn("COPY t FROM STDIN") { input in
        cord.pull()
        while true { try input.write(Array("1\tx\n".utf8)) }
      }
    }
    #expect(error?.kind == .cancelled)
    #expect(connection.isOpen)
    #expect(try Connection(target).query("SELECT count(*) FROM t")[0, 0] == "0")
  }

  @Test func `whose session is terminated midway has lost its connection`() throws {
    let connection = try table()
    let pid = try #require(try connection.query("SELECT pg_backend_pid()")[0, 0])
    let killer = try Connection(server.target(database: "postgres"))
    let line = Array("1\t\([String](repeating: "y", count: 10_000).joined())\n".utf8)
    let error = #expect(throws: PostgresError.self) {
      try connection.copyIn("COPY t FROM STDIN") { input in
        try input.write(line)
        try killer.execute("SELECT pg_terminate_backend(\(pid), 5000)")
        for _ in 0..<100_000 { try input.write(line) }
      }
    }
    #expect(error?.kind == .connectionLost)
    #expect(!connection.isOpen)
  }
}
