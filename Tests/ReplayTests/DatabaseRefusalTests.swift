import Format
import Foundation
import Postgres
import Repository
import Storage
import Synchronization
import TestSupport
import Testing
import Workers

@testable import Replay

@Suite struct `A replay that must not succeed` {
  /// A small database, captured, and a name that is free.
  private func example() throws -> (snapshot: DatabaseSnapshot, target: ConnectionTarget) {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      """
      CREATE TABLE small (a int); INSERT INTO small VALUES (1);
      CREATE TABLE large (a int, b text); INSERT INTO large SELECT i, md5(i::text) FROM generate_series(1, 20000) i;
      SELECT lo_from_bytea(77, 'hello');
      """)
    return (
      try DatabaseSnapshot.capture(source), source.replacing(database: TestServer.randomName())
    )
  }

  private func exists(_ target: ConnectionTarget) throws -> Bool {
    let connection = try Connection(target.replacing(database: "postgres"))
    return try !connection.query(
      "SELECT FROM pg_database WHERE datname = $1", [target.databaseName]
    ).isEmpty
  }

  private func expectRefusal(
    _ code: ReplayError.Code, _ snapshot: DatabaseSnapshot, into target: ConnectionTarget,
    _ options: DatabaseReplayOptions = DatabaseReplayOptions(),
    location: SourceLocation = #_sourceLocation
  ) throws -> ReplayError {
    let error = #expect(throws: ReplayError.self, sourceLocation: location) {
      try snapshot.replay(into: target, options)
    }
    let thrown = try #require(error)
    #expect(thrown.code == code, "\(thrown)", sourceLocation: location)
    return thrown
  }

  @Test(arguments: [
    "CREATE TABLE mine (x int)", "CREATE VIEW mine AS SELECT 1 AS x", "CREATE SCHEMA mine",
    "CREATE TYPE mine AS ENUM ()", "CREATE SEQUENCE mine", "SELECT lo_create(0)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE DOMAIN mine AS int",
    "CREATE PUBLICATION mine", "CREATE FOREIGN DATA WRAPPER mine",
  ])
  func `leaves a database alone that holds anything`(statement: String) throws {
    let (snapshot, _) = try example()
    let target = try TestServer.shared.makeDatabase()
    try psql(target, statement)
    let before = try schema(target)
    let error = try expectRefusal(.targetNotEmpty, snapshot, into: target)
    #expect(error.next == "restore into a new name; nothing was changed in this one")
    #expect(try schema(target) == before)
    #expect(
      try psql(
        target,
        """
        SELECT datconnlimit, shobj_description(oid, 'pg_database') IS NULL FROM pg_database
        WHERE datname = current_database()
        """) == "-1|t\n")
  }

  @Test func `names every missing extension before anything is made`() throws {
    let (snapshot, target) = try example()
    let wanting = try snapshot.editedProperties { properties in
      for name in ["postgis", "vector", "made_up"] {
        properties.extensions.append(.init(name: name, version: "1", schema: "public"))
      }
    }
    let error = try expectRefusal(.extensionMissing, wanting, into: target)
    let major = try Connection(target.replacing(database: "postgres")).serverMajor
    #expect(error.why == "the target has no extension made_up, postgis, vector")
    #expect(
      error.next
        == "install postgresql-\(major)-pgvector postgresql-\(major)-postgis-3, then install made_up on the target's machine"
    )
    #expect(try !exists(target))
  }

  @Test func `names every missing role before anything is made`() throws {
    let (snapshot, target) = try example()
    let wanting = try snapshot.editedProperties { $0.roles += ["zoe_nowhere", "adam_nowhere"] }
    let error = try expectRefusal(.roleMissing, wanting, into: target)
    #expect(error.why == "the target has no role adam_nowhere, zoe_nowhere")
    #expect(try !exists(target))

    let report = try wanting.replay(
      into: target, DatabaseReplayOptions(restoreOwners: false, restorePrivileges: false))
    #expect(
      report.warnings == [
        "owners are not restored, as asked", "privileges are not restored, as asked",
      ])
  }

  @Test func `says which locale is missing`() throws {
    let (snapshot, target) = try example()
    let wanting = try snapshot.editedProperties { $0.collate = "tlh_XX.UTF-8" }
    let error = try expectRefusal(.localeMissing, wanting, into: target)
    #expect(error.why.contains("tlh_XX.UTF-8"))
    #expect(try !exists(target))
  }

  @Test func `drops what it made when a byte of the repository is flipped`() throws {
    let (snapshot, target) = try example()
    // The pack that holds the chunks of the large table: the largest.
    let packs = try snapshot.storage.list(.packs)
    let largest = try #require(packs.max { $0.byteCount < $1.byteCount })
    snapshot.storage.tamper(largest.key) { bytes in
      for offset in stride(from: 4_096, to: bytes.count, by: 1_024) { bytes[offset] ^= 1 }
    }
    let error = try expectRefusal(.damaged, snapshot, into: target)
    #expect(error.next.contains("check --read-data"))
    #expect(try !exists(target))
  }

  @Test func `notices rows that are missing, and rows too many`() throws {
    let (snapshot, target) = try example()
    for change in [-1, 1] {
      let wrong = try snapshot.edited { key, entry in
        guard case .table(var summary) = entry, summary.rowCount == 20_000 else { return entry }
        summary.rowCount = UInt64(20_000 + change)
        return .table(summary)
      }
      let error = try expectRefusal(.damaged, wrong, into: target)
      #expect(
        error.why
          == "the snapshot says that it has \(20_000 + change) rows, and 20000 arrived; database '\(target.databaseName ?? "")', which this run had created, was dropped"
      )
      #expect(try !exists(target))
    }
  }

  @Test func `notices a table that is defined and has no rows entry`() throws {
    let (snapshot, target) = try example()
    let wrong = try snapshot.edited { key, entry in
      if case .table(let summary) = entry, summary.rowCount == 1 { return nil }
      return entry
    }
    let error = try expectRefusal(.damaged, wrong, into: target)
    #expect(error.why.hasPrefix("it defines public.small, and holds no rows for it"))
    #expect(try !exists(target))
  }

  @Test func `refuses an archive that is none of pg_dump's`() throws {
    let (snapshot, target) = try example()
    for bytes in [[], Array("PGDMP".utf8), Array("plain text".utf8)] as [[UInt8]] {
      let wrong = try snapshot.replacing(.archive, with: bytes)
      _ = try expectRefusal(.damaged, wrong, into: target)
    }
    #expect(try !exists(target))
  }

  @Test func `notices a range that is gone, or shorter than it says`() throws {
    let (snapshot, target) = try example()
    var isFirst = true
    let short = try snapshot.edited { key, entry in
      guard case .range(var range) = entry, isFirst else { return entry }
      isFirst = false
      range.rowCount -= 1
      return .range(range)
    }
    _ = try expectRefusal(.damaged, short, into: target)
    isFirst = true
    let gone = try snapshot.edited { key, entry in
      guard case .range = entry, isFirst else { return entry }
      isFirst = false
      return nil
    }
    _ = try expectRefusal(.damaged, gone, into: target)
    #expect(try !exists(target))
  }

  @Test func `fails with pg_restore's words when a definition is refused`() throws {
    let source = try TestServer.shared.makeDatabase()
    // The function finds its table by the search path, which a restore does not have.
    try psql(
      source,
      """
      CREATE TABLE helper (x int); INSERT INTO helper VALUES (1);
      CREATE FUNCTION look(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
        $$BEGIN RETURN (SELECT max(x) FROM helper); END$$;
      CREATE TABLE t (a int); INSERT INTO t VALUES (1); CREATE INDEX ON t (look(a));
      """)
    let snapshot = try DatabaseSnapshot.capture(source)
    let target = source.replacing(database: TestServer.randomName())
    let error = try expectRefusal(.restoreFailed, snapshot, into: target)
    #expect(error.why.contains("relation \"helper\" does not exist"))
    #expect(try !exists(target))
  }

  @Test func `quotes neither rows nor passwords`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      """
      CREATE TABLE t (a text PRIMARY KEY); INSERT INTO t VALUES ('visible-row');
      CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
      CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS (user 'u', password 'visible-password');
      """)
    let snapshot = try DatabaseSnapshot.capture(source)
    let target = source.replacing(database: TestServer.randomName())
    // The row twice: the primary key cannot be made.
    let line = Array("visible-row\n".utf8)
    let twice = try snapshot.replacingRanges([(.text, line + line, 2)]).edited { _, entry in
      guard case .table(var summary) = entry else { return entry }
      summary.rowCount = 2
      return .table(summary)
    }
    let error = try expectRefusal(.restoreFailed, twice, into: target)
    #expect(error.why.contains("could not create unique index \"t_pkey\""))
    #expect(!error.description.contains("visible"))
    // A role without the right to make wrappers meets the error before; so the words are tried alone.
    let said = ArchiveRestore.cause(in: [
      "pg_restore: while", "pg_restore: error: could not execute query: ERROR:  nope",
      "DETAIL:  Key (a)=(visible) is duplicated.", "HINT:  try",
      "Command was: CREATE USER MAPPING FOR x SERVER s OPTIONS (password 'visible');", "visible",
    ])
    #expect(
      said
        == "pg_restore: error: could not execute query: ERROR:  nope | HINT:  try | Command was: CREATE USER MAPPING FOR x SERVER s"
    )
  }

  @Test func `is not to be taken for a whole database while it runs`() throws {
    let (snapshot, target) = try example()
    let role = try TestServer.shared.makeRole("LOGIN")
    let seen = Mutex<[String]>([])
    let progress = Progress { reading in
      guard reading.phase == "rows" else { return }
      let admitted = (try? Connection(target.setting("user", to: role))) != nil
      let comment = try? psql(
        target,
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
      )
      seen.withLock { $0.append("\(admitted) \(comment ?? "")") }
    }
    _ = try DatabaseReplay(
      reader: snapshot.reader, catalog: snapshot.catalog, source: DatabaseSnapshot.source,
      into: target, progress: progress
    ).perform()
    let lines = seen.withLock { $0 }
    #expect(!lines.isEmpty)
    #expect(lines.allSatisfy { $0.hasPrefix("false lifeboat: unfinished restore;") }, "\(lines)")
    #expect(throws: Never.self) { try Connection(target.setting("user", to: role)) }
  }

  @Test func `keeps the mark on a database that it did not make`() throws {
    let (snapshot, _) = try example()
    let wrong = try snapshot.edited { key, entry in
      guard case .table(var summary) = entry else { return entry }
      summary.rowCount += 1
      return .table(summary)
    }
    let target = try TestServer.shared.makeDatabase()
    let name = try #require(target.databaseName)
    let error = try expectRefusal(.damaged, wrong, into: target)
    #expect(
      error.why.hasSuffix("database '\(name)' holds a part of what it should, and is marked so"))
    #expect(error.next.hasPrefix("drop database '\(name)' or make it empty; then: "))
    #expect(
      try psql(
        target,
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
      )
        == "lifeboat: unfinished restore; drop this database if no restore runs\n")
    let again = try expectRefusal(.targetNotEmpty, snapshot, into: target)
    #expect(again.why.hasPrefix("an earlier restore into it did not finish: it holds "))
  }

  @Test func `stops when it is cancelled, and drops what it made`() throws {
    let (snapshot, target) = try example()
    let cancellation = Cancellation()
    let progress = Progress { reading in
      if reading.phase == "post-data" { cancellation.cancel() }
    }
    let replay = DatabaseReplay(
      reader: snapshot.reader, catalog: try snapshot.catalog, source: DatabaseSnapshot.source,
      into: target, cancellation: cancellation, progress: progress)
    let error = #expect(throws: ReplayError.self) { try replay.perform() }
    #expect(error?.code == .cancelled)
    #expect(try !exists(target))
  }

  @Test func `needs a source that is there, and a target that has a name`() throws {
    let (snapshot, target) = try example()
    let error = #expect(throws: ReplayError.self) {
      try DatabaseReplay(
        reader: snapshot.reader, catalog: snapshot.catalog, source: "nothing", into: target
      ).perform()
    }
    #expect(error?.code == .notInSnapshot)
    let nowhere = try expectRefusal(
      .unreachable, snapshot, into: target.setting("host", to: "/nonexistent"))
    #expect(nowhere.why.contains("cannot connect"))
    #expect(
      try expectRefusal(.databaseMissing, snapshot, into: target.setting("dbname", to: nil)).why
        == "the target names no database")
  }

  @Test func `is told apart from lack of a privilege`() throws {
    let (snapshot, target) = try example()
    let role = try TestServer.shared.makeRole("LOGIN")
    let error = try expectRefusal(
      .privilege, snapshot, into: target.setting("user", to: role),
      DatabaseReplayOptions(restoreOwners: false, restorePrivileges: false))
    #expect(error.next.contains("CREATEDB"))
  }
}

@Suite struct `A database as SQL` {
  private func text(_ snapshot: DatabaseSnapshot) throws -> String {
    var bytes: [UInt8] = []
    try DatabaseSQL(
      reader: snapshot.reader, catalog: snapshot.catalog, source: DatabaseSnapshot.source
    ).write { piece in
      for index in piece.indices { bytes.append(piece[index]) }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test func `loads with psql into an equal database`() throws {
    let example = try ExampleDatabase()
    let snapshot = try DatabaseSnapshot.capture(example.target)
    let sql = try text(snapshot)
    #expect(sql.hasPrefix("-- Database '"))
    #expect(sql.hasSuffix("\n-- end of database\n"))
    let target = try TestServer.shared.makeDatabase()
    try psql(target, sql)
    let isOwn = { (line: String) in
      // Properties of the database as a whole are not part of the file.
      !line.hasPrefix("(database,") && !line.hasPrefix("(setting,")
    }
    #expect(try schema(target) == schema(example.target))
    let difference = try contents(target).filter(isOwn)
      .difference(from: contents(example.target).filter(isOwn))
    #expect(difference.isEmpty, "\(difference)")
  }

  @Test func `keeps another encoding`() throws {
    let source = try TestServer.shared.makeDatabase(encoding: "LATIN1")
    let connection = try Connection(source)
    try connection.execute("SET client_encoding = 'UTF8'")
    try connection.execute(
      #"CREATE TABLE "Größe" ("Maß" text); INSERT INTO "Größe" VALUES ('Überlänge §')"#)
    let snapshot = try DatabaseSnapshot.capture(source)
    var bytes: [UInt8] = []
    let sql = DatabaseSQL(
      reader: snapshot.reader, catalog: try snapshot.catalog, source: DatabaseSnapshot.source)
    try sql.write { piece in for index in piece.indices { bytes.append(piece[index]) } }
    let file = try ScratchFolder()
    try Data(bytes).write(to: URL(fileURLWithPath: file.path + "/dump.sql"))
    let target = try TestServer.shared.makeDatabase(encoding: "LATIN1")
    try psql(target, "\\i \(file.path)/dump.sql")
    let copy = try Connection(target)
    try copy.execute("SET client_encoding = 'UTF8'")
    #expect(try copy.query(#"SELECT "Maß" FROM "Größe""#)[0, 0] == "Überlänge §")

    var rows: [UInt8] = []
    try sql.writeRows(of: QualifiedName(schema: "public", name: "Größe")) { piece in
      for index in piece.indices { rows.append(piece[index]) }
    }
    #expect(rows == [0xDC] + Array("berl".utf8) + [0xE4] + Array("nge ".utf8) + [0xA7, 0x0A])
  }

  @Test func `refuses rows in binary before it writes anything`() throws {
    let source = try TestServer.shared.makeDatabase()
    try psql(source, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    let binary = try DatabaseSnapshot.capture(source).edited { _, entry in
      guard case .range(var range) = entry else { return entry }
      range.format = .binary
      return .range(range)
    }
    var count = 0
    let error = #expect(throws: ReplayError.self) {
      try DatabaseSQL(
        reader: binary.reader, catalog: binary.catalog, source: DatabaseSnapshot.source
      ).write { count += $0.count }
    }
    #expect(error?.code == .notText)
    #expect(count == 0)
  }
}
