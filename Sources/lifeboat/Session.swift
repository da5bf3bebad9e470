// One run of a command: its settings from options, environment and configuration, and what it opens.

import Configuration
import Files
import Format
import Foundation
import Logging
import Repository
import Sodium
import Storage
import Workers

/// The program's name and version, as snapshots and reports carry it.
enum About {
  static let version = "0.1.0"
  static let name = "lifeboat \(version)"
}

/// Settings and shared tools of one command.
struct Session: Sendable {
  let options: GlobalOptions
  let configuration: Configuration
  let messages: Messages
  let cancellation: Cancellation
  let progress: Workers.Progress

  /// Reads the configuration if one is named, and takes Ctrl-C and SIGTERM.
  init(_ options: GlobalOptions, cancellation: Cancellation = .process) throws {
    self.options = options
    self.cancellation = cancellation
    let path = options.config ?? Self.environment("LIFEBOAT_CONFIG")
    configuration = try path.map { try Configuration.load($0) } ?? Configuration()
    let format =
      options.logFormat ?? (configuration.log.format == .json ? MessageFormat.json : .text)
    messages = Messages(
      format: format,
      level: options.quiet ? .error : options.verbose ? .debug : Self.level(configuration.log))
    for warning in configuration.warnings { messages.warning("\(warning)") }
    progress = Workers.Progress()
  }

  private static func level(_ log: Configuration.Log) -> Logger.Level {
    switch log.level {
    case .error: .error
    case .warning: .warning
    case .info: .info
    case .debug: .debug
    }
  }

  static func environment(_ name: String) -> String? {
    let value = ProcessInfo.processInfo.environment[name]
    return value?.isEmpty == true ? nil : value
  }

  /// Where the repository is.
  func repositoryPath() throws -> String {
    guard
      let path = options.repository ?? Self.environment("LIFEBOAT_REPOSITORY")
        ?? configuration.repository
    else {
      throw UsageError(
        what: "no repository is named",
        why: "neither --repository, LIFEBOAT_REPOSITORY nor the configuration says where it is",
        next: "give --repository PATH")
    }
    return path
  }

  /// Opens the repository, and proves that it is what this machine saw of it before, or newer.
  func openRepository() throws -> Repository {
    let storage = try LocalStorage.open(try repositoryPath())
    let repository = try Repository.open(
      storage, with: try Secrets.unlock(options, configuration), scratch: try scratchFolder())
    let memory = try self.memory()
    var refusal: RepositoryError?
    do {
      try repository.recall(from: memory, expecting: try expectedHead())
    } catch let error as RepositoryError {
      guard error.code == .rolledBack, options.acceptRollback else { throw error }
      refusal = error
    }
    if let refusal {
      messages.warning("accepted: \(refusal.what): \(refusal.why)")
      remember(repository, accepting: true)
      record(.rollback, in: repository, outcome: "warnings", details: ["error": refusal.why])
    } else {
      remember(repository)
    }
    return repository
  }

  private func expectedHead() throws -> LogHead? {
    guard let text = options.expectHead else { return nil }
    guard let head = LogHead(text) else {
      throw UsageError(
        what: "cannot read --expect-head '\(text)'",
        why: "it is not a number, a hyphen and at least \(LogHead.leastDigits) digits of an id",
        next: "give what 'lifeboat status' printed as the head")
    }
    return head
  }

  /// What this machine remembers of the repository's place.
  func memory() throws -> ClientMemory {
    ClientMemory(
      folder: stateFolder(), location: URL(fileURLWithPath: try repositoryPath()).standardized.path)
  }

  /// Remembers the repository as it is now; a failure is a warning: what was done stays done.
  ///
  /// - Parameters:
  ///   - accepting: whether to remember it even if it is older than what is remembered.
  ///   - alone: whether whatever was at its place before is forgotten.
  func remember(_ repository: Repository, accepting: Bool = false, alone: Bool = false) {
    do {
      try repository.remember(in: try memory(), accepting: accepting, alone: alone)
    } catch {
      messages.warning("\(error)")
    }
  }

  /// Where this machine keeps what it must remember.
  func stateFolder() -> String {
    if let folders = Self.environment("STATE_DIRECTORY"),
      let first = folders.split(separator: ":").first
    {
      return String(first)
    }
    if let folder = Self.environment("XDG_STATE_HOME") { return "\(folder)/lifeboat" }
    return Self.environment("HOME").map { "\($0)/.local/state/lifeboat" } ?? "/var/lib/lifeboat"
  }

  /// A private folder for files that have no names: the decrypted index.
  func scratchFolder() throws -> String {
    Self.environment("LIFEBOAT_CACHE") ?? Self.environment("TMPDIR") ?? "/var/tmp"
  }

  /// Now, as documents carry it.
  var now: Timestamp { Timestamp(Date()) }

  /// Appends to the evidence log; a failure is a warning, for the work itself is done.
  func record(
    _ event: LogEntry.Event, in repository: Repository, outcome: String,
    snapshots: [SnapshotID] = [], details: [String: String] = [:]
  ) {
    do {
      try recordOrFail(
        event, in: repository, outcome: outcome, snapshots: snapshots, details: details)
    } catch {
      messages.warning("cannot append to the evidence log: \(error)")
    }
  }

  /// Appends to the evidence log what must not happen without an entry.
  func recordOrFail(
    _ event: LogEntry.Event, in repository: Repository, outcome: String,
    snapshots: [SnapshotID] = [], details: [String: String] = [:]
  ) throws {
    try repository.record(
      event, outcome: outcome, snapshots: snapshots, details: details, host: Host.name,
      program: About.name, time: now)
    remember(repository)
  }
}

/// The command line or environment asks for something that makes no sense.
struct UsageError: Error, CustomStringConvertible {
  var what, why, next: String
  var description: String { "\(what): \(why)\nhint: \(next)" }
}
