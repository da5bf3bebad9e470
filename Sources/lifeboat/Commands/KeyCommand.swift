import ArgumentParser
import Files
import Format
import Repository
import Sodium

struct KeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key", abstract: "List, add, change, export and remove keys.",
    discussion: """
      A writer's key backs up and reads nothing, a keeper's reads catalogs, checks, forgets and \
      prunes, an owner's does everything. Give the host that backs up a writer's key ('key export \
      --role writer'), and keep the owner's with people.
      """,
    subcommands: [List.self, Add.self, Export.self, ChangePassphrase.self, Remove.self])

  /// A key slot as `--json` prints it.
  ///
  /// Stable: fields are added, never changed.
  struct Record: Encodable {
    var id, role, lock, label, created: String
    /// Whether it opened the repository just now.
    var isInUse: Bool

    init(_ slot: PlacedKeySlot, _ repository: Repository) {
      id = slot.id.hex
      role = slot.role.name
      lock = slot.hasPassphrase ? "passphrase" : "key"
      label = slot.label
      created = slot.created.description
      isInUse = slot.id == repository.openedBy
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the keys that open the repository.",
      discussion: "The one that opened it for this command is marked with *.")

    @OptionGroup var global: GlobalOptions

    func run() throws {
      let session = try Session(global)
      let repository = try session.openRepository()
      let records = try repository.keySlots().map { Record($0, repository) }
      if global.json { return try Terminal.shared.print(JSONText.pretty(records)) }
      let rows = try repository.keySlots().map { slot in
        [
          slot.id == repository.openedBy ? "*" : "", slot.id.description, slot.role.name,
          slot.hasPassphrase ? "passphrase" : "key", Display.time(slot.created),
          Display.word(slot.label),
        ]
      }
      for line in Display.table(["", "id", "role", "opens with", "made", "label"], rows) {
        try Terminal.shared.print(line)
      }
    }
  }

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a passphrase, a key file or a recovery key.",
      discussion: """
        Without an option that says what opens the new key, a passphrase is asked for. Takes the \
        owner's key.
        """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var lock: NewLockOptions

    @Option(help: ArgumentHelp("What it may do: writer, keeper or owner.", valueName: "role"))
    var role: Role = .owner

    @Option(help: ArgumentHelp("A word to know it by.", valueName: "text"))
    var label: String?

    func run() throws {
      let session = try Session(global)
      let repository = try session.openRepository()
      try repository.require(.owner, to: "add a key")
      let job = KeyJob(session: session, repository: repository)
      switch try lock.choice() {
      case .keyFile(let path):
        try job.export(role: role, to: path, label: label)
      case .recoveryKey:
        let key = try RecoveryKey.generate()
        let slot = try job.add(role: role, lock: .key(key), label: label ?? "recovery key")
        try job.show(slot, recoveryKey: key.text)
      case .passphrase(let secret):
        try job.show(
          try job.add(role: role, lock: .passphrase(secret), label: label ?? Host.name))
      }
    }
  }

  struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write the key file of a role, for a machine that needs no more.",
      discussion: """
        The file opens the repository with that role: --key-file, LIFEBOAT_KEY_FILE, or key-file in \
        the configuration. It is made with mode 0600 and never overwrites one. Takes the owner's key.
        """)

    @OptionGroup var global: GlobalOptions

    @Option(help: ArgumentHelp("What it may do: writer or keeper.", valueName: "role"))
    var role: Role

    @Option(help: ArgumentHelp("The new file.", valueName: "file"))
    var output: String

    @Option(help: ArgumentHelp("A word to know it by.", valueName: "text"))
    var label: String?

    func validate() throws {
      if role == .owner {
        throw ValidationError(
          "--role takes writer or keeper; 'key add --new-key-file' makes an owner's")
      }
    }

    func run() throws {
      let session = try Session(global)
      let repository = try session.openRepository()
      try repository.require(.owner, to: "export a key")
      try KeyJob(session: session, repository: repository).export(
        role: role, to: output, label: label)
    }
  }

  struct ChangePassphrase: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "change-passphrase",
      abstract: "Give the passphrase that opens the repository another wording.",
      discussion: """
        The new one is asked for, or read from --new-passphrase-file. It opens the same keys: who \
        has copied the repository and knows the old one can still open that copy.
        """)

    @OptionGroup var global: GlobalOptions

    @Option(
      help: ArgumentHelp("File whose first line is the new passphrase.", valueName: "file"))
    var newPassphraseFile: String?

    func run() throws {
      let session = try Session(global)
      let repository = try session.openRepository()
      let secret = try Secrets.additionalPassphrase(file: newPassphraseFile)
      let change = try repository.changePassphrase(to: secret, created: session.now)
      session.record(
        .key, in: repository, outcome: "pass",
        details: KeyJob.details("change-passphrase", change.added).merging([
          "removed": change.removed.id.description
        ]) { $1 })
      try KeyJob(session: session, repository: repository).show(change.added)
    }
  }

  struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a key.",
      discussion: """
        The last key of an owner is never removed. A removed key no longer opens this repository; who \
        has copied the repository before, or what the key opened, still has that. Takes the owner's key.
        """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: "The first digits of its id, as 'key list' prints it.")
    var id: String

    func run() throws {
      let session = try Session(global)
      let repository = try session.openRepository()
      let slot = try repository.keySlot(named: id)
      try repository.removeKeySlot(slot)
      session.record(
        .key, in: repository, outcome: "pass", details: KeyJob.details("remove", slot))
      if global.json {
        try Terminal.shared.print(JSONText.pretty(Record(slot, repository)))
      } else if !global.quiet {
        try Terminal.shared.print("removed key \(slot.id) (\(Display.word(slot.label)))")
      }
    }
  }
}

extension Role: ExpressibleByArgument {
  /// Reads `writer`, `keeper` or `owner`.
  public init?(argument: String) {
    guard let role = Role.allCases.first(where: { $0.name == argument }) else { return nil }
    self = role
  }
}

/// What opens a new key, as options.
struct NewLockOptions: ParsableArguments {
  enum Choice {
    case passphrase(Secret)
    case keyFile(String)
    case recoveryKey
  }

  @Option(help: ArgumentHelp("File whose first line is the new passphrase.", valueName: "file"))
  var newPassphraseFile: String?

  @Option(help: ArgumentHelp("Write a new key file, mode 0600.", valueName: "file"))
  var newKeyFile: String?

  @Flag(help: "Print a new recovery key, once.")
  var newRecoveryKey = false

  func validate() throws {
    let count =
      (newPassphraseFile == nil ? 0 : 1) + (newKeyFile == nil ? 0 : 1) + (newRecoveryKey ? 1 : 0)
    if count > 1 {
      throw ValidationError(
        "only one of --new-passphrase-file, --new-key-file and --new-recovery-key can hold")
    }
  }

  func choice() throws -> Choice {
    if let newKeyFile { return .keyFile(newKeyFile) }
    if newRecoveryKey { return .recoveryKey }
    return .passphrase(try Secrets.additionalPassphrase(file: newPassphraseFile))
  }
}

/// Adding keys: the repository, the evidence, what is shown.
struct KeyJob {
  let session: Session
  let repository: Repository

  private struct Result: Encodable {
    var key: KeyCommand.Record
    var keyFile, recoveryKey: String?
  }

  static func details(_ action: String, _ slot: PlacedKeySlot) -> [String: String] {
    ["action": action, "key": slot.id.hex, "role": slot.role.name, "label": slot.label]
  }

  func add(role: Role, lock: NewLock, label: String, action: String = "add") throws
    -> PlacedKeySlot
  {
    let slot = try repository.addKeySlot(
      role: role, lock: lock, label: label, created: session.now)
    session.record(.key, in: repository, outcome: "pass", details: Self.details(action, slot))
    return slot
  }

  /// Writes a key file and adds its slot.
  ///
  /// The file comes first: a slot that nobody can open would only confuse; it goes again if there is
  /// no slot for it.
  func export(role: Role, to path: String, label: String?) throws {
    let key = try RecoveryKey.generate()
    let label = label ?? "\(role.name)'s key file"
    var bytes = Array(
      "\(Secrets.keyFileMark)\(role.name) of repository \(repository.id). A secret.\n\(key.text)\n"
        .utf8)
    defer { wipe(&bytes) }
    do throws(SystemError) {
      try DurableFile.write(bytes, to: path, permissions: 0o600, replacing: false)
    } catch {
      throw UsageError(
        what: "cannot write the key file \(path)",
        why: error.isExisting ? "there is a file already" : "\(error)",
        next: "name a new file in a folder that exists")
    }
    let slot: PlacedKeySlot
    do { slot = try add(role: role, lock: .key(key), label: label, action: "export") } catch {
      try? OwnedDescriptor.workingDirectory.remove(path)
      throw error
    }
    try show(slot, keyFile: path)
  }

  func show(_ slot: PlacedKeySlot, keyFile: String? = nil, recoveryKey: String? = nil) throws {
    if session.options.json {
      return try Terminal.shared.print(
        JSONText.pretty(
          Result(
            key: KeyCommand.Record(slot, repository), keyFile: keyFile, recoveryKey: recoveryKey)))
    }
    guard !session.options.quiet || recoveryKey != nil else { return }
    try Terminal.shared.print(
      "added key \(slot.id): \(slot.role.name), \(Display.word(slot.label))\(keyFile.map { ", in \($0)" } ?? "")"
    )
    if let recoveryKey {
      try Terminal.shared.print(
        """

        Recovery key, shown this once. Write it down and keep it away from this machine:

            \(recoveryKey)
        """)
    }
  }
}
