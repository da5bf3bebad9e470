// Owns what belongs to the database as a whole: its settings, its roles' settings in it, its privileges.

import Format
import Postgres

/// Stores recorded settings and privileges with the database, under the name that it has here.
struct DatabaseSettings {
  let properties: DatabaseProperties
  let options: DatabaseReplayOptions
  let database: String
  /// A session on the database.
  let connection: Connection

  /// Applies all that can be applied.
  ///
  /// - Returns: what could not, in words.
  /// - Throws: a cancellation, or the loss of the connection.
  func apply() throws -> [String] {
    var warnings: [String] = []
    func attempt(_ what: String, _ sql: String?) throws {
      guard let sql else { return warnings.append("\(what) was not restored: it is malformed") }
      do throws(PostgresError) { try connection.execute(sql) } catch {
        guard error.kind == .server || error.kind == .privilege else { throw error }
        warnings.append("\(what) was not restored: \(error.why)")
      }
    }
    let name = Connection.quoteIdentifier(database)
    for item in properties.settings {
      try attempt(
        "the database's setting \(Self.name(of: item))",
        SettingStatements.alter("DATABASE \(name)", setting: item))
    }
    for role in properties.roleSettings {
      let subject = "ROLE \(Connection.quoteIdentifier(role.role)) IN DATABASE \(name)"
      for item in role.settings {
        try attempt(
          "role \(role.role)'s setting \(Self.name(of: item)) in the database",
          SettingStatements.alter(subject, setting: item))
      }
    }
    if options.restorePrivileges { try restorePrivileges(attempt) }
    return warnings
  }

  private func restorePrivileges(_ attempt: (String, String?) throws -> Void) throws {
    guard let text = properties.privileges else { return }
    let object = "DATABASE \(Connection.quoteIdentifier(database))"
    guard let list = try? AccessPrivileges(text) else {
      return try attempt("the database's access list", nil)
    }
    let owner =
      try connection.query(
        """
        SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database
        WHERE datname = pg_catalog.current_database()
        """)[0, 0] ?? properties.owner
    // A statement string is one transaction: the list is as recorded, or as it was.
    try attempt(
      "the database's access list",
      list.statements(
        on: object, recordedOwner: properties.owner, owner: owner, role: options.role
      ).joined(separator: ";"))
  }

  /// The name before `=`; a value may be a secret.
  private static func name(of item: String) -> String {
    String(item.prefix { $0 != "=" })
  }
}
