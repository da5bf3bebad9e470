// Owns the reading of sequence positions.

package import Format
package import Postgres

extension SequenceValue {
  /// Every sequence's position, sorted by the bytes of schema and name.
  ///
  /// Positions are not part of any snapshot: read them after it was taken, so that they may be ahead of the
  /// rows, never behind. Sequences of extensions are left out, unless the extension calls them configuration.
  /// - Throws: ``PostgresError``; of kind `privilege` with the GRANT that is missing.
  package static func list(over connection: Connection) throws(PostgresError) -> [SequenceValue] {
    let rows = try connection.query(
      """
      SELECT c.oid, n.nspname, c.relname, q.seqincrement, w.nspname, w.relname, w.attname,
        has_schema_privilege(n.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'SELECT')
      FROM pg_sequence q JOIN pg_class c ON c.oid = q.seqrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN LATERAL (
        SELECT tn.nspname, t.relname, a.attname FROM pg_depend d
        JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
          AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i') LIMIT 1) w ON true
      WHERE c.relpersistence <> 't' AND n.nspname <> 'information_schema'
        AND n.nspname !~ '^pg_'
        AND (NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
              AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e')
          OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig)))
      """)
    var values: [SequenceValue] = []
    for row in rows.indices {
      let name = QualifiedName(
        schema: try connection.name(rows, row, 1), name: try connection.name(rows, row, 2))
      guard rows[row, 7] == "t" else {
        throw PostgresError(
          .privilege, what: "cannot read the sequence \(name)", why: "the role may not",
          next: "GRANT pg_read_all_data, or GRANT USAGE ON SCHEMA and SELECT ON ALL SEQUENCES")
      }
      var table: QualifiedName?
      if rows[row, 4] != nil {
        table = QualifiedName(
          schema: try connection.name(rows, row, 4), name: try connection.name(rows, row, 5))
      }
      values.append(
        SequenceValue(
          sequence: name, lastValue: 0, isCalled: false, ownerTable: table,
          ownerColumn: table == nil ? nil : try connection.name(rows, row, 6),
          increment: rows[row, 3].flatMap { Int64($0) } ?? 1))
    }
    // A statement for each hundred: one for each would be a round trip each.
    for start in stride(from: 0, to: values.count, by: 100) {
      let batch = start..<min(start + 100, values.count)
      let parts = batch.map { index in
        let name = values[index].sequence.quoted
        return connection.serverMajor >= 18
          ? """
          SELECT \(index), d.last_value, d.is_called
          FROM pg_get_sequence_data(\(Connection.quoteLiteral(name))::regclass) d
          """
          : "SELECT \(index), last_value, is_called FROM \(name)"
      }
      let positions = try connection.query(parts.joined(separator: "\nUNION ALL\n"))
      var seen = 0
      for row in positions.indices {
        guard let index = positions[row, 0].flatMap({ Int($0) }), batch.contains(index),
          let last = positions[row, 1].flatMap({ Int64($0) })
        else { continue }
        values[index].lastValue = last
        values[index].isCalled = positions[row, 2] == "t"
        seen += 1
      }
      guard seen == batch.count else {
        throw PostgresError(
          .server, what: "cannot read the sequences of \(connection.databaseName)",
          why: "only \(seen) of \(batch.count) gave their position",
          next: "run it again; a sequence was dropped meanwhile")
      }
    }
    return values.sorted { a, b in
      a.sequence.schema.utf8.elementsEqual(b.sequence.schema.utf8)
        ? a.sequence.name.precedesInBytes(b.sequence.name)
        : a.sequence.schema.precedesInBytes(b.sequence.schema)
    }
  }
}
