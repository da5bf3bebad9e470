// Owns the tests of a capture on a good day: everything is there, byte for byte.

import Capture
import Format
import FoundationEssentials
import Inventory
import Postgres
import Repository
import TestSupport
import Testing
import Workers

@Suite struct `A captured database` {
  /// Tables of several shapes and sizes.
  private static func makeShop() throws -> ConnectionTarget {
    let target = try TestServer.shared.makeDatabase()
    try Connection(target).execute(
      """
      CREATE TYPE mood AS ENUM ('sad', 'ok');
      CREATE TABLE item (id serial PRIMARY KEY, name text, twice int GENERATED ALWAYS AS (1) STORED,
        paid timestamptz, raw bytea);
      INSERT INTO item (name, paid, raw)
        SELECT repeat(md5(g::text), g % 40), '2024-01-01 12:00+02'::timestamptz + g * interval '1 s',
          decode(md5(g::text), 'hex')
        FROM generate_series(1, 3000) g;
      DELETE FROM item WHERE id BETWEEN 400 AND 1200;
      CREATE TABLE nothing (a int);
      CREATE TABLE nocolumns (); INSERT INTO nocolumns DEFAULT VALUES;
      CREATE TABLE leaves (m mood, id int) PARTITION BY HASH (m);
      CREATE TABLE leaf0 PARTITION OF leaves FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE leaf1 (id int, m mood);
      ALTER TABLE leaves ATTACH PARTITION leaf1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      INSERT INTO leaves SELECT (ARRAY['sad', 'ok'])[1 + g % 2]::mood, g
        FROM generate_series(1, 100) g;
      CREATE SCHEMA "Ä b"; CREATE TABLE "Ä b"."c""d" ("e f" text, g json);
      INSERT INTO "Ä b"."c""d" VALUES (E'tab\\tnew\\nline\\\\', '{"a": 1}'), (NULL, NULL);
      CREATE VIEW v AS SELECT 1; CREATE MATERIALIZED VIEW mv AS SELECT 1;
      SELECT nextval('item_id_seq')
      """)
    return target
  }

  @Test(arguments: [1, 3]) func `holds every row as COPY writes it`(connections: Int) throws {
    let target = try Self.makeShop()
    let captured = try Captured(
      DatabaseSource(name: "shop", target: target, connections: connections))
    let connection = try readingConnection(target)
    let tables = try captured.tables()
    let descriptions = try TableDescription.list(over: connection)
    #expect(Set(tables.keys) == Set(descriptions.map(\.name)))
    let key = try CaptureRepository.shared.get().repository.keys.rowKey
    for description in descriptions {
      let summary = try #require(tables[description.name])
      var expected: [UInt8] = []
      _ = try TableReader.copyText(description, over: connection) { row in
        for index in row.indices { expected.append(row[index]) }
      }
      #expect(try captured.rows(description.name) == expected, "\(description.name)")
      let digest = try TableReader.digest(of: description, key: key, over: connection)
      #expect(summary.digest == digest.sum, "\(description.name)")
      #expect(summary.rowCount == digest.rowCount, "\(description.name)")
      #expect(summary.byteCount == UInt64(expected.count), "\(description.name)")
      #expect(summary.columns == description.columns, "\(description.name)")
      #expect(summary.loadThrough == description.loadThrough, "\(description.name)")
      let ranges = try captured.ranges(description.name).map(\.range)
      #expect(ranges.allSatisfy { $0.rowCount > 0 && $0.format == .text })
      #expect(ranges.reduce(0) { $0 + $1.rowCount } == digest.rowCount)
    }
    #expect(captured.summary.tableCount == descriptions.count)
    #expect(captured.summary.rowCount == 2199 + 1 + 100 + 2)
    #expect(captured.summary.byteCount == tables.values.reduce(0) { $0 + $1.byteCount })
    #expect(captured.warnings == [])
  }

  @Test func `is cut at fixed blocks, with no entry for an empty range`() throws {
    let target = try Self.makeShop()
    let captured = try Captured(DatabaseSource(name: "shop", target: target))
    let numbers = try captured.ranges(.table("item")).compactMap { UInt64($0.number, radix: 16) }
    let connection = try readingConnection(target)
    let expected = try connection.query(
      """
      SELECT DISTINCT (ctid::text::point)[0]::int / 4 FROM public.item ORDER BY 1
      """
    ).compactMap { $0[0].flatMap { UInt64($0) } }
    #expect(numbers == expected)
    #expect(numbers.count > 10)
    // The deleted rows left a gap.
    #expect(UInt64(numbers.count) < (numbers.last ?? 0) + 1)
    #expect(try captured.ranges(.table("nothing")).isEmpty)
  }

  @Test func `has the same digest however many connections read it`() throws {
    let target = try Self.makeShop()
    let one = try Captured(DatabaseSource(name: "shop", target: target, connections: 1))
    let four = try Captured(DatabaseSource(name: "shop", target: target, connections: 4))
    #expect(one.summary.digest == four.summary.digest)
    try Connection(target).execute("UPDATE item SET name = 'x' WHERE id = 2000")
    let changed = try Captured(DatabaseSource(name: "shop", target: target))
    #expect(changed.summary.digest != one.summary.digest)
  }

  @Test func `stores rows once, however often they are captured`() throws {
    let target = try TestServer.shared.makeDatabase()
    try Connection(target).execute(
      "CREATE TABLE t AS SELECT md5(g::text) FROM generate_series(1, 20000) g")
    let first = try Captured(DatabaseSource(name: "again", target: target))
    #expect(first.statistics.bytesNew > first.summary.byteCount)
    let second = try Captured(DatabaseSource(name: "again", target: target))
    #expect(second.statistics.bytesNew < second.summary.byteCount / 10)
    #expect(second.statistics.bytesRead >= second.summary.byteCount)
  }

  @Test func `has definitions, roles, inventory, properties and sequences beside its rows`()
    throws
  {
    let target = try Self.makeShop()
    let role = try TestServer.shared.makeRole("PASSWORD 'sesame'")
    let captured = try Captured(DatabaseSource(name: "shop", target: target))
    let connection = try readingConnection(target)
    #expect(try captured.stream(.archive)?.prefix(5) == Array("PGDMP".utf8)[...])
    let globals = String(decoding: try #require(try captured.stream(.globals)), as: UTF8.self)
    #expect(globals.contains("CREATE ROLE \(role)"))
    #expect(globals.contains("SCRAM-SHA-256"))
    let inventory = try ObjectInventory.read(over: connection)
    #expect(try captured.stream(.inventory) == inventory.encoded)
    let sequences = try JSONDecoder().decode(
      [SequenceValue].self, from: Data(try #require(try captured.stream(.sequences))))
    #expect(sequences.map(\.lastValue) == [3001])
    let properties = try DocumentBody.decode(
      DatabaseProperties.self, from: try #require(try captured.stream(.properties)),
      kind: .snapshot)
    #expect(properties.name == connection.databaseName)
    let summary = captured.summary
    #expect(summary.database == connection.databaseName)
    #expect(summary.sequenceCount == 1)
    #expect(summary.serverMajor == connection.serverMajor)
    #expect(summary.systemIdentifier != nil)
    #expect(summary.logPosition?.contains("/") == true)
    #expect(summary.transactionSnapshot?.contains(":") == true)
    #expect(summary.time.microseconds > 1_700_000_000_000_000)
    #expect(
      summary.notIncluded == ["rows of 1 materialized views: a restore computes them anew"])
  }

  @Test func `has its large objects with owner, grants, comment and holes`() throws {
    let target = try TestServer.shared.makeDatabase()
    let owner = try TestServer.shared.makeRole()
    let connection = try Connection(target)
    try connection.execute(
      """
      SELECT lo_create(g) FROM generate_series(100, 2299) g;
      SELECT lo_from_bytea(5, '\\x0102'), lo_from_bytea(7, repeat('a', 3000000)::bytea),
        lo_create(6), lo_from_bytea(8, 'x'), lo_put(8, 1000000, 'end');
      ALTER LARGE OBJECT 5 OWNER TO \(owner); GRANT SELECT ON LARGE OBJECT 7 TO PUBLIC;
      COMMENT ON LARGE OBJECT 6 IS 'empty'
      """)
    let captured = try Captured(DatabaseSource(name: "lob", target: target, connections: 2))
    var objects: [UInt64: LargeObject] = [:]
    try captured.catalog.forEach(within: captured.key(.largeObjects)) { key, entry in
      let number = String(decoding: key.components.last ?? [], as: UTF8.self)
      if case .largeObject(let object) = entry { objects[UInt64(number, radix: 16) ?? 0] = object }
    }
    #expect(objects.count == 2204)
    #expect(captured.summary.largeObjectCount == 2204)
    #expect(objects[5]?.owner == owner)
    #expect(objects[6]?.comment == "empty")
    #expect(objects[6]?.content == .empty)
    #expect(objects[7]?.privileges == "{postgres=rw/postgres,=r/postgres}")
    #expect(objects[5]?.privileges == nil)
    for oid in [5, 6, 7, 8, 100, 2299] as [UInt64] {
      let expected = try connection.query("SELECT encode(lo_get(\(oid)), 'base64')")[0, 0] ?? ""
      let bytes = try captured.bytes(try #require(objects[oid]).content)
      let actual = try connection.query(
        "SELECT encode($1::bytea, 'base64')",
        ["\\x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()])[0, 0]
      #expect(actual == expected, "large object \(oid)")
    }
  }

  @Test func `holds rows far larger than a chunk`() throws {
    let target = try TestServer.shared.makeDatabase()
    try Connection(target).execute(
      """
      CREATE TABLE t (a text); INSERT INTO t SELECT repeat('0123456789', 100000 * g)
      FROM generate_series(1, 12, 11) g; INSERT INTO t VALUES ('last')
      """)
    let captured = try Captured(DatabaseSource(name: "large", target: target))
    let rows = try captured.rows(.table("t"))
    #expect(rows.count == 1_000_001 + 12_000_001 + 5)
    let range = try #require(try captured.ranges(.table("t")).first)
    guard case .direct(let chunks) = range.range.content.chunks else {
      Issue.record("too many chunks")
      return
    }
    #expect(chunks.map(\.byteCount) == [1_000_001, 8 << 20, 12_000_001 - (8 << 20), 5])
  }

  @Test func `may be empty`() throws {
    let target = try TestServer.shared.makeDatabase()
    let captured = try Captured(DatabaseSource(name: "empty", target: target))
    #expect(captured.summary.tableCount == 0)
    #expect(captured.summary.rowCount == 0)
    #expect(try captured.stream(.archive) != nil)
    #expect(try captured.stream(.sequences) == Array("[]".utf8))
  }

  @Test func `may have another encoding than UTF-8`() throws {
    let target = try TestServer.shared.makeDatabase(encoding: "LATIN1")
    let connection = try Connection(target)
    try connection.execute("SET client_encoding = 'UTF8'")
    try connection.execute("CREATE TABLE \"tä\" (a text); INSERT INTO \"tä\" VALUES ('grün')")
    let captured = try Captured(DatabaseSource(name: "latin", target: target))
    #expect(try captured.rows(.table("tä")) == [0x67, 0x72, 0xFC, 0x6E, 0x0A])
  }

  @Test func `says which tables were left out`() throws {
    let target = try Self.makeShop()
    let captured = try Captured(
      DatabaseSource(
        name: "shop", target: target, excludedTables: ["public.leaves", "public.it*", "x.y"],
        storeGlobals: false))
    let tables = try captured.tables()
    #expect(try captured.rows(.table("item")).isEmpty)
    #expect(
      tables[.table("item")]?.excluded == "left out by the configuration (public.it*)")
    #expect(tables[.table("leaf1")]?.excluded == "left out by the configuration (public.leaves)")
    #expect(tables[.table("nocolumns")]?.excluded == nil)
    #expect(captured.summary.tableCount == 3)
    #expect(captured.summary.rowCount == 3)
    #expect(try captured.stream(.globals) == nil)
    #expect(
      captured.summary.notIncluded == [
        "roles and tablespaces of the server: left out by the configuration",
        "rows of 1 materialized views: a restore computes them anew",
        "rows of public.item: left out by the configuration (public.it*)",
        "rows of public.leaf0: left out by the configuration (public.leaves)",
        "rows of public.leaf1: left out by the configuration (public.leaves)",
      ])
    #expect(captured.warnings == ["shop: no table fits the exclusion x.y"])
  }

  @Test func `names everything else that it does not hold`() throws {
    let target = try TestServer.shared.makeDatabase()
    let connection = try Connection(target)
    try connection.execute(
      """
      CREATE EXTENSION hstore; CREATE TABLE theirs (a int); INSERT INTO theirs VALUES (1);
      ALTER EXTENSION hstore ADD TABLE theirs;
      CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
      CREATE FOREIGN TABLE far (a int) SERVER s; CREATE TABLE t (a int);
      CREATE SUBSCRIPTION sub CONNECTION 'dbname=nowhere' PUBLICATION p WITH (connect = false);
      INSERT INTO t VALUES (1), (1)
      """)
    #expect(throws: PostgresError.self) {
      try connection.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON t (a)")
    }
    try connection.execute("BEGIN")
    try connection.execute(
      "INSERT INTO t VALUES (2); PREPARE TRANSACTION 'half-\(connection.databaseName)'")
    let captured = try Captured(DatabaseSource(name: "gaps", target: target))
    try connection.execute("ROLLBACK PREPARED 'half-\(connection.databaseName)'")
    try connection.execute("ALTER SUBSCRIPTION sub SET (slot_name = NONE)")
    try connection.execute("DROP SUBSCRIPTION sub")
    #expect(
      captured.summary.notIncluded == [
        "rows of the foreign table public.far: they live on the server s",
        "rows of public.theirs: the extension hstore does not call them configuration",
        "the index public.broken: it is invalid",
        "the subscription sub: it is left out of a restore, as a copy must not take part in replication",
        "the prepared transaction 'half-\(connection.databaseName)' of postgres: it is not committed",
      ])
    #expect(try captured.rows(.table("t")) == Array("1\n1\n".utf8))
  }
}

@Suite struct `A capture that finds far less than the one before` {
  @Test func `warns of rows, tables and databases that are gone`() throws {
    let target = try TestServer.shared.makeDatabase()
    let connection = try Connection(target)
    try connection.execute(
      """
      CREATE TABLE a AS SELECT g FROM generate_series(1, 5000) g;
      CREATE TABLE b AS SELECT g FROM generate_series(1, 2000) g;
      CREATE TABLE c AS SELECT g FROM generate_series(1, 10) g;
      CREATE TABLE d AS SELECT g FROM generate_series(1, 10) g
      """)
    let source = DatabaseSource(name: "fade", target: target)
    let first = try Captured(source)
    let same = try Captured(source, parent: first)
    #expect(same.warnings == [])
    try connection.execute("DELETE FROM a WHERE g > 5; TRUNCATE b, c; DROP TABLE d")
    let second = try Captured(source, parent: first)
    #expect(
      second.warnings == [
        "fade: 5 rows are left of 7020 before; check that this is the right database and that "
          + "nothing was deleted by mistake",
        "fade: the table public.b is empty; it had 2000 rows before",
        "fade: the table public.d is gone; it had 10 rows before",
      ])
  }
}

@Suite struct `The values of a file column` {
  private func values(_ target: ConnectionTarget, _ column: String = "f") throws -> [String] {
    let repository = try CaptureRepository.shared.get().repository
    let capture = DatabaseCapture(
      DatabaseSource(name: "files", target: target), repository: repository,
      writer: try repository.makeWriter(), cancellation: Cancellation(), progress: Progress(),
      parent: nil)
    defer { capture.end() }
    try capture.begin()
    var values: [String] = []
    try capture.referenceValues(table: .table("t"), column: column) { value in
      values.append(String(decoding: value.indices.map { value[$0] }, as: UTF8.self))
    }
    return values
  }

  @Test func `come once each, in the order of paths`() throws {
    let target = try TestServer.shared.makeDatabase()
    try Connection(target).execute(
      """
      CREATE TABLE t (f varchar(100));
      INSERT INTO t VALUES ('a/b'), ('a-b'), ('a'), (''), (NULL), ('a/b'), ('a b/c'), ('Z'), ('ä'),
        (E'back\\\\slash'), (E'line\\nend'), ('a/ä')
      """)
    #expect(
      try values(target) == [
        "Z", "a", "a/b", "a/ä", "a b/c", "a-b", "back\\slash", "line\nend", "ä",
      ])
  }

  @Test func `of a database in another encoding come as UTF-8, in the order of its bytes`() throws {
    let target = try TestServer.shared.makeDatabase(encoding: "EUC_JP")
    let connection = try Connection(target)
    try connection.execute("SET client_encoding = 'UTF8'")
    try connection.execute(
      "CREATE TABLE t (f text); INSERT INTO t VALUES ('あ'), ('亜/x'), ('a'), ('ア')")
    let values = try values(target)
    #expect(values == ["a", "あ", "ア", "亜/x"])
  }

  @Test func `are refused for a column that does not exist`() throws {
    let target = try TestServer.shared.makeDatabase()
    try Connection(target).execute("CREATE TABLE t (f text)")
    let error = #expect(throws: CaptureError.self) { try values(target, "g") }
    #expect(error?.code == .missing)
  }
}
