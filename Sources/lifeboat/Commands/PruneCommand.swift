import ArgumentParser
import Configuration
import Format
import Foundation
import Repository
import Storage
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
    let job = PruneJob(isDryRun: dryRun, graceSeconds: duration.components.seconds)
    try job.show(try job.run(session, repository), session)
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
    var nothingToDo: Bool
  }

  /// Prunes, or plans to.
  func run(_ session: Session, _ repository: Repository) throws -> Result {
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
    if !isDryRun { removeLeftovers(session, repository) }
    return Result(
      dryRun: isDryRun, bytesTotal: plan.totalByteCount, bytesLive: plan.liveByteCount,
      bytesFreed: freed, bytesToFree: plan.deleteByteCount, bytesMarked: plan.doomByteCount,
      bytesRepacked: plan.repackByteCount, packsDeleted: plan.delete.count,
      packsMarked: plan.doom.count, packsRepacked: plan.repack.count,
      packsRescued: plan.rescue.count, packsUnindexed: plan.unindexed.count,
      indexRunsMerged: plan.mergedRunCount, nothingToDo: plan.isEmpty)
  }

  /// Removes files that writers which were killed left half written.
  private func removeLeftovers(_ session: Session, _ repository: Repository) {
    guard let storage = repository.storage as? LocalStorage else { return }
    do {
      let removed = try storage.removeLeftovers(
        olderThan: .seconds(graceSeconds), now: session.now)
      if removed.count > 0 {
        session.messages.info(
          "removed \(Display.count(removed.count)) half-written files of interrupted runs")
      }
    } catch {
      session.messages.warning("\(error)")
    }
  }

  /// Prints what a run did or would do.
  func show(_ result: Result, _ session: Session) throws {
    if session.options.json { return try Terminal.shared.print(JSONText.pretty(result)) }
    guard !session.options.quiet else { return }
    let will = isDryRun ? "would " : ""
    try Terminal.shared.print(
      "\(Display.bytes(result.bytesTotal)) stored, \(Display.bytes(result.bytesLive)) of it needed"
    )
    if result.packsDeleted > 0 {
      try Terminal.shared.print(
        "\(will)delete \(Display.count(result.packsDeleted)) packs (\(Display.bytes(result.bytesToFree))) marked longer ago than the grace time"
      )
    }
    if result.packsRepacked > 0 {
      try Terminal.shared.print(
        "\(will)repack \(Display.count(result.packsRepacked)) packs, keeping \(Display.bytes(result.bytesRepacked))"
      )
    }
    if result.packsMarked > 0 {
      try Terminal.shared.print(
        "\(will)mark \(Display.count(result.packsMarked)) packs (\(Display.bytes(result.bytesMarked))) for deletion"
      )
    }
    if result.packsRescued > 0 {
      try Terminal.shared.print(
        "\(will)bring back \(Display.count(result.packsRescued)) marked packs that are needed")
    }
    if !isDryRun { try Terminal.shared.print("freed \(Display.bytes(result.bytesFreed))") }
    if result.nothingToDo { try Terminal.shared.print("nothing to do") }
  }
}
