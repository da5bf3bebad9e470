// Where the passphrase comes from: a file, a command, a credential, a descriptor, a prompt; never argv.

import Configuration
import Files
import Foundation
import Programs
import Repository
import Sodium

/// Reads secrets by reference.
enum Secrets {
  private static let limit = 64 * 1024

  /// The secret that opens the repository, by the first source that is named: options, environment,
  /// configuration.
  static func unlock(_ options: GlobalOptions, _ configuration: Configuration) throws -> Unlock {
    if let source = try source(options, configuration) {
      switch source {
      case .passphraseFile(let path): return try opener(try contents(of: path), from: path)
      case .passphraseCommand(let words):
        return try opener(try output(of: words), from: "the passphrase command")
      case .systemdCredential(let name):
        let path = try credential(name)
        return try opener(try contents(of: path), from: path)
      case .fileDescriptor(let number):
        return try opener(
          try contents(of: "/proc/self/fd/\(number)"), from: "file descriptor \(number)")
      case .recoveryKeyFile(let path), .keyFile(let path):
        return .recoveryKey(try key(try contents(of: path), from: path))
      }
    }
    if let typed = try PassphrasePrompt.ask("passphrase: ") { return .passphrase(typed) }
    throw UsageError(
      what: "no passphrase is named",
      why: "there is no terminal to ask at, and no option says where it is",
      next: "set LIFEBOAT_PASSPHRASE_FILE, or give --passphrase-file FILE")
  }

  /// The passphrase for a new repository; asked for twice at a terminal.
  static func newPassphrase(_ options: GlobalOptions, _ configuration: Configuration) throws
    -> Secret
  {
    if try source(options, configuration) == nil,
      let first = try PassphrasePrompt.ask("new passphrase: "),
      let second = try PassphrasePrompt.ask("again: ")
    {
      guard first.equals(second) else {
        throw UsageError(
          what: "the passphrases differ", why: "the second is not the first", next: "try again")
      }
      return first
    }
    switch try unlock(options, configuration) {
    case .passphrase(let secret): return secret
    case .recoveryKey:
      throw UsageError(
        what: "a new repository needs a passphrase", why: "another kind of key was given",
        next: "give --passphrase-file FILE; 'init' makes the recovery key itself")
    }
  }

  /// Another passphrase for a repository that is open: from a file, or asked for twice.
  static func additionalPassphrase(file: String?) throws -> Secret {
    if let file { return try passphrase(file: file) }
    guard let first = try PassphrasePrompt.ask("new passphrase: "),
      let second = try PassphrasePrompt.ask("again: ")
    else {
      throw UsageError(
        what: "no new passphrase is named", why: "there is no terminal to ask at",
        next: "give --new-passphrase-file FILE")
    }
    guard first.equals(second) else {
      throw UsageError(
        what: "the passphrases differ", why: "the second is not the first", next: "try again")
    }
    return first
  }

  private static func source(_ options: GlobalOptions, _ configuration: Configuration) throws
    -> Configuration.KeySource?
  {
    let given = [
      options.passphraseFile, options.passphraseCommand, options.recoveryKeyFile, options.keyFile,
    ]
    guard given.compactMap({ $0 }).count <= 1 else {
      throw UsageError(
        what: "several key sources are named",
        why:
          "only one of --passphrase-file, --passphrase-command, --recovery-key-file and --key-file can hold",
        next: "give one")
    }
    let words: (String) -> [String] = { $0.split(separator: " ").map(String.init) }
    if let path = options.passphraseFile { return .passphraseFile(path) }
    if let command = options.passphraseCommand { return .passphraseCommand(words(command)) }
    if let path = options.recoveryKeyFile { return .recoveryKeyFile(path) }
    if let path = options.keyFile { return .keyFile(path) }
    if let path = Session.environment("LIFEBOAT_RECOVERY_KEY_FILE") {
      return .recoveryKeyFile(path)
    }
    if let path = Session.environment("LIFEBOAT_KEY_FILE") { return .keyFile(path) }
    if let path = Session.environment("LIFEBOAT_PASSPHRASE_FILE") { return .passphraseFile(path) }
    if let command = Session.environment("LIFEBOAT_PASSPHRASE_COMMAND") {
      return .passphraseCommand(words(command))
    }
    return configuration.key
  }

  // MARK: Sources

  /// What a key file begins with; no passphrase does.
  static let keyFileMark = "# Lifeboat: the key of a "

  /// A passphrase or a whole key file, whichever these bytes are.
  private static func opener(_ bytes: [UInt8], from place: String) throws -> Unlock {
    bytes.starts(with: keyFileMark.utf8)
      ? .recoveryKey(try key(bytes, from: place))
      : .passphrase(try firstLine(of: bytes, from: place))
  }

  private static func passphrase(file path: String) throws -> Secret {
    try firstLine(of: try contents(of: path), from: path)
  }

  private static func credential(_ name: String) throws -> String {
    guard let folder = Session.environment("CREDENTIALS_DIRECTORY"), !name.contains("/") else {
      throw UsageError(
        what: "cannot read the credential '\(name)'",
        why: "CREDENTIALS_DIRECTORY is not set: this is not a unit with LoadCredential=",
        next: "run it from its systemd unit, or use a passphrase file")
    }
    return "\(folder)/\(name)"
  }

  private static func output(of words: [String]) throws -> [UInt8] {
    guard let path = words.first else {
      throw UsageError(
        what: "the passphrase command is empty", why: "there is nothing to run",
        next: "name a program that prints the passphrase")
    }
    let result = try Program(
      path: path.contains("/") ? path : "/usr/bin/env",
      arguments: path.contains("/") ? Array(words.dropFirst()) : words
    ).run(outputLimit: limit)
    guard result.isSuccess else {
      throw UsageError(
        what: "the passphrase command failed",
        why: "'\(path)' ended with status \(result.exitStatus)", next: "run it by hand")
    }
    return result.standardOutput
  }

  private static func key(_ bytes: [UInt8], from place: String) throws -> Secret {
    var bytes = bytes
    defer { wipe(&bytes) }
    guard let key = RecoveryKey(bytes) else {
      throw UsageError(
        what: "cannot read the key in \(place)",
        why:
          "it is not a recovery key or key file, or a letter was misread (its checksum does not match)",
        next: "compare it letter by letter with the paper")
    }
    return key.secret
  }

  private static func contents(of path: String) throws -> [UInt8] {
    do {
      return try OwnedDescriptor.contents(of: path, limit: limit)
    } catch {
      throw UsageError(
        what: "cannot read the secret in \(path)", why: "\(error)",
        next: "check the path and its permissions")
    }
  }

  private static func firstLine(of bytes: [UInt8], from place: String) throws -> Secret {
    var bytes = bytes
    defer { wipe(&bytes) }
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty else {
      throw UsageError(
        what: "the passphrase is empty", why: "the first line of \(place) is empty",
        next: "write the passphrase there")
    }
    return try Secret(copying: bytes.span.extracting(0..<line.count))
  }
}
