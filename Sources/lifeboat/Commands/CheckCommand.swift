import ArgumentParser
import Format
import Foundation
import Repository

struct CheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Prove the repository sound.",
    discussion: """
      Without --read-data: every manifest, index run and catalog is read and authenticated, and \
      every pack must be there with its length. With it, every byte of every pack is read, \
      authenticated, decoded and identified. Damage is named with the snapshots it touches, and \
      ends with status 1.
      """)

  @OptionGroup var global: GlobalOptions

  @Flag(help: "Read and verify all data.")
  var readData = false

  struct Result: Encodable {
    struct Finding: Encodable {
      var code, what: String
      var snapshots, paths: [String]
    }
    var verdict: String
    var snapshots, packs, blobs: Int
    var bytesStored, bytesRead: UInt64
    var findings: [Finding]
    var notes: [String]
  }

  func run() throws { try CheckJob(readsData: readData).run(try Session(global)) }
}

/// A check, as the command and the scheduler run it.
struct CheckJob {
  var readsData: Bool

  /// - Throws: ``ExitStatus/failed`` after the findings were reported.
  func run(_ session: Session) throws {
    let repository = try session.openRepository()
    let display = ProgressDisplay(session)
    let report = try repository.check(
      readingData: readsData, workers: max(1, ProcessInfo.processInfo.activeProcessorCount),
      cancellation: session.cancellation, progress: session.progress)
    display.end()
    try Self.show(report, session)
    session.record(
      .check, in: repository, outcome: report.isSound ? "pass" : "fail",
      details: [
        "findings": String(report.findings.count), "packs": String(report.packCount),
        "bytes-read": String(report.readByteCount),
      ])
    if !report.isSound { throw ExitStatus.failed }
  }

  private static func show(_ report: CheckReport, _ session: Session) throws {
    if session.options.json {
      let result = CheckCommand.Result(
        verdict: report.isSound ? "pass" : "fail", snapshots: report.snapshotCount,
        packs: report.packCount, blobs: report.blobCount, bytesStored: report.storedByteCount,
        bytesRead: report.readByteCount,
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
      session.messages.info(
        report.readByteCount > 0
          ? "sound: \(scale), every byte of it read and verified"
          : "sound in structure: \(scale); add --read-data to verify every byte")
    } else {
      session.messages.info("\(report.findings.count) findings in \(scale)")
    }
  }
}
