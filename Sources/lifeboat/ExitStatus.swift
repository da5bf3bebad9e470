// The exit statuses: one table, which --help prints and every command follows.

import ArgumentParser

/// What a process ends with.
///
/// Stable across releases.
enum ExitStatus: Int32, CaseIterable, Error {
  case done = 0
  case failed = 1
  case partly = 3
  case noRepository = 10
  case busy = 11
  case wrongPassphrase = 12
  case usage = 64
  case interrupted = 130

  var meaning: String {
    switch self {
    case .done: "done"
    case .failed: "failed; nothing that looks whole was left behind"
    case .partly: "done, but some entries could not be read or wholly restored; they are listed"
    case .noRepository: "there is no repository there"
    case .busy: "something else is in the way: a lock that did not come free in time"
    case .wrongPassphrase: "the passphrase or recovery key opens no key slot"
    case .usage: "the command line or the configuration is wrong"
    case .interrupted: "stopped by Ctrl-C or SIGTERM at a safe point"
    }
  }

  /// The table as --help prints it.
  static let table =
    "EXIT STATUS:\n"
    + allCases.map { status in
      let number = String(status.rawValue)
      return "  " + number + String(repeating: " ", count: 5 - number.count) + status.meaning
    }.joined(separator: "\n")
}
