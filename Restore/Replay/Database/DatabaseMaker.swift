// Owns the database itself: made empty, marked as unfinished, and either released or dropped.
//
// Until the last step the database carries a comment that says so, and, if we are superuser, lets nobody
// else in. A run that fails drops what it made. So a database that can be used and carries no such
// comment is whole, even if this process is killed at the worst moment.

import Format
import Postgres

/// Makes, releases or drops the target database.
struct DatabaseMaker {
  /// How the comment of an unfinished database begins.
  static let marker = "lifeboat: unfinished restore"

  let connector: ReplayConnector
  let properties: DatabaseProperties
  let options: DatabaseReplayOptions

  private var quotedName: String { Connection.quoteIdentifier(connector.database) }

  /// `CREATE DATABASE` with the recorded encoding and locale, from template0.
  ///
  /// Words for locale providers came with PostgreSQL 15; a tablespace of nil is the server's default.
  static func creation(
    of name: String, like properties: DatabaseProperties, serverMajor: Int, tablespace: String?
  ) -> String {
    var sql = "CREATE DATABASE \(Connection.quoteIdentifier(name)) TEMPLATE template0"
    func add(_ word: String, _ value: String?) {
      if let value { sql += " \(word) \(Connection.quoteLiteral(value))" }
    }
    add("ENCODING", properties.encoding)
    switch properties.localeProvider {
    case "i":
      sql += " LOCALE_PROVIDER icu"
      add("ICU_LOCALE", properties.icuLocale)
      add("ICU_RULES", properties.icuRules)
    case "b":
      sql += " LOCALE_PROVIDER builtin"
      add("BUILTIN_LOCALE", properties.icuLocale)
    default:
      if serverMajor >= 15 { sql += " LOCALE_PROVIDER libc" }
    }
    add("LC_COLLATE", properties.collate)
    add("LC_CTYPE", properties.ctype)
    if let tablespace { sql += " TABLESPACE \(Connection.quoteIdentifier(tablespace))" }
    return sql
  }

  /// Creates the database and marks it.
  ///
  /// - Returns: what differs from the recorded database, in words.
  /// - Throws: ``ReplayError`` `localeMissing`, `privilege`, `restoreFailed`; nothing is left then.
  func create() throws -> [String] {
    let connection = try connector.maintenance()
    var warnings: [String] = []
    var tablespace: String?
    let wanted = properties.tablespace
    if options.restoreTablespaces, wanted != "pg_default", !wanted.isEmpty {
      let isThere = try !connection.query(
        "SELECT FROM pg_catalog.pg_tablespace WHERE spcname = $1", [wanted]
      ).isEmpty
      if isThere {
        tablespace = wanted
      } else {
        warnings.append("the database's tablespace '\(wanted)' does not exist here")
      }
    }
    do throws(PostgresError) {
      try connection.execute(
        Self.creation(
          of: connector.database, like: properties, serverMajor: connection.serverMajor,
          tablespace: tablespace))
    } catch {
      throw error.kind == .server || error.kind == .privilege ? creationError(error) : error
    }
    do {
      try mark(connection)
    } catch {
      try? drop()
      throw error
    }
    return warnings
  }

  /// Marks the database as unfinished; with superuser's rights also bars everyone else from it.
  ///
  /// A superuser is not bound by a connection limit; anybody else would bar himself.
  func mark(_ connection: Connection) throws(PostgresError) {
    try connection.execute(
      "COMMENT ON DATABASE \(quotedName) IS "
        + Connection.quoteLiteral("\(Self.marker); drop this database if no restore runs"))
    if connection.parameter("is_superuser") == "on" {
      try connection.execute("ALTER DATABASE \(quotedName) CONNECTION LIMIT 0")
    }
  }

  /// Gives the database to the role that shall own it.
  func setOwner(_ owner: String) throws(PostgresError) {
    let connection = try connector.maintenance()
    try connection.execute(
      "ALTER DATABASE \(quotedName) OWNER TO \(Connection.quoteIdentifier(owner))")
  }

  /// Takes the mark away and opens the database: from here on it counts as whole.
  ///
  /// Returns when this and every commit before it are on the disk.
  func release() throws(PostgresError) {
    let connection = try connector.maintenance()
    try connection.execute("SET synchronous_commit = on")
    // One implicit transaction: it is released with all of these or none.
    var sql = "ALTER DATABASE \(quotedName) CONNECTION LIMIT \(properties.connectionLimit);"
    if properties.isTemplate { sql += "ALTER DATABASE \(quotedName) IS_TEMPLATE true;" }
    let comment = properties.comment.map { Connection.quoteLiteral($0) } ?? "NULL"
    sql += "COMMENT ON DATABASE \(quotedName) IS \(comment)"
    try connection.execute(sql)
  }

  /// Drops the database, also after a cancellation, ending sessions that are still on it.
  func drop() throws(PostgresError) {
    let connection = try connector.maintenance(isStoppable: false)
    // FORCE came with 13; before it our own sessions are closed already.
    let force = connection.serverMajor >= 13 ? " WITH (FORCE)" : ""
    try connection.execute("DROP DATABASE IF EXISTS \(quotedName)\(force)")
  }

  /// Words on how an existing database differs from the recorded one.
  func differences(_ connection: Connection) throws -> [String] {
    let row = try connection.query(
      """
      SELECT pg_catalog.pg_encoding_to_char(encoding), datcollate, datctype
      FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
      """)
    return [
      ("encoding", row[0, 0], properties.encoding),
      ("collation", row[0, 1], properties.collate),
      ("character type", row[0, 2], properties.ctype),
    ].compactMap { word, here, there in
      here == there ? nil : "the database's \(word) is \(here ?? "unknown"), and was \(there)"
    }
  }

  private func creationError(_ error: PostgresError) -> ReplayError {
    let what = "cannot create database '\(connector.database)'"
    if error.kind == .privilege {
      return ReplayError(
        .privilege, what: what, why: error.why,
        next: "connect as a role with CREATEDB, or create the database empty and restore into it")
    }
    // createdb() reports a locale that the system lacks as wrong_object_type, ICU's as
    // invalid_parameter_value.
    let words = ["locale", "LC_COLLATE", "LC_CTYPE", "collation"]
    if words.contains(where: { error.why.contains($0) }) {
      return ReplayError(
        .localeMissing, what: what,
        why: "\(error.why) (recorded: \(properties.collate), \(properties.ctype)"
          + (properties.icuLocale.map { ", \($0)" } ?? "") + ")",
        next:
          "install the locale on the target's machine (Debian: package locales-all) and restart its server"
      )
    }
    return ReplayError(.restoreFailed, what: what, why: error.why, next: error.next)
  }
}
