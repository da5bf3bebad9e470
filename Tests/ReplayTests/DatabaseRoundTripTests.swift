import Format
import Postgres
import Replay
import TestSupport
import Testing

/// A database with one of everything that a dump of definitions and a copy of rows could get wrong.
struct ExampleDatabase {
  let target: ConnectionTarget
  let owner: String
  let reader: String

  init() throws {
    owner = try TestServer.shared.makeRole("LOGIN")
    reader = try TestServer.shared.makeRole("LOGIN")
    target = try TestServer.shared.makeDatabase()
    let name = Connection.quoteIdentifier(target.databaseName ?? "")
    try psql(
      target,
      """
      CREATE EXTENSION hstore; CREATE SCHEMA "Ext ras"; CREATE EXTENSION citext SCHEMA "Ext ras";
      CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
      CREATE DOMAIN percent AS int CHECK (value BETWEEN 0 AND 100);
      CREATE TABLE author (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,
        mail "Ext ras".citext UNIQUE, tags hstore, doc jsonb, raw bytea, share percent,
        born date, seen timestamptz, price numeric(12, 3), spans tstzrange,
        upper_name text GENERATED ALWAYS AS (upper(name)) STORED);
      ALTER TABLE author OWNER TO \(owner);
      INSERT INTO author (name, mail, tags, doc, raw, share, born, seen, price, spans)
        SELECT E'n\\t\\\\ \\n' || i, 'A' || i || '@x', hstore('k', i::text),
          jsonb_build_object('i', i, 'u', 'žluť ☃'), decode(md5(i::text), 'hex'), i % 101,
          DATE '1900-01-01' + i, TIMESTAMPTZ '2001-02-03 04:05:06.789+00' + i * INTERVAL '1 hour',
          i / 7.0, tstzrange(now(), NULL) FROM generate_series(1, 4000) i;
      INSERT INTO author (name) VALUES (''), ('\\\\.'), ('\\\\N');
      CREATE TABLE book (id serial PRIMARY KEY, author_id bigint REFERENCES author,
        sequel_of int REFERENCES book DEFERRABLE INITIALLY DEFERRED, title text,
        CHECK (title <> 'forbidden'));
      INSERT INTO book (author_id, sequel_of, title)
        SELECT 1 + i % 3900, CASE WHEN i > 1 THEN i - 1 END, 't' || i FROM generate_series(1, 500) i;
      CREATE TABLE feeling (day date, what mood, note text) PARTITION BY HASH (what);
      CREATE TABLE feeling_0 PARTITION OF feeling FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE feeling_1 PARTITION OF feeling FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      INSERT INTO feeling SELECT DATE '2020-01-01' + i, (enum_range(NULL::mood))[1 + i % 3], 'x'
        FROM generate_series(1, 300) i;
      CREATE TABLE event (at timestamptz NOT NULL, what text) PARTITION BY RANGE (at);
      CREATE TABLE "event 2024" PARTITION OF event FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
      CREATE TABLE event_rest PARTITION OF event DEFAULT;
      CREATE INDEX ON event (at);
      INSERT INTO event SELECT TIMESTAMPTZ '2023-11-01' + i * INTERVAL '1 day', 'e' || i
        FROM generate_series(1, 200) i;
      CREATE TABLE animal (legs int); CREATE TABLE dog (name text) INHERITS (animal);
      INSERT INTO animal VALUES (2); INSERT INTO dog VALUES (4, 'Rex');
      CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
      CREATE UNLOGGED TABLE scratchpad (x int); INSERT INTO scratchpad VALUES (7);
      CREATE TABLE "we;ird ""name" ("select" int, "a.b" text); INSERT INTO "we;ird ""name" VALUES (1, 'x');
      CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN NEW.title := NEW.title || '!'; RETURN NEW; END$$;
      CREATE TRIGGER louder BEFORE INSERT ON book FOR EACH ROW EXECUTE FUNCTION note_change();
      ALTER TABLE book DISABLE TRIGGER louder;
      CREATE FUNCTION nothing_much() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN END$$;
      CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION nothing_much();
      CREATE MATERIALIZED VIEW titles AS SELECT author_id, count(*) AS n FROM book GROUP BY 1;
      CREATE MATERIALIZED VIEW top AS SELECT max(n) AS most, count(*) FROM titles;
      CREATE UNIQUE INDEX ON titles (author_id);
      CREATE MATERIALIZED VIEW never AS SELECT 1 AS one WITH NO DATA;
      CREATE VIEW recent AS SELECT * FROM book WHERE id > 490;
      CREATE RULE quiet AS ON DELETE TO recent DO INSTEAD NOTHING;
      ALTER TABLE book ENABLE ROW LEVEL SECURITY;
      CREATE POLICY own ON book FOR SELECT TO \(reader) USING (author_id < 10);
      GRANT SELECT (title), UPDATE (title) ON book TO \(reader) WITH GRANT OPTION;
      GRANT SELECT ON author TO PUBLIC;
      ALTER DEFAULT PRIVILEGES FOR ROLE \(owner) GRANT SELECT ON TABLES TO \(reader);
      CREATE STATISTICS both_columns ON author_id, title FROM book;
      CREATE SEQUENCE tickets START 100 INCREMENT 7; SELECT nextval('tickets'), nextval('tickets');
      CREATE SEQUENCE untouched START 5;
      SELECT lo_create(4001); SELECT lo_put(4001, 0, decode(repeat('00ff10', 50000), 'hex'));
      SELECT lo_create(4002); SELECT lo_create(4003); SELECT lo_put(4003, 5000, 'tail');
      ALTER LARGE OBJECT 4001 OWNER TO \(owner); GRANT SELECT ON LARGE OBJECT 4001 TO \(reader) WITH GRANT OPTION;
      REVOKE UPDATE ON LARGE OBJECT 4001 FROM \(owner); COMMENT ON LARGE OBJECT 4001 IS 'it''s a file';
      CREATE PUBLICATION news FOR TABLE book;
      COMMENT ON COLUMN book.title IS 'what''s on the cover';
      COMMENT ON DATABASE \(name) IS 'the example''s';
      ALTER DATABASE \(name) SET search_path = "$user", public, "Ext ras";
      ALTER DATABASE \(name) SET default_transaction_read_only = on;
      ALTER ROLE \(reader) IN DATABASE \(name) SET work_mem = '7MB';
      ALTER DATABASE \(name) OWNER TO \(owner); ALTER DATABASE \(name) CONNECTION LIMIT 17;
      REVOKE ALL ON DATABASE \(name) FROM PUBLIC; GRANT CONNECT ON DATABASE \(name) TO \(reader);
      """)
  }
}

/// Everything about two databases that must be equal, as sorted lines.
func contents(_ target: ConnectionTarget) throws -> [String] {
  let connection = try Connection(target)
  try connection.applyDumpSettings()
  try connection.execute("SET client_encoding = 'UTF8'")
  var lines: [String] = []
  for table in try connection.query(
    """
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND relispopulated AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND c.relname NOT LIKE 'feeling_%'
    """)
  {
    let name = table[0] ?? ""
    lines += try connection.query("SELECT t::text FROM ONLY \(name) t").map {
      "\(name) \($0[0] ?? "")"
    }
  }
  let queries = [
    "SELECT 'feeling', t::text FROM feeling t",
    "SELECT 'large object', m.oid, md5(lo_get(m.oid)), pg_get_userbyid(lomowner), lomacl, obj_description(m.oid, 'pg_largeobject') FROM pg_largeobject_metadata m",
    "SELECT 'matview', relname, relispopulated FROM pg_class WHERE relkind = 'm'",
    "SELECT 'database', pg_get_userbyid(datdba), datconnlimit, datacl, encoding, datcollate, datctype, shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()",
    "SELECT 'setting', pg_get_userbyid(setrole), setconfig FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "SELECT 'tickets', last_value, is_called FROM tickets",
    "SELECT 'untouched', last_value, is_called FROM untouched",
    "SELECT 'book_id_seq', last_value, is_called FROM book_id_seq",
    "SELECT 'author_id_seq', last_value, is_called FROM author_id_seq",
  ]
  try connection.execute("SET search_path = public")
  for query in queries {
    lines += try connection.query("SELECT t::text FROM (\(query)) t").map { $0[0] ?? "" }
  }
  return lines.sorted()
}

@Suite struct `A database that is replayed` {
  @Test func `equals its source in definitions and content`() throws {
    let example = try ExampleDatabase()
    let snapshot = try DatabaseSnapshot.capture(example.target)
    let name = TestServer.randomName()
    let target = example.target.replacing(database: name)

    let report = try snapshot.replay(into: target)

    #expect(report.warnings == [])
    #expect(report.createdDatabase)
    #expect(report.rowCount == 4003 + 500 + 300 + 200 + 2 + 2 + 1 + 1)
    #expect(report.largeObjectCount == 3)
    #expect(
      report.phases.map(\.name) == [
        "pre-flight", "create database", "pre-data", "rows", "sequences", "large objects",
        "post-data", "materialized views", "settings", "analyze", "event triggers", "release",
      ])
    #expect(try schema(target) == schema(example.target))
    #expect(try contents(target) == contents(example.target))
  }

  @Test func `reads and writes text in its own encoding`() throws {
    let source = try TestServer.shared.makeDatabase(encoding: "LATIN1")
    let connection = try Connection(source)
    try connection.execute("SET client_encoding = 'UTF8'")
    try connection.execute(
      #"CREATE TABLE "Größe" ("Maß" text); INSERT INTO "Größe" VALUES ('Überlänge §'), ('ß')"#)
    let snapshot = try DatabaseSnapshot.capture(source)
    let target = source.replacing(database: TestServer.randomName())
    let report = try snapshot.replay(into: target)
    #expect(report.rowCount == 2)
    let copy = try Connection(target)
    #expect(copy.parameter("server_encoding") == "LATIN1")
    try copy.execute("SET client_encoding = 'UTF8'")
    let rows = try copy.query(#"SELECT "Maß" FROM "Größe" ORDER BY 1"#)
    #expect(Set(rows.map { $0[0] }) == ["Überlänge §", "ß"])
  }

  @Test func `goes into an empty database that was there`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)")
    let snapshot = try DatabaseSnapshot.capture(source)
    let target = try TestServer.shared.makeDatabase()
    // An emptied public schema and an extension are no content.
    try psql(target, "DROP SCHEMA public; CREATE SCHEMA public; CREATE EXTENSION hstore")
    let report = try snapshot.replay(into: target)
    #expect(!report.createdDatabase)
    #expect(try psql(target, "SELECT count(*) FROM t") == "2\n")
    #expect(
      try psql(
        target,
        """
        SELECT datconnlimit, shobj_description(oid, 'pg_database') IS NULL FROM pg_database
        WHERE datname = current_database()
        """) == "-1|t\n")
  }

  @Test func `loads a table last whose check reads another table`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      """
      CREATE TABLE allowed (x int); INSERT INTO allowed VALUES (1);
      CREATE FUNCTION is_allowed(int) RETURNS boolean LANGUAGE sql AS
        'SELECT EXISTS (SELECT FROM public.allowed WHERE x = $1)';
      CREATE TABLE used (x int CHECK (is_allowed(x)), filler text);
      INSERT INTO used SELECT 1, repeat('x', 100) FROM generate_series(1, 100)
      """)
    let snapshot = try DatabaseSnapshot.capture(source)
    let target = source.replacing(database: TestServer.randomName())
    let report = try snapshot.replay(into: target, DatabaseReplayOptions(connections: 1))
    #expect(report.rowCount == 101)
    #expect(
      report.warnings == [
        "table public.used could be loaded only after others: a check or default of it reads another table"
      ])
  }

  @Test func `brings only the tables that were asked for, with what they need`() throws {
    let example = try ExampleDatabase()
    let snapshot = try DatabaseSnapshot.capture(example.target)
    let target = example.target.replacing(database: TestServer.randomName())
    var options = DatabaseReplayOptions()
    options.tables = [
      QualifiedName(schema: "public", name: "author"),
      QualifiedName(schema: "public", name: "event"),
    ]
    let report = try snapshot.replay(into: target, options)
    #expect(report.rowCount == 4203)
    #expect(report.largeObjectCount == 0)
    let connection = try Connection(target)
    let tables = try connection.query(
      """
      SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm')
      ORDER BY 1
      """
    ).map { $0[0] }
    #expect(tables == ["author", "event", "event 2024", "event_rest"])
    #expect(try connection.query("SELECT last_value FROM author_id_seq")[0, 0] == "4003")
    #expect(
      try connection.query(
        "SELECT count(*) FROM pg_constraint WHERE conrelid = 'author'::regclass")[0, 0]
        == "2")

    options.tables = [QualifiedName(schema: "public", name: "autor")]
    let error = #expect(throws: ReplayError.self) {
      try snapshot.replay(
        into: example.target.replacing(database: TestServer.randomName()), options)
    }
    #expect(error?.code == .notInSnapshot)
  }
}
