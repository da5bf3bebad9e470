// Owns the text of the COPY statements that rows are loaded with.

import Format
import Inventory
import Postgres

/// The text of COPY statements.
enum CopyStatement {
  /// `COPY … FROM STDIN` for rows in a range's format and the source's encoding.
  ///
  /// `isFrozen` is for a table that this very transaction truncated: its rows are then visible to all
  /// once it commits, and nothing has to touch them again to say so (the manual's COPY … FREEZE).
  static func from(
    _ table: QualifiedName, columns: [String], format: TableRange.RowFormat, encoding: String,
    isFrozen: Bool = false
  ) -> String {
    // A table without columns has rows all the same; its list must then be left out, not empty.
    let list =
      columns.isEmpty
      ? "" : " (" + columns.map { Connection.quoteIdentifier($0) }.joined(separator: ", ") + ")"
    return "COPY \(table.quoted)\(list) FROM STDIN WITH (FORMAT "
      + (format == .text ? "text" : "binary") + ", ENCODING \(Connection.quoteLiteral(encoding))"
      + (isFrozen ? ", FREEZE" : "") + ")"
  }
}
