import ArgumentParser
import Configuration
import Format
import Foundation
import Repository
import Sodium
import Storage

struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Answer in one screen whether recovery is sure.",
    discussion: """
      Ends with status 1 if there is no snapshot, the newest one is older than the RPO of the \
      configuration, the last backup, drill or check failed, or the evidence log does not hold; \
      else with 0.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "What counts as verified lately, for the share of stored bytes that was.",
      valueName: "duration"))
  var verifiedWithin: String = "30d"

  struct Result: Encodable {
    /// What of the stored packs was read and found good.
    struct Verification: Encodable {
      var withinSeconds: Double
      var share: Double
      var bytes, bytesVerified, bytesNever: UInt64
      var oldestAgeSeconds: Double?
    }
    struct Event: Encodable {
      var time, outcome: String
      var ageSeconds: Double
    }
    var verdict: String
    var problems: [String]
    var repository, path: String
    /// The owner's verification key: what reports are proven against.
    var ownerKey: String
    /// The newest entry of the evidence log: what another machine is told to expect.
    var head: String?
    var snapshots: Int
    var bytesStored: UInt64
    var newestSnapshot, newestTime: String?
    var ageSeconds, rpoSeconds: Double?
    var lastDrill, lastCheck, lastBackup, lastPrune: Event?
    var doomedPacks: Int
    var verification: Verification
  }

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
    let result = try gather(session, repository)
    if global.json {
      try Terminal.shared.print(JSONText.pretty(result))
    } else if !global.quiet {
      try show(result)
    }
    if !result.problems.isEmpty { throw ExitStatus.failed }
  }

  private func verification(_ repository: Repository, _ now: Date) throws -> Result.Verification {
    guard let within = DurationText.parse(verifiedWithin) else {
      throw UsageError(
        what: "cannot read --verified-within '\(verifiedWithin)'", why: "it is not a duration",
        next: "write 36h, 7d or 4w")
    }
    let seconds = Double(within.components.seconds)
    let share = try repository.verifiedShare(since: Timestamp(now.addingTimeInterval(-seconds)))
    return Result.Verification(
      withinSeconds: seconds,
      share: share.byteCount == 0 ? 1 : Double(share.recentByteCount) / Double(share.byteCount),
      bytes: share.byteCount, bytesVerified: share.recentByteCount,
      bytesNever: share.neverByteCount,
      oldestAgeSeconds: share.oldest.map { now.timeIntervalSince($0.date) })
  }

  private func gather(_ session: Session, _ repository: Repository) throws -> Result {
    let snapshots = try repository.snapshots()
    let now = Date()
    var broken: String?
    var events: [RecordedEvent] = []
    do { events = try repository.events(limit: 1000) } catch let error as RepositoryError {
      guard error.code == .damaged else { throw error }
      broken = "the evidence log does not hold: \(error.why)"
    }
    func last(_ kind: LogEntry.Event) -> Result.Event? {
      events.first { $0.entry.event == kind }.map {
        Result.Event(
          time: $0.entry.time.description, outcome: $0.entry.outcome,
          ageSeconds: now.timeIntervalSince($0.entry.time.date))
      }
    }
    let newest = snapshots.last
    let age = newest.map { now.timeIntervalSince($0.manifest.time.date) }
    let rpo = session.configuration.drill.rpo.map { Double($0.components.seconds) }
    var result = Result(
      verdict: "pass", problems: [], repository: repository.id.hex,
      path: repository.storage.location, ownerKey: repository.keys.secrets.ownerVerifyKey.hex,
      head: try repository.logNames().last?.description, snapshots: snapshots.count,
      bytesStored: try repository.storedByteCount(), newestSnapshot: newest?.id.hex,
      newestTime: newest?.manifest.time.description, ageSeconds: age, rpoSeconds: rpo,
      lastDrill: last(.drill), lastCheck: last(.check), lastBackup: last(.backup),
      lastPrune: last(.prune), doomedPacks: try repository.doomMarks().flatMap(\.packs).count,
      verification: try verification(repository, now))
    if let broken { result.problems.append(broken) }
    if newest == nil { result.problems.append("there is no snapshot") }
    if let age, let rpo, age > rpo {
      result.problems.append(
        "the newest snapshot is \(Display.duration(seconds: age)) old, more than the RPO of \(Display.duration(seconds: rpo))"
      )
    }
    if result.lastDrill?.outcome == "fail" { result.problems.append("the last drill failed") }
    if result.lastCheck?.outcome == "fail" { result.problems.append("the last check failed") }
    if result.lastBackup?.outcome == "fail" { result.problems.append("the last backup failed") }
    result.verdict = result.problems.isEmpty ? "pass" : "fail"
    return result
  }

  private func show(_ result: Result) throws {
    func event(_ event: Result.Event?) -> String {
      event.map { "\($0.outcome), \(Display.duration(seconds: $0.ageSeconds)) ago" } ?? "never"
    }
    var lines = [
      "repository   \(result.repository.prefix(8)) at \(result.path)",
      "owner key    \(result.ownerKey)",
      "head         \(result.head ?? "none")",
      "stored       \(Display.bytes(result.bytesStored)) in \(Display.count(result.snapshots)) snapshots",
    ]
    if let id = result.newestSnapshot, let age = result.ageSeconds {
      let target = result.rpoSeconds.map { " (RPO \(Display.duration(seconds: $0)))" } ?? ""
      lines.append("newest       \(id.prefix(8)), \(Display.duration(seconds: age)) old\(target)")
    }
    lines.append("last drill   \(event(result.lastDrill))")
    lines.append("last check   \(event(result.lastCheck))")
    lines.append("verified     \(Self.words(result.verification))")
    if result.doomedPacks > 0 {
      lines.append("marked       \(Display.count(result.doomedPacks)) packs wait for deletion")
    }
    for problem in result.problems { lines.append("PROBLEM      \(problem)") }
    if result.problems.isEmpty { lines.append("all well") }
    for line in lines { try Terminal.shared.print(line) }
  }

  private static func words(_ verification: Result.Verification) -> String {
    // Never rounded up: 100 % means all of it.
    let percent = Int((verification.share * 100).rounded(.down))
    var text =
      "\(percent) % of what is stored, in the last \(Display.duration(seconds: verification.withinSeconds))"
    if verification.bytesNever > 0 {
      text += "; \(Display.bytes(verification.bytesNever)) never"
    }
    if let oldest = verification.oldestAgeSeconds {
      text += "; longest ago: \(Display.duration(seconds: oldest))"
    }
    return text
  }
}
