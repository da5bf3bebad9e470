// Owns what PostgreSQL's own programs write for us: definitions, and the server's roles and tablespaces.

import Format
import Inventory
import Postgres
import Programs
import Repository
import Workers

/// Runs pg_dump and pg_dumpall; what they need to connect is never in their arguments or environment.
struct DefinitionDumper {
  let source: DatabaseSource
  let snapshot: SnapshotSession
  let storer: StreamStorer
  let cancellation: Cancellation

  /// The archive of all definitions of the snapshot, without rows.
  ///
  /// Both sections, not `--schema-only` and not `--exclude-table-data`: those lose the refreshing of
  /// materialized views. Uncompressed, or no two archives would share a chunk.
  /// - Returns: the archive, and what pg_dump said beside it.
  func dumpDefinitions() throws -> (Content, said: String) {
    let what = "cannot dump the definitions of the database \(source.name)"
    let program = try PostgresPrograms.find(
      .pgDump, atLeastMajor: snapshot.facts.serverMajor)
    var date = ArchiveDate()
    let result = try run(
      program.path,
      [
        "--format=custom", "--compress=0", "--section=pre-data", "--section=post-data",
        "--snapshot=\(snapshot.facts.exported)",
        "--lock-wait-timeout=\(source.lockTimeoutMilliseconds)",
      ], what
    ) { bytes in try date.pass(bytes) { try storer.add($0) } }
    // pg_dump waits behind a queued exclusive lock, which waits for our own locks: only the timeout ends
    // that. "LOCK TABLE" is in the statement that it quotes, so in no one's language.
    if !result.isSuccess, result.standardError.contains("LOCK TABLE") {
      throw try sourceWork(what, cancellation) {
        try Blockers.lockTimeout(
          what, relations: [], after: source.lockTimeout, over: snapshot.connection)
      }
    }
    _ = try result.checked(what, next: "see what pg_dump says; nothing was committed")
    try date.finish { try storer.add($0) }
    return (try storer.finish(), result.standardError)
  }

  /// Roles and tablespaces, if the role may read them; else why not, in words.
  func dumpGlobals() throws -> (Content?, missing: String?) {
    let what = "cannot dump the roles of the server of \(source.name)"
    let allowed = try sourceWork(what, cancellation) {
      try snapshot.connection.query("SELECT has_table_privilege('pg_authid', 'SELECT')")[0, 0]
    }
    // As it was asked for: what the server says of a name that is not in its own encoding was converted.
    let database = source.target.databaseName ?? snapshot.facts.database
    let program = try PostgresPrograms.find(
      .pgDumpall, atLeastMajor: snapshot.facts.serverMajor)
    let result = try run(
      program.path,
      ["--globals-only", "--database=\(ConnectionTarget.argument(forDatabase: database))"]
        + (allowed == "t" ? [] : ["--no-role-passwords"]), what
    ) { try storer.add($0) }
    if !result.isSuccess, result.standardError.contains("query failed") {
      storer.discard()
      // The server answered, and refused; that it is still there tells a refusal from a crash.
      _ = try sourceWork(what, cancellation) { try snapshot.connection.query("SELECT 1") }
      return (
        nil, "roles and tablespaces of the server: \(quotable(result.standardError, limit: 300))"
      )
    }
    _ = try result.checked(what, next: "see what pg_dumpall says; nothing was committed")
    let content = try storer.finish()
    guard allowed != "t" else { return (content, nil) }
    return (content, "passwords of roles: \(snapshot.facts.role) may not read pg_authid")
  }

  private func run(
    _ path: String, _ arguments: [String], _ what: String,
    _ receive: (Span<UInt8>) throws -> Void
  ) throws -> ProgramResult {
    try sourceWork(what, cancellation) {
      try source.target.withChildAccess { access in
        var environment = access.environment
        environment["LC_ALL"] = "C"
        return try Program(
          path: path,
          arguments: arguments + ["--no-password", "--dbname=\(access.connectionString)"],
          environment: environment
        ).stream(cancellation: { cancellation.isCancelled }, receive)
      }
    }
  }
}
