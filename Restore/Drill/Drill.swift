// One drill from beginning to end: restore a snapshot somewhere safe, compare, report, clean up.

package import Cluster
import Format
import FoundationEssentials
import Inventory
import Postgres
import Replay
package import Repository
package import Workers

/// Restores a snapshot, compares it with what was recorded when it was taken, and reports.
///
/// What is found goes into the report; only what makes a drill impossible or unwanted is thrown. A check
/// that breaks is a failure of that check and stops no other. Use one instance once, on one thread; it
/// starts threads of its own.
package final class Drill {
  let repository: Repository
  let snapshot: Snapshot
  let options: DrillOptions
  let cancellation: Cancellation
  let progress: Progress
  let reader: BlobReader
  let findings: Findings
  private var versions: [String] = []
  private var servers: [any ScratchServer] = []
  /// Folders that files were restored into, to be removed.
  var madeFolders: [String] = []
  /// The folder around them was made, too.
  var madeMediaFolder = false

  /// Servers that were kept because ``DrillOptions/keepScratch`` says so; they end with their owner.
  package var keptClusters: [ScratchCluster] {
    servers.compactMap { ($0 as? PrivateServer)?.cluster }
  }

  /// - Parameters:
  ///   - repository: open, with its index loaded; needs the owner's keys, since rows and files are read.
  ///   - snapshot: one of it.
  ///   - options: where and how.
  ///   - cancellation: ends the drill at its next safe point.
  ///   - progress: told what is checked or restored.
  package init(
    repository: Repository, snapshot: Snapshot, options: DrillOptions = DrillOptions(),
    cancellation: Cancellation = Cancellation(), progress: Progress = Progress()
  ) {
    self.repository = repository
    self.snapshot = snapshot
    self.options = options
    self.cancellation = cancellation
    self.progress = progress
    reader = repository.makeReader()
    findings = Findings(cancellation: cancellation, progress: progress)
  }

  var manifest: Manifest { snapshot.manifest }
  var isCancelled: @Sendable () -> Bool { { [cancellation] in cancellation.isCancelled } }

  /// Drills; blocks until everything that was made is gone again.
  ///
  /// - Returns: the report, whatever the verdict.
  /// - Throws: ``DrillError`` if the server named is the source; `Cancelled`. Scratch servers, databases
  ///   and files are removed before either.
  package func run() throws -> DrillReport {
    let began = Timestamp(Date())
    try refuseSource()
    do {
      let sample = try checkBefore(began)
      for media in manifest.media {
        try drillMedia(media)
        try checkMediaCapture(media)
      }
      for group in ServerGroup.groups(manifest.databases) { try drill(group) }
      if manifest.databases.isEmpty { try checkApplication([], among: []) }
      checkApplicationNames()
      try checkNegativeControl(sample)
      try checkMediaRemoved()
    } catch {
      for server in servers { _ = try? server.tearDown() }
      _ = try? removeMedia()
      throw error
    }
    try judgeRecoveryTime()
    return report(began)
  }

  // MARK: Databases

  private func drill(_ group: ServerGroup) throws {
    for database in group.databases {
      for reason in database.notIncluded { findings.notCovered("\(database.name): \(reason)") }
    }
    let recorded = try group.databases.map {
      RecordedDatabase(
        summary: $0, reader: reader, catalog: try repository.catalog(of: snapshot, reader: reader))
    }
    guard let server = try start(group, recorded) else {
      return try checkApplication([], among: group.databases.map(\.name))
    }
    servers.append(server)
    if !versions.contains(server.version) { versions.append(server.version) }

    var restored: [(RecordedDatabase, Copy)] = []
    for database in recorded {
      try checkRequirements(database, on: server)
      if let copy = try restore(database, on: server) {
        restored.append((database, copy))
      } else {
        skip(database.name, because: "the database was not restored")
      }
    }
    try checkLog(of: server, group.databases.map(\.database))
    for (_, copy) in restored { try options.afterRestore?(copy.target) }
    for (database, copy) in restored { try compare(database, copy) }
    try checkApplication(restored.map(\.1), among: group.databases.map(\.name))
    try tearDown(server)
  }

  private func start(_ group: ServerGroup, _ recorded: [RecordedDatabase]) throws
    -> (any ScratchServer)?
  {
    var server: (any ScratchServer)?
    try findings.check(
      "restore.scratch", "A scratch server answers", on: Self.names(group),
      expected: "PostgreSQL \(group.major) or newer", isRecovery: true
    ) {
      switch options.scratch {
      case .server(let target):
        let named = try NamedServer(target)
        server = named
        return .pass("PostgreSQL \(named.version), the server that was named")
      case .privateCluster:
        var libraries: [String] = []
        for database in recorded {
          // Damage here is told by the restore itself.
          let wanted = (try? database.properties())?.preloadLibraries ?? []
          libraries += wanted.filter { !libraries.contains($0) }
        }
        let (made, missing) = try findings.phase("start server", nil) {
          try PrivateServer.start(
            major: group.major, preloadLibraries: libraries, options: options)
        }
        server = made
        let words = "PostgreSQL \(made.version), a private server without network"
        guard missing.isEmpty else {
          return Finding(
            .warnings, "\(words), but without libraries that the source preloads",
            details: missing)
        }
        return .pass(words)
      }
    }
    if server == nil {
      for database in group.databases {
        findings.skipped(
          [("restore.database", "The database was restored without an error")],
          on: database.name, because: "there is no scratch server")
        skip(database.name, because: "there is no scratch server")
      }
    }
    return server
  }

  private func restore(_ database: RecordedDatabase, on server: any ScratchServer) throws -> Copy? {
    var copy: Copy?
    try findings.check(
      "restore.database", "The database was restored without an error", on: database.name,
      expected: "no error, and nothing left out", isRecovery: true
    ) {
      let target = try server.target(for: database.summary.database)
      var wanted = DatabaseReplayOptions.drill(connections: options.connections)
      var missing: [String] = []
      if !server.isPrivate {
        wanted.globals = false
        wanted.isScratch = false
        missing = try missingRoles(database, on: server)
        wanted.restoreOwners = missing.isEmpty
        wanted.restorePrivileges = missing.isEmpty
      }
      let replay = DatabaseReplay(
        reader: reader, catalog: try repository.catalog(of: snapshot, reader: reader),
        source: database.name, into: target, options: wanted, cancellation: cancellation,
        progress: progress)
      let start = ContinuousClock.now
      let done: DatabaseReplayReport
      do { done = try replay.perform() } catch {
        findings.addPhase("until it failed", database.name, Findings.seconds(since: start))
        throw error
      }
      for phase in done.phases {
        findings.addPhase(phase.name, database.name, phase.duration.inSeconds)
      }
      copy = Copy(
        source: database.name, target: target, major: server.major, hasRoles: missing.isEmpty)
      if !missing.isEmpty {
        findings.notCovered(
          "owners and privileges of \(database.name): the server lacks \(missing.joined(separator: ", "))"
        )
      }
      let words =
        "\(ReportWords.count(done.tableCount, "table")), \(ReportWords.count(done.rowCount, "row")), "
        + "\(ReportWords.count(done.sequenceCount, "sequence")), \(ReportWords.count(done.largeObjectCount, "large object"))"
      // What was asked to be left out is no surprise, and is told as not covered.
      let warnings = done.warnings.filter { !$0.hasSuffix("are not restored, as asked") }
      guard warnings.isEmpty else {
        return Finding(.warnings, "\(words), with remarks", details: warnings)
      }
      return .pass(words)
    }
    return copy
  }

  private func missingRoles(_ database: RecordedDatabase, on server: any ScratchServer) throws
    -> [String]
  {
    let rows = try connect(server.maintenance()).query("SELECT rolname FROM pg_catalog.pg_roles")
    let present = Set(rows.compactMap { $0[0] })
    return try database.properties().roles.filter { !present.contains($0) }.sorted()
  }

  /// What is compared of each copy, in the order of ``compare(_:_:)``.
  private static let databaseChecks: [(id: String, title: String)] = [
    ("equality.table-content", "Rows are equal, by the hash of each table"),
    ("equality.row-count", "No row is missing, none is extra"),
    ("equality.inventory", "Every object is there, and no other"),
    ("equality.schema", "Definitions are equal, as pg_dump writes them"),
    ("equality.properties", "The database's own properties are equal"),
    ("equality.sequences", "Sequences stand where they stood"),
    ("equality.large-objects", "Large objects are equal, byte for byte"),
    ("health.constraints", "Constraints hold for every row"),
    ("health.indexes", "Indexes are valid"),
  ]

  /// Everything that cannot be compared without a copy counts as failed.
  private func skip(_ name: String, because why: String) {
    var checks = Self.databaseChecks
    for reference in manifest.references where reference.database == name {
      checks.append(("files.references", Self.title(of: reference)))
    }
    if options.amcheck {
      checks.append(("health.amcheck", "Every B-tree index agrees with its table"))
    }
    findings.skipped(checks, on: name, because: why)
  }

  private func compare(_ database: RecordedDatabase, _ copy: Copy) throws {
    try checkTables(database, copy)
    try checkInventory(database, copy)
    let schema: Result<SchemaText, any Error> = Result { try recordedSchema(database, copy) }
    try checkSchema(schema, copy, sourceMajor: database.summary.serverMajor)
    try checkProperties(database, copy)
    try checkSequences(database, copy)
    try checkLargeObjects(database, copy)
    try checkConstraints(copy, schema)
    try checkIndexValidity(copy)
    try checkReferences(database, copy)
    // Last, since it makes an extension in the copy.
    try checkWithAmcheck(copy)
  }

  // MARK: The end

  private func tearDown(_ server: any ScratchServer) throws {
    if options.keepScratch {
      (server as? NamedServer)?.isKept = true
      findings.notCovered("the removal of the scratch database: it was kept, as asked")
      return
    }
    try findings.check(
      "after.database", "Nothing of the scratch database is left",
      expected: server.isPrivate ? "no process, no file" : "no database"
    ) {
      let left = try server.tearDown()
      servers.removeAll { $0 === server }
      return left.isEmpty
        ? .pass(server.isPrivate ? "looked: no process, no file" : "looked: no database")
        : Finding(.fail, "something is left", details: left)
    }
  }

  private func judgeRecoveryTime() throws {
    guard let target = options.recoveryTimeTarget else { return }
    try findings.check(
      "restore.time", "The recovery was fast enough",
      expected: "at most \(ReportWords.duration(target))"
    ) {
      Finding(
        recoverySeconds <= target ? .pass : .fail, ReportWords.duration(recoverySeconds))
    }
  }

  private var recoverySeconds: Double { findings.phases.reduce(0) { $0 + $1.seconds } }

  private func report(_ began: Timestamp) -> DrillReport {
    let kind: DrillScratch.Kind
    switch options.scratch {
    case .privateCluster: kind = .privateCluster
    case .server: kind = .server
    }
    var folder: String?
    if case .folder(let path) = options.media { folder = path }
    let host = ProcessInfo.processInfo.hostName
    return DrillReport(
      program: options.program, time: began, host: host,
      snapshot: DrilledSnapshot(
        id: snapshot.id.hex, time: manifest.time, host: manifest.host,
        program: manifest.program, tags: manifest.tags,
        databases: manifest.databases.map { database in
          "\(database.name) (\(database.database), PostgreSQL \(database.serverVersion))"
        },
        media: manifest.media.map { "\($0.name) (\($0.path))" }),
      scratch: DrillScratch(
        kind: manifest.databases.isEmpty ? .none : kind, serverVersions: versions,
        mediaFolder: folder),
      verdict: findings.verdict, checks: findings.checks,
      recoveryTime: RecoveryTime(
        totalSeconds: Findings.rounded(recoverySeconds),
        targetSeconds: options.recoveryTimeTarget, phases: findings.phases),
      recoveryPoint: RecoveryPoint(
        ageSeconds: Findings.rounded(Self.age(of: manifest, at: began)),
        targetSeconds: options.recoveryPointTarget),
      verificationSeconds: Findings.rounded(findings.verificationSeconds),
      volume: findings.volume, notCovered: findings.notCovered)
  }

  // MARK: Helpers

  static func age(of manifest: Manifest, at now: Timestamp) -> Double {
    Double(now.microseconds) / 1e6 - Double(manifest.time.microseconds) / 1e6
  }

  static func names(_ group: ServerGroup) -> String {
    group.databases.map(\.name).joined(separator: ", ")
  }

  /// A session on a copy, prepared as the source's was when it was read.
  func connect(_ target: ConnectionTarget) throws -> Connection {
    let connection = try Connection(target, cancellation: isCancelled)
    try connection.applyCatalogSettings()
    try connection.execute("SET default_transaction_read_only = off")
    return connection
  }

  /// As many sessions as the options allow.
  func connections(to target: ConnectionTarget) throws -> [Connection] {
    try (0..<max(1, options.connections)).map { _ in try connect(target) }
  }

  /// Calls `body` for each item, on as many threads as the options allow, each with its own session.
  func eachInParallel<Item: Sendable>(
    _ items: [Item], on target: ConnectionTarget,
    _ body: @escaping @Sendable (Connection, Item) throws -> Void
  ) throws {
    guard !items.isEmpty else { return }
    let sessions = try connections(to: target)
    let list = WorkList(items)
    try onThreads(
      sessions.count, cancellation: cancellation, next: { list.next() },
      makeWorker: { number in { item in try body(sessions[number], item) } })
  }
}
