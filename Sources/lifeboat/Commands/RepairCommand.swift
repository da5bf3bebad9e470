import ArgumentParser
import Files
import Format
import Foundation
import Repository
import Storage

struct RepairCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "repair",
    abstract: "Mend what is damaged: from parity, a second copy, or the packs.",
    discussion: """
      Every object is read, and the plan is printed before anything is written. A damaged pack is \
      computed anew from its parity, or taken from --from; a lost or damaged index is made again \
      from the packs; other objects are taken from --from. Nothing is written that does not hash \
      to what was once recorded. What cannot be mended is named with the snapshots it touches, and \
      ends with status 3; a repair that was interrupted is simply run again.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "A second copy of this repository, opened with the same secret; it is only read.",
      valueName: "path"))
  var from: String?

  @Flag(help: "Show what would be done; change nothing.")
  var dryRun = false

  @Flag(
    help: """
      Remove manifests, log entries and key slots that are damaged and in no copy: until they are \
      gone, commands that must see all of them refuse to run.
      """)
  var removeLost = false

  func run() throws {
    try RepairJob(from: from, isDryRun: dryRun, removesLost: removeLost).run(try Session(global))
  }
}

/// A repair, as the command runs it.
struct RepairJob {
  var from: String?
  var isDryRun: Bool
  var removesLost: Bool

  struct Result: Encodable {
    struct Step: Encodable { var action, object, reason: String }
    var dryRun: Bool
    /// `pass`, or `partly` if damage remains.
    var verdict: String
    var packs: Int
    var bytesRead, bytesWritten: UInt64
    var steps: [Step]
    var losses: [CheckCommand.Result.Finding]
  }

  /// - Throws: ``ExitStatus/partly`` if damage remains, after it was named.
  func run(_ session: Session) throws {
    let path = try session.repositoryPath()
    let storage = try LocalStorage.open(path)
    let unlock = try Secrets.unlock(session.options, session.configuration)
    let scratch = try session.scratchFolder()
    let copy = try from.map { from in
      try refuseSame(path, from)
      return try Repository.open(
        try LocalStorage.open(from), with: unlock, scratch: scratch)
    }
    var result = Result(
      dryRun: isDryRun, verdict: "pass", packs: 0, bytesRead: 0, bytesWritten: 0, steps: [],
      losses: [])
    let opened = try open(storage, unlock, scratch, copy, session, &result)
    guard let repository = opened else { return try finish(result, session) }

    var options = RepairOptions()
    options.removesLost = removesLost
    let display = ProgressDisplay(session)
    defer { display.end() }
    let plan = try repository.planRepair(
      from: copy, options, workers: min(2, ProcessInfo.processInfo.activeProcessorCount),
      cancellation: session.cancellation, progress: session.progress)
    result.packs = plan.packCount
    result.bytesRead = plan.readByteCount
    result.losses = plan.losses.map(Self.finding)
    add(plan.steps, to: &result)
    if !session.options.json { try show(plan.steps, session) }
    if !isDryRun, !plan.isEmpty {
      result.bytesWritten += try repository.performRepair(
        plan, from: copy, cancellation: session.cancellation, progress: session.progress)
      display.end()
      try judge(try Repository.open(storage, with: unlock, scratch: scratch), session, &result)
      session.record(
        .repair, in: repository, outcome: result.losses.isEmpty ? "pass" : "warnings",
        details: [
          "packs-mended": String(plan.count(.mend)), "objects-fetched": String(plan.count(.fetch)),
          "packs-relisted": String(plan.count(.relist)),
          "objects-removed": String(plan.count(.remove)), "losses": String(result.losses.count),
        ])
    }
    display.end()
    try finish(result, session)
  }

  /// The repository, made openable first if only a copy of its configuration and keys is missing.
  ///
  /// Nil if that would be done, and this is a dry run.
  private func open(
    _ storage: LocalStorage, _ unlock: Unlock, _ scratch: String, _ copy: Repository?,
    _ session: Session, _ result: inout Result
  ) throws -> Repository? {
    do { return try Repository.open(storage, with: unlock, scratch: scratch) } catch let error
      as RepositoryError
    {
      guard let copy, [.missing, .damaged, .wrongPassphrase, .storage].contains(error.code) else {
        throw error
      }
      let steps = try Repository.planOpening(of: storage, from: copy)
      guard !steps.isEmpty else { throw error }
      add(steps, to: &result)
      if !session.options.json { try show(steps, session) }
      if isDryRun {
        session.messages.info("what else is damaged shows once it can be opened")
        return nil
      }
      try Repository.performOpening(of: storage, steps, from: copy)
      return try Repository.open(storage, with: unlock, scratch: scratch)
    }
  }

  private func refuseSame(_ path: String, _ other: String) throws {
    let paths = [path, other].map { URL(filePath: $0).resolvingSymlinksInPath().path }
    guard paths[0] == paths[1] else { return }
    throw UsageError(
      what: "cannot repair \(path) from itself", why: "--from names the same directory",
      next: "name a second copy of the repository")
  }

  /// What a check of the structure still finds.
  private func judge(_ repository: Repository, _ session: Session, _ result: inout Result) throws {
    let report = try repository.check(
      readingData: false, workers: 1, cancellation: session.cancellation,
      progress: session.progress)
    let known = Set(result.losses.map(\.what))
    result.losses += report.findings.map(Self.finding).filter { !known.contains($0.what) }
  }

  private static func finding(_ finding: CheckReport.Finding) -> CheckCommand.Result.Finding {
    .init(
      code: finding.code, what: finding.what, snapshots: finding.snapshots, paths: finding.paths)
  }

  private func add(_ steps: [RepairPlan.Step], to result: inout Result) {
    result.steps += steps.map {
      .init(action: $0.action.rawValue, object: $0.object.path, reason: $0.reason)
    }
  }

  private func show(_ steps: [RepairPlan.Step], _ session: Session) throws {
    guard !session.options.quiet else { return }
    for step in steps {
      try Terminal.shared.print(
        "\(isDryRun ? "would " : "")\(Self.words(step)) \(step.object): \(step.reason)")
    }
  }

  private static func words(_ step: RepairPlan.Step) -> String {
    switch step.action {
    case .mend: "mend by parity"
    case .fetch: "fetch from the copy"
    case .relist: step.object.folder == .index ? "do without" : "list in a new index run"
    case .remove: "remove"
    }
  }

  private func finish(_ result: Result, _ session: Session) throws {
    var result = result
    result.verdict = result.losses.isEmpty ? "pass" : "partly"
    if session.options.json {
      try Terminal.shared.print(JSONText.pretty(result))
    } else if !session.options.quiet {
      for loss in result.losses {
        let why = loss.what.split(separator: "\n").first.map(String.init) ?? loss.what
        try Terminal.shared.print("lost (\(loss.code)): \(why)")
        if !loss.snapshots.isEmpty {
          try Terminal.shared.print("  snapshots: \(loss.snapshots.joined(separator: ", "))")
        }
        for path in loss.paths { try Terminal.shared.print("  touches: \(path)") }
      }
      if result.steps.isEmpty && result.losses.isEmpty {
        try Terminal.shared.print("nothing to repair")
      }
    }
    if !result.losses.isEmpty { throw ExitStatus.partly }
  }
}
