// Owns the session settings under which catalogs and rows are read, at capture and in a drill alike.

package import Postgres

extension Connection {
  /// Prepares the session for this module: pg_dump's settings, and names as UTF-8.
  ///
  /// Names and definitions come as UTF-8 whatever the database's encoding; rows are still read in the
  /// database's own encoding, which ``TableReader`` asks for in each COPY. A database of encoding SQL_ASCII
  /// converts nothing, so that its names are taken as they are.
  /// - Throws: ``PostgresError``.
  package func applyCatalogSettings() throws(PostgresError) {
    try applyDumpSettings()
    guard !hasNamesInUTF8 else { return }
    try execute("SET client_encoding = 'UTF8'")
  }

  /// Whether names come as UTF-8 (or are taken for it) when the client's encoding is the database's own.
  var hasNamesInUTF8: Bool { ["UTF8", "SQL_ASCII"].contains(databaseEncoding) }

  /// The database's encoding, as `server_encoding` names it.
  var databaseEncoding: String { parameter("server_encoding") ?? "UTF8" }

  /// Reads a name exactly.
  ///
  /// - Throws: ``PostgresError`` of kind `server` if it is missing or no UTF-8, which happens in SQL_ASCII
  ///   databases only: such a name can't be written down in a snapshot.
  func name(_ rows: Rows, _ row: Int, _ column: Int) throws(PostgresError) -> String {
    guard let bytes = rows.bytes(row, column) else {
      throw PostgresError(
        .protocolViolation, what: "cannot read the catalogs of \(databaseName)",
        why: "the server sent no name where one was asked for")
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw PostgresError(
        .server, what: "cannot read the catalogs of \(databaseName)",
        why: "the name \(String(decoding: bytes, as: UTF8.self)) is not valid UTF-8",
        next: "rename the object; snapshots hold names as UTF-8")
    }
    return text
  }
}

extension Rows {
  /// A value exactly; nil if it is NULL or no UTF-8, and never a repaired one.
  func text(_ row: Int, _ column: Int) -> String? {
    bytes(row, column).flatMap { String(validating: $0, as: UTF8.self) }
  }
}

extension String {
  /// Whether this stands before `other` when both are compared byte by byte, as keys are.
  func precedesInBytes(_ other: String) -> Bool { utf8.lexicographicallyPrecedes(other.utf8) }
}
