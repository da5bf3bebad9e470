// The program: parse, run one command, end with a status from the table.

import ArgumentParser
import Configuration
import Files
import Foundation
import Logging
import Repository
import Workers

@main
enum Main {
  static func main() {
    // Before anything secret is read. It cannot fail on a kernel that runs Swift; if it does, going on
    // is better than no backup.
    do { try Host.forbidDumps() } catch { Messages().warning("cannot forbid core dumps: \(error)") }
    Signals.ignoreBrokenPipes()
    ProcessSignals.shared.watchStops()
    do {
      var command = try Lifeboat.parseAsRoot()
      try command.run()
      Terminal.shared.endProgress()
    } catch {
      Terminal.shared.endProgress()
      Failure.exit(with: error)
    }
  }
}

struct Lifeboat: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lifeboat",
    abstract: "Encrypted backups of PostgreSQL databases with their media, proven to come back.",
    discussion: """
      A snapshot is one application at one moment: its databases and its media directories, \
      deduplicated and encrypted. A drill replays a snapshot into a scratch server and compares \
      it with what was read.

      \(ExitStatus.table)
      """,
    version: About.name,
    subcommands: CommandList.all)
}

/// Turns errors into messages and exit statuses.
enum Failure {
  /// Prints `error` and ends the process.
  static func exit(with error: any Error) -> Never {
    if let status = error as? ExitStatus { Foundation.exit(status.rawValue) }
    // Help, version, completion scripts and usage errors are the parser's: it ends with 0 or 64.
    if isParsers(error) { Lifeboat.exit(withError: error) }
    let status = self.status(of: error)
    Messages.forFailure.error(status == .interrupted ? Stopped() : error)
    Foundation.exit(status.rawValue)
  }

  /// The status that `error` ends with.
  static func status(of error: any Error) -> ExitStatus {
    if Cancellation.process.isCancelled { return .interrupted }
    switch error {
    case is Cancelled: return .interrupted
    case is UsageError, is ConfigurationError: return .usage
    case let error as RepositoryError:
      switch error.code {
      case .missing: return .noRepository
      case .wrongPassphrase: return .wrongPassphrase
      case .busy: return .busy
      case .rolledBack: return .rolledBack
      default: return .failed
      }
    default: return status(ofSource: error)
    }
  }

  /// What a stop is called, wherever it was noticed.
  private struct Stopped: Error, CustomStringConvertible {
    var description: String {
      "stopped on request: Ctrl-C or SIGTERM came\nhint: run it again; a backup uses what was stored so far"
    }
  }

  private static func isParsers(_ error: any Error) -> Bool {
    let name = String(reflecting: type(of: error))
    return name.hasPrefix("ArgumentParser.")
  }
}

extension Messages {
  /// How a failure is written: as the options say, if they were understood so far.
  static var forFailure: Messages {
    let isJSON =
      ProcessInfo.processInfo.arguments.contains("json")
      && ProcessInfo.processInfo.arguments.contains("--log-format")
    return Messages(format: isJSON ? .json : .text, level: .error)
  }
}
