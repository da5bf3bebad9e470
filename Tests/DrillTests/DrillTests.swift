// A drill passes when all is well, and fails when any one thing is not.

import Drill
import Format
import FoundationEssentials
import Postgres
import Repository
import Storage
import Synchronization
import TestSupport
import Testing
import Workers

@Suite(.serialized) struct `A drill` {
  private let application: ExampleApplication

  init() throws { application = try ExampleApplication.shared.get() }

  @Test func `of a sound snapshot passes, and leaves nothing behind`() throws {
    let folder = try OpenFolder()
    var options = DrillOptions()
    options.scratchFolder = folder.path
    options.recoveryPointTarget = 3600
    options.recoveryTimeTarget = 3600
    let report = try application.drill(options)
    #expect(report.verdict == .pass, "\(report.story)")
    for id in [
      "before.manifest", "before.blobs", "before.age", "before.requirements", "restore.scratch",
      "restore.database", "restore.time", "equality.table-content", "equality.row-count",
      "equality.inventory", "equality.schema", "equality.properties", "equality.sequences",
      "equality.large-objects", "health.constraints", "health.indexes", "health.amcheck",
      "health.server-log", "files.content", "files.capture", "files.references",
      "honesty.negative-control", "after.database",
    ] {
      #expect(report.checks(id).map(\.verdict) == [.pass], "\(id)")
    }
    #expect(report.volume.rows == 5104)
    #expect(report.volume.tables == 5)
    #expect(report.volume.largeObjects == 2)
    #expect(report.volume.files == 3)
    #expect(report.recoveryTime.phases.contains { $0.name == "rows" && $0.subject == "shop" })
    #expect(report.recoveryTime.phases.contains { $0.name == "files" })
    #expect(report.snapshot.id == application.snapshot.id.hex)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  /// What is broken in the copy, which checks must fail for it, and a word that tells what it was.
  struct Damage: Sendable, CustomTestStringConvertible {
    var sql: String
    var failing: [String]
    var word: String
    var testDescription: String { sql }
  }

  static let damages: [Damage] = [
    Damage(
      sql: "UPDATE purchase SET note = note || '!' WHERE id = 17",
      failing: ["equality.table-content"], word: "shop.purchase: expected 3,000 rows"),
    Damage(
      sql: "DELETE FROM purchase WHERE id = 17",
      failing: ["equality.row-count", "equality.table-content"],
      word: "shop.purchase: expected 3000, found 2999"),
    Damage(
      sql: "INSERT INTO visit VALUES (100, 'new')",
      failing: ["equality.row-count", "equality.table-content"], word: "shop.visit: expected 99"),
    Damage(
      sql: "DROP TABLE document",
      failing: [
        "equality.inventory", "equality.row-count", "equality.schema", "equality.table-content",
        "files.references",
      ], word: "shop.document: the table is missing"),
    Damage(
      sql: "DROP INDEX purchase_note", failing: ["equality.inventory", "equality.schema"],
      word: "missing index shop.purchase_note"),
    Damage(
      sql: "CREATE VIEW extra AS SELECT 1", failing: ["equality.inventory", "equality.schema"],
      word: "added: VIEW shop.extra"),
    Damage(
      sql: "SELECT setval('purchase_id_seq', 5)", failing: ["equality.sequences"],
      word: "shop.purchase_id_seq: expected 3000, found 5"),
    Damage(
      sql:
        "REVOKE UPDATE ON customer FROM PUBLIC; DO $$ BEGIN EXECUTE (SELECT format('REVOKE UPDATE ON customer FROM %I', grantee) FROM information_schema.role_table_grants WHERE table_name = 'customer' AND privilege_type = 'UPDATE' AND grantee <> 'postgres'); END $$",
      failing: ["equality.inventory", "equality.schema"], word: "changed privileges"),
    Damage(
      sql: "ALTER TABLE customer OWNER TO pg_monitor",
      failing: ["equality.inventory", "equality.schema"], word: "owner"),
    Damage(
      sql: "SELECT lo_put(4711, 150000, 'X')", failing: ["equality.large-objects"],
      word: "4711: its content differs from byte 150000 on"),
    Damage(
      sql: "SELECT lo_put(4712, 0, 'X')", failing: ["equality.large-objects"],
      word: "4712: it is longer than 0 bytes"),
    Damage(
      sql: "SELECT lo_unlink(4711)", failing: ["equality.large-objects"],
      word: "4711: it is not there"),
    Damage(
      sql: "SELECT lo_from_bytea(4713, 'extra')", failing: ["equality.large-objects"],
      word: "that the snapshot does not have"),
    Damage(
      sql: "COMMENT ON LARGE OBJECT 4711 IS NULL", failing: ["equality.large-objects"],
      word: "4711: its comment differs"),
    Damage(
      sql: "ALTER TABLE customer ALTER name SET DEFAULT 'somebody'",
      failing: ["equality.inventory", "equality.schema"], word: "changed column shop.customer.name"),
    Damage(
      sql: "ALTER TABLE customer DISABLE TRIGGER stamp",
      failing: ["equality.inventory", "equality.schema"], word: "changed trigger"),
    Damage(
      sql: "DROP POLICY everyone ON customer",
      failing: ["equality.inventory", "equality.schema"], word: "missing policy"),
    Damage(
      sql: "COMMENT ON TABLE customer IS 'x'",
      failing: ["equality.inventory", "equality.schema"], word: "changed comment"),
    Damage(
      sql:
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET work_mem = ''1MB''', current_database()); END $$",
      failing: ["equality.properties"], word: "settings: expected []"),
    Damage(
      sql: "UPDATE document SET file = 'sub/nowhere.jpg' WHERE id = 2",
      failing: ["equality.table-content", "files.references"], word: "sub/nowhere.jpg"),
    Damage(
      sql: "UPDATE document SET file = '../../etc/passwd' WHERE id = 2",
      failing: ["equality.table-content", "files.references"], word: "../../etc/passwd"),
    Damage(
      sql: """
        ALTER TABLE purchase DROP CONSTRAINT purchase_customer_fkey;
        ALTER TABLE purchase ADD CONSTRAINT purchase_customer_fkey
          FOREIGN KEY (customer) REFERENCES customer NOT VALID
        """,
      failing: ["equality.inventory", "equality.schema", "health.constraints"],
      word: "purchase_customer_fkey"),
    // An index that lacks a row: made while the server was told that it is not in use.
    Damage(
      sql: """
        SET allow_system_table_mods = on;
        UPDATE pg_index SET indisready = false, indisvalid = false
          WHERE indexrelid = 'purchase_note'::regclass;
        UPDATE purchase SET note = note || 'y' WHERE id = 17;
        UPDATE purchase SET note = left(note, -1) WHERE id = 17;
        UPDATE pg_index SET indisready = true, indisvalid = true
          WHERE indexrelid = 'purchase_note'::regclass
        """, failing: ["health.amcheck"], word: "shop.purchase_note: heap tuple"),
    Damage(
      sql: """
        SET allow_system_table_mods = on;
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'purchase_note'::regclass
        """, failing: ["equality.inventory", "equality.schema", "health.indexes"],
      word: "shop.purchase_note"),
  ]

  @Test(arguments: damages)
  func `notices what is wrong with the copy`(damage: Damage) throws {
    // On a server that runs already, which takes a third of the time.
    var options = DrillOptions()
    options.scratch = .server(application.source)
    options.allowSourceServer = true
    let report = try application.drill(options, breaking: damage.sql)
    #expect(report.verdict == .fail)
    #expect(report.ids(.fail) == damage.failing, "\(report.story)")
    let details = report.checks.filter { $0.verdict == .fail }.flatMap(\.details)
    #expect(details.contains { $0.contains(damage.word) }, "\(details)")
    #expect(report.checks("after.database").map(\.verdict) == [.pass])
  }

  @Test func `stops when it is asked to, and removes what it made`() throws {
    let folder = try OpenFolder()
    let cancellation = Cancellation()
    var options = DrillOptions()
    options.scratchFolder = folder.path
    options.afterRestore = { _ in cancellation.cancel() }
    let drill = Drill(
      repository: application.repository, snapshot: application.snapshot, options: options,
      cancellation: cancellation)
    #expect(throws: Cancelled.self) { try drill.run() }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test func `fails for a snapshot that is too old, or a recovery that is too slow`() throws {
    var options = DrillOptions()
    options.recoveryPointTarget = 0.000_001
    options.recoveryTimeTarget = 0.000_001
    options.amcheck = false
    options.negativeControl = false
    let report = try application.drill(options)
    #expect(report.ids(.fail) == ["before.age", "restore.time"], "\(report.story)")
    #expect(report.notCovered.contains { $0.contains("amcheck is off") })
    #expect(report.notCovered.contains { $0.contains("negative control is off") })
  }

  @Test func `runs the application's own checks against the copy`() throws {
    var options = DrillOptions()
    options.applicationChecks = [
      ApplicationCheck(
        name: "rows", command: "test \"$(psql -AtXc 'SELECT count(*) FROM shop.customer')\" = 2000"),
      ApplicationCheck(
        name: "string", command: "psql -AtXc 'SELECT 1' \"$LIFEBOAT_DATABASE\"", database: "shop"),
      ApplicationCheck(name: "broken", command: "echo said; echo why >&2; exit 3"),
      ApplicationCheck(name: "slow", command: "sleep 60", timeoutSeconds: 1),
      ApplicationCheck(name: "other", command: "true", database: "elsewhere"),
    ]
    let report = try application.drill(options)
    let checks = report.checks("application.command")
    #expect(
      checks.map { "\($0.title) \($0.verdict.rawValue)" } == [
        "rows pass", "string pass", "broken fail", "slow fail", "other fail",
      ], "\(report.story)")
    #expect(checks[2].actual == "exit status 3")
    #expect(checks[2].details == ["said", "why"])
    #expect(checks[3].actual == "still running after 1.0 s, and ended")
  }

  @Test func `keeps its server if it is told to, and says that this was not checked`() throws {
    var options = DrillOptions()
    options.keepScratch = true
    let drill = Drill(
      repository: application.repository, snapshot: application.snapshot, options: options)
    let report = try drill.run()
    #expect(report.verdict == .pass, "\(report.story)")
    #expect(drill.keptClusters.count == 1)
    #expect(report.checks("after.database").isEmpty)
    #expect(report.notCovered.contains { $0.contains("it was kept") })
  }

  @Test func `refuses the server that was backed up`() throws {
    var options = DrillOptions()
    options.scratch = .server(application.source)
    let failure = #expect(throws: DrillError.self) { try application.drill(options) }
    #expect(failure?.code == .isSource)
    #expect(try Self.scratchDatabases(application.source).isEmpty)
  }

  @Test func `on a named server makes a database of its own and drops it`() throws {
    var options = DrillOptions()
    options.scratch = .server(application.source)
    options.allowSourceServer = true
    let seen = Mutex("")
    options.afterRestore = { target in
      let name = try Connection(target).query("SELECT current_database()")[0, 0] ?? ""
      seen.withLock { $0 = name }
    }
    let report = try application.drill(options)
    #expect(report.verdict == .pass, "\(report.story)")
    #expect(report.scratch.kind == .server)
    #expect(seen.withLock { $0 }.hasPrefix("lifeboat_drill_"))
    #expect(report.checks("after.database").map(\.verdict) == [.pass])
    #expect(report.notCovered.contains("the log of the server that was named"))
    #expect(try Self.scratchDatabases(application.source).isEmpty)
  }

  private static func scratchDatabases(_ server: ConnectionTarget) throws -> [String] {
    try Connection(server).query(
      "SELECT datname FROM pg_database WHERE datname LIKE 'lifeboat_drill%'"
    ).compactMap { $0[0] }
  }
}
