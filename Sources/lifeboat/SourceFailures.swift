// Errors of sources and targets, mapped to exit statuses.

import Postgres
import Storage

extension Failure {
  /// The status of errors that come from databases, files and programs.
  static func status(ofSource error: any Error) -> ExitStatus {
    switch error {
    case let error as PostgresError: error.kind == .lockTimeout ? .busy : .failed
    case let error as StorageError: error.code == .missing ? .noRepository : .failed
    default: .failed
    }
  }
}
