// Rows: each table of the copy is hashed as it was hashed at the source.

import Format
import Inventory
import Postgres
import Repository
import Synchronization
import Workers

/// Part of a table, as one worker reads it.
private struct TablePart: Sendable {
  var table: Int
  var blocks: BlockRange
}

/// What the copies of all tables added up to.
private struct TableSums: Sendable {
  var digests: [RowDigest]
  /// Why a table could not be read.
  var failures: [Int: String] = [:]
}

extension Drill {
  /// Reads every row of the copy, and compares content and number of rows of each table.
  ///
  /// Tables whose rows were routed through a partitioned table are compared together, since a row may
  /// lie in another partition of the copy.
  func checkTables(_ database: RecordedDatabase, _ copy: Copy) throws {
    var rows: (expected: UInt64, actual: UInt64)?
    var counts: [String] = []
    let total = ReportWords.count(database.summary.tableCount, "table")
    try findings.check(
      "equality.table-content", "Rows are equal, by the hash of each table", on: copy.source,
      expected: "\(total) as hashed at the source"
    ) {
      let recorded = try database.tables()
      for (name, summary) in recorded {
        if let reason = summary.excluded {
          findings.notCovered("the rows of \(copy.source): \(name): \(reason)")
        }
      }
      let expected = recorded.filter { $0.summary.excluded == nil }
      let connection = try connect(copy.target)
      var found: [QualifiedName: TableDescription] = [:]
      for table in try TableDescription.list(over: connection) { found[table.name] = table }
      var tables: [TableDescription] = []
      var details: [String] = []
      for (name, summary) in expected {
        guard var table = found[name] else {
          details.append(
            "\(name): the table is missing, with \(ReportWords.count(summary.rowCount, "row"))")
          counts.append("\(name): expected \(summary.rowCount), found no table")
          continue
        }
        // What was recorded says what is hashed; a column that is gone makes the COPY fail, loudly.
        table.columns = summary.columns
        table.loadThrough = summary.loadThrough
        tables.append(table)
      }
      let sums = try read(tables, on: copy)
      let comparison = compare(expected, tables, sums)
      details += comparison.content
      counts += comparison.counts
      let bytes = sums.digests.reduce(UInt64(0)) { $0 &+ $1.byteCount }
      let actual = sums.digests.reduce(UInt64(0)) { $0 &+ $1.rowCount }
      rows = (expected.reduce(0) { $0 &+ $1.summary.rowCount }, actual)
      findings.volume.rows &+= actual
      findings.volume.tables &+= UInt64(tables.count)
      findings.volume.bytes &+= bytes
      guard details.isEmpty else {
        return Finding(.fail, "\(details.count) of \(total) differ", details: details)
      }
      return .pass(
        "\(ReportWords.count(tables.count, "table")), \(ReportWords.count(actual, "row")), \(ReportWords.bytes(bytes)), all equal"
      )
    }
    try findings.check(
      "equality.row-count", "No row is missing, none is extra", on: copy.source,
      expected: rows.map { ReportWords.count($0.expected, "row") } ?? "the recorded number of rows"
    ) {
      guard let rows else { return Finding(.fail, "not made: the tables could not be read") }
      guard !counts.isEmpty else { return .pass(ReportWords.count(rows.actual, "row")) }
      let tables = ReportWords.count(counts.count, "table")
      return Finding(
        .fail, "\(ReportWords.count(rows.actual, "row")); \(tables) with another number",
        details: counts)
    }
  }

  // MARK: Reading

  /// About 128 MiB of a heap: parts are read by several sessions at once.
  private static let partBlocks: UInt32 = 16_384

  private func read(_ tables: [TableDescription], on copy: Copy) throws -> TableSums {
    var parts: [TablePart] = []
    for index in tables.indices {
      let table = tables[index]
      // Before 14 a range of blocks is found by reading all of them.
      guard table.isSplittable, copy.major >= 14, table.blockCount > Self.partBlocks else {
        parts.append(TablePart(table: index, blocks: .all))
        continue
      }
      var first: UInt32 = 0
      while table.blockCount - first > Self.partBlocks {
        parts.append(
          TablePart(
            table: index, blocks: BlockRange(first: first, end: first + Self.partBlocks)))
        first += Self.partBlocks
      }
      parts.append(TablePart(table: index, blocks: BlockRange(first: first, end: nil)))
    }
    let largestFirst = parts.sorted {
      tables[$0.table].estimatedByteCount > tables[$1.table].estimatedByteCount
    }
    let sums = Mutex(
      TableSums(digests: [RowDigest](repeating: RowDigest(), count: tables.count)))
    let key = repository.keys.rowKey
    let progress = self.progress
    try eachInParallel(largestFirst, on: copy.target) { connection, part in
      let table = tables[part.table]
      do {
        let hasher = try RowHasher(key: key, table: table.hashName, columns: table.columns)
        var pending = 0
        _ = try TableReader.copyText(table, blocks: part.blocks, over: connection) { row in
          hasher.add(row)
          pending += row.count
          if pending > 1 << 20 {
            progress.add(bytes: pending)
            pending = 0
          }
        }
        progress.add(bytes: pending, items: 1)
        let digest = hasher.take()
        sums.withLock { $0.digests[part.table].add(digest) }
      } catch let error as PostgresError {
        guard error.kind == .server || error.kind == .privilege else { throw error }
        sums.withLock { $0.failures[part.table] = error.why }
      }
    }
    return sums.withLock { $0 }
  }

  // MARK: Comparing

  private func compare(
    _ recorded: [(name: QualifiedName, summary: TableSummary)], _ tables: [TableDescription],
    _ sums: TableSums
  ) -> (content: [String], counts: [String]) {
    var expected: [QualifiedName: RowDigest] = [:]
    let present = Set(tables.map(\.name))
    for (name, summary) in recorded where present.contains(name) {
      expected[summary.loadThrough ?? name, default: RowDigest()].add(RowDigest(of: summary))
    }
    var actual: [QualifiedName: RowDigest] = [:]
    var content: [String] = []
    var counts: [String] = []
    var unread: Set<QualifiedName> = []
    for (index, table) in tables.enumerated() {
      actual[table.hashName, default: RowDigest()].add(sums.digests[index])
      if let failure = sums.failures[index] {
        unread.insert(table.hashName)
        content.append("\(table.name): cannot be read: \(failure)")
      }
    }
    for name in expected.keys.sorted() where !unread.contains(name) {
      guard let want = expected[name], let have = actual[name], want != have else { continue }
      if want.rowCount != have.rowCount {
        counts.append("\(name): expected \(want.rowCount), found \(have.rowCount)")
      }
      content.append("\(name): expected \(Self.words(want)), found \(Self.words(have))")
    }
    return (content, counts)
  }

  private static func words(_ digest: RowDigest) -> String {
    "\(ReportWords.count(digest.rowCount, "row")), \(digest.byteCount) bytes, sum \(BlobID(digest.sum).description)"
  }
}

extension RowDigest {
  /// The digest that a snapshot recorded for a table.
  init(of summary: TableSummary) {
    self.init()
    rowCount = summary.rowCount
    byteCount = summary.byteCount
    sum = summary.digest
  }
}
