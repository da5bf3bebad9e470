// Owns the capture of one database: from the locks to the last entry of the catalog.

package import Format
import Inventory
import Postgres
import Programs
package import Repository
package import Workers

/// Captures one database, at one moment.
///
/// ``begin()`` fixes the moment, ``capture(into:)`` reads all of it, ``end()`` lets go. Media are read between
/// the last two of these, or after: what rows refer to at that moment was written before it. One thread's own;
/// it starts threads of its own for the copying.
package final class DatabaseCapture {
  package let source: DatabaseSource
  /// What succeeded but looks like a loss at the source, or needs care at a restore; in words.
  package private(set) var warnings: [String] = []
  /// What is in the database but not in the snapshot; in words.
  package private(set) var notIncluded: [String] = []

  private let repository: Repository
  private let writer: BlobWriter
  let cancellation: Cancellation
  private let progress: Progress
  private let parent: (CatalogReader, DatabaseSummary)?
  private var session: SnapshotSession?

  /// Prepares a capture; nothing is connected yet.
  ///
  /// - Parameters:
  ///   - source: what to capture.
  ///   - repository: where its keys and settings are.
  ///   - writer: stores the chunks.
  ///   - cancellation: stops it, with a running statement cancelled on the server.
  ///   - progress: is told each phase, and counts bytes of rows and large objects.
  ///   - parent: the catalog and this database's summary in the snapshot before, to notice losses, and
  ///     to store ranges that changed as deltas.
  package init(
    _ source: DatabaseSource, repository: Repository, writer: BlobWriter,
    cancellation: Cancellation, progress: Progress, parent: (CatalogReader, DatabaseSummary)?
  ) {
    self.source = source
    self.repository = repository
    self.writer = writer
    self.cancellation = cancellation
    self.progress = progress
    self.parent = parent
  }

  deinit { end() }

  /// Connects, locks every table, takes the snapshot: what is captured is of the moment this returns.
  ///
  /// - Throws: ``CaptureError``, `Cancelled`; no connection stays open then.
  package func begin() throws {
    progress.begin("locking the tables of \(source.name)")
    session = try SnapshotSession(source, cancellation: cancellation)
  }

  /// The server's clock at the moment of the snapshot; nil before ``begin()``.
  package var moment: Timestamp? { session?.facts.time }

  /// Lets the locks and the snapshot go; safe to repeat.
  package func end() {
    session?.close()
    session = nil
  }

  func requireSession() throws -> SnapshotSession {
    guard let session else {
      throw CaptureError(
        .server, what: "cannot capture the database \(source.name)",
        why: "its snapshot was not taken, or was let go", next: "report this as a bug")
    }
    return session
  }

  /// Stores everything and appends its entries, in key order.
  ///
  /// - Returns: the summary for the manifest.
  /// - Throws: ``CaptureError``, `ProgramError`, `RepositoryError`, `Cancelled`. What was appended then is
  ///   of no use, what was stored is found again by the next run.
  package func capture(into catalog: inout CatalogWriter) throws -> DatabaseSummary {
    let session = try requireSession()
    let box = CatalogBox(catalog)
    defer { catalog = box.catalog }
    warnings = []
    notIncluded = []

    progress.begin("definitions of \(source.name)")
    try storeDefinitions(session, box)

    let sessions = try sourceWork("cannot capture the database \(source.name)", cancellation) {
      try session.openSessions(source, cancellation: cancellation) { try makeStorer(.objects) }
    }
    defer { for follower in sessions where !follower.isLeader { follower.connection.close() } }
    let copier = RowCopier(
      source: source, snapshot: session, sessions: sessions, repository: repository,
      writer: writer, predecessors: try predecessors(), cancellation: cancellation,
      progress: progress)

    progress.begin("large objects of \(source.name)")
    let objectsKey = DatabasePart.largeObjects.key(in: source.name)
    try copier.copyLargeObjects { objects in
      for object in objects {
        try box.catalog.append(
          objectsKey.appending(number: UInt64(object.oid)), .largeObject(object.object))
        box.largeObjectCount += 1
      }
    }
    try storeProperties(session, box)
    let exclusions = session.tables.map {
      SourceGaps.exclusion(of: $0, source, isStandby: session.facts.isStandby)
    }
    let digests = try copyRows(copier, exclusions, box)
    let sequenceCount = try storeSequences(session, box)
    let tables = try storeSummaries(session, digests, exclusions, box)
    if let (reader, summary) = parent {
      warnings += try CollapseCheck(source.name, parent: reader, summary).warnings(tables)
    }
    return summary(session.facts, tables.map(\.table), box, sequenceCount)
  }
}

// MARK: - Parts

extension DatabaseCapture {
  private enum Kind { case text, objects }

  private func makeStorer(_ kind: Kind) throws -> StreamStorer {
    try StreamStorer(
      writer, keys: repository.keys,
      parameters: StreamStorer.parameters(
        forText: kind == .text, profile: repository.config.chunkerProfile))
  }

  /// The parent's ranges, if there is a parent and our key reads content: a delta needs its base.
  private func predecessors() throws -> RangePredecessors? {
    guard let (catalog, _) = parent, repository.keys.canRead(.content) else { return nil }
    return try RangePredecessors(catalog, reader: repository.makeReader(), of: source.name)
  }

  private func key(_ part: DatabasePart) -> CatalogKey { part.key(in: source.name) }

  /// Archive, globals, inventory.
  private func storeDefinitions(_ session: SnapshotSession, _ box: CatalogBox) throws {
    let storer = try makeStorer(.text)
    let dumper = DefinitionDumper(
      source: source, snapshot: session, storer: storer, cancellation: cancellation)
    let (archive, said) = try dumper.dumpDefinitions()
    try box.catalog.append(key(.archive), .stream(archive))
    if !said.isEmpty {
      warnings.append("\(source.name): pg_dump says: \(quotable(said, limit: 500))")
    }
    if source.storeGlobals {
      let (globals, missing) = try dumper.dumpGlobals()
      if let globals { try box.catalog.append(key(.globals), .stream(globals)) }
      if let missing { notIncluded.append(missing) }
    } else {
      notIncluded.append("roles and tablespaces of the server: left out by the configuration")
    }
    let inventory = try sourceWork(
      "cannot list the objects of the database \(source.name)", cancellation
    ) {
      notIncluded += try SourceGaps.list(over: session.connection, facts: session.facts)
      return try ObjectInventory.read(over: session.connection)
    }
    try storer.add(inventory.encoded)
    try box.catalog.append(key(.inventory), .stream(try storer.finish()))
  }

  private func storeProperties(_ session: SnapshotSession, _ box: CatalogBox) throws {
    let properties = try sourceWork(
      "cannot read the properties of the database \(source.name)", cancellation
    ) { try DatabaseProperties.read(over: session.connection) }
    // Their rows are more than rows: a plain copy needs their own procedures around it.
    for name in ["timescaledb", "citus", "pg_cron"]
    where properties.extensions.contains(where: { $0.name == name }) {
      warnings.append(
        "\(source.name): the extension \(name) has its own rules for restoring; drill this database"
      )
    }
    let storer = try makeStorer(.text)
    try storer.add(try DocumentBody.encode(properties))
    try box.catalog.append(key(.properties), .stream(try storer.finish()))
  }

  private func copyRows(_ copier: RowCopier, _ exclusions: [String?], _ box: CatalogBox) throws
    -> [RowDigest]
  {
    let tables = copier.snapshot.tables
    for (table, exclusion) in zip(tables, exclusions) {
      if let exclusion { notIncluded.append("rows of \(table.name): \(exclusion)") }
    }
    for pattern in source.excludedTables
    where !tables.contains(where: { source.fits($0, pattern) }) {
      warnings.append("\(source.name): no table fits the exclusion \(pattern)")
    }
    let total = zip(tables, exclusions).reduce(UInt64(0)) {
      $1.1 == nil ? $0 &+ $1.0.estimatedByteCount : $0
    }
    progress.begin("rows of \(source.name)", totalBytes: total)
    box.digests = Array(repeating: RowDigest(), count: tables.count)
    let rowsKey = key(.rows)
    try copier.copyAll(isIncluded: exclusions.map { $0 == nil }) { range in
      box.digests[range.task.table].add(range.digest)
      guard range.digest.rowCount > 0 else { return }
      let name = tables[range.task.table].name
      try box.catalog.append(
        rowsKey.appending(name.schema).appending(name.name).appending(number: range.task.number),
        .range(
          TableRange(
            rowCount: range.digest.rowCount, format: .text, content: range.content,
            digest: range.digest.sum)))
    }
    return box.digests
  }

  /// Positions are read last: they may be ahead of the rows, never behind.
  private func storeSequences(_ session: SnapshotSession, _ box: CatalogBox) throws -> Int {
    let values = try sourceWork(
      "cannot read the sequences of the database \(source.name)", cancellation
    ) { try SequenceValue.list(over: session.connection) }
    let storer = try makeStorer(.text)
    try storer.add(try DocumentBody.encode(values))
    try box.catalog.append(key(.sequences), .stream(try storer.finish()))
    return values.count
  }

  private func storeSummaries(
    _ session: SnapshotSession, _ digests: [RowDigest], _ exclusions: [String?], _ box: CatalogBox
  ) throws -> [(key: CatalogKey, table: TableSummary)] {
    let tablesKey = key(.tables)
    var summaries: [(key: CatalogKey, table: TableSummary)] = []
    for (index, table) in session.tables.enumerated() {
      let digest = digests[index]
      let summary = TableSummary(
        columns: table.columns, rowCount: digest.rowCount, byteCount: digest.byteCount,
        digest: digest.sum, isExtensionConfiguration: table.isExtensionConfiguration,
        loadThrough: table.loadThrough, excluded: exclusions[index])
      let key = tablesKey.appending(table.name.schema).appending(table.name.name)
      try box.catalog.append(key, .table(summary))
      summaries.append((key, summary))
    }
    return summaries
  }

  private func summary(
    _ facts: SnapshotFacts, _ tables: [TableSummary], _ box: CatalogBox, _ sequenceCount: Int
  ) -> DatabaseSummary {
    var digests = ByteWriter()
    for table in tables { digests.id(BlobID(table.digest)) }
    return DatabaseSummary(
      name: source.name, database: facts.database, serverVersion: facts.serverVersion,
      serverMajor: facts.serverMajor, systemIdentifier: facts.systemIdentifier,
      logPosition: facts.logPosition, transactionSnapshot: facts.transactionSnapshot,
      time: facts.time, tableCount: tables.count { $0.excluded == nil },
      rowCount: tables.reduce(0) { $0 + $1.rowCount },
      byteCount: tables.reduce(0) { $0 + $1.byteCount }, largeObjectCount: box.largeObjectCount,
      sequenceCount: sequenceCount, digest: DocumentID(of: digests.bytes).hex,
      notIncluded: notIncluded)
  }
}

/// The catalog under construction, where the workers' deliveries reach it.
private final class CatalogBox: @unchecked Sendable {
  // Unchecked because deliveries come from one thread at a time, and the capture's own thread touches it only
  // while no worker runs.
  var catalog: CatalogWriter
  var digests: [RowDigest] = []
  var largeObjectCount = 0

  init(_ catalog: CatalogWriter) { self.catalog = catalog }
}
