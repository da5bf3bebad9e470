import ArgumentParser
import Configuration
import Files
import Format
import Foundation
import Repository

struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report", abstract: "Write what an auditor asks for, from the evidence log.",
    discussion: """
      Backups, drills with their recovery times and points against the targets, what was covered, \
      what failed and how it was closed. The JSON file holds the log's entries themselves, each \
      with the key that opens it alone, and a signature: docs/verify-report.py proves it without \
      the repository. A day is a day of the configuration's time zone; --to includes its day.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp("The first day, as 2026-11-24. Default: 30 days back.", valueName: "day"))
  var from: String?

  @Option(help: ArgumentHelp("The last day. Default: today.", valueName: "day"))
  var to: String?

  @Option(help: ArgumentHelp("Write it for people, as Markdown.", valueName: "file"))
  var reportMarkdown: String?

  @Option(help: ArgumentHelp("Write it for people, as one HTML file.", valueName: "file"))
  var reportHtml: String?

  @Option(help: ArgumentHelp("Write the provable report, as JSON.", valueName: "file"))
  var reportJson: String?

  func run() throws {
    let session = try Session(global)
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = session.configuration.timeZone
    let now = Date()
    let last = try to.map { try Self.day($0, "--to", calendar) } ?? calendar.startOfDay(for: now)
    guard let end = calendar.date(byAdding: .day, value: 1, to: last),
      let start = try from.map({ try Self.day($0, "--from", calendar) })
        ?? calendar.date(byAdding: .day, value: -30, to: last)
    else {
      throw UsageError(
        what: "cannot read the period", why: "its days are out of range", next: "name other days")
    }
    guard start < end else {
      throw UsageError(
        what: "the period is empty", why: "--from is after --to", next: "exchange the two")
    }
    let repository = try session.openRepository()
    let report = try repository.evidenceReport(
      from: Timestamp(start), to: Timestamp(end), created: session.now, host: Host.name,
      program: About.name)
    let page = ReportPage(
      report.statement, ownerKey: report.signed.ownerKey, timeZone: calendar.timeZone)
    let json = JSONText.pretty(report.signed)
    if let reportJson { try DurableFile.write(Array((json + "\n").utf8), to: reportJson) }
    if let reportMarkdown {
      try DurableFile.write(Array(page.markdown.utf8), to: reportMarkdown, permissions: 0o644)
    }
    if let reportHtml {
      try DurableFile.write(Array(page.html.utf8), to: reportHtml, permissions: 0o644)
    }
    if global.json {
      try Terminal.shared.print(json)
    } else if !global.quiet, reportJson == nil, reportMarkdown == nil, reportHtml == nil {
      try Terminal.shared.print(page.markdown)
    }
    if !report.statement.findings.isEmpty {
      session.messages.warning(
        "the evidence log does not hold; the report says so, and 'lifeboat log --verify' lists what is wrong"
      )
      throw ExitStatus.failed
    }
  }

  /// The beginning of a day written as 2026-11-24.
  private static func day(_ text: String, _ option: String, _ calendar: Calendar) throws -> Date {
    let numbers = text.split(separator: "-", omittingEmptySubsequences: false).compactMap {
      Int($0)
    }
    var parts = DateComponents()
    if numbers.count == 3 {
      (parts.year, parts.month, parts.day) = (numbers[0], numbers[1], numbers[2])
    }
    guard numbers.count == 3, (1970...9998).contains(numbers[0]),
      let date = calendar.date(from: parts),
      calendar.dateComponents([.year, .month, .day], from: date)
        == DateComponents(year: numbers[0], month: numbers[1], day: numbers[2])
    else {
      throw UsageError(
        what: "cannot read \(option) '\(text)'", why: "it is not a day",
        next: "write for example 2026-11-24")
    }
    return date
  }
}
