import ArgumentParser
import Configuration
import Format
import Foundation
import Repository
import Workers

struct ForgetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forget", abstract: "Drop snapshots by a retention policy, or by name.",
    discussion: """
      Snapshots are grouped by host and sources; of each hour, day, week, month and year the \
      newest counts. A snapshot that any rule keeps is kept, and no group is emptied. What \
      dropped snapshots alone needed is reclaimed by 'prune', or at once with --prune. Without \
      options the policy of the configuration holds.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  @Argument(help: "Snapshots to drop by name; no policy is then used.")
  var snapshots: [String] = []

  @Option(help: ArgumentHelp("Keep the newest N.", valueName: "n")) var keepLast: Int?
  @Option(help: ArgumentHelp("Keep one for each of N hours.", valueName: "n")) var keepHourly: Int?
  @Option(help: ArgumentHelp("Keep one for each of N days.", valueName: "n")) var keepDaily: Int?
  @Option(help: ArgumentHelp("Keep one for each of N weeks.", valueName: "n")) var keepWeekly: Int?
  @Option(help: ArgumentHelp("Keep one for each of N months.", valueName: "n"))
  var keepMonthly: Int?
  @Option(help: ArgumentHelp("Keep one for each of N years.", valueName: "n")) var keepYearly: Int?
  @Option(
    help: ArgumentHelp(
      "Keep all that are this much older than the newest at most: 48h, 7d.",
      valueName: "duration"))
  var keepWithin: String?
  @Option(help: ArgumentHelp("Keep all with this tag; repeatable.", valueName: "tag"))
  var keepTag: [String] = []

  @Flag(help: "Show what would be dropped and why the rest is kept; change nothing.")
  var dryRun = false

  @Flag(help: "Reclaim space afterwards.")
  var prune = false

  func validate() throws {
    let counts = [keepLast, keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly]
    if counts.contains(where: { ($0 ?? 0) < 0 }) {
      throw ValidationError("a number of snapshots to keep cannot be negative")
    }
  }

  func run() throws {
    let session = try Session(global)
    let job = ForgetJob(
      names: snapshots, policy: try policy(session.configuration),
      filter: SnapshotFilter(tags: filter.tag, host: filter.host), isDryRun: dryRun,
      prunes: prune)
    try job.run(session)
  }

  private func policy(_ configuration: Configuration) throws -> RetentionPolicy? {
    var policy = RetentionPolicy()
    policy.last = keepLast ?? 0
    policy.hourly = keepHourly ?? 0
    policy.daily = keepDaily ?? 0
    policy.weekly = keepWeekly ?? 0
    policy.monthly = keepMonthly ?? 0
    policy.yearly = keepYearly ?? 0
    policy.tags = keepTag
    if let keepWithin {
      guard let duration = DurationText.parse(keepWithin) else {
        throw UsageError(
          what: "cannot read --keep-within '\(keepWithin)'", why: "it is not a duration",
          next: "write 90s, 15m, 26h, 7d or 4w")
      }
      policy.withinSeconds = duration.components.seconds
    }
    return policy.isEmpty ? configuration.retention.map(RetentionPolicy.init) : policy
  }
}

extension RetentionPolicy {
  /// The policy of a configuration file.
  init(_ retention: Configuration.Retention) {
    self.init()
    last = retention.keepLast ?? 0
    hourly = retention.keepHourly ?? 0
    daily = retention.keepDaily ?? 0
    weekly = retention.keepWeekly ?? 0
    monthly = retention.keepMonthly ?? 0
    yearly = retention.keepYearly ?? 0
    withinSeconds = retention.keepWithin?.components.seconds ?? 0
    tags = retention.keepTags
  }
}

/// Forgetting, as the command and the scheduler run it.
struct ForgetJob {
  var names: [String] = []
  var policy: RetentionPolicy?
  var filter = SnapshotFilter()
  var isDryRun = false
  var prunes = false

  struct Result: Encodable {
    struct Item: Encodable {
      var id, time, group: String
      var reasons: [String]
    }
    var kept: [Item]
    var forgotten: [Item]
    var dryRun: Bool
    var prune: PruneJob.Result?
  }

  func run(_ session: Session) throws {
    let repository = try session.openRepository()
    let decisions = try decide(repository, session.configuration.timeZone)
    let dropped = decisions.filter { !$0.isKept }
    if !session.options.json { try show(decisions, session) }
    if !isDryRun, !dropped.isEmpty {
      try session.cancellation.check()
      // First the entry: a snapshot that is gone and that no entry names was taken by somebody else.
      try session.recordOrFail(
        .forget, in: repository, outcome: "pass", snapshots: dropped.map(\.snapshot.id),
        details: ["kept": String(decisions.count - dropped.count)])
      try repository.forget(dropped.map(\.snapshot))
    }
    let prune = PruneJob(isDryRun: isDryRun)
    let pruned = prunes ? try prune.run(session, repository) : nil
    if session.options.json {
      try Terminal.shared.print(JSONText.pretty(result(decisions, pruned)))
    } else if let pruned {
      try prune.show(pruned, session)
    }
  }

  private func result(_ decisions: [RetentionDecision], _ pruned: PruneJob.Result?) -> Result {
    let items = { (kept: Bool) in
      decisions.filter { $0.isKept == kept }.map {
        Result.Item(
          id: $0.snapshot.id.hex, time: $0.snapshot.manifest.time.description, group: $0.group,
          reasons: $0.reasons)
      }
    }
    return Result(kept: items(true), forgotten: items(false), dryRun: isDryRun, prune: pruned)
  }

  private func decide(_ repository: Repository, _ zone: TimeZone) throws -> [RetentionDecision] {
    if !names.isEmpty {
      return try names.map { name in
        let snapshot = try repository.snapshot(named: name, matching: filter)
        return RetentionDecision(
          snapshot: snapshot, reasons: [], group: Retention.group(of: snapshot.manifest))
      }
    }
    guard let policy, !policy.isEmpty else {
      throw UsageError(
        what: "nothing says what to keep",
        why: "there is no --keep-… option and no retention in the configuration",
        next: "give for example --keep-daily 7 --keep-weekly 5 --keep-monthly 12")
    }
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = zone
    return Retention.plan(
      try repository.snapshots(matching: filter), policy: policy, calendar: calendar)
  }

  private func show(_ decisions: [RetentionDecision], _ session: Session) throws {
    guard !session.options.quiet else { return }
    let rows = decisions.map { decision in
      [
        decision.isKept ? "keep" : isDryRun ? "would forget" : "forget",
        decision.snapshot.id.description, Display.time(decision.snapshot.manifest.time),
        decision.reasons.joined(separator: ", "),
      ]
    }
    for line in Display.table(["", "id", "time", "why"], rows) { try Terminal.shared.print(line) }
  }
}
