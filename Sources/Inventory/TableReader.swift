// Owns the reading of rows: the COPY statements, byte for byte the same at capture and in a drill.

package import Format
package import Postgres
package import Sodium

/// Consecutive blocks of a heap.
package struct BlockRange: Hashable, Sendable {
  package var first: UInt32
  /// The first block after it; nil for the table's end, wherever that is.
  package var end: UInt32?

  package init(first: UInt32, end: UInt32?) {
    self.first = first
    self.end = end
  }

  /// This range in at most `count` parts whose ends are `length` / `count` blocks apart; the last has this end.
  package func parts(of length: UInt32, count: UInt32) -> [BlockRange] {
    let step = length / max(count, 1)
    guard count > 1, step > 0 else { return [self] }
    var parts: [BlockRange] = []
    var start = first
    for _ in 1..<count {
      let (next, overflow) = start.addingReportingOverflow(step)
      guard !overflow, end.map({ next < $0 }) ?? true else { break }
      parts.append(BlockRange(first: start, end: next))
      start = next
    }
    return parts + [BlockRange(first: start, end: end)]
  }

  /// The whole table.
  package static let all = BlockRange(first: 0, end: nil)
}

/// Reads rows of a table on a session that ``Postgres/Connection/applyCatalogSettings()`` prepared.
package enum TableReader {
  /// Lends each row, as a line of COPY's text format with its line end, in the database's own encoding.
  ///
  /// Exact within one snapshot: a row's block does not change while anybody holds a lock on the table, and
  /// rows of other transactions are invisible wherever they land. From PostgreSQL 14 on a range is read by a
  /// Tid Range Scan, which touches its blocks only.
  /// - Parameters:
  ///   - table: what to read.
  ///   - blocks: part of a heap; anything but `.all` needs ``TableDescription/isSplittable``.
  ///   - connection: the session to read over.
  ///   - row: called for each row; the bytes are valid during the call only.
  /// - Returns: the number of rows.
  /// - Throws: ``PostgresError``, and what `row` throws.
  package static func copyText(
    _ table: TableDescription, blocks: BlockRange = .all, over connection: Connection,
    _ row: (Span<UInt8>) throws -> Void
  ) throws -> UInt64 {
    UInt64(clamping: try connection.copyOut(statement(table, blocks, over: connection), row))
  }

  /// The digest of all rows that ``copyText(_:blocks:over:_:)`` reads: what a drill compares.
  ///
  /// For a table with ``TableDescription/loadThrough`` compare the sum over all leaves of that root.
  /// - Parameters:
  ///   - table: what to read.
  ///   - key: the repository's row-hash key.
  ///   - connection: the session to read over.
  /// - Returns: rows, bytes and sum of row hashes.
  /// - Throws: ``PostgresError``; `SodiumError` if memory is out.
  package static func digest(
    of table: TableDescription, key: Secret, over connection: Connection
  ) throws -> RowDigest {
    let hasher = try RowHasher(key: key, table: table.hashName, columns: table.columns)
    _ = try copyText(table, over: connection) { hasher.add($0) }
    return hasher.take()
  }

  /// `COPY (SELECT columns FROM ONLY table WHERE ctid …) TO STDOUT`.
  static func statement(
    _ table: TableDescription, _ blocks: BlockRange, over connection: Connection
  ) -> String {
    var clause = ""
    if table.isExtensionConfiguration, !table.condition.isEmpty {
      clause = " " + table.condition
    } else if table.isSplittable {
      var bounds: [String] = []
      if blocks.first > 0 { bounds.append("ctid >= '(\(blocks.first),0)'") }
      if let end = blocks.end { bounds.append("ctid < '(\(end),0)'") }
      if !bounds.isEmpty { clause = " WHERE " + bounds.joined(separator: " AND ") }
    }
    let columns = table.columns.map { Connection.quoteIdentifier($0) }.joined(separator: ", ")
    let encoding =
      connection.hasNamesInUTF8
      ? "" : " WITH (ENCODING \(Connection.quoteLiteral(connection.databaseEncoding)))"
    return
      "COPY (SELECT \(columns) FROM ONLY \(table.name.quoted)\(clause)) TO STDOUT\(encoding)"
  }
}

extension QualifiedName {
  /// As it stands in SQL: `"schema"."name"`.
  package var quoted: String {
    Connection.quoteIdentifier(schema) + "." + Connection.quoteIdentifier(name)
  }
}
