// Owns the translation of what fails while a source is read into what the operator reads.

import Postgres
import Programs
import Workers

/// Runs `body`; failures of the server become ``CaptureError`` "`what`: …", a requested stop ``Cancelled``.
///
/// Errors of storage, repository and child programs pass through: they say themselves what failed.
func sourceWork<Result>(
  _ what: String, _ cancellation: Cancellation, _ body: () throws -> Result
) throws -> Result {
  do {
    return try body()
  } catch let error as PostgresError {
    if error.kind == .cancelled, cancellation.isCancelled { throw Cancelled() }
    throw CaptureError(what, error)
  } catch let error as ProgramError {
    if error.code == .cancelled, cancellation.isCancelled { throw Cancelled() }
    throw error
  }
}
