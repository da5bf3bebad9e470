// Owns the PostgreSQL servers that the tests of a process share.

package import Cluster
import FoundationEssentials
import Glibc
package import Postgres
import Programs
import Synchronization

/// A real server for tests: started at the first use, killed and removed when the process exits.
package final class TestServer: Sendable {
  /// The server for tests to which its version does not matter: of the major version in
  /// `LIFEBOAT_TEST_MAJOR`, else the oldest that is installed.
  package static let shared = TestServer(
    major: numbers("LIFEBOAT_TEST_MAJOR").first ?? 13,
    isExact: !numbers("LIFEBOAT_TEST_MAJOR").isEmpty)

  /// The major versions for tests to which it matters: those in `LIFEBOAT_TEST_MAJORS`, whose
  /// programs `LIFEBOAT_PG_BIN` leads to; else the shared server's alone.
  package static var majors: [Int] {
    get throws {
      let wanted = numbers("LIFEBOAT_TEST_MAJORS")
      return wanted.isEmpty ? [try shared.major()] : wanted
    }
  }

  private static let others = Mutex<[Int: TestServer]>([:])

  /// A server of exactly this major version, apart from ``shared``; the same one at each call.
  package static func of(major: Int) -> TestServer {
    others.withLock { others in
      if let server = others[major] { return server }
      let server = TestServer(major: major, isExact: true)
      others[major] = server
      return server
    }
  }

  private let wantedMajor: Int
  private let isExact: Bool
  private let running = Mutex<ScratchCluster?>(nil)

  /// A server of exactly this major version that nobody shares; it goes with its owner.
  package convenience init(exactly major: Int) { self.init(major: major, isExact: true) }

  private init(major: Int, isExact: Bool) {
    wantedMajor = major
    self.isExact = isExact
  }

  private static func numbers(_ variable: String) -> [Int] {
    (ProcessInfo.processInfo.environment[variable] ?? "").split(separator: " ")
      .compactMap { Int($0) }
  }

  /// The server itself; starts it if it does not run yet, which takes a few seconds.
  package func cluster() throws -> ScratchCluster {
    try running.withLock { running in
      if let running { return running }
      try ScratchCluster.removeStale()
      var options = ClusterOptions(major: wantedMajor, exactMajor: isExact)
      options.maxConnections = 100
      options.settings["shared_buffers"] = "128MB"
      options.settings["max_prepared_transactions"] = "4"
      // Without it, servers up to 17 warn of each publication.
      if self !== Self.shared { options.settings["wal_level"] = "logical" }
      let cluster = try ScratchCluster(options)
      running = cluster
      atexit { TestServer.abandonAll() }
      return cluster
    }
  }

  /// Stops the server and removes it; the next use starts another.
  package func stop() throws {
    try running.withLock { running in
      try running?.stop(immediately: true)
      running = nil
    }
  }

  private static func abandonAll() {
    shared.running.withLock { $0?.abandon() }
    for server in others.withLock({ Array($0.values) }) {
      server.running.withLock { $0?.abandon() }
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
