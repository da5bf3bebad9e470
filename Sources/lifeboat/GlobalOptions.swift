// Options that every command takes, and the environment that stands in for them.

import ArgumentParser
import Configuration
import Foundation

/// Where the repository is, how it is unlocked, how to talk.
struct GlobalOptions: ParsableArguments {
  @Option(
    name: [.customShort("r"), .long],
    help: ArgumentHelp(
      "The repository: a local directory. Or LIFEBOAT_REPOSITORY, or the configuration.",
      valueName: "path"))
  var repository: String?

  @Option(
    help: ArgumentHelp(
      "File whose first line is the passphrase. Or LIFEBOAT_PASSPHRASE_FILE.", valueName: "file"))
  var passphraseFile: String?

  @Option(
    help: ArgumentHelp(
      "Program that prints the passphrase, with arguments, run without a shell. Or LIFEBOAT_PASSPHRASE_COMMAND.",
      valueName: "command"))
  var passphraseCommand: String?

  @Option(
    help: ArgumentHelp(
      "File that holds the recovery key. Or LIFEBOAT_RECOVERY_KEY_FILE.", valueName: "file"))
  var recoveryKeyFile: String?

  @Option(
    help: ArgumentHelp(
      "Key file of a role, as 'key export' writes it. Or LIFEBOAT_KEY_FILE.", valueName: "file"))
  var keyFile: String?

  @Option(
    help: ArgumentHelp(
      "An entry that the evidence log must have, as 'status' prints the head: for a machine that has not seen the repository yet.",
      valueName: "number-id"))
  var expectHead: String?

  @Flag(
    help:
      "Go on although the repository is older than what this client saw, or another one; what is there is remembered from then on."
  )
  var acceptRollback = false

  @Option(
    help: ArgumentHelp("Configuration file (YAML). Or LIFEBOAT_CONFIG.", valueName: "file"))
  var config: String?

  @Flag(help: "Print the result as JSON.")
  var json = false

  @Flag(name: [.customShort("q"), .long], help: "Say nothing but errors.")
  var quiet = false

  @Flag(name: [.customShort("v"), .long], help: "Say more.")
  var verbose = false

  @Option(help: ArgumentHelp("How messages are written: text or json.", valueName: "format"))
  var logFormat: MessageFormat?

  func validate() throws {
    if quiet && verbose {
      throw ValidationError("--quiet and --verbose exclude each other")
    }
  }
}

/// How messages on standard error are written.
enum MessageFormat: String, ExpressibleByArgument, CaseIterable {
  case text, json
}

/// What a snapshot must match, as options.
struct FilterOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Only snapshots with this tag; repeatable.", valueName: "tag"))
  var tag: [String] = []

  @Option(help: ArgumentHelp("Only snapshots of this host.", valueName: "host"))
  var host: String?
}
