// Owns ANALYZE after a restore: every table, largest first, over several sessions.

import Postgres
import Synchronization
import Workers

/// Collects the planner's statistics, which no dump before PostgreSQL 18 holds.
struct StatisticsCollector {
  private let connector: ReplayConnector

  init(_ connector: ReplayConnector) { self.connector = connector }

  private struct State {
    /// Smallest first, so that the largest is taken from the end.
    var waiting: [String]
    var warnings: [String] = []
    var failure: (any Error)?
  }

  /// Runs ANALYZE on all tables over at most `connections` sessions; blocks until it is done.
  ///
  /// - Returns: what could not be analyzed. The data is whole without statistics, which autovacuum will
  ///   make, so that is no error.
  /// - Throws: ``PostgresError`` if a connection is lost or the operator stops the restore.
  func collect(connections: Int) throws -> [String] {
    let state = Mutex(State(waiting: try tables()))
    let stop = Cancellation()
    let group = ThreadGroup()
    for number in 0..<max(1, min(connections, state.withLock { $0.waiting.count })) {
      group.start(name: "analyze \(number)") { [connector] in
        do {
          // New sessions: they have the database's own statistics target.
          let connection = try connector.open(stop: stop)
          while let table = state.withLock({ $0.failure == nil ? $0.waiting.popLast() : nil }) {
            do throws(PostgresError) { try connection.execute("ANALYZE \(table)") } catch {
              guard error.kind == .server || error.kind == .privilege else { throw error }
              state.withLock {
                $0.warnings.append("ANALYZE of \(table) did not finish: \(error.why)")
              }
            }
          }
        } catch {
          state.withLock { if $0.failure == nil { $0.failure = error } }
          stop.cancel()
        }
      }
    }
    group.wait()
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.warnings
    }
  }

  /// Quoted names of all that ANALYZE without a name would do and we may, smallest first.
  ///
  /// A partitioned table stands for its partitions, which ANALYZE reaches from it.
  private func tables() throws -> [String] {
    try connector.open().query(
      """
      SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
      FROM pg_catalog.pg_class c
      JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'm', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
        AND n.nspname <> 'pg_toast' AND (
          pg_catalog.pg_has_role(c.relowner, 'USAGE') OR EXISTS (
            SELECT FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()
              AND NOT c.relisshared AND pg_catalog.pg_has_role(d.datdba, 'USAGE')))
      ORDER BY c.relkind = 'p', pg_catalog.pg_relation_size(c.oid), c.oid
      """
    ).map { $0[0] ?? "" }
  }
}
