import ArgumentParser
import Configuration
import Format
import Foundation
import Repository

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Prove the repository sound.",
    discussion: """
      Without --read-data: every manifest, index run and catalog is read and authenticated, and \
      every pack must be there with its length. With it, every byte of every pack is read, \
      authenticated, decoded and identified; with --budget only so much of them, those first that \
      were verified longest ago, so that a short check every day comes round to all. Damage is named with the snapshots it touches, and \
      ends with status 1.
      """)

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Read and verify all data.")
  var readData = false

  @Option(
    help: ArgumentHelp(
      "Read at most so much, what was verified longest ago first; with --read-data.",
      valueName: "bytes"))
  var budget: String?

  struct Result: Encodable {
    struct Finding: Encodable {
      var code, what: String
      var snapshots, paths: [String]
    }
    var verdict: String
    var snapshots, packs, blobs: Int
    var bytesStored, bytesRead: UInt64
    /// Packs that the budget left for another time.
    var packsPostponed: Int
    var findings: [Finding]
    var notes: [String]
  }

  func run() throws {
    let session = try Session(global)
    let limit = try budget.map { text in
      guard let count = ByteCountText.parse(text) else {
        throw UsageError(
          what: "cannot read --budget '\(text)'", why: "it is not a number of bytes",
          next: "write 512M, 2G or 1T, or 2GiB")
      }
      guard readData else {
        throw UsageError(
          what: "--budget limits what is read", why: "without --read-data no data is",
          next: "add --read-data")
      }
      return count
    }
    try CheckJob(readsData: readData, budget: limit).run(session)
  }
}

/// A check, as the command and the scheduler run it.
struct CheckJob {
  var readsData: Bool
  /// The most bytes of packs that are read; nil for all.
  var budget: UInt64?

  /// - Throws: ``ExitStatus/failed`` after the findings were reported.
  func run(_ session: Session) throws {
    let repository = try session.openRepository()
    let display = ProgressDisplay(session)
    let report = try repository.check(
      readingData: readsData, budget: budget,
      workers: max(1, ProcessInfo.processInfo.activeProcessorCount),
      cancellation: session.cancellation, progress: session.progress)
    display.end()
    try Self.show(report, session)
    var details = [
      "findings": String(report.findings.count), "packs": String(report.packCount),
      "bytes-read": String(report.readByteCount),
    ]
    if readsData { details[Verifications.detail] = Verifications.text(report.verifiedPacks) }
    session.record(
      .check, in: repository, outcome: report.isSound ? "pass" : "fail", details: details)
    if !report.isSound { throw ExitStatus.failed }
  }

  private static func show(_ report: CheckReport, _ session: Session) throws {
    if session.options.json {
      let result = CheckCommand.Result(
        verdict: report.isSound ? "pass" : "fail", snapshots: report.snapshotCount,
        packs: report.packCount, blobs: report.blobCount, bytesStored: report.storedByteCount,
        bytesRead: report.readByteCount, packsPostponed: report.postponedPackCount,
        findings: report.findings.map {
          .init(code: $0.code, what: $0.what, snapshots: $0.snapshots, paths: $0.paths)
        }, notes: report.notes)
      return try Terminal.shared.print(JSONText.pretty(result))
    }
    for note in report.notes { session.messages.info("note: \(note)") }
    for finding in report.findings {
      let why = finding.what.split(separator: "\n").first.map(String.init) ?? finding.what
      try Terminal.shared.print("damaged (\(finding.code)): \(why)")
      if !finding.snapshots.isEmpty {
        try Terminal.shared.print("  snapshots: \(finding.snapshots.joined(separator: ", "))")
      }
      for path in finding.paths { try Terminal.shared.print("  touches: \(path)") }
    }
    let scale =
      "\(Display.count(report.snapshotCount)) snapshots, \(Display.count(report.packCount)) packs, \(Display.bytes(report.storedByteCount))"
    if report.isSound {
      let postponed = report.postponedPackCount
      session.messages.info(
        postponed > 0
          ? "sound: \(scale); \(Display.bytes(report.readByteCount)) read and verified, \(Display.count(postponed)) packs left for another time"
          : report.readByteCount > 0
            ? "sound: \(scale), every byte of it read and verified"
            : "sound in structure: \(scale); add --read-data to verify every byte")
    } else {
      session.messages.info("\(report.findings.count) findings in \(scale)")
    }
  }
}
