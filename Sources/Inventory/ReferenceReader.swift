// Owns the reading of columns whose values name files.

package import Format
package import Postgres

/// Reads the values of a column that names files, on a session that
/// ``Postgres/Connection/applyCatalogSettings()`` prepared.
package enum ReferenceReader {
  /// Lends the distinct values that are neither NULL nor empty, in batches, as UTF-8.
  ///
  /// Opens a transaction of its own, unless one is open, and ends it.
  /// - Throws: ``PostgresError``, and what `body` throws.
  package static func forEachBatch(
    _ table: QualifiedName, _ column: String, over connection: Connection,
    _ body: ([[UInt8]]) throws -> Void
  ) throws {
    let isOurs = !connection.isInTransaction
    if isOurs { try connection.execute("BEGIN READ ONLY") }
    do {
      let value = text(of: column)
      try connection.execute(
        """
        DECLARE lifeboat_references NO SCROLL CURSOR FOR
        SELECT DISTINCT \(value) COLLATE "C" FROM \(table.quoted) WHERE \(value) <> ''
        """)
      while true {
        let rows = try connection.query("FETCH \(batchCount) FROM lifeboat_references")
        if rows.isEmpty { break }
        try body(rows.compactMap { $0.bytes(0) })
      }
      try connection.execute(isOurs ? "COMMIT" : "CLOSE lifeboat_references")
    } catch {
      if isOurs { try? connection.execute("ROLLBACK") }
      throw error
    }
  }

  /// Values in memory at a time.
  private static let batchCount = 20_000

  private static func text(of column: String) -> String {
    Connection.quoteIdentifier(column) + "::pg_catalog.text"
  }
}
