// Owns the one PostgreSQL server that the tests of a process share.

package import Cluster
import Glibc
package import Postgres
import Programs
import Synchronization

/// A real server for tests: started at the first use, killed and removed when the process exits.
package final class TestServer: Sendable {
  package static let shared = TestServer()

  private let running = Mutex<ScratchCluster?>(nil)

  private init() {}

  /// The server itself; starts it if it does not run yet, which takes a few seconds.
  package func cluster() throws -> ScratchCluster {
    try running.withLock { running in
      if let running { return running }
      try ScratchCluster.removeStale()
      var options = ClusterOptions(major: 13)
      options.maxConnections = 100
      options.settings["shared_buffers"] = "128MB"
      options.settings["max_prepared_transactions"] = "4"
      let cluster = try ScratchCluster(options)
      running = cluster
      atexit { TestServer.shared.running.withLock { $0?.abandon() } }
      return cluster
    }
  }

  /// The server's major version.
  package func major() throws -> Int { try cluster().major }

  /// How the superuser reaches `database`, which need not exist.
  package func target(database: String) throws -> ConnectionTarget {
    try cluster().target(database: database)
  }

  /// Makes an empty database and returns how its superuser reaches it.
  ///
  /// - Parameters:
  ///   - name: any text; nil makes up a name that no other test has.
  ///   - encoding: of the database, which is made from template0 with locale C.
  /// - Returns: the target of the superuser.
  /// - Throws: what the server says, or why it cannot start.
  package func makeDatabase(_ name: String? = nil, encoding: String = "UTF8") throws
    -> ConnectionTarget
  {
    let cluster = try cluster()
    let name = name ?? Self.randomName()
    let connection = try Connection(cluster.target(database: "postgres"))
    try connection.execute(
      """
      CREATE DATABASE \(Connection.quoteIdentifier(name)) TEMPLATE template0
      ENCODING \(Connection.quoteLiteral(encoding)) LC_COLLATE 'C' LC_CTYPE 'C'
      """)
    return try cluster.target(database: name)
  }

  /// Makes a role that may log in, with a name that no other test has, and returns the name.
  package func makeRole(_ attributes: String = "LOGIN") throws -> String {
    let name = Self.randomName()
    let connection = try Connection(cluster().target(database: "postgres"))
    try connection.execute("CREATE ROLE \(Connection.quoteIdentifier(name)) \(attributes)")
    return name
  }

  /// A name such as `t_3k9x2m1a`.
  package static func randomName() -> String {
    "t_" + String(UInt64.random(in: .min ... .max), radix: 36)
  }
}

/// Runs a script with psql, stopping at the first error; for large scripts and `COPY … FROM stdin` in them.
///
/// - Returns: what psql printed, unaligned and without headers.
@discardableResult
package func psql(_ target: ConnectionTarget, _ script: String) throws -> String {
  let program = try PostgresPrograms.find(.psql, atLeastMajor: 10)
  return try target.withChildAccess { access in
    let result = try Program(
      path: program.path,
      arguments: [
        "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--no-password",
        "--set=ON_ERROR_STOP=1", "--dbname=\(access.connectionString)",
      ],
      environment: access.environment
    ).run(input: Array(script.utf8), outputLimit: 64 << 20).checked("cannot run the script")
    return String(decoding: result.standardOutput, as: UTF8.self)
  }
}
