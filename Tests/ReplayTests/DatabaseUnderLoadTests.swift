import Capture
import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

/// Sessions that change a database without pause, until told to stop.
final class Load: Sendable {
  private struct State {
    var isStopped = false
    /// Statements that succeeded, of each session.
    var counts: [Int]
  }
  private let state: Mutex<State>
  private let ended = DispatchSemaphore(value: 0)

  /// Starts a session for each of `scripts`, which is run again and again; a failure in it is its own.
  init(_ target: ConnectionTarget, _ scripts: [[String]]) {
    state = Mutex(State(counts: scripts.map { _ in 0 }))
    for (number, script) in scripts.enumerated() {
      Thread { [self] in
        defer { ended.signal() }
        guard let connection = try? Connection(target) else { return }
        try? connection.execute("SET lock_timeout = '2s'; SET client_min_messages = error")
        while !state.withLock({ $0.isStopped }) {
          for statement in script {
            do throws(PostgresError) {
              try connection.execute(statement)
              state.withLock { $0.counts[number] += 1 }
            } catch {
              try? connection.execute("ROLLBACK")
            }
          }
        }
      }.start()
    }
  }

  /// Waits until every session has done something since the last call.
  func waitForChanges() {
    let before = state.withLock { $0.counts }
    while zip(before, state.withLock { $0.counts }).contains(where: { $0 == $1 }) { usleep(10_000) }
  }

  /// Ends the sessions; returns when they have ended.
  func stop() {
    let count = state.withLock {
      $0.isStopped = true
      return $0.counts.count
    }
    for _ in 0..<count { ended.wait() }
  }
}

@Suite struct `A database that changes while it is captured` {
  /// Money moves between accounts, and each move is written down: both in one transaction.
  private static let transfer = """
    BEGIN;
    UPDATE account SET balance = balance - 7 WHERE id = (SELECT 1 + floor(random() * 500)::int);
    UPDATE account SET balance = balance + 7 WHERE id = (SELECT 501 + floor(random() * 500)::int);
    INSERT INTO move (amount) VALUES (7); UPDATE total SET moved = moved + 7;
    COMMIT
    """

  private static let upheaval: [[String]] = [
    ["VACUUM FULL account", "REINDEX TABLE account", "CLUSTER account USING account_pkey"],
    [
      "CREATE TABLE fleeting AS SELECT 1 AS a", "ALTER TABLE fleeting ADD COLUMN b int DEFAULT 3",
      "TRUNCATE fleeting", "DROP TABLE fleeting",
      // What is moved out is moved back in the same transaction, under another file node.
      """
      BEGIN; LOCK TABLE move; CREATE TEMP TABLE kept ON COMMIT DROP AS TABLE move; TRUNCATE move;
      INSERT INTO move SELECT * FROM kept; COMMIT
      """,
    ],
    [
      "CREATE TABLE part_2 (LIKE part INCLUDING ALL)",
      "ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES IN (2)",
      "ALTER TABLE part DETACH PARTITION part_2", "DROP TABLE part_2",
      "ALTER TABLE account ALTER COLUMN note TYPE varchar(30)",
      "ALTER TABLE account ALTER COLUMN note TYPE text",
    ],
  ]

  private func makeSource() throws -> ConnectionTarget {
    let source = try TestServer.shared.makeDatabase()
    try psql(
      source,
      """
      CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL, note text);
      INSERT INTO account SELECT i, 1000, repeat('x', 30) FROM generate_series(1, 1000) i;
      CREATE TABLE move (id serial, amount int); CREATE TABLE total (moved bigint);
      INSERT INTO total VALUES (0);
      CREATE TABLE part (k int, v text) PARTITION BY LIST (k);
      CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1); INSERT INTO part VALUES (1, 'kept');
      """)
    return source
  }

  @Test func `is captured as it was at one moment, or not at all`() throws {
    let source = try makeSource()
    let load = Load(source, [[Self.transfer], [Self.transfer]] + Self.upheaval)
    defer { load.stop() }
    var moved: [String] = []
    var refusals = 0
    while moved.count < 3 {
      load.waitForChanges()
      let snapshot: DatabaseSnapshot
      do { snapshot = try DatabaseSnapshot.capture(source) } catch let error as CaptureError {
        // Tables that come and go all the time are a reason to refuse, and to say so.
        #expect([.unsettled, .lockTimeout].contains(error.code), "\(error)")
        refusals += 1
        try #require(refusals < 50, "no capture succeeds: \(error)")
        continue
      }
      let target = source.replacing(database: TestServer.randomName())
      _ = try snapshot.replay(into: target)
      #expect(
        try psql(
          target,
          """
          SELECT (SELECT sum(balance) FROM account), (SELECT count(*) FROM account),
            (SELECT coalesce(sum(amount), 0) FROM move) = (SELECT moved FROM total),
            (SELECT count(*) FROM part)
          """) == "1000000|1000|t|1\n")
      moved.append(try psql(target, "SELECT moved FROM total"))
    }
    // Otherwise nothing changed, and nothing was shown.
    #expect(Set(moved).count == moved.count)
  }
}
