import Format
import Foundation
import Postgres
import Replay
import Synchronization
import TestSupport
import Testing
import Workers

@Suite struct `A database that is exchanged for a restored one` {
  /// The database in use, and a snapshot of an earlier state of it.
  private func makeUsed() throws -> (target: ConnectionTarget, snapshot: DatabaseSnapshot) {
    let target = try TestServer.shared.makeDatabase()
    try psql(target, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
    let snapshot = try DatabaseSnapshot.capture(target)
    try psql(target, "UPDATE t SET a = 2")
    return (target, snapshot)
  }

  private func swap(_ target: ConnectionTarget) throws -> DatabaseSwap {
    try DatabaseSwap(of: target, stamp: "20260131T120000Z", cancellation: Cancellation())
  }

  @Test func `is kept under another name, and clients that never stop to connect find the new one`()
    throws
  {
    let (target, snapshot) = try makeUsed()
    let swap = try swap(target)
    try swap.preflight()
    _ = try snapshot.replay(into: swap.restoredTarget)

    // A pool of clients that connect again as soon as they are thrown out.
    struct Seen { var values: Set<String> = []; var errors: [String] = [] }
    let seen = Mutex(Seen())
    let stop = Cancellation()
    let clients = ThreadGroup()
    for number in 0..<3 {
      clients.start(name: "client \(number)") {
        while !stop.isCancelled {
          do throws(PostgresError) {
            let connection = try Connection(target)
            while !stop.isCancelled {
              let value = try connection.query("SELECT a FROM t")[0, 0] ?? ""
              seen.withLock { _ = $0.values.insert(value) }
            }
          } catch {
            // Thrown out of a session, or refused in the moment of the exchange, as announced; anything
            // else is what must not be.
            if "\(error)".contains("just been dropped or renamed") { continue }
            guard error.kind == .databaseMissing || error.kind == .authentication else { continue }
            seen.withLock { $0.errors.append("\(error)") }
          }
        }
      }
    }
    func wait(for value: String) {
      let limit = Date(timeIntervalSinceNow: 60)
      while !seen.withLock({ $0.values.contains(value) }), Date() < limit { usleep(5_000) }
    }
    wait(for: "2")
    defer {
      stop.cancel()
      clients.wait()
    }
    try swap.perform()
    wait(for: "1")
    #expect(seen.withLock { $0.values } == ["1", "2"])
    #expect(seen.withLock { $0.errors } == [])
    let kept = target.replacing(database: swap.kept)
    #expect(try psql(kept, "SELECT a FROM t") == "2\n")
    #expect(try psql(target, "SELECT a FROM t") == "1\n")
  }

  @Test func `must be there, and belong to who exchanges it`() throws {
    let missing = try TestServer.shared.target(database: TestServer.randomName())
    var error = #expect(throws: ReplayError.self) { try swap(missing).preflight() }
    #expect(error?.code == .databaseMissing)

    let (target, _) = try makeUsed()
    let role = try TestServer.shared.makeRole("LOGIN CREATEDB")
    error = #expect(throws: ReplayError.self) {
      try swap(target.setting("user", to: role)).preflight()
    }
    #expect(error?.code == .privilege)
    #expect(error?.why == "only its owner with CREATEDB, or a superuser, may rename it")
  }

  @Test func `stays as it was if a session on it cannot be ended`() throws {
    let (target, snapshot) = try makeUsed()
    let role = try TestServer.shared.makeRole("LOGIN CREATEDB")
    let name = Connection.quoteIdentifier(target.databaseName ?? "")
    try psql(target, "ALTER DATABASE \(name) OWNER TO \(role)")
    let swap = try swap(target.setting("user", to: role))
    try swap.preflight()
    _ = try snapshot.replay(
      into: swap.restoredTarget,
      DatabaseReplayOptions(restoreOwners: false, restorePrivileges: false))
    let superuser = try Connection(target)
    let error = #expect(throws: ReplayError.self) { try swap.perform() }
    #expect(error?.code == .privilege)
    #expect(error?.why.contains("is named '\(swap.restored)'") == true, "\(error?.why ?? "")")
    #expect(try superuser.query("SELECT a FROM t")[0, 0] == "2")
    #expect(try psql(swap.restoredTarget, "SELECT a FROM t") == "1\n")
  }

  @Test func `has names of at most 63 bytes, cut between characters`() throws {
    let long = String(repeating: "ž", count: 31)
    let swap = try swap(TestServer.shared.target(database: long))
    #expect(swap.kept == String(repeating: "ž", count: 19) + "_before_20260131T120000Z")
    #expect(swap.restored.utf8.count <= 63)
    #expect(swap.restored.hasSuffix("_restored_20260131T120000Z"))
  }
}
