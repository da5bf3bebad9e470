// What a database is beside its rows and DDL: recorded at capture, needed to make it again.

/// Properties of a database and its server: the `properties` stream of a snapshot, as JSON.
package struct DatabaseProperties: Codable, Hashable, Sendable {
  /// An extension as it was installed.
  package struct Extension: Codable, Hashable, Sendable {
    package var name: String
    package var version: String
    package var schema: String
    package init(name: String, version: String, schema: String) {
      self.name = name
      self.version = version
      self.schema = schema
    }
  }
  /// Settings of one role in this database (`ALTER ROLE … IN DATABASE … SET`).
  package struct RoleSettings: Codable, Hashable, Sendable {
    package var role: String
    /// `name=value`, as `pg_db_role_setting` holds them.
    package var settings: [String]
    package init(role: String, settings: [String]) {
      self.role = role
      self.settings = settings
    }
  }

  package var version = 1
  package var name: String
  package var owner: String
  package var encoding: String
  /// `pg_database.datlocprovider`: `c` libc, `i` ICU, `b` builtin.
  package var localeProvider: String
  package var collate: String
  package var ctype: String
  package var icuLocale: String?
  package var icuRules: String?
  package var collationVersion: String?
  package var tablespace: String
  package var connectionLimit: Int
  package var isTemplate: Bool
  /// `datacl` as text; nil for the default privileges.
  package var privileges: String?
  package var comment: String?
  /// `ALTER DATABASE … SET`, as `name=value`.
  package var settings: [String]
  package var roleSettings: [RoleSettings]
  package var extensions: [Extension]
  /// `shared_preload_libraries` of the server: a drill's cluster may need them to boot.
  package var preloadLibraries: [String]
  /// Server settings that are not at their default, by name.
  package var serverSettings: [String: String]
  /// Roles that own or may do something in the database.
  package var roles: [String]

  package init(
    name: String, owner: String, encoding: String, localeProvider: String, collate: String,
    ctype: String, icuLocale: String?, icuRules: String?, collationVersion: String?,
    tablespace: String, connectionLimit: Int, isTemplate: Bool, privileges: String?,
    comment: String?, settings: [String], roleSettings: [RoleSettings], extensions: [Extension],
    preloadLibraries: [String], serverSettings: [String: String], roles: [String]
  ) {
    self.name = name
    self.owner = owner
    self.encoding = encoding
    self.localeProvider = localeProvider
    self.collate = collate
    self.ctype = ctype
    self.icuLocale = icuLocale
    self.icuRules = icuRules
    self.collationVersion = collationVersion
    self.tablespace = tablespace
    self.connectionLimit = connectionLimit
    self.isTemplate = isTemplate
    self.privileges = privileges
    self.comment = comment
    self.settings = settings
    self.roleSettings = roleSettings
    self.extensions = extensions
    self.preloadLibraries = preloadLibraries
    self.serverSettings = serverSettings
    self.roles = roles
  }
}

/// A sequence's position: an item of the `sequences` stream, a JSON array.
package struct SequenceValue: Codable, Hashable, Sendable {
  package var sequence: QualifiedName
  package var lastValue: Int64
  package var isCalled: Bool
  /// The column that owns it, if one does: a drill checks that the sequence is past its values.
  package var ownerTable: QualifiedName?
  package var ownerColumn: String?
  package var increment: Int64

  package init(
    sequence: QualifiedName, lastValue: Int64, isCalled: Bool, ownerTable: QualifiedName?,
    ownerColumn: String?, increment: Int64
  ) {
    self.sequence = sequence
    self.lastValue = lastValue
    self.isCalled = isCalled
    self.ownerTable = ownerTable
    self.ownerColumn = ownerColumn
    self.increment = increment
  }
}
