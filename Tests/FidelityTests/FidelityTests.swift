import Drill
import Format
import Foundation
import Inventory
import Postgres
import Replay
import Repository
import Synchronization
import TestSupport
import Testing

@Suite struct `Any PostgreSQL database` {
  @Test(arguments: try TestServer.majors)
  func `comes back equal`(major: Int) throws {
    let run = try FidelityRun(major: major, only: Self.wanted)
    defer { try? run.server.stop() }
    #expect(run.warnings == [])
    for database in run.databases { try checkSnapshot(database, run) }
    for database in run.databases { try checkRestore(database, run) }
    try checkDrill(run)
    let majors = try TestServer.majors
    if major == majors.min(), let newest = majors.max(), newest > major {
      try checkNewer(run, newest)
    }
    if major == majors.max() { for database in run.databases { try checkSQL(database, run) } }
  }

  /// Names of case files to look at alone, for work on them.
  private static let wanted = (ProcessInfo.processInfo.environment["LIFEBOAT_TEST_FIDELITY"] ?? "")
    .split(separator: " ").map(String.init)

  /// What a case excepts, the snapshot must say.
  private func checkSnapshot(_ database: FidelityDatabase, _ run: FidelityRun) throws {
    let summary = try #require(
      run.snapshot.manifest.databases.first { $0.name == database.name })
    let connection = try run.session(run.source(database))
    for item in database.cases where item.exists(in: run.major) {
      let place: Comment = "\(run.major): \(database.name): \(item.name)"
      let testimony = item.testimony(connection, of: database)
      #expect(!testimony.isEmpty && !testimony.hasPrefix("error: "), "\(place): \(testimony)")
      guard let exception = item.exception else { continue }
      #expect(
        summary.notIncluded.contains { $0.contains(exception) },
        "\(place): \(summary.notIncluded)")
    }
  }

  /// A restore beside the original, looked at by others, then broken.
  private func checkRestore(_ database: FidelityDatabase, _ run: FidelityRun) throws {
    let place: Comment = "\(run.major): \(database.name)"
    let source = try run.source(database)
    let copy = try run.server.target(database: database.databaseName + " copy")
    let report: DatabaseReplayReport
    do { report = try run.restore(database, into: copy) } catch {
      Issue.record("\(place): \(error)")
      return
    }
    for warning in report.warnings {
      #expect(database.remarks.contains { warning.hasPrefix($0) }, "\(place): \(warning)")
    }
    let difference = try run.compare(source, copy, ignoring: database.ignored)
    #expect(difference.isEmpty, "\(place):\n\(difference)")
    try checkTestimony(database, run, copy)
    try run.checkDamage(database, in: copy)
    try Connection(run.server.target(database: "postgres")).execute(
      "DROP DATABASE \(Connection.quoteIdentifier(copy.databaseName ?? "")) WITH (FORCE)")
  }

  /// The plain SQL of a database, loaded by psql into one that was made alike.
  private func checkSQL(_ database: FidelityDatabase, _ run: FidelityRun) throws {
    let name = database.databaseName + " of SQL"
    try Connection(run.server.target(database: "postgres")).execute(
      "CREATE DATABASE \(Connection.quoteIdentifier(name)) \(database.options)")
    let copy = try run.server.target(database: name)
    try run.load(database, into: copy)
    let difference = try run.compare(
      run.source(database), copy, ignoring: database.ignored + ["properties"])
    #expect(difference.isEmpty, "\(run.major): SQL of \(database.name):\n\(difference)")
  }

  /// A restore of the oldest version's databases into a server of the newest.
  private func checkNewer(_ run: FidelityRun, _ newest: Int) throws {
    let server = TestServer(exactly: newest)
    defer { try? server.stop() }
    // What extensions bring is another thing in each version, and some libraries of theirs are missing.
    for database in run.databases where database.name != "extensions" {
      let place: Comment = "\(run.major) to \(newest): \(database.name)"
      let copy = try server.target(database: database.databaseName)
      var options = DatabaseReplayOptions()
      options.globals = true
      options.restoreTablespaces = false
      let report: DatabaseReplayReport
      do { report = try run.restore(database, into: copy, options) } catch {
        Issue.record("\(place): \(error)")
        continue
      }
      for warning in report.warnings {
        #expect(
          (database.remarks + Self.newerRemarks).contains { warning.hasPrefix($0) },
          "\(place): \(warning)")
      }
      // What the restore remarks on is not to hide anything else.
      let session = try run.session(copy)
      // In one of the databases an event trigger forbids definitions, except to who says this.
      try session.execute("SET app.may = 'yes'; SET default_transaction_read_only = off")
      try session.execute(Self.oldPublicSchema(of: database))
      // Versions word definitions in different ways, so of those only the names are compared.
      let difference = try run.compare(
        run.source(database), copy,
        ignoring: database.ignored.filter { $0 != "schema" } + ["schema"])
      #expect(difference.isEmpty, "\(place):\n\(difference)")
      let items = InventoryDifference(
        from: try run.inventory(run.source(database)), to: try run.inventory(copy)
      ).items.filter { item in
        // A transform is named in another way since 15, and the triggers of partitions are no longer internal.
        item.change != .changed && item.kind != "transform"
          && !(item.kind == "trigger" && item.identity.hasSuffix(" on public.acted_p1"))
      }
      #expect(items.isEmpty, "\(place): \(items)")
    }
  }

  /// Makes the schema public what it was before 15, as the remark says.
  private static func oldPublicSchema(of database: FidelityDatabase) -> String {
    let owner = "ALTER SCHEMA public OWNER TO postgres;"
    // There, rights and comment are not the usual ones; the comment is one of the exceptions.
    if database.name == "rights" { return owner + "COMMENT ON SCHEMA public IS 'not the usual'" }
    return owner + "GRANT CREATE ON SCHEMA public TO PUBLIC"
  }

  /// What a restore into a newer version may remark.
  private static let newerRemarks = [
    "extension ", "role 'postgres' was left as it is", "globals: CREATE TABLESPACE elsewhere",
    "schema public has the owner and rights that are usual since PostgreSQL 15",
  ]

  private func checkTestimony(
    _ database: FidelityDatabase, _ run: FidelityRun, _ copy: ConnectionTarget
  ) throws {
    let here = try run.session(run.source(database))
    let there = try run.session(copy)
    for item in database.cases where item.exists(in: run.major) && item.exception == nil {
      #expect(
        item.testimony(there, of: database) == item.testimony(here, of: database),
        "\(run.major): \(database.name): \(item.name)")
    }
  }

  private func checkDrill(_ run: FidelityRun) throws {
    let roles = Mutex<[String]?>(nil)
    let report = try run.drill { copy in
      try roles.withLock { if $0 == nil { $0 = try run.roles(copy) } }
    }
    #expect(report.scratch.serverVersions.allSatisfy { $0.hasPrefix("\(run.major).") })
    for check in report.checks where check.verdict != .pass {
      let remarks = run.databases.first { $0.name == check.subject }?.remarks ?? []
      let isExpected =
        check.verdict == .warnings
        && check.details.allSatisfy { line in remarks.contains { line.hasPrefix($0) } }
      #expect(
        isExpected,
        "\(run.major): \(check.id) \(check.subject ?? ""): \(check.actual)\n\(check.details.joined(separator: "\n"))"
      )
    }
    #expect(
      try roles.withLock { $0 } == run.roles(run.server.target(database: "postgres")),
      "\(run.major): roles")
  }
}

@Suite struct `The page on fidelity` {
  @Test func `says what the cases are`() throws {
    let text = FidelityDocument.text(try FidelityDatabase.all())
    if ProcessInfo.processInfo.environment["LIFEBOAT_TEST_WRITE"] == "fidelity" {
      try Data(text.utf8).write(to: FidelityDocument.path)
    }
    #expect(
      try String(contentsOf: FidelityDocument.path, encoding: .utf8) == text,
      "LIFEBOAT_TEST_WRITE=fidelity swift test --filter FidelityTests writes it anew")
  }
}
