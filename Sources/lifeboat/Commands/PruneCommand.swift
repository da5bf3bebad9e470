import ArgumentParser
import Configuration
import Format
import Foundation
import Repository
import Workers

struct PruneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prune", abstract: "Reclaim what no snapshot needs.",
    discussion: """
      Packs that nothing needs are marked first and deleted by a prune after the grace time, so \
      that a backup that runs meanwhile is never broken. --grace 0s deletes at once: use it only \
      when nothing else works on the repository.
      """)

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Show what would be done; change nothing.")
  var dryRun = false

  @Option(
    help: ArgumentHelp("How long a pack stays marked before it is deleted.", valueName: "duration"))
  var grace: String = "24h"

  func run() throws {
    let session = try Session(global)
    guard let duration = DurationText.parse(grace) else {
      throw UsageError(
        what: "cannot read --grace '\(grace)'", why: "it is not a duration",
        next: "write 0s, 90s, 15m, 26h or 7d")
    }
    let repository = try session.openRepository()
    try PruneJob(isDryRun: dryRun, graceSeconds: duration.components.seconds)
      .run(session, repository)
  }
}

/// Pruning, as commands and the scheduler run it.
struct PruneJob {
  var isDryRun = false
  var graceSeconds: Int64 = 24 * 3600

  struct Result: Encodable {
    var dryRun: Bool
    var bytesTotal, bytesLive, bytesFreed, bytesToFree, bytesMarked, bytesRepacked: UInt64
    var packsDeleted, packsMarked, packsRepacked, packsRescued, packsUnindexed: Int
    var indexRunsMerged: Int
  }

  func run(_ session: Session, _ repository: Repository) throws {
    var options = PruneOptions(now: session.now)
    options.graceSeconds = graceSeconds
    let display = ProgressDisplay(session)
    defer { display.end() }
    session.progress.begin("finding what snapshots need")
    let plan = try repository.planPrune(options, cancellation: session.cancellation)
    var freed: UInt64 = 0
    if !isDryRun, !plan.isEmpty {
      session.progress.begin("pruning")
      freed = try repository.performPrune(plan, options, cancellation: session.cancellation)
      session.record(
        .prune, in: repository, outcome: "pass",
        details: [
          "bytes-freed": String(freed), "packs-deleted": String(plan.delete.count),
          "packs-marked": String(plan.doom.count), "packs-repacked": String(plan.repack.count),
        ])
    }
    display.end()
    try show(plan, freed: freed, session)
  }

  private func show(_ plan: PrunePlan, freed: UInt64, _ session: Session) throws {
    if session.options.json {
      return try Terminal.shared.print(
        JSONText.pretty(
          Result(
            dryRun: isDryRun, bytesTotal: plan.totalByteCount, bytesLive: plan.liveByteCount,
            bytesFreed: freed, bytesToFree: plan.deleteByteCount,
            bytesMarked: plan.doomByteCount, bytesRepacked: plan.repackByteCount,
            packsDeleted: plan.delete.count, packsMarked: plan.doom.count,
            packsRepacked: plan.repack.count, packsRescued: plan.rescue.count,
            packsUnindexed: plan.unindexed.count, indexRunsMerged: plan.mergedRunCount)))
    }
    guard !session.options.quiet else { return }
    let will = isDryRun ? "would " : ""
    try Terminal.shared.print(
      "\(Display.bytes(plan.totalByteCount)) stored, \(Display.bytes(plan.liveByteCount)) of it needed"
    )
    if !plan.delete.isEmpty {
      try Terminal.shared.print(
        "\(will)delete \(Display.count(plan.delete.count)) packs (\(Display.bytes(plan.deleteByteCount))) marked longer ago than the grace time"
      )
    }
    if !plan.repack.isEmpty {
      try Terminal.shared.print(
        "\(will)repack \(Display.count(plan.repack.count)) packs, keeping \(Display.bytes(plan.repackByteCount))"
      )
    }
    if !plan.doom.isEmpty {
      try Terminal.shared.print(
        "\(will)mark \(Display.count(plan.doom.count)) packs (\(Display.bytes(plan.doomByteCount))) for deletion"
      )
    }
    if !plan.rescue.isEmpty {
      try Terminal.shared.print(
        "\(will)bring back \(Display.count(plan.rescue.count)) marked packs that are needed")
    }
    if !isDryRun { try Terminal.shared.print("freed \(Display.bytes(freed))") }
    if plan.isEmpty { try Terminal.shared.print("nothing to do") }
  }
}
