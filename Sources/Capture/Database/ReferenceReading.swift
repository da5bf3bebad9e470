// Owns the reading of columns whose values name media files.

package import Format
import Postgres

extension DatabaseCapture {
  /// Lends each distinct value of a text column that is neither NULL nor empty, as UTF-8, from the snapshot.
  ///
  /// In the order of media keys: by bytes, with `/` before every other character (a value that holds the
  /// character U+0001 may stand elsewhere). Rows of partitions and inheriting tables are included. The values
  /// stream: memory does not follow their number. Call between ``begin()`` and ``end()``.
  /// - Throws: ``CaptureError``; `source-missing` if there is no such table or column. What `body` throws.
  package func referenceValues(
    table: QualifiedName, column: String, _ body: (Span<UInt8>) throws -> Void
  ) throws {
    let what = "cannot read the file names in \(table).\(column) of the database \(source.name)"
    let session = try requireSession()
    let connection = session.connection
    try sourceWork(what, cancellation) {
      let found = try connection.query(
        """
        SELECT format_type(a.atttypid, NULL) FROM pg_attribute a
        JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND a.attnum > 0
          AND NOT a.attisdropped
        """, [table.schema, table.name, column])
      guard found.count == 1 else {
        throw CaptureError(
          .missing, what: what, why: "there is no such column",
          next:
            "correct the configuration; 'lifeboat discover' lists the file fields of a Django site")
      }
      let name = Connection.quoteIdentifier(column)
      // The C collation compares bytes of the database's encoding, which order like UTF-8 in these only.
      let encoding = connection.parameter("server_encoding") ?? "UTF8"
      let order =
        ["UTF8", "SQL_ASCII", "LATIN1"].contains(encoding)
        ? "translate(v, '/', chr(1)) COLLATE \"C\""
        : "convert_to(translate(v, '/', chr(1)), 'UTF8')"
      var value: [UInt8] = []
      _ = try connection.copyOut(
        """
        COPY (SELECT v FROM (
          SELECT DISTINCT \(name)::text COLLATE "C" AS v FROM \(Connection.quoteIdentifier(table.schema)).\(Connection.quoteIdentifier(table.name))
          WHERE \(name)::text <> '') l ORDER BY \(order)) TO STDOUT
        """
      ) { line in
        CopyText.unescape(line, into: &value)
        try body(value.span)
      }
    }
  }
}

/// COPY's text format (manual, COPY, "Text Format").
enum CopyText {
  /// Takes the escapes out of a line of one column.
  static func unescape(_ line: Span<UInt8>, into value: inout [UInt8]) {
    value.removeAll(keepingCapacity: true)
    var index = 0
    while index < line.count {
      var byte = line[index]
      index += 1
      if byte == UInt8(ascii: "\n") { break }
      if byte == UInt8(ascii: "\\"), index < line.count {
        switch line[index] {
        case UInt8(ascii: "b"): byte = 8
        case UInt8(ascii: "f"): byte = 12
        case UInt8(ascii: "n"): byte = 10
        case UInt8(ascii: "r"): byte = 13
        case UInt8(ascii: "t"): byte = 9
        case UInt8(ascii: "v"): byte = 11
        case let other: byte = other
        }
        index += 1
      }
      value.append(byte)
    }
  }
}
