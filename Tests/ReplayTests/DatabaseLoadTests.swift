import Format
import Postgres
import Replay
import TestSupport
import Testing

@Suite struct `Rows are loaded` {
  /// Parts are a hundred times smaller than those of a real restore.
  private var inSmallParts: DatabaseReplayOptions {
    var options = DatabaseReplayOptions(connections: 3)
    options.smallestPart = 300_000
    return options
  }

  /// A database with one table that has more rows than all others.
  private func makeSource(_ more: String = "") throws -> ConnectionTarget {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      """
      CREATE TABLE large (a int PRIMARY KEY, b text);
      INSERT INTO large SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 20000) i;
      CREATE TABLE small (a int); INSERT INTO small SELECT generate_series(1, 1000); \(more)
      """)
    return source
  }

  private func contents(_ target: ConnectionTarget) throws -> String {
    try psql(
      target,
      "SELECT count(*), sum(hashtext(l::text)) FROM large l UNION ALL SELECT count(*), sum(a) FROM small"
    )
  }

  @Test func `of a large table by several sessions, of a small one frozen by one`() throws {
    let source = try makeSource()
    let target = source.replacing(database: TestServer.randomName())
    let report = try DatabaseSnapshot.capture(source).replay(into: target, inSmallParts)
    #expect(report.warnings == [])
    #expect(report.rowCount == 21_000)
    #expect(report.tableCount == 2)
    #expect(try contents(target) == contents(source))
    // A part is a transaction; what one session truncated and filled needs no VACUUM to be seen by all.
    let parts = try psql(target, "SELECT count(DISTINCT xmin::text) > 5 FROM large")
    #expect(parts == "t\n")
    try psql(target, "CREATE EXTENSION pg_visibility")
    let frozen = try psql(
      target,
      """
      SELECT (pg_visibility_map_summary('small')).all_frozen > 0,
        (pg_visibility_map_summary('large')).all_frozen = 0
      """)
    #expect(frozen == "t|t\n")
  }

  @Test func `of every table whole where one session does it`() throws {
    let source = try makeSource()
    let target = source.replacing(database: TestServer.randomName())
    var options = inSmallParts
    options.connections = 1
    #expect(try DatabaseSnapshot.capture(source).replay(into: target, options).rowCount == 21_000)
    #expect(try contents(target) == contents(source))
    #expect(try psql(target, "SELECT count(DISTINCT xmin::text) FROM large") == "1\n")
  }

  @Test func `again from the start when a part was refused because it came too early`() throws {
    let source = try makeSource(
      """
      CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql AS
        'SELECT $1 < 10000 OR EXISTS (SELECT FROM public.small)';
      ALTER TABLE large ADD CHECK (known(a));
      """)
    let target = source.replacing(database: TestServer.randomName())
    let report = try DatabaseSnapshot.capture(source).replay(into: target, inSmallParts)
    #expect(report.rowCount == 21_000)
    #expect(report.tableCount == 2)
    #expect(
      report.warnings == [
        "table public.large could be loaded only after others: a check or default of it reads another table"
      ])
    #expect(try contents(target) == contents(source))
  }

  @Test func `and a part that lacks a row is refused`() throws {
    let source = try makeSource()
    var isFirst = true
    let snapshot = try DatabaseSnapshot.capture(source).edited { _, entry in
      guard case .range(var range) = entry, range.rowCount > 100, isFirst else { return entry }
      isFirst = false
      range.rowCount -= 1
      return .range(range)
    }
    let error = #expect(throws: ReplayError.self) {
      try snapshot.replay(
        into: source.replacing(database: TestServer.randomName()), inSmallParts)
    }
    #expect(error?.code == .damaged)
  }

  @Test func `and a large table that lacks a range is refused`() throws {
    let source = try makeSource()
    var isFirst = true
    let snapshot = try DatabaseSnapshot.capture(source).edited { _, entry in
      guard case .range(let range) = entry, range.rowCount > 100, isFirst else { return entry }
      isFirst = false
      return nil
    }
    let error = #expect(throws: ReplayError.self) {
      try snapshot.replay(
        into: source.replacing(database: TestServer.randomName()), inSmallParts)
    }
    #expect(error?.code == .damaged)
    #expect(error?.why.contains("20000 rows") == true)
  }
}

@Suite struct `After a restore, statistics` {
  @Test func `are there for every table, index expression and materialized view`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      """
      CREATE TABLE t (a int, b text); INSERT INTO t SELECT i, i::text FROM generate_series(1, 500) i;
      CREATE INDEX t_upper ON t (upper(b));
      CREATE TABLE p (a int) PARTITION BY RANGE (a);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (1000);
      INSERT INTO p SELECT generate_series(1, 500);
      CREATE MATERIALIZED VIEW m AS SELECT a FROM t;
      """)
    let target = source.replacing(database: TestServer.randomName())
    #expect(try DatabaseSnapshot.capture(source).replay(into: target).warnings == [])
    let names = try psql(
      target,
      "SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'public' ORDER BY 1")
    #expect(names == "m\np\np1\nt\nt_upper\n")
  }

  @Test func `that cannot be collected are a warning, and the others are there`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      """
      CREATE FUNCTION fails(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
        $$BEGIN IF current_setting('transaction_read_only') = 'off' AND $1 > 0
          AND EXISTS (SELECT FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('public.bad_index')
            AND indisvalid) THEN RAISE 'no statistics of %', $1; END IF; RETURN $1; END$$;
      CREATE TABLE bad (a int); INSERT INTO bad VALUES (1);
      CREATE INDEX bad_index ON bad (fails(a));
      CREATE TABLE good (a int); INSERT INTO good SELECT generate_series(1, 100);
      """)
    let target = source.replacing(database: TestServer.randomName())
    let report = try DatabaseSnapshot.capture(source).replay(into: target)
    #expect(report.warnings.count == 1)
    #expect(report.warnings[0].hasPrefix("ANALYZE of public.bad did not finish: "))
    #expect(try psql(target, "SELECT count(*) FROM pg_stats WHERE tablename = 'good'") == "1\n")
  }
}
