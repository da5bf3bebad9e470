// Owns the copying of rows: ranges of tables over several sessions, delivered in key order.

import Format
import Inventory
import Postgres
import Repository
import Synchronization
import Workers

/// A range of a table to copy.
struct RangeTask: Sendable {
  /// Which of the tables.
  var table: Int
  /// The last component of its key: the range's first block divided by the range's length.
  var number: UInt64
  var blocks: BlockRange
  /// What the parent snapshot has in its place.
  var predecessor: RangePredecessor?
}

/// A range that was copied.
struct CopiedRange: Sendable {
  var task: RangeTask
  var content: Content
  var digest: RowDigest
}

/// Walks over tables and their ranges, in key order.
struct RangeWalk: Sendable {
  private let tables: [TableDescription]
  private let isIncluded: [Bool]
  /// Blocks of the server's size in one range: the boundaries are a function of the block number only, so
  /// that a growing table keeps its ranges.
  private let rangeBlocks: UInt32
  private var table = 0
  private var first: UInt32 = 0

  init(_ tables: [TableDescription], isIncluded: [Bool], rangeBlocks: UInt32) {
    self.tables = tables
    self.isIncluded = isIncluded
    self.rangeBlocks = rangeBlocks
  }

  mutating func next() -> RangeTask? {
    while table < tables.count, !isIncluded[table] { table += 1 }
    guard table < tables.count else { return nil }
    let description = tables[table]
    let number = UInt64(first / rangeBlocks)
    let (end, overflow) = first.addingReportingOverflow(rangeBlocks)
    // The last range has no end, though no row of the snapshot can lie behind the blocks that the table had
    // when it was locked: a wrong count must not lose rows.
    let isLast = !description.isSplittable || overflow || end >= description.blockCount
    let task = RangeTask(
      table: table, number: number,
      blocks: BlockRange(first: first, end: isLast ? nil : end))
    if isLast {
      table += 1
      first = 0
    } else {
      first = end
    }
    return task
  }
}

/// Copies ranges; shared by all workers.
struct RowCopier: Sendable {
  let source: DatabaseSource
  let snapshot: SnapshotSession
  let sessions: [CopySession]
  let repository: Repository
  let writer: BlobWriter
  /// The ranges of the parent snapshot; nil if there is none that we can read.
  let predecessors: RangePredecessors?
  let cancellation: Cancellation
  let progress: Progress

  /// Copies every included table and hands the ranges to `deliver` in key order, on one thread at a time.
  func copyAll(
    isIncluded: [Bool], deliver: @escaping @Sendable (CopiedRange) throws -> Void
  ) throws {
    let walk = Mutex(
      RangeWalk(snapshot.tables, isIncluded: isIncluded, rangeBlocks: rangeBlocks))
    try orderedParallel(
      workers: sessions.count, window: sessions.count * 16, cancellation: cancellation,
      next: {
        walk.withLock { walk in
          guard var task = walk.next() else { return nil }
          task.predecessor = predecessors?.predecessor(
            of: task.number, in: snapshot.tables[task.table].name)
          return task
        }
      },
      work: { task, worker in try copy(task, with: sessions[worker]) },
      deliver: deliver)
  }

  /// Blocks in a range: so many bytes of heap, whatever the server's block size.
  private var rangeBlocks: UInt32 {
    let bytes = UInt64(repository.config.tableRangeBlocks) * 8192
    return max(UInt32(clamping: bytes / max(snapshot.facts.blockByteCount, 1)), 1)
  }

  private func copy(_ task: RangeTask, with session: CopySession) throws -> CopiedRange {
    let table = snapshot.tables[task.table]
    let what = "cannot read rows of \(table.name) in the database \(source.name)"
    let range = try sourceWork(what, cancellation) {
      do {
        if !session.isLeader, try session.lock(table) {
          return try copy(task, table, over: session.connection, with: session)
        }
        return try snapshot.gate.withLock { _ in
          try copy(task, table, over: snapshot.connection, with: session)
        }
      } catch let error as PostgresError where Self.isTooLarge(error) {
        throw CaptureError(
          .rowTooLarge, what: what,
          why:
            "a row of \(Self.describe(task.blocks)) is too large to be written out (\(error.why))",
          next:
            "find it with SELECT ctid FROM \(table.name.quoted) and pg_column_size(), and split "
            + "or move its value; PostgreSQL writes at most 1 GB a row, bytea counting twice")
      }
    }
    progress.add(bytes: Int(clamping: range.digest.byteCount), items: 1)
    return range
  }

  private func copy(
    _ task: RangeTask, _ table: TableDescription, over connection: Connection,
    with session: CopySession
  ) throws -> CopiedRange {
    let hasher = try session.hasher(for: task.table) {
      try RowHasher(
        key: repository.keys.rowKey, table: table.hashName, columns: table.columns)
    }
    session.buffer.discard()
    let encoder = session.encoder
    var content = ContentBuilder(writer)
    var offset: UInt64 = 0
    func store(_ chunk: Span<UInt8>) throws {
      let reference = try writer.store(
        chunk, class: .content, after: task.predecessor?.chunks(at: offset) ?? [],
        using: encoder)
      try content.append(reference, using: encoder)
      offset += UInt64(chunk.count)
    }
    var rows: UInt64 = 0
    for part in task.blocks.parts(of: rangeBlocks, count: Self.partCount(table, rangeBlocks)) {
      rows += try TableReader.copyText(table, blocks: part, over: connection) { row in
        let hash = hasher.add(row)
        try session.buffer.add(row, hash: hash, store)
      }
      try session.buffer.flush(store)
    }
    let digest = hasher.take()
    let stored = try content.finish(using: encoder)
    guard digest.rowCount == rows, stored.byteCount == digest.byteCount else {
      throw CaptureError(
        .inconsistent, what: "cannot read rows of \(table.name) in the database \(source.name)",
        why: "\(digest.rowCount) rows arrived where the server counts \(rows)",
        next: "run it again, connected to the server itself and not to a pooler")
    }
    writer.count { $0.bytesRead += digest.byteCount }
    return CopiedRange(task: task, content: stored, digest: digest)
  }

  /// In how many parts, each with chunks of its own, a range of `table` is read: a power of two, so that a part
  /// of what the table takes, with all that is stored out of line, is at most ``partByteCount``.
  ///
  /// Ends of parts are block numbers: whatever happens to rows, they stay. The count changes only when
  /// a table's rows become twice as large.
  private static func partCount(_ table: TableDescription, _ rangeBlocks: UInt32) -> UInt32 {
    guard table.isSplittable, table.blockCount > 0 else { return 1 }
    let rangeByteCount = table.estimatedByteCount / UInt64(table.blockCount) * UInt64(rangeBlocks)
    var count: UInt32 = 1
    while count < rangeBlocks, rangeByteCount / UInt64(count) > partByteCount { count *= 2 }
    return count
  }

  /// A range without anything out of line has 2 MiB.
  private static let partByteCount: UInt64 = 3 << 20

  /// A text that outgrows the server's 1 GB buffer: palloc's and StringInfo's complaints.
  private static func isTooLarge(_ error: PostgresError) -> Bool {
    error.sqlState == "54000" || error.why.contains("invalid memory alloc request size")
      || error.why.contains("Cannot enlarge string buffer")
      || (error.detail ?? "").contains("Cannot enlarge string buffer")
  }

  private static func describe(_ blocks: BlockRange) -> String {
    switch (blocks.first, blocks.end) {
    case (0, nil): "the table"
    case (let first, nil): "blocks \(first) and above"
    case (let first, let end?): "blocks \(first) to \(end - 1)"
    }
  }
}
