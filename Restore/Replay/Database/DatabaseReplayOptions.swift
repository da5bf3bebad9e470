// Owns what a caller may choose about the replay of a database, and what it gets to know afterwards.

package import Format

/// How a database is brought back.
///
/// The defaults are those of a real restore by a superuser.
/// Subscriptions are never restored: dropping one on the copy would connect to the publisher and
/// drop the slot that production uses.
package struct DatabaseReplayOptions: Sendable {
  /// Sessions that load rows at once, and jobs of pg_restore.
  package var connections: Int
  /// A table with more than its share of all rows is loaded in parts by several sessions; this many bytes
  /// at least are one part.
  package var smallestPart: UInt64 = 32 << 20
  /// Gives objects to the roles that owned them; without, all belong to whoever restores.
  package var restoreOwners: Bool
  /// Grants what was granted, default privileges included.
  package var restorePrivileges: Bool
  package var restorePublications: Bool
  /// Puts tables where they were; without, all go to the database's own tablespace.
  package var restoreTablespaces: Bool
  /// A role that does the work (`SET ROLE`) in place of the one that connects.
  package var role: String?
  /// Makes the recorded roles and tablespaces first; one that exists is altered to be as recorded,
  /// except the role that connects.
  package var globals: Bool
  /// The server is a private, throw-away one of which we are superuser.
  package var isScratch: Bool
  package var analyze: Bool
  /// Fills the materialized views that were filled at the source; without, they stay unpopulated.
  package var refreshMaterializedViews: Bool
  /// Only these tables, with what they need; nil for everything.
  package var tables: [QualifiedName]?

  package init(
    connections: Int = 2, restoreOwners: Bool = true, restorePrivileges: Bool = true,
    restorePublications: Bool = true, restoreTablespaces: Bool = true, role: String? = nil,
    globals: Bool = false, isScratch: Bool = false, analyze: Bool = true,
    refreshMaterializedViews: Bool = true, tables: [QualifiedName]? = nil
  ) {
    self.connections = connections
    self.restoreOwners = restoreOwners
    self.restorePrivileges = restorePrivileges
    self.restorePublications = restorePublications
    self.restoreTablespaces = restoreTablespaces
    self.role = role
    self.globals = globals
    self.isScratch = isScratch
    self.analyze = analyze
    self.refreshMaterializedViews = refreshMaterializedViews
    self.tables = tables
  }

  /// What a drill on a private server wants: roles of its own, nothing that reaches out.
  package static func drill(connections: Int = 2) -> DatabaseReplayOptions {
    DatabaseReplayOptions(
      connections: connections, restorePublications: false, restoreTablespaces: false,
      globals: true, isScratch: true)
  }
}

/// What a replay did, and what it could not bring back.
package struct DatabaseReplayReport: Sendable {
  /// The steps in the order they ran, each with its wall-clock time.
  package var phases: [(name: String, duration: Duration)] = []
  package var tableCount = 0
  package var rowCount: UInt64 = 0
  /// Bytes of rows as they were sent, in COPY's format.
  package var byteCount: UInt64 = 0
  package var largeObjectCount = 0
  package var sequenceCount = 0
  /// What was lost or differs, a sentence each; empty if the database is as it was.
  package var warnings: [String] = []
  /// Whether the database was made by this run; false if an empty one was there.
  package var createdDatabase = false

  package init() {}
}
