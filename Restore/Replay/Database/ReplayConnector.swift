// Owns how sessions on the target are opened, so that every step reads text as it was written.

import Postgres
import Workers

/// Opens sessions on the target's server, from any thread.
struct ReplayConnector: Sendable {
  /// Leads to the database that is being restored.
  let target: ConnectionTarget
  let database: String
  /// Whom the work is done as; nil is whoever connects.
  let role: String?
  let cancellation: Cancellation
  /// Whether commits may reach the disk later than they return: in a database that is not whole before the
  /// last commit, which waits for itself and all before it (see ``DatabaseMaker/release()``).
  var defersDurability = false

  /// Opens a session on the database that is being restored; `stop` is a second reason to stop, besides
  /// the operator's.
  func open(stop: Cancellation? = nil) throws -> Connection {
    let connection = try raw(database: database, stop: stop)
    try connection.applyDumpSettings()
    // Names are text of ours, so the session speaks UTF-8; rows bring their encoding with each COPY.
    // SQL_ASCII passes bytes through either way, and the few encodings without a conversion
    // (MULE_INTERNAL) keep their own.
    do throws(PostgresError) { try connection.execute("SET client_encoding = 'UTF8'") } catch {
      guard error.kind == .server else { throw error }
    }
    try connection.execute(
      """
      SET default_transaction_read_only = off; SET xmloption = content;
      SET check_function_bodies = off; SET client_min_messages = warning
      """)
    if defersDurability { try connection.execute("SET synchronous_commit = off") }
    if let role { try connection.execute("SET ROLE \(Connection.quoteIdentifier(role))") }
    return connection
  }

  /// Opens a plain session as whoever connects; without `isStoppable` also after a cancellation, to
  /// clean up.
  func raw(database: String, stop: Cancellation? = nil, isStoppable: Bool = true)
    throws(PostgresError)
    -> Connection
  {
    let cancellation = self.cancellation
    let token: @Sendable () -> Bool = { cancellation.isCancelled || stop?.isCancelled == true }
    let connection = try Connection(
      target.replacing(database: database), cancellation: isStoppable ? token : nil)
    try connection.execute(
      "SET default_transaction_read_only = off; SET client_min_messages = warning")
    return connection
  }

  /// Opens a session on a database that every server has, to work on databases from outside.
  func maintenance(isStoppable: Bool = true) throws(PostgresError) -> Connection {
    do throws(PostgresError) {
      return try raw(database: "postgres", isStoppable: isStoppable)
    } catch {
      guard error.kind == .databaseMissing || error.kind == .privilege else { throw error }
      return try raw(database: "template1", isStoppable: isStoppable)
    }
  }
}
