import ArgumentParser
import Cluster
import Configuration
import Drill
import Files
import Format
import Foundation
import Postgres
import Repository
import Workers

struct DrillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill",
    abstract: "Replay a snapshot into a scratch server and prove that it is what was backed up.",
    discussion: """
      By default a private server is made from local programs, used, and removed; no server is \
      needed and none is touched. Ends with 0 only if the verdict is pass or pass with warnings.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  @Argument(help: "latest, or the first digits of an id.")
  var snapshot: String = "latest"

  @Option(
    help: ArgumentHelp(
      "Restore into new databases of this server instead of a private one.",
      valueName: "connection"))
  var scratch: String?

  @Option(help: ArgumentHelp("Where private servers keep their data.", valueName: "folder"))
  var scratchFolder: String?

  @Option(
    help: ArgumentHelp("Restore files into this new folder too and compare.", valueName: "folder"))
  var mediaInto: String?

  @Option(help: ArgumentHelp("The largest age of the data: 26h.", valueName: "duration"))
  var rpo: String?

  @Option(help: ArgumentHelp("The longest recovery: 1h.", valueName: "duration"))
  var rto: String?

  @Option(help: ArgumentHelp("Connections that load and read rows at once.", valueName: "n"))
  var connections: Int?

  @Flag(inversion: .prefixedNo, help: "Compare each b-tree index with its table (amcheck).")
  var amcheck = true

  @Option(help: ArgumentHelp("Write the report as one HTML file.", valueName: "file"))
  var reportHtml: String?

  @Option(help: ArgumentHelp("Write the report as JSON.", valueName: "file"))
  var reportJson: String?

  func run() throws {
    let session = try Session(global)
    var job = try DrillJob(session)
    job.snapshot = snapshot
    job.filter = SnapshotFilter(tags: filter.tag, host: filter.host)
    job.htmlFile = reportHtml
    job.jsonFile = reportJson
    if let scratch {
      job.options.scratch = .server(
        try ConnectionOption.target(scratch, of: "--scratch", session))
    }
    if let mediaInto { job.options.media = .folder(URL(fileURLWithPath: mediaInto).path) }
    if let scratchFolder { job.options.scratchFolder = scratchFolder }
    if let connections { job.options.connections = max(1, min(64, connections)) }
    job.options.amcheck = amcheck
    if let rpo { job.options.recoveryPointTarget = try Self.seconds(rpo, "--rpo") }
    if let rto { job.options.recoveryTimeTarget = try Self.seconds(rto, "--rto") }
    try job.run()
  }

  private static func seconds(_ text: String, _ option: String) throws -> Double {
    guard let duration = DurationText.parse(text) else {
      throw UsageError(
        what: "cannot read \(option) '\(text)'", why: "it is not a duration",
        next: "write 90s, 15m, 26h or 7d")
    }
    return duration.inSeconds
  }
}

/// A drill, as the command and the scheduler run it.
struct DrillJob {
  let session: Session
  var snapshot = "latest"
  var filter = SnapshotFilter()
  var options = DrillOptions()
  var htmlFile: String?
  var jsonFile: String?

  /// The drill of the configuration.
  init(_ session: Session) throws {
    self.session = session
    options.program = About.name
    options.workers = max(1, ProcessInfo.processInfo.activeProcessorCount)
    options.recoveryPointTarget = session.configuration.drill.rpo?.inSeconds
    options.recoveryTimeTarget = session.configuration.drill.rto?.inSeconds
    if case .server(let connection) = session.configuration.drill.scratch {
      options.scratch = .server(try ConnectionTarget(connection))
    }
  }

  /// - Throws: ``ExitStatus/failed`` after a verdict of fail was reported.
  func run() throws {
    let repository = try session.openRepository()
    try repository.require(.owner, to: "drill")
    let snapshot = try repository.snapshot(named: self.snapshot, matching: filter)
    try repository.loadIndex()
    removeStaleServers()
    let display = ProgressDisplay(session)
    defer { display.end() }
    let report = try Drill(
      repository: repository, snapshot: snapshot, options: options,
      cancellation: session.cancellation, progress: session.progress
    ).run()
    display.end()
    session.record(
      .drill, in: repository, outcome: report.verdict.rawValue, snapshots: [snapshot.id],
      details: Self.evidence(report, snapshot.manifest))
    let json = try report.json()
    if let jsonFile { try DurableFile.write(json + [UInt8(ascii: "\n")], to: jsonFile) }
    if let htmlFile {
      try DurableFile.write(Array(report.html().utf8), to: htmlFile, permissions: 0o644)
    }
    if session.options.json {
      try Terminal.shared.print(String(decoding: json, as: UTF8.self))
    } else if !session.options.quiet || report.verdict == .fail {
      try Terminal.shared.print(report.text(colour: Terminal.shared.usesColour))
      if let htmlFile { session.messages.info("report: \(htmlFile)") }
    }
    if report.verdict == .fail { throw ExitStatus.failed }
  }

  /// What the log keeps of a drill: targets against actuals, and what was brought back.
  private static func evidence(_ report: DrillReport, _ manifest: Manifest) -> [String: String] {
    var details = [
      "rto-seconds": String(report.recoveryTime.totalSeconds),
      "rpo-seconds": String(report.recoveryPoint.ageSeconds),
      "checks": String(report.checks.count),
      "failed": report.checks.filter { $0.verdict == .fail }.map(\.id).joined(separator: ","),
      "sources": manifest.sourceNames.joined(separator: ","),
    ]
    details["rto-target-seconds"] = report.recoveryTime.targetSeconds.map { String($0) }
    details["rpo-target-seconds"] = report.recoveryPoint.targetSeconds.map { String($0) }
    return details
  }

  /// Ends servers of drills that were killed, which could not do it themselves, and removes their data.
  private func removeStaleServers() {
    do {
      for path in try ScratchCluster.removeStale(in: options.scratchFolder.map { [$0] } ?? []) {
        session.messages.info("removed \(path), which a drill that was killed had left behind")
      }
    } catch {
      session.messages.warning("\(error)")
    }
  }
}
