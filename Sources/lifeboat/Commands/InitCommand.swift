import ArgumentParser
import Files
import Format
import Foundation
import Repository
import Storage

struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init", abstract: "Make a new, encrypted repository.",
    discussion: """
      The passphrase opens it. A recovery key is printed once as a second way in: write it down \
      and keep it away from this machine. With --quiet there is no recovery key, unless \
      --write-recovery-key says where it goes.

      Packs carry 2% of parity, by which 'lifeboat repair' mends what rots on a disk. --parity none \
      leaves it out: for storage that mends itself.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "Write the recovery key to this new file instead of showing it.", valueName: "file"))
  var writeRecoveryKey: String?

  @Flag(help: "Make no recovery key.")
  var noRecoveryKey = false

  @Option(
    help: ArgumentHelp(
      "Protection of packs against rot: 2% or none.",
      valueName: "share"))
  var parity: ParityOption?

  struct Result: Encodable {
    var repository: String
    var path: String
    var recoveryKeyFile: String?
    var recoveryKey: String?
  }

  func run() throws {
    let session = try Session(global)
    let path = try session.repositoryPath()
    let passphrase = try Secrets.newPassphrase(global, session.configuration)
    if let file = writeRecoveryKey, FileManager.default.fileExists(atPath: file) {
      throw UsageError(
        what: "cannot write the recovery key to \(file)", why: "there is a file already",
        next: "name a new file")
    }
    let storage = try LocalStorage.create(path)
    let wantsKey = !noRecoveryKey && (writeRecoveryKey != nil || !global.quiet)
    let created = try KeyRing.create(
      in: storage, passphrase: passphrase, label: Host.name, withRecoveryKey: wantsKey,
      created: session.now, parity: parity?.scheme ?? .fiveShards)
    if let key = created.recoveryKey, let file = writeRecoveryKey {
      try DurableFile.write(Array((key.text + "\n").utf8), to: file)
    }
    let shown = writeRecoveryKey == nil ? created.recoveryKey?.text : nil
    if global.json {
      try Terminal.shared.print(
        JSONText.pretty(
          Result(
            repository: created.id.hex, path: path, recoveryKeyFile: writeRecoveryKey,
            recoveryKey: shown)))
    } else if !global.quiet {
      try Terminal.shared.print("created repository \(created.id) at \(path)")
      if let shown {
        try Terminal.shared.print(
          """

          Recovery key, shown this once. Write it down and keep it away from this machine:

              \(shown)

          Whoever has it can read every backup; without it and the passphrase nobody can.
          """)
      }
    }
    let repository = try Repository.open(
      storage, with: .passphrase(passphrase), scratch: try session.scratchFolder())
    session.record(.initialized, in: repository, outcome: "pass")
    session.remember(repository, alone: true)
  }
}

/// The values of `init --parity`.
enum ParityOption: String, ExpressibleByArgument, CaseIterable {
  case twoPercent = "2%"
  case none

  var scheme: ParityScheme {
    switch self {
    case .twoPercent: .fiveShards
    case .none: .none
    }
  }
}
