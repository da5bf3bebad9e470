// Owns the loading of rows: largest tables first, several sessions, straight from the repository to COPY.

import Format
import Inventory
import Postgres
import Repository
import Synchronization
import Workers

/// Loads tables into a database that has their definitions and no constraints yet.
final class RowLoader: Sendable {
  /// What was loaded.
  struct Outcome {
    var tableCount = 0
    var rowCount: UInt64 = 0
    var byteCount: UInt64 = 0
    /// Tables that could be loaded only after others, which their checks read.
    var late: [QualifiedName] = []
  }

  fileprivate struct State {
    /// Smallest first, so that the largest is taken from the end.
    var waiting: [LoadTask]
    var postponed: [ReplayTable] = []
    var outcome = Outcome()
    /// What was loaded of tables that are loaded in parts.
    var parts: [QualifiedName: Outcome] = [:]
    var failure: (any Error)?
  }

  private let reader: BlobReader
  private let root: CatalogRoot
  private let source: String
  private let encoding: String
  private let connector: ReplayConnector
  private let progress: Progress
  /// Set when one session fails, so that the others stop too.
  private let stop = Cancellation()

  init(
    reader: BlobReader, catalog: CatalogReader, source: String, encoding: String,
    connector: ReplayConnector, progress: Progress
  ) {
    self.reader = reader
    // A catalog reader belongs to one thread: each makes its own from this.
    root = CatalogRoot(root: catalog.root.hex, entryCount: 0)
    self.source = source
    self.encoding = encoding
    self.connector = connector
    self.progress = progress
  }

  /// Loads `tables` over at most `connections` sessions; blocks until all are loaded.
  ///
  /// Each table, or part of a large one, is one transaction. One whose load the server refuses is tried
  /// again after all others: its CHECK may call a function that reads another table.
  /// - Parameter smallestPart: bytes below which a part is not worth a transaction of its own.
  /// - Throws: the first error that cannot be helped; tables that were loaded stay.
  func load(_ tables: [ReplayTable], connections: Int, smallestPart: UInt64) throws -> Outcome {
    let total = tables.reduce(UInt64(0)) { $0 &+ $1.summary.byteCount }
    progress.begin("rows", totalBytes: total)
    let connections = max(1, connections)
    let first = try Session(connector, reader, root, stop)
    let plan = try LoadPlan(
      tables, connections: connections, smallestPart: smallestPart, catalog: first.catalog,
      source: source)
    for table in plan.divided { try truncate(table, first) }
    let state = Mutex(State(waiting: plan.tasks.reversed()))
    let group = ThreadGroup()
    for number in 0..<min(connections, plan.tasks.count) {
      group.start(name: "load \(number)") { [self] in
        do {
          let session = try Session(connector, reader, root, stop)
          while let task = state.withLock({ $0.failure == nil ? $0.waiting.popLast() : nil }) {
            do {
              let loaded = try load(task.table, part: task.part, session)
              state.withLock { $0.add(loaded, task) }
            } catch  where Self.mayBeLate(error) {
              state.withLock { $0.postpone(task.table) }
            } catch {
              throw Self.naming(task.table, error)
            }
          }
        } catch {
          state.withLock { if $0.failure == nil { $0.failure = error } }
          stop.cancel()
        }
      }
    }
    group.wait()
    if let failure = state.withLock({ $0.failure }) { throw failure }
    for table in plan.divided { try finish(table, state) }
    try loadPostponed(state, first)
    return state.withLock { $0.outcome }
  }

  /// Counts a table that was loaded in parts, unless it must be loaded again.
  private func finish(_ table: ReplayTable, _ state: borrowing Mutex<State>) throws {
    let loaded: Outcome? = state.withLock { state in
      guard !state.postponed.contains(where: { $0.name == table.name }) else { return nil }
      return state.parts[table.name] ?? Outcome()
    }
    guard var loaded else { return }
    guard loaded.rowCount == table.summary.rowCount else {
      throw miscount(table.name, expected: table.summary.rowCount, actual: loaded.rowCount)
    }
    loaded.tableCount = 1
    progress.add(bytes: 0, items: 1)
    state.withLock { $0.outcome.add(loaded) }
  }

  /// Goes over the postponed tables until all are loaded, or a pass loads none.
  private func loadPostponed(_ state: borrowing Mutex<State>, _ session: Session) throws {
    var left = state.withLock { $0.postponed }
    while !left.isEmpty {
      var still: [ReplayTable] = []
      var failure: (any Error)?
      for table in left {
        do {
          let loaded = try load(table, part: nil, session)
          state.withLock { state in
            state.outcome.add(loaded)
            state.outcome.late.append(table.name)
          }
        } catch  where Self.mayBeLate(error) {
          failure = failure ?? Self.naming(table, error)
          still.append(table)
        } catch {
          throw Self.naming(table, error)
        }
      }
      if let failure, still.count == left.count { throw failure }
      left = still
    }
  }

  /// An error of the data or of a function, which may go away once other tables are filled.
  ///
  /// Not: no resources (53), operator intervention (57), system and internal errors (58, XX).
  private static func mayBeLate(_ error: any Error) -> Bool {
    guard let error = error as? PostgresError, error.kind == .server, let state = error.sqlState
    else { return false }
    return !["53", "57", "58", "XX", "08"].contains { state.hasPrefix($0) }
  }

  private static func naming(_ table: ReplayTable, _ error: any Error) -> ReplayError {
    ReplayError.wrapping(error, what: "cannot load the rows of table \(table.name)")
  }

  // MARK: One table

  /// What one thread needs.
  private final class Session {
    let connection: Connection
    let catalog: CatalogReader
    let decoder: ChunkDecoder
    var chunk: [UInt8] = []

    init(
      _ connector: ReplayConnector, _ reader: BlobReader, _ root: CatalogRoot,
      _ stop: Cancellation
    ) throws {
      connection = try connector.open(stop: stop)
      catalog = try CatalogReader(reader, root: root)
      decoder = try ChunkDecoder()
    }
  }

  private func truncate(_ table: ReplayTable, _ session: Session) throws {
    do throws(PostgresError) {
      try session.connection.execute("TRUNCATE ONLY \(table.name.quoted)")
    } catch {
      throw Self.naming(table, error)
    }
  }

  /// Loads a table, or a part of one that is empty or holds other parts.
  private func load(_ table: ReplayTable, part: RangeBounds?, _ session: Session) throws -> Outcome
  {
    let summary = table.summary
    let connection = session.connection
    // Rows of an extension join its own; rows that go through a partitioned table share its leaves.
    let isWhole = part == nil && !summary.isExtensionConfiguration && summary.loadThrough == nil
    try connection.execute("BEGIN")
    do {
      // In the transaction that truncates, wal_level=minimal writes no log for the rows.
      if isWhole { try truncate(table, session) }
      var outcome = Outcome()
      var ranges = try RangeWalk(session.catalog, table.name, source: source, bounds: part)
      while let range = try ranges.next() {
        try copy(range, &ranges, table, isFrozen: isWhole, session, &outcome)
      }
      guard part != nil || outcome.rowCount == summary.rowCount else {
        throw miscount(table.name, expected: summary.rowCount, actual: outcome.rowCount)
      }
      try connection.execute("COMMIT")
      if part == nil {
        outcome.tableCount = 1
        progress.add(bytes: 0, items: 1)
      }
      return outcome
    } catch {
      // The error is what matters; a session that cannot even roll back is closed by its owner.
      try? connection.execute("ROLLBACK")
      throw error
    }
  }

  /// Copies `range`, and with it the text ranges that follow, since they make one stream.
  private func copy(
    _ range: TableRange, _ ranges: inout RangeWalk, _ table: ReplayTable, isFrozen: Bool,
    _ session: Session, _ outcome: inout Outcome
  ) throws {
    var expected: UInt64 = 0
    var bytes: UInt64 = 0
    var walk = ranges
    let sql = CopyStatement.from(
      table.summary.loadThrough ?? table.name, columns: table.summary.columns,
      format: range.format, encoding: encoding, isFrozen: isFrozen)
    let counted = try session.connection.copyIn(sql) { input in
      var current: TableRange? = range
      while let range = current {
        try reader.forEachChunk(of: range.content, using: session.decoder) { reference in
          try reader.load(reference, into: &session.chunk, using: session.decoder)
          try input.write(session.chunk)
          progress.add(bytes: session.chunk.count)
        }
        expected &+= range.rowCount
        bytes &+= range.content.byteCount
        current = range.format == .text ? try walk.next(where: { $0.format == .text }) : nil
      }
    }
    ranges = walk
    guard counted >= 0, UInt64(counted) == expected else {
      throw miscount(table.name, expected: expected, actual: UInt64(max(0, counted)))
    }
    outcome.rowCount &+= expected
    outcome.byteCount &+= bytes
  }

  private func miscount(_ table: QualifiedName, expected: UInt64, actual: UInt64) -> ReplayError {
    ReplayError(
      .damaged, what: "cannot load table \(table)",
      why: "the snapshot says that it has \(expected) rows, and \(actual) arrived",
      next: "run 'lifeboat check --read-data', or choose another snapshot")
  }
}

extension RowLoader.State {
  /// Counts what a task loaded.
  fileprivate mutating func add(_ loaded: RowLoader.Outcome, _ task: LoadTask) {
    if task.isPart {
      parts[task.table.name, default: RowLoader.Outcome()].add(loaded)
    } else {
      outcome.add(loaded)
    }
  }

  /// Puts a table behind all others, once, whichever of its parts was refused.
  fileprivate mutating func postpone(_ table: ReplayTable) {
    guard !postponed.contains(where: { $0.name == table.name }) else { return }
    postponed.append(table)
  }
}

extension RowLoader.Outcome {
  mutating func add(_ other: RowLoader.Outcome) {
    tableCount += other.tableCount
    rowCount &+= other.rowCount
    byteCount &+= other.byteCount
  }
}
