// Where copies live during a drill: private servers, or databases of our own on a server that was named.

import Cluster
import Format
import Postgres
import Programs
import Repository
import Workers

/// Databases that one scratch server will hold: of one source server, no two of the same name.
struct ServerGroup {
  var systemIdentifier: String?
  var major: Int
  var databases: [DatabaseSummary]

  /// Puts databases of one server together, in order, so that they meet again as they were.
  static func groups(_ databases: [DatabaseSummary]) -> [ServerGroup] {
    var groups: [ServerGroup] = []
    for database in databases {
      let index = groups.firstIndex { group in
        group.major == database.serverMajor
          && group.systemIdentifier == database.systemIdentifier
          && group.systemIdentifier != nil
          && !group.databases.contains { $0.database == database.database }
      }
      if let index {
        groups[index].databases.append(database)
      } else {
        groups.append(
          ServerGroup(
            systemIdentifier: database.systemIdentifier, major: database.serverMajor,
            databases: [database]))
      }
    }
    return groups
  }
}

/// A server that a drill restores into; whoever makes one must call ``tearDown()``.
protocol ScratchServer: AnyObject {
  /// As the server writes it.
  var version: String { get }
  var major: Int { get }
  /// Roles may be made and changed: the server is ours.
  var isPrivate: Bool { get }
  /// Where a database that is called `name` at its source is to be restored to.
  func target(for name: String) throws -> ConnectionTarget
  /// A database that exists, for questions about the server.
  func maintenance() throws -> ConnectionTarget
  /// What the server logged; nil where we cannot read it.
  func log() -> String?
  /// Removes everything, then looks; returns what is still there, empty if nothing is.
  func tearDown() throws -> [String]
}

/// A private cluster as scratch server.
final class PrivateServer: ScratchServer {
  let cluster: ScratchCluster
  let version: String

  /// Makes and starts a server; preload libraries that are not installed are left out.
  ///
  /// - Returns: the server, and the libraries that were left out.
  static func start(
    major: Int, preloadLibraries: [String], options: DrillOptions
  ) throws -> (server: PrivateServer, missing: [String]) {
    let (installed, missing) = try installedLibraries(preloadLibraries, major: major)
    var wanted = ClusterOptions(major: major)
    wanted.parentFolder = options.scratchFolder
    wanted.sharedPreloadLibraries = installed
    wanted.maxConnections = max(32, options.connections * 4 + 16)
    do { return (try PrivateServer(ScratchCluster(wanted)), missing) } catch {
      // A library may refuse to load without settings that it had at the source.
      guard !installed.isEmpty else { throw error }
      wanted.sharedPreloadLibraries = []
      return (try PrivateServer(ScratchCluster(wanted)), preloadLibraries)
    }
  }

  private init(_ cluster: ScratchCluster) throws {
    self.cluster = cluster
    let connection = try Connection(cluster.target(database: "postgres"))
    version = try connection.query("SHOW server_version")[0, 0] ?? "\(cluster.major)"
  }

  var major: Int { cluster.major }
  var isPrivate: Bool { true }
  func target(for name: String) throws -> ConnectionTarget { try cluster.target(database: name) }
  func maintenance() throws -> ConnectionTarget { try cluster.target(database: "postgres") }
  func log() -> String? { cluster.serverLog() }

  func tearDown() throws -> [String] {
    let folder = cluster.path
    try cluster.stop(immediately: true)
    var left = cluster.processes().map { "process \($0) of the scratch server" }
    if FolderLook.exists(folder) { left.append("the folder \(folder)") }
    return left
  }

  /// Which of `libraries` the server's programs of `major` bring as a file.
  private static func installedLibraries(_ libraries: [String], major: Int) throws -> (
    installed: [String], missing: [String]
  ) {
    guard !libraries.isEmpty else { return ([], []) }
    let initdb = try PostgresPrograms.find(.initdb, atLeastMajor: major)
    let bin = initdb.path.split(separator: "/").dropLast().joined(separator: "/")
    let folders = ["/\(bin)/../lib", "/\(bin)/../lib/postgresql", "/\(bin)/../lib64/pgsql"]
    var installed: [String] = []
    var missing: [String] = []
    for library in libraries {
      let name = library.replacing("$libdir/", with: "")
      let isThere =
        name.hasPrefix("/")
        ? FolderLook.exists(name)
        : folders.contains { FolderLook.exists("\($0)/\(name).so") }
      if isThere { installed.append(library) } else { missing.append(library) }
    }
    return (installed, missing)
  }
}

/// Databases `lifeboat_drill_…` on a server that the operator named.
///
/// Nothing is dropped but what was made here: a name is drawn at random, must not exist, and is
/// remembered; only remembered names are dropped.
final class NamedServer: ScratchServer {
  private let base: ConnectionTarget
  private var made: [String] = []
  /// Its databases outlive it.
  var isKept = false
  let version: String
  let major: Int
  /// Of the server; nil if the role may not read it.
  let systemIdentifier: String?

  init(_ target: ConnectionTarget) throws {
    base = target
    let connection = try Connection(target)
    version = try connection.query("SHOW server_version")[0, 0] ?? ""
    major = connection.serverMajor
    systemIdentifier =
      (try? connection.query("SELECT system_identifier FROM pg_catalog.pg_control_system()"))?[0, 0]
  }

  deinit { if !isKept { try? dropAll() } }

  var isPrivate: Bool { false }
  func maintenance() throws -> ConnectionTarget { base }
  func log() -> String? { nil }

  func target(for name: String) throws -> ConnectionTarget {
    let scratch = "lifeboat_drill_" + Self.randomWord()
    guard try !exists(scratch) else {
      throw DrillError(
        .scratch, what: "cannot make a scratch database on \(base.redacted)",
        why: "'\(scratch)' exists already", next: "run the drill again; a new name is drawn")
    }
    made.append(scratch)
    return base.replacing(database: scratch)
  }

  func tearDown() throws -> [String] {
    try dropAll()
    return try made.filter { try exists($0) }.map { "the database '\($0)'" }
  }

  private func dropAll() throws {
    let connection = try Connection(base)
    for name in made {
      let force = major >= 13 ? " WITH (FORCE)" : ""
      let isTemplate = try connection.query(
        "SELECT datistemplate FROM pg_catalog.pg_database WHERE datname = $1", [name])
      if isTemplate[0, 0] == "t" {
        try connection.execute(
          "ALTER DATABASE \(Connection.quoteIdentifier(name)) IS_TEMPLATE false")
      }
      try connection.execute(
        "DROP DATABASE IF EXISTS \(Connection.quoteIdentifier(name))\(force)")
    }
  }

  private func exists(_ name: String) throws -> Bool {
    try !Connection(base).query(
      "SELECT 1 FROM pg_catalog.pg_database WHERE datname = $1", [name]
    ).isEmpty
  }

  private static func randomWord() -> String {
    let digits = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    return String((0..<16).compactMap { _ in digits.randomElement() })
  }
}
