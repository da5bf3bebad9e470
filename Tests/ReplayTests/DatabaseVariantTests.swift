import Format
import Postgres
import Replay
import Repository
import TestSupport
import Testing

@Suite struct `A replay under other conditions` {
  @Test func `makes the roles that are missing, and alters those that exist`() throws {
    let source = try TestServer.shared.makeDatabase()
    let gone = TestServer.randomName() + " \"gone\""
    let kept = try TestServer.shared.makeRole("LOGIN")
    let quoted = Connection.quoteIdentifier(gone)
    try psql(
      source,
      """
      CREATE ROLE \(quoted) CREATEDB PASSWORD 'it''s; secret'; GRANT \(quoted) TO \(kept);
      CREATE TABLE t (a int); ALTER TABLE t OWNER TO \(quoted);
      COMMENT ON ROLE \(quoted) IS 'semi;colon -- and E''quote''';
      """)
    let snapshot = try DatabaseSnapshot.capture(source)
    // Only these two roles: other tests make and drop theirs on the same server.
    let globals = """
      SET client_encoding = 'UTF8';
      CREATE ROLE postgres;
      ALTER ROLE postgres WITH NOSUPERUSER;
      CREATE ROLE \(quoted);
      ALTER ROLE \(quoted) WITH CREATEDB PASSWORD 'it''s; secret';
      COMMENT ON ROLE \(quoted) IS 'semi;colon -- and E''quote''';
      CREATE ROLE \(kept);
      ALTER ROLE \(kept) WITH LOGIN CONNECTION LIMIT 5;
      GRANT \(quoted) TO \(kept);
      CREATE TABLESPACE fast OWNER postgres LOCATION '/nonexistent/fast';
      """
    try psql(source, "DROP OWNED BY \(quoted); DROP ROLE \(quoted)")
    let edited = try snapshot.replacing(.globals, with: Array(globals.utf8))
    let target = source.replacing(database: TestServer.randomName())
    let missing = #expect(throws: ReplayError.self) { try edited.replay(into: target) }
    #expect(missing?.code == .roleMissing)

    let report = try edited.replay(into: target, DatabaseReplayOptions(globals: true))
    #expect(report.phases.map(\.name)[1...2] == ["create database", "globals"])
    #expect(report.warnings.count == 2, "\(report.warnings)")
    #expect(
      report.warnings.first
        == "role 'postgres' was left as it is: this restore connects as it")
    #expect(report.warnings.last?.hasPrefix("globals: CREATE TABLESPACE fast: ") == true)
    let connection = try Connection(target)
    #expect(
      try connection.query("SELECT tableowner FROM pg_tables WHERE tablename = 't'")[0, 0] == gone)
    let role = try connection.query(
      """
      SELECT rolcreatedb, pg_has_role($1, oid, 'MEMBER'), shobj_description(oid, 'pg_authid'),
        (SELECT rolconnlimit FROM pg_roles WHERE rolname = $1)
      FROM pg_roles WHERE rolname = $2
      """, [kept, gone])
    #expect(role[0, 0] == "t")
    #expect(role[0, 1] == "t")
    #expect(role[0, 2] == "semi;colon -- and E'quote'")
    #expect(role[0, 3] == "5")
  }

  @Test func `as a drill publishes nothing, and lists no tablespace`() throws {
    let example = try ExampleDatabase()
    let snapshot = try DatabaseSnapshot.capture(example.target)
    let target = example.target.replacing(database: TestServer.randomName())
    var options = DatabaseReplayOptions.drill()
    options.globals = false
    let report = try snapshot.replay(into: target, options)
    #expect(report.warnings == [])
    #expect(try psql(target, "SELECT count(*) FROM pg_publication") == "0\n")
    #expect(try contents(target) == contents(example.target))
  }

  @Test func `needs no superuser when owners and privileges are left out`() throws {
    let source = try TestServer.shared.makeDatabase()
    let owner = try TestServer.shared.makeRole("LOGIN")
    try psql(
      source,
      """
      CREATE TABLE t (a serial PRIMARY KEY, b text); INSERT INTO t (b) SELECT 'x' FROM generate_series(1, 50);
      GRANT SELECT ON t TO \(owner); ALTER TABLE t OWNER TO \(owner);
      SELECT lo_from_bytea(5, 'five'); GRANT SELECT ON LARGE OBJECT 5 TO \(owner);
      ALTER LARGE OBJECT 5 OWNER TO \(owner);
      CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM t;
      """)
    let snapshot = try DatabaseSnapshot.capture(source)
    let role = try TestServer.shared.makeRole("LOGIN CREATEDB")
    let target = source.replacing(database: TestServer.randomName()).setting("user", to: role)
    let report = try snapshot.replay(
      into: target, DatabaseReplayOptions(restoreOwners: false, restorePrivileges: false))
    #expect(report.rowCount == 50)
    let connection = try Connection(target)
    #expect(try connection.query("SELECT count FROM m")[0, 0] == "50")
    #expect(try connection.query("SELECT convert_from(lo_get(5), 'UTF8')")[0, 0] == "five")
    #expect(
      try connection.query("SELECT tableowner FROM pg_tables WHERE tablename = 't'")[0, 0] == role)
  }

  @Test func `is done as another role if one is named`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      "CREATE TABLE t (a serial PRIMARY KEY); INSERT INTO t DEFAULT VALUES; SELECT lo_create(9)")
    let snapshot = try DatabaseSnapshot.capture(source)
    let role = try TestServer.shared.makeRole("NOLOGIN")
    let target = source.replacing(database: TestServer.randomName())
    _ = try snapshot.replay(
      into: target,
      DatabaseReplayOptions(restoreOwners: false, restorePrivileges: false, role: role))
    #expect(
      try psql(
        target,
        """
        SELECT DISTINCT pg_get_userbyid(o) FROM (SELECT relowner FROM pg_class WHERE oid >= 16384 AND relkind = 'r'
        UNION SELECT lomowner FROM pg_largeobject_metadata
        UNION SELECT datdba FROM pg_database WHERE datname = current_database()) x (o)
        """) == "\(role)\n")
  }

  @Test func `makes large objects that the archive does not bring`() throws {
    // As with pg_dump 17 and newer: the archive of an empty database, beside objects.
    let empty = try DatabaseSnapshot.capture(try TestServer.shared.makeDatabase())
    let owner = try TestServer.shared.makeRole("LOGIN")
    let reader = try TestServer.shared.makeRole("LOGIN")
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
    let snapshot = try empty.adding { content in
      (1...600).map { number in
        let object = LargeObject(
          owner: owner,
          privileges: number == 600
            ? "{\(owner)=rw/\(owner),\(reader)=r*/\(owner),=r/\(reader)}" : nil,
          comment: number == 7 ? "seven's" : nil,
          content: number == 600 ? content : .empty)
        return (UInt32(number * 1_000), object)
      }
    } bytes: {
      bytes
    }
    let target = try TestServer.shared.makeDatabase().replacing(database: TestServer.randomName())
    let report = try snapshot.replay(into: target)
    #expect(report.warnings == [])
    #expect(report.largeObjectCount == 600)
    let connection = try Connection(target)
    let row = try connection.query(
      """
      SELECT count(*), count(*) FILTER (WHERE pg_get_userbyid(lomowner) = $1),
        max(obj_description(oid, 'pg_largeobject')), max(lomacl::text) FROM pg_largeobject_metadata
      """, [owner])
    #expect(row[0, 0] == "600")
    #expect(row[0, 1] == "600")
    #expect(row[0, 2] == "seven's")
    #expect(row[0, 3] == "{\(owner)=rw/\(owner),\(reader)=r*/\(owner),=r/\(reader)}")
    var read: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 1_000_000) {
      let piece = try connection.query("SELECT encode(lo_get(600000, \(start), 1000000), 'hex')")[
        0, 0]
      read += hexadecimal(piece ?? "")
    }
    #expect(read == bytes)
  }

  @Test func `loads rows that are held in binary between rows in text`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      "CREATE TABLE t (a int, b bytea); INSERT INTO t SELECT i, decode(md5(i::text), 'hex') FROM generate_series(1, 300) i"
    )
    let connection = try Connection(source)
    func rows(_ condition: String, _ format: String) throws -> [UInt8] {
      var bytes: [UInt8] = []
      _ = try connection.copyOut(
        "COPY (SELECT * FROM t WHERE \(condition)) TO STDOUT WITH (FORMAT \(format))"
      ) { piece in for index in piece.indices { bytes.append(piece[index]) } }
      return bytes
    }
    let snapshot = try DatabaseSnapshot.capture(source).replacingRanges([
      (.text, rows("a < 50", "text"), 49), (.binary, rows("a BETWEEN 50 AND 99", "binary"), 50),
      (.binary, rows("a BETWEEN 100 AND 199", "binary"), 100),
      (.text, rows("a BETWEEN 200 AND 250", "text"), 51), (.text, rows("a > 250", "text"), 50),
    ])
    let target = source.replacing(database: TestServer.randomName())
    let report = try snapshot.replay(into: target)
    #expect(report.rowCount == 300)
    let query = "SELECT a, b FROM t ORDER BY a"
    #expect(try psql(target, query) == psql(source, query))
  }

  @Test func `says when a materialized view stays empty because it was asked to`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(source, "CREATE MATERIALIZED VIEW m AS SELECT 1 AS one")
    let snapshot = try DatabaseSnapshot.capture(source)
    let target = source.replacing(database: TestServer.randomName())
    let report = try snapshot.replay(
      into: target, DatabaseReplayOptions(analyze: false, refreshMaterializedViews: false))
    #expect(report.warnings == ["1 materialized view was not filled, as asked"])
    #expect(try psql(target, "SELECT relispopulated FROM pg_class WHERE relname = 'm'") == "f\n")
  }

  @Test func `has no schema public if the source had none`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(source, "CREATE SCHEMA own; CREATE TABLE own.t (a int)")
    // What the inventory of a source without it says.
    let inventory = "schema\town\t\(String(repeating: "0", count: 32))\n"
    let snapshot = try DatabaseSnapshot.capture(source)
      .replacing(.inventory, with: Array(inventory.utf8))
    let target = source.replacing(database: TestServer.randomName())
    #expect(try snapshot.replay(into: target).warnings == [])
    #expect(
      try psql(target, "SELECT to_regnamespace('public') IS NULL, count(*) FROM own.t") == "t|0\n")
    let damaged = try snapshot.replacing(.inventory, with: [1, 2, 3])
    let error = #expect(throws: ReplayError.self) {
      try damaged.replay(into: source.replacing(database: TestServer.randomName()))
    }
    #expect(error?.code == .damaged)
  }

  @Test func `loads into a database whose default is read only`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(source, "CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)")
    let snapshot = try DatabaseSnapshot.capture(source)
    let target = try TestServer.shared.makeDatabase()
    let name = Connection.quoteIdentifier(target.databaseName ?? "")
    try psql(target, "ALTER DATABASE \(name) SET default_transaction_read_only = on")
    #expect(try snapshot.replay(into: target).rowCount == 1)
  }
}
