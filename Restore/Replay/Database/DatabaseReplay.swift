// Owns the replay of one database: the order of its steps, their times, and what is left if one fails.

import Format
import FoundationEssentials
import Inventory
package import Postgres
import Programs
package import Repository
package import Workers

/// Brings one database of a snapshot back into a server.
///
/// What it makes is whole or gone: the database carries a mark from its creation to the last step, and
/// a run that fails drops the database that it created (see ``DatabaseMaker``). A database that was there
/// before, empty, is never dropped; after a failure it keeps the mark, and the error says so.
package final class DatabaseReplay {
  private let reader: BlobReader
  private let catalog: CatalogReader
  private let source: String
  private let target: ConnectionTarget
  private let options: DatabaseReplayOptions
  private let cancellation: Cancellation
  private let progress: Progress
  private var report = DatabaseReplayReport()

  /// Takes what to restore and where; nothing is read yet.
  ///
  /// `source` is the database's name in the snapshot. `target` leads to the server and names the
  /// database to restore into, which is created if the server has none of that name.
  package init(
    reader: BlobReader, catalog: CatalogReader, source: String, into target: ConnectionTarget,
    options: DatabaseReplayOptions = DatabaseReplayOptions(),
    cancellation: Cancellation = Cancellation(), progress: Progress = Progress()
  ) {
    self.reader = reader
    self.catalog = catalog
    self.source = source
    self.target = target
    self.options = options
    self.cancellation = cancellation
    self.progress = progress
  }

  private var what: String { "cannot restore database '\(source)'" }

  /// Restores the database; blocks until it is whole.
  ///
  /// Steps: pre-flight (reads only) → create database → globals → definitions → rows → sequences →
  /// large objects → what follows the data → materialized views → settings → ANALYZE → release.
  /// The database comes before the globals because its locale is what a server may lack, and roles cannot
  /// be taken back; sequences and large objects come before materialized views, which may read them.
  /// Call once.
  /// - Throws: ``ReplayError``, which says what was created and what became of it.
  package func perform() throws -> DatabaseReplayReport {
    var maker: DatabaseMaker?
    do {
      try run(&maker)
      return report
    } catch {
      var failure = ReplayError.wrapping(error, what: what)
      if cancellation.isCancelled { failure = .cancelled(failure.what) }
      if let maker { tidy(maker, &failure) }
      throw failure
    }
  }

  /// Takes back what was made, and tells in `failure`.
  private func tidy(_ maker: DatabaseMaker, _ failure: inout ReplayError) {
    let name = maker.connector.database
    guard report.createdDatabase else {
      failure.why += "; database '\(name)' holds a part of what it should, and is marked so"
      failure.next = "drop database '\(name)' or make it empty; then: " + failure.next
      return
    }
    do throws(PostgresError) {
      try maker.drop()
      failure.why += "; database '\(name)', which this run had created, was dropped"
    } catch {
      failure.why +=
        "; database '\(name)', which this run had created, could not be dropped (\(error.why)) and is not whole"
      failure.next = "drop database '\(name)'; then: " + failure.next
    }
  }

  // MARK: Steps

  private func phase<Value>(_ name: String, _ body: () throws -> Value) throws -> Value {
    try cancellation.check()
    progress.begin(name)
    let start = ContinuousClock.now
    let value = try body()
    report.phases.append((name, ContinuousClock.now - start))
    return value
  }

  private func run(_ maker: inout DatabaseMaker?) throws {
    var connector = try makeConnector()
    let contents = try DatabaseContents(reader: reader, catalog: catalog, source: source)
    let plan = try phase("pre-flight") { try preflight(contents, connector) }
    let made = DatabaseMaker(
      connector: connector, properties: contents.properties, options: options)
    try phase("create database") {
      if plan.exists {
        // From here on a failure leaves something: `maker` tells who has to tidy.
        maker = made
        try markExisting(made, connector)
      } else {
        report.warnings += try made.create()
        maker = made
        report.createdDatabase = true
      }
    }
    connector.defersDurability = report.createdDatabase
    if options.globals { try phase("globals") { try loadGlobals(contents, connector) } }
    if report.createdDatabase { try setOwner(made, contents, connector) }

    let archive = ArchiveRestore(
      file: try ArchiveFile(contents.archive, reader: reader, cancellation: cancellation),
      program: plan.program, options: options, cancellation: cancellation,
      defersDurability: report.createdDatabase)
    let lists = try ArchiveLists(archive, options, contents)
    report.warnings += lists.warnings
    let database = target.replacing(database: connector.database)
    try phase("pre-data") {
      if contents.lacksPublicSchema, report.createdDatabase {
        try connector.open().execute("DROP SCHEMA IF EXISTS public")
      }
      try restore(archive, .preData, lists.definitions, into: database)
    }
    try phase("rows") { try loadRows(contents, lists, connector) }
    try phase("sequences") { try setSequences(contents, connector) }
    try phase("large objects") { try loadLargeObjects(connector) }
    try phase("post-data") {
      try restore(archive, .postData, lists.definitions, into: database)
    }
    let views = lists.refreshes.count
    if views > 0, options.refreshMaterializedViews {
      try phase("materialized views") {
        try restore(archive, .postData, lists.refreshes, into: database)
      }
    } else if views > 0 {
      report.warnings.append(
        "\(views) materialized view\(views == 1 ? " was" : "s were") not filled, as asked")
    }
    try phase("settings") {
      report.warnings += try DatabaseSettings(
        properties: contents.properties, options: options, database: connector.database,
        connection: connector.open()
      ).apply()
    }
    if options.analyze {
      try phase("analyze") {
        report.warnings += try StatisticsCollector(connector).collect(
          connections: options.connections)
      }
    }
    try phase("release") { try release(made) }
  }

  private func makeConnector() throws -> ReplayConnector {
    let name =
      target.databaseName ?? ProcessInfo.processInfo.environment["PGDATABASE"] ?? ""
    guard !name.isEmpty else {
      throw ReplayError(
        .databaseMissing, what: what, why: "the target names no database",
        next: "add the name of the database to restore into, such as postgresql://host/shop")
    }
    return ReplayConnector(
      target: target, database: name, role: options.role, cancellation: cancellation)
  }

  private struct Plan {
    var exists: Bool
    var program: (path: String, major: Int)
  }

  private func preflight(_ contents: DatabaseContents, _ connector: ReplayConnector) throws -> Plan
  {
    let program = try ArchiveRestore.program(for: contents.header)
    let existing: Connection?
    do throws(PostgresError) {
      existing = try connector.raw(database: connector.database)
    } catch {
      guard error.kind == .databaseMissing else { throw error }
      existing = nil
    }
    let preflight = ReplayPreflight(
      contents: contents, options: options,
      connection: try existing ?? connector.maintenance())
    report.warnings += try preflight.check()
    if let existing {
      try ReplayPreflight.checkEmpty(existing, name: connector.database)
    }
    return Plan(exists: existing != nil, program: program)
  }

  private func markExisting(_ maker: DatabaseMaker, _ connector: ReplayConnector) throws {
    let connection = try connector.raw(database: connector.database)
    report.warnings += try maker.differences(connection)
    do throws(PostgresError) { try maker.mark(connection) } catch {
      // Only its owner may comment on it; restoring works without.
      guard error.kind == .privilege else { throw error }
    }
  }

  private func loadGlobals(_ contents: DatabaseContents, _ connector: ReplayConnector) throws {
    guard let globals = contents.globals else {
      return report.warnings.append("the snapshot holds no roles or tablespaces")
    }
    let script = try reader.bytes(
      of: globals, limit: GlobalsLoader.byteLimit, using: ChunkDecoder())
    let connection = try connector.maintenance()
    report.warnings += try GlobalsLoader(connection: connection)
      .load(script, isScratch: options.isScratch)
    try ReplayPreflight(
      contents: contents, options: options, connection: try connector.maintenance()
    ).checkRoles()
  }

  private func setOwner(
    _ maker: DatabaseMaker, _ contents: DatabaseContents, _ connector: ReplayConnector
  ) throws {
    let owner = options.restoreOwners ? contents.properties.owner : options.role
    guard let owner else { return }
    let preflight = ReplayPreflight(
      contents: contents, options: options, connection: try connector.maintenance())
    if try preflight.hasRole(owner) {
      try maker.setOwner(owner)
    } else {
      report.warnings.append("the database's owner '\(owner)' does not exist here")
    }
  }

  private func restore(
    _ archive: ArchiveRestore, _ section: ArchiveRestore.Section, _ list: [ArchiveEntry]?,
    into target: ConnectionTarget
  ) throws {
    let said = try archive.restore(section, list: list, into: target)
    report.warnings += said.map { "pg_restore: \($0)" }
  }

  private func loadRows(
    _ contents: DatabaseContents, _ lists: ArchiveLists, _ connector: ReplayConnector
  ) throws {
    var tables: [ReplayTable] = []
    for table in contents.tables where lists.loads(table.name) {
      if let reason = table.summary.excluded {
        report.warnings.append("table \(table.name) is empty: \(reason)")
      } else {
        tables.append(table)
      }
    }
    if options.tables == nil { try checkTables(contents, connector) }
    let outcome = try RowLoader(
      reader: reader, catalog: catalog, source: source,
      encoding: contents.properties.encoding, connector: connector, progress: progress
    ).load(tables, connections: options.connections, smallestPart: options.smallestPart)
    report.tableCount = outcome.tableCount
    report.rowCount = outcome.rowCount
    report.byteCount = outcome.byteCount
    report.warnings += outcome.late.map {
      "table \($0) could be loaded only after others: a check or default of it reads another table"
    }
  }

  /// Every table that the definitions made must be one that the snapshot knows, or it would stay empty
  /// without a word.
  private func checkTables(_ contents: DatabaseContents, _ connector: ReplayConnector) throws {
    let known = Set(contents.tables.map(\.name))
    let rows = try connector.open().query(
      """
      SELECT n.nspname, c.relname FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema' AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' AND d.objid = c.oid
            AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass)
      """)
    let unknown = rows.map { QualifiedName(schema: $0[0] ?? "", name: $0[1] ?? "") }
      .filter { !known.contains($0) }
    guard unknown.isEmpty else {
      let names = unknown.sorted().prefix(5).map(\.description).joined(separator: ", ")
      throw DatabaseContents.damaged(
        source,
        "it defines \(names)\(unknown.count > 5 ? " and more" : ""), and holds no rows for it")
    }
  }

  private func setSequences(_ contents: DatabaseContents, _ connector: ReplayConnector) throws {
    guard !contents.sequences.isEmpty else { return }
    let connection = try connector.open()
    for start in stride(from: 0, to: contents.sequences.count, by: 500) {
      try cancellation.check()
      let part = contents.sequences[start..<min(start + 500, contents.sequences.count)]
      // setval is strict: of a sequence that was left out, to_regclass is null and nothing happens.
      let find = options.tables == nil ? "pg_catalog.regclass" : nil
      let calls = part.map { value in
        let name = Connection.quoteLiteral(value.sequence.quoted)
        let found = find.map { "\(name)::\($0)" } ?? "pg_catalog.to_regclass(\(name))"
        return "pg_catalog.setval(\(found), \(value.lastValue), \(value.isCalled))"
      }
      try connection.execute("SELECT " + calls.joined(separator: ", "))
      report.sequenceCount += part.count
    }
  }

  private func loadLargeObjects(_ connector: ReplayConnector) throws {
    guard options.tables == nil else { return }
    let outcome = try LargeObjectLoader(
      reader: reader, catalog: catalog, source: source, options: options,
      connection: connector.open(), cancellation: cancellation, progress: progress
    ).load()
    report.largeObjectCount = outcome.count
    report.warnings += outcome.warnings
  }

  private func release(_ maker: DatabaseMaker) throws {
    do throws(PostgresError) { try maker.release() } catch {
      guard !report.createdDatabase, error.kind == .privilege else { throw error }
      report.warnings.append(
        "the database's comment and connection limit were not restored: \(error.why)")
    }
  }
}
