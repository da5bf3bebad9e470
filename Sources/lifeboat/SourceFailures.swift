// Errors of sources, targets and storage, mapped to exit statuses.

import Capture
import Drill
import Postgres
import Replay
import Storage

extension Failure {
  /// The status of errors that come from databases, files and programs.
  static func status(ofSource error: any Error) -> ExitStatus {
    switch error {
    case let error as PostgresError:
      switch error.kind {
      case .lockTimeout: .busy
      case .malformedTarget: .usage
      default: .failed
      }
    case let error as CaptureError: error.code == .lockTimeout ? .busy : .failed
    case let error as StorageError: error.code == .missing ? .noRepository : .failed
    default: .failed
    }
  }
}
