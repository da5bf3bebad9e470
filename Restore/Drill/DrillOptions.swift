// What an operator may choose about a drill.

package import Postgres

/// A check that the application brings itself: a command that must succeed against the copy.
package struct ApplicationCheck: Hashable, Sendable {
  package var name: String
  /// Run by `/bin/sh -c`, with the copy's address in its environment; see ``Drill``.
  package var command: String
  /// The name of the database source whose copy it is for; nil is the snapshot's first.
  package var database: String?
  package var timeoutSeconds: Double

  package init(
    name: String, command: String, database: String? = nil, timeoutSeconds: Double = 600
  ) {
    self.name = name
    self.command = command
    self.database = database
    self.timeoutSeconds = timeoutSeconds
  }
}

/// How a drill is done.
///
/// The defaults need no server, write no media, and check everything.
package struct DrillOptions: Sendable {
  /// Where databases are restored to.
  package enum Scratch: Sendable {
    /// Servers of our own, made from local programs and removed with all they held.
    case privateCluster
    /// Databases of our own, `lifeboat_drill_…`, on the server that this leads to.
    ///
    /// The role must be allowed to create databases. Roles are neither made nor changed there.
    case server(ConnectionTarget)
  }
  /// Where files are restored to.
  package enum Media: Sendable {
    /// Each is read, decrypted and hashed, and nothing is written.
    case streamed
    /// A folder, empty or missing, that gets one folder for each media source.
    case folder(String)
  }

  package var scratch = Scratch.privateCluster
  package var media = Media.streamed
  /// The largest age of the snapshot, in seconds; nil for no target.
  package var recoveryPointTarget: Double?
  /// The longest recovery, in seconds; nil for no target.
  package var recoveryTimeTarget: Double?
  /// Sessions that load and read rows at once.
  package var connections = 2
  /// Threads that load and check blobs at once.
  package var workers = 2
  /// Leaves servers, databases and files in place; see ``Drill/keptClusters``.
  package var keepScratch = false
  /// Damages one byte of a copy and demands that this is noticed.
  package var negativeControl = true
  /// Compares each B-tree index with its table.
  package var amcheck = true
  /// Allows ``Scratch/server(_:)`` to lead to the server that was backed up: more load for it, and a
  /// copy of its data beside the original.
  package var allowSourceServer = false
  package var applicationChecks: [ApplicationCheck] = []
  /// Where private servers keep their data; nil is `TMPDIR`, else `/tmp`.
  package var scratchFolder: String?
  /// Name and version of the program that drills, for the report.
  package var program = "lifeboat"

  /// Called with each copy after its restore and before anything is compared.
  ///
  /// This is where tests and fault injection act: what they break here, the drill must find.
  package var afterRestore: (@Sendable (ConnectionTarget) throws -> Void)?
  /// As ``afterRestore``, with the folder that a media source was restored into.
  package var afterMediaRestore: (@Sendable (String) throws -> Void)?

  package init() {}
}
