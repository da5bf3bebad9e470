// Owns one pass over the case files on a server of one version: built, backed up, restored, compared.

import Capture
import Drill
import Format
import Foundation
import Inventory
import Postgres
import Programs
import Replay
import Repository
import Sodium
import Storage
import TestSupport
import Testing
import Workers

/// The databases of all case files on one server, and one snapshot of them all.
final class FidelityRun: Sendable {
  let major: Int
  let server: TestServer
  let databases: [FidelityDatabase]
  let repository: Repository
  let snapshot: Snapshot
  /// Remarks of the backup itself.
  let warnings: [String]
  private let folder: ScratchFolder

  /// Builds every database and takes the snapshot.
  init(major: Int, only names: [String] = []) throws {
    self.major = major
    server = TestServer.of(major: major)
    folder = try ScratchFolder()
    let hasICU = try Self.hasICU(server)
    databases = try FidelityDatabase.all().filter {
      $0.since <= major && (hasICU || !$0.needsICU) && (names.isEmpty || names.contains($0.name))
    }
    let maintenance = try Connection(server.target(database: "postgres"))
    for database in databases {
      try maintenance.execute(
        "CREATE DATABASE \(Connection.quoteIdentifier(database.databaseName)) \(database.options)")
      try psql(server.target(database: database.databaseName), database.script(major: major))
    }
    let storage = MemoryStorage()
    let passphrase = try Secret(copying: Array("correct horse".utf8).span)
    _ = try KeyRing.create(
      in: storage, passphrase: passphrase, hash: .minimal, label: "test", withRecoveryKey: false,
      created: Timestamp(microseconds: 0), packByteCount: 1 << 22, tableRangeBlocks: 16)
    repository = try Repository.open(
      storage, with: .passphrase(passphrase), scratch: folder.path)
    let server = self.server
    let plan = BackupPlan(
      databases: try databases.map {
        DatabaseSource(name: $0.name, target: try server.target(database: $0.databaseName))
      },
      media: [], references: [], tags: [], host: "test", user: "test", program: "test", workers: 2,
      scratch: folder.path)
    let result = try Backup(
      plan, repository: repository, cancellation: Cancellation(), progress: Progress()
    ).perform()
    snapshot = try repository.snapshot(named: result.snapshot.hex)
    warnings = result.warnings
  }

  private static func hasICU(_ server: TestServer) throws -> Bool {
    let connection = try Connection(server.target(database: "postgres"))
    // initdb adds hundreds where it can ask the library; a few are there in any case from 16 on.
    return try connection.query(
      "SELECT FROM pg_collation WHERE collprovider = 'i' LIMIT 50"
    ).count == 50
  }

  func source(_ database: FidelityDatabase) throws -> ConnectionTarget {
    try server.target(database: database.databaseName)
  }

  /// A session for witnesses: whatever the database's own settings are, it speaks UTF-8 if it can.
  func session(_ target: ConnectionTarget) throws -> Connection {
    let connection = try Connection(target)
    let isASCII = connection.parameter("server_encoding") == "SQL_ASCII"
    try connection.execute(
      "SET client_encoding = '\(isASCII ? "SQL_ASCII" : "UTF8")'; SET search_path = public")
    return connection
  }

  /// Restores one of the databases.
  func restore(
    _ database: FidelityDatabase, into target: ConnectionTarget,
    _ options: DatabaseReplayOptions = DatabaseReplayOptions()
  ) throws -> DatabaseReplayReport {
    let reader = repository.makeReader()
    return try DatabaseReplay(
      reader: reader, catalog: try repository.catalog(of: snapshot, reader: reader),
      source: database.name, into: target, options: options
    ).perform()
  }

  /// Loads the plain SQL of one of the databases with psql, which stops at the first error.
  func load(_ database: FidelityDatabase, into target: ConnectionTarget) throws {
    let reader = repository.makeReader()
    var script: [UInt8] = []
    try DatabaseSQL(
      reader: reader, catalog: try repository.catalog(of: snapshot, reader: reader),
      source: database.name
    ).write { piece in
      for index in piece.indices { script.append(piece[index]) }
    }
    let program = try PostgresPrograms.find(.psql, atLeastMajor: major)
    _ = try target.withChildAccess { access in
      try Program(
        path: program.path,
        arguments: [
          "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=\(access.connectionString)",
        ], environment: access.environment
      ).run(input: script, outputLimit: 64 << 20).checked("cannot load \(database.name)")
    }
  }

  /// What the program that shares no code with us says of two databases; empty if they are equal.
  ///
  /// - Parameter ignoring: what it must leave out.
  func compare(_ source: ConnectionTarget, _ copy: ConnectionTarget, ignoring: [String]) throws
    -> String
  {
    let major = try Connection(copy).serverMajor
    let psql = try PostgresPrograms.find(.psql, atLeastMajor: major)
    let folder = URL(filePath: psql.path).deletingLastPathComponent().path
    let script = FidelityDocument.path.deletingLastPathComponent()
      .deletingLastPathComponent().appending(path: "Tests/Fixtures/compare-databases")
    let ignored = ignoring.isEmpty ? [] : ["--ignore", ignoring.joined(separator: ",")]
    let result = try source.withChildAccess { source in
      try copy.withChildAccess { copy in
        try Program(
          path: script.path,
          arguments: ignored + [source.connectionString, copy.connectionString],
          environment: ["PATH": "\(folder):/usr/local/bin:/usr/bin:/bin"]
        ).run(outputLimit: 16 << 20)
      }
    }
    let said = String(decoding: result.standardOutput, as: UTF8.self)
    return result.isSuccess ? said : said + result.standardError
  }

  /// Every object of a database, as a drill lists them.
  func inventory(_ target: ConnectionTarget) throws -> ObjectInventory {
    let connection = try Connection(target)
    try connection.applyCatalogSettings()
    return try ObjectInventory.read(over: connection)
  }

  /// The roles of a server, as pg_dumpall writes them; its tablespaces and the superuser are left out.
  func roles(_ target: ConnectionTarget) throws -> [String] {
    let major = try Connection(target).serverMajor
    let program = try PostgresPrograms.find(.pgDumpall, atLeastMajor: major)
    let result = try target.withChildAccess { access in
      try Program(
        path: program.path, arguments: ["--roles-only", "--dbname=\(access.connectionString)"]
      ).run(outputLimit: 16 << 20).checked("cannot dump the roles")
    }
    return String(decoding: result.standardOutput, as: UTF8.self)
      .split(separator: "\n").map(String.init).filter {
        !$0.hasPrefix("\\") && !$0.hasPrefix("--") && !$0.contains("ROLE postgres")
      }
  }

  /// Drills the snapshot; `look` sees each copy before it is compared.
  func drill(_ look: @escaping @Sendable (ConnectionTarget) throws -> Void) throws -> DrillReport {
    var options = DrillOptions()
    options.afterRestore = look
    options.negativeControl = false
    return try Drill(repository: repository, snapshot: snapshot, options: options).run()
  }
}

extension FidelityCase {
  /// What the witness says, a line a row, sorted; an error is an answer too.
  func testimony(_ connection: Connection, of database: FidelityDatabase) -> String {
    let query = database.filled(witness).trimmingCharacters(in: .whitespacesAndNewlines)
    let bare = query.hasSuffix(";") ? String(query.dropLast()) : query
    do throws(PostgresError) {
      let rows = try connection.query(#"SELECT "the row"::text FROM (\#(bare)) AS "the row""#)
      return rows.map { $0[0] ?? "" }.sorted().joined(separator: "\n")
    } catch {
      return "error: \(error.why)"
    }
  }
}

extension FidelityDatabase {
  /// Puts the database's name where psql would.
  func filled(_ sql: String, name: String? = nil) -> String {
    let name = name ?? databaseName
    return sql.replacing(":\"DBNAME\"", with: Connection.quoteIdentifier(name))
      .replacing(":'DBNAME'", with: Connection.quoteLiteral(name))
  }
}
