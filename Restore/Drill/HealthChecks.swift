// Is the restored database sound in itself: constraints, indexes, the server's log.

import Format
import Postgres
import Workers

extension Drill {
  /// Schemas that hold no object of the application.
  static let systemSchemas = "('pg_catalog', 'information_schema', 'pg_toast')"

  func checkConstraints(_ copy: Copy, _ schema: Result<SchemaText, any Error>) throws {
    try findings.check(
      "health.constraints", "Constraints hold for every row", on: copy.source,
      expected: "every constraint validated, except those declared NOT VALID at the source"
    ) {
      let schema = try schema.get()
      let connection = try connect(copy.target)
      let rows = try connection.query(
        """
        SELECT n.nspname || '.' || r.relname || ' ' || c.conname
        FROM pg_catalog.pg_constraint c
        JOIN pg_catalog.pg_class r ON r.oid = c.conrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = r.relnamespace
        WHERE NOT c.convalidated AND c.contype IN ('c', 'f', 'n')
        ORDER BY 1
        """)
      let expected = schema.unvalidatedConstraintCount
      let actual = rows.count
      let words =
        "\(ReportWords.count(schema.foreignKeyCount, "foreign key")) checked against all rows on"
        + " creation; \(ReportWords.count(actual, "constraint")) not validated"
      guard actual <= expected else {
        return Finding(
          .fail, words, expected: "at most \(expected) not validated, as at the source",
          details: rows.compactMap { $0[0] })
      }
      return .pass(words)
    }
  }

  func checkIndexValidity(_ copy: Copy) throws {
    try findings.check(
      "health.indexes", "Indexes are valid", on: copy.source, expected: "every index is valid"
    ) {
      let connection = try connect(copy.target)
      let rows = try connection.query(
        """
        SELECT n.nspname || '.' || c.relname, i.indisvalid AND i.indisready AND i.indislive
        FROM pg_catalog.pg_index i
        JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname NOT IN \(Self.systemSchemas)
        ORDER BY 1
        """)
      let invalid = rows.filter { $0[1] != "t" }.compactMap { $0[0] }
      let words = "\(ReportWords.count(rows.count, "index").replacing("indexs", with: "indexes"))"
      guard invalid.isEmpty else {
        return Finding(.fail, "\(invalid.count) of \(words) are not valid", details: invalid)
      }
      return .pass("\(words), all valid")
    }
  }

  /// Compares every B-tree with its table; needs the extension, which is made in the copy only.
  func checkWithAmcheck(_ copy: Copy) throws {
    guard options.amcheck else {
      findings.notCovered("B-tree indexes were not compared with their tables (amcheck is off)")
      return
    }
    try findings.check(
      "health.amcheck", "Every B-tree index agrees with its table", on: copy.source,
      expected: "no index is out of order or lacks a row"
    ) {
      let connection = try connect(copy.target)
      guard let schema = try amcheckSchema(connection) else {
        let package = "postgresql-\(copy.major)"
        findings.notCovered(
          "the indexes of '\(copy.source)' were not compared with their tables: amcheck is not installed"
        )
        return Finding(
          .warnings,
          "not made: the extension amcheck is not there; the Debian package \(package) brings it")
      }
      let indexes = try btreeIndexes(connection)
      let broken = DifferenceList()
      try eachInParallel(indexes, on: copy.target) { connection, index in
        do throws(PostgresError) {
          _ = try connection.query(
            "SELECT \(schema).bt_index_check(index => \(index.oid)::regclass, heapallindexed => true)"
          )
        } catch {
          guard error.kind == .server else { throw error }
          broken.add("\(index.name): \(error.why)")
        }
      }
      let count = ReportWords.number(UInt64(indexes.count))
      guard broken.count == 0 else {
        return Finding(
          .fail, "\(broken.count) of \(count) B-tree indexes are damaged", details: broken.lines)
      }
      return .pass("\(count) B-tree indexes agree with their tables")
    }
  }

  /// The quoted schema of amcheck, made if need be; nil if the server does not have it.
  private func amcheckSchema(_ connection: Connection) throws -> String? {
    let find = """
      SELECT n.nspname FROM pg_catalog.pg_extension e
      JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'amcheck'
      """
    if let schema = try connection.query(find)[0, 0] { return Connection.quoteIdentifier(schema) }
    let available = try connection.query(
      "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'")
    guard !available.isEmpty else { return nil }
    // Event triggers of the database may forbid it.
    try? connection.execute("SET session_replication_role = replica")
    try connection.execute(
      "CREATE SCHEMA lifeboat_drill; CREATE EXTENSION amcheck SCHEMA lifeboat_drill")
    try? connection.execute("RESET session_replication_role")
    return "lifeboat_drill"
  }

  private func btreeIndexes(_ connection: Connection) throws -> [(oid: UInt32, name: String)] {
    // Those of TOAST tables too: they find the large values. Largest first, so that threads end together.
    let rows = try connection.query(
      """
      SELECT c.oid, n.nspname || '.' || c.relname
      FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
      JOIN pg_catalog.pg_am a ON a.oid = c.relam
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE a.amname = 'btree' AND c.relkind = 'i' AND c.relpersistence <> 't'
        AND i.indisvalid AND i.indisready
        AND i.indrelid >= 16384 AND n.nspname NOT IN ('pg_catalog', 'information_schema')
      ORDER BY c.relpages DESC, c.oid
      """)
    return rows.indices.compactMap { row in
      guard let oid = rows[row, 0].flatMap({ UInt32($0) }) else { return nil }
      return (oid, rows[row, 1] ?? "?")
    }
  }

  /// The lines of a private server's log that tell of an error.
  static func errorLines(inLog log: String) -> [String] {
    log.split(separator: "\n").filter { (line: Substring) -> Bool in
      // Our prefix is `%m [%p] %q%d `; lines of a longer message begin with a tab.
      guard line.first?.isNumber == true, let bracket = line.firstRange(of: "] ") else {
        return false
      }
      let rest = line[bracket.upperBound...]
      return ["ERROR:  ", "FATAL:  ", "PANIC:  "].contains { severity in
        guard let range = rest.firstRange(of: severity) else { return false }
        // Between the bracket and the severity stands the database's name at most.
        return !rest[..<range.lowerBound].contains(":")
      } || rest.contains("was terminated by signal")
    }.map(String.init)
  }
}
