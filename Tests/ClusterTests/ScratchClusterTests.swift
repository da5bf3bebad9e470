// Proves that a scratch cluster is private, as asked for, and leaves nothing behind.

import Cluster
import FoundationEssentials
import Glibc
import Postgres
import Programs
import TestSupport
import Testing

@Suite(.serialized) struct `A scratch cluster` {
  private func isAlive(_ pid: pid_t) -> Bool {
    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")) != nil
  }

  @Test func `answers, hears no network, and is gone after stop`() throws {
    let cluster = try ScratchCluster(ClusterOptions(major: 13))
    let path = cluster.path
    let connection = try Connection(cluster.target(database: "postgres"))
    let row = try connection.query(
      """
      SELECT current_setting('listen_addresses'), current_setting('fsync'), current_setting('wal_level'),
        current_setting('server_encoding'), current_setting('autovacuum')
      """)
    #expect((0..<5).map { row[0, $0] } == ["", "off", "minimal", "UTF8", "off"])
    #expect(
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o700)
    let processes = cluster.processes()
    #expect(processes.count >= 2)
    #expect(cluster.serverLog().contains("ready to accept connections"))
    try cluster.stop()
    try cluster.stop()
    for pid in processes { #expect(!isAlive(pid)) }
    #expect(cluster.processes().isEmpty)
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(throws: PostgresError.self) { try Connection(cluster.target(database: "postgres")) }
  }

  @Test(.enabled(if: geteuid() == 0)) func `never runs as root`() throws {
    let cluster = try ScratchCluster(ClusterOptions(major: 13))
    var seen = 0
    for pid in cluster.processes() {
      // One that only started the server up may have ended since.
      guard let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else {
        continue
      }
      let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("Uid:") })
      #expect(!line.split(whereSeparator: \.isWhitespace).contains("0"))
      seen += 1
    }
    #expect(seen > 0)
  }

  @Test func `is made with the encoding, locale and settings asked for`() throws {
    var options = ClusterOptions(major: 13)
    options.encoding = "LATIN1"
    options.walSegmentMegabytes = 1
    options.dataChecksums = true
    options.maxConnections = 7
    options.sharedPreloadLibraries = ["auto_explain", "pg_stat_statements"]
    options.settings["cluster_name"] = "it's \"here\" $HOME `id` \\"
    let cluster = try ScratchCluster(options)
    let connection = try Connection(cluster.target(database: "postgres"))
    let names = [
      "server_encoding", "wal_segment_size", "data_checksums", "max_connections",
      "shared_preload_libraries", "cluster_name",
    ]
    let values = try names.map { try connection.query("SELECT current_setting($1)", [$0])[0, 0] }
    #expect(
      values == [
        "LATIN1", "1MB", "on", "7", "auto_explain,pg_stat_statements",
        "it's \"here\" $HOME `id` \\",
      ])
  }

  @Test func `that initdb refuses says why and leaves nothing`() throws {
    let parent = try OpenFolder()
    var options = ClusterOptions(major: 13)
    options.collate = "xx_NOWHERE"
    options.parentFolder = parent.path
    let error = #expect(throws: ClusterError.self) { try ScratchCluster(options) }
    #expect(error?.code == .initialisation)
    #expect(error?.why.contains("invalid locale name \"xx_NOWHERE\"") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path).isEmpty)
  }

  @Test func `that cannot start quotes the server's log and leaves nothing`() throws {
    let parent = try OpenFolder()
    var options = ClusterOptions(major: 13)
    options.sharedPreloadLibraries = ["no_such_library"]
    options.parentFolder = parent.path
    let error = #expect(throws: ClusterError.self) { try ScratchCluster(options) }
    #expect(error?.code == .start)
    #expect(error?.why.contains("could not access file \"no_such_library\"") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: parent.path).isEmpty)
  }

  @Test func `of a version that is not installed names the package`() throws {
    let error = #expect(throws: ProgramError.self) { try ScratchCluster(ClusterOptions(major: 99)) }
    #expect(error?.next.contains("postgresql-99") == true)
  }

  @Test func `in a deep folder keeps its socket in a short one`() throws {
    let parent = try OpenFolder()
    let deep = parent.path + "/" + String(repeating: "d", count: 100)
    try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: false)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: deep)
    var options = ClusterOptions(major: 13)
    options.parentFolder = deep
    let cluster = try ScratchCluster(options)
    #expect(cluster.path.hasPrefix(deep))
    let connection = try Connection(cluster.target(database: "postgres"))
    let socket = connection.hostDescription.dropLast(":5432".count)
    #expect(socket.hasPrefix("/tmp/"))
    try cluster.stop(immediately: true)
    #expect(!FileManager.default.fileExists(atPath: String(socket)))
    #expect(try FileManager.default.contentsOfDirectory(atPath: deep).isEmpty)
  }

  @Test func `goes with its last owner`() throws {
    var cluster: ScratchCluster? = try ScratchCluster(ClusterOptions(major: 13))
    let path = try #require(cluster?.path)
    let processes = cluster?.processes() ?? []
    #expect(!processes.isEmpty)
    cluster = nil
    for pid in processes { #expect(!isAlive(pid)) }
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `is stopped even with clients at work`() throws {
    let cluster = try ScratchCluster(ClusterOptions(major: 13))
    let client = try Connection(cluster.target(database: "postgres"))
    try client.execute("BEGIN; CREATE TABLE t AS SELECT generate_series(1, 1000)")
    try cluster.stop()
    let error = #expect(throws: PostgresError.self) { try client.query("SELECT 1") }
    #expect(error?.kind == .connectionLost)
  }

  @Test func `of a dead run is removed with its server, and a living one is spared`() throws {
    let parent = try OpenFolder()
    var options = ClusterOptions(major: 13)
    options.parentFolder = parent.path
    let living = try ScratchCluster(options)
    // What a SIGKILL of our process leaves: the server, the files, and a lock that nobody holds.
    let dead = try ScratchCluster(options)
    let processes = dead.processes()
    #expect(!processes.isEmpty)
    let lock = dead.path + "/owner.lock"
    let copy = try Data(contentsOf: URL(filePath: lock))
    try FileManager.default.removeItem(atPath: lock)
    try copy.write(to: URL(filePath: lock))
    #expect(try ScratchCluster.removeStale(in: [parent.path]).contains(dead.path))
    for pid in processes { #expect(!isAlive(pid)) }
    #expect(!FileManager.default.fileExists(atPath: dead.path))
    #expect(try Connection(living.target(database: "postgres")).query("SELECT 1")[0, 0] == "1")
    try living.stop(immediately: true)
  }
}

@Suite struct `A password` {
  @Test func `reaches the server and children, and no error text`() throws {
    let folder = try OpenFolder()
    let rules = folder.path + "/hba.conf"
    try Data("local all postgres trust\nlocal all all scram-sha-256\n".utf8)
      .write(to: URL(filePath: rules))
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: rules)
    var options = ClusterOptions(major: 13)
    options.settings["hba_file"] = rules
    let cluster = try ScratchCluster(options)
    let password = #"p:a\s's w"ord%"#
    try Connection(cluster.target(database: "postgres")).execute(
      "CREATE ROLE app LOGIN PASSWORD \(Connection.quoteLiteral(password))")

    let target = try cluster.target(database: "postgres").setting("user", to: "app")
    let right = target.setting("password", to: password)
    #expect(try Connection(right).query("SELECT current_user")[0, 0] == "app")
    #expect(try psql(right, "SELECT current_user") == "app\n")

    let wrong = target.setting("password", to: "wrong-hunter2")
    let refused = #expect(throws: PostgresError.self) { try Connection(wrong) }
    #expect(refused?.kind == .authentication)
    #expect(refused?.sqlState == "28P01")
    #expect(refused?.isTransient == false)
    let child = #expect(throws: ProgramError.self) { try psql(wrong, "SELECT 1") }
    #expect(child?.why.contains("password authentication failed") == true)
    let absent = #expect(throws: PostgresError.self) { try Connection(target) }
    #expect(absent?.kind == .authentication)
    #expect(absent?.why.contains("no password supplied") == true)
    for text in [refused?.description, child?.description, absent?.description] {
      #expect(text?.contains("hunter2") == false)
    }
  }
}

@Suite struct `The test server` {
  @Test func `runs scripts with psql and stops at the first error`() throws {
    let target = try TestServer.shared.makeDatabase()
    let said = try psql(
      target, "CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n2\n\\.\nSELECT sum(a) FROM t;\n")
    #expect(said == "3\n")
    let error = #expect(throws: ProgramError.self) { try psql(target, "SELECT 1/0; SELECT 2;") }
    #expect(error?.why.contains("division by zero") == true)
  }
}

/// A folder that an unprivileged account can pass through.
final class OpenFolder {
  let path: String
  init() throws {
    path = "/tmp/lifeboat-open-\(UInt32.random(in: .min ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
