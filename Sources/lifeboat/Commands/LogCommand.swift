import ArgumentParser
import Format
import Repository
import Sodium

struct LogCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "log", abstract: "List the evidence log, or prove it.",
    discussion: """
      Every backup, check, drill, forget, prune and change of keys appends a signed entry that \
      names the one before. --verify reads all of it: each signature and seal must hold, no number \
      be missing, each entry follow the one before, each be signed by a key that can have done what \
      it says, and each snapshot that was made be there or have been forgotten. What is wrong is \
      named, and ends with status 1.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(help: ArgumentHelp("List the newest N.", valueName: "n"))
  var limit: Int = 50

  @Flag(help: "Prove the whole log.")
  var verify = false

  func validate() throws {
    if limit < 1 { throw ValidationError("--limit takes a number from 1") }
  }

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
    if verify { return try prove(session, repository) }
    let events = try repository.events(limit: limit)
    if global.json {
      return try Terminal.shared.print(JSONText.pretty(events.map(EventRecord.init)))
    }
    guard !events.isEmpty else { return session.messages.info("the log is empty") }
    let rows = events.reversed().map { event in
      [
        String(event.number), Display.time(event.entry.time), Display.word(event.entry.host),
        Display.word(event.entry.event.rawValue), Display.word(event.entry.outcome),
        event.role.name, Self.summary(event.entry),
      ]
    }
    for line in Display.table(["no", "time", "host", "event", "outcome", "by", ""], rows) {
      try Terminal.shared.print(line)
    }
  }

  private func prove(_ session: Session, _ repository: Repository) throws {
    let result = try repository.verifyLog()
    if global.json {
      try Terminal.shared.print(JSONText.pretty(VerificationRecord(result, repository)))
    } else {
      for note in result.notes { session.messages.info("note: \(note)") }
      for finding in result.findings {
        try Terminal.shared.print("broken (\(finding.code)): \(Display.word(finding.what))")
      }
      if !global.quiet {
        try Terminal.shared.print(
          result.holds
            ? "the log holds: \(Display.count(result.events.count)) entries, head \(result.head?.short ?? "none")"
            : "\(Display.count(result.findings.count)) findings in \(Display.count(result.events.count)) entries"
        )
      }
    }
    if !result.holds { throw ExitStatus.failed }
  }

  private static func summary(_ entry: LogEntry) -> String {
    let snapshots = entry.snapshots.map { String($0.prefix(8)) }
    let details = entry.details.sorted { $0.key < $1.key }.filter { !$0.value.isEmpty }.map {
      "\($0.key) \($0.value)"
    }
    return Display.word((snapshots + details).joined(separator: ", "))
  }
}

/// An entry as `--json` prints it.
///
/// Stable: fields are added, never changed.
struct EventRecord: Encodable {
  var number: UInt64
  var id, time, host, program, event, outcome, role, signer: String
  var snapshots: [String]
  var details: [String: String]

  init(_ event: RecordedEvent) {
    number = event.number
    id = event.id.hex
    time = event.entry.time.description
    host = event.entry.host
    program = event.entry.program
    self.event = event.entry.event.rawValue
    outcome = event.entry.outcome
    role = event.role.name
    signer = event.signer.hex
    snapshots = event.entry.snapshots
    details = event.entry.details
  }
}

/// What `log --verify --json` prints.
private struct VerificationRecord: Encodable {
  struct Finding: Encodable { var code, entry, what: String }
  var verdict: String
  var entries: Int
  var head: String?
  var ownerKey: String
  var findings: [Finding]
  var notes: [String]

  init(_ result: LogVerification, _ repository: Repository) {
    verdict = result.holds ? "pass" : "fail"
    entries = result.events.count
    head = result.head?.description
    ownerKey = repository.keys.secrets.ownerVerifyKey.hex
    findings = result.findings.map { .init(code: $0.code, entry: $0.entry, what: $0.what) }
    notes = result.notes
  }
}
