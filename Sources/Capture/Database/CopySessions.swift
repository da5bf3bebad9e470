// Owns the sessions that read in parallel, all of the one snapshot.

import Format
import Inventory
import Postgres
import Repository
import Workers

/// What one worker thread uses: a connection and buffers that are reused from range to range.
final class CopySession: @unchecked Sendable {
  // Unchecked because a session belongs to one worker of a run, and workers are threads: no two ever use
  // one session at the same time.
  let connection: Connection
  /// Whether this is the session that holds the locks, which others may borrow.
  let isLeader: Bool
  let encoder: ChunkEncoder
  let storer: StreamStorer
  var buffer = RowBuffer()
  var lockedTables: Set<UInt32> = []
  private var hasher: (table: Int, hasher: RowHasher)?

  init(_ connection: Connection, isLeader: Bool, storer: StreamStorer) {
    self.connection = connection
    self.isLeader = isLeader
    self.storer = storer
    encoder = storer.encoder
  }

  /// The hasher of a table; the same one as long as the table stays.
  func hasher(for table: Int, _ make: () throws -> RowHasher) rethrows -> RowHasher {
    if let hasher, hasher.table == table {
      // What an error may have left in it is not of the next range.
      _ = hasher.hasher.take()
      return hasher.hasher
    }
    let made = try make()
    hasher = (table, made)
    return made
  }

  /// Tries to lock a table without waiting: behind a queued exclusive lock we would wait for ever, since
  /// that one waits for the leader.
  ///
  /// - Returns: false if somebody is in the way; the leader, who holds the lock, must read it then.
  func lock(_ table: TableDescription) throws -> Bool {
    if isLeader || lockedTables.contains(table.oid) { return true }
    do {
      try connection.execute(
        """
        SAVEPOINT lifeboat; LOCK TABLE ONLY \(table.name.quoted) IN ACCESS SHARE MODE NOWAIT;
        RELEASE SAVEPOINT lifeboat
        """)
    } catch {
      guard error.kind == .lockTimeout else { throw error }
      try connection.execute("ROLLBACK TO SAVEPOINT lifeboat; RELEASE SAVEPOINT lifeboat")
      return false
    }
    lockedTables.insert(table.oid)
    return true
  }
}

extension SnapshotSession {
  /// The leader's session and as many more as the source allows, in its snapshot.
  func openSessions(
    _ source: DatabaseSource, cancellation: Cancellation, makeStorer: () throws -> StreamStorer
  ) throws -> [CopySession] {
    var sessions = [CopySession(connection, isLeader: true, storer: try makeStorer())]
    for _ in 1..<max(source.connections, 1) {
      let follower = try Connection(
        source.target, applicationName: "lifeboat backup",
        cancellation: { cancellation.isCancelled })
      try follower.applyCatalogSettings()
      try follower.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
      try follower.execute(
        "SET TRANSACTION SNAPSHOT \(Connection.quoteLiteral(facts.exported))")
      sessions.append(CopySession(follower, isLeader: false, storer: try makeStorer()))
    }
    return sessions
  }
}
