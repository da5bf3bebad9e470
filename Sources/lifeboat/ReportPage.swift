// An evidence report for people: the same headings, paragraphs and tables as Markdown and as HTML.

import Format
import Foundation
import Repository

/// What a report says, in order.
struct ReportPage {
  private enum Part {
    case heading(String)
    case text(String)
    case table([String], [[String]])
  }
  private var parts: [Part] = []
  private let title: String
  private let timeZone: TimeZone

  init(_ statement: EvidenceStatement, ownerKey: String, timeZone: TimeZone) {
    self.timeZone = timeZone
    let lastMoment = Timestamp(microseconds: statement.to.microseconds - 1)
    title =
      "Backups and drills, \(Self.day(statement.from, timeZone)) to \(Self.day(lastMoment, timeZone))"
    parts.append(
      .text(
        "Repository \(statement.repository.prefix(8)). Made \(time(statement.created)) on \(statement.host) by \(statement.program), from \(statement.entries.count) entries of the signed evidence log; newest entry of the log: \(statement.head ?? "none")."
      ))
    addState(statement)
    addTotals(statement.summary)
    addDrills(statement.summary)
    addCoverage(statement.summary)
    addFailures(statement.summary)
    parts.append(.heading("How to prove this"))
    parts.append(
      .text(
        "The JSON file of this report holds each entry with its signature. 'python3 verify-report.py REPORT.json --owner-key \(ownerKey)' checks all of them and computes every figure again. Get the owner's key from another place than this page: 'lifeboat status' prints it."
      ))
  }

  private mutating func addState(_ statement: EvidenceStatement) {
    parts.append(.heading("The log"))
    if statement.findings.isEmpty {
      parts.append(
        .text("It holds: every entry is signed, none is missing, each follows the one before."))
    } else {
      parts.append(.text("It does NOT hold:"))
      parts.append(.table(["finding"], statement.findings.map { [$0] }))
    }
  }

  private mutating func addTotals(_ summary: EvidenceSummary) {
    parts.append(.heading("What was done"))
    guard !summary.totals.isEmpty else { return parts.append(.text("Nothing.")) }
    parts.append(
      .table(
        ["event", "passed", "with warnings", "failed"],
        summary.totals.map { ["\($0.event)", "\($0.pass)", "\($0.warnings)", "\($0.fail)"] }))
  }

  private mutating func addDrills(_ summary: EvidenceSummary) {
    parts.append(.heading("Drills"))
    guard !summary.drills.isEmpty else {
      return parts.append(.text("None: nothing was proven to come back in this period."))
    }
    func measure(_ actual: String?, _ target: String?, _ isMet: Bool?) -> [String] {
      [
        actual.flatMap(Double.init).map { Display.duration(seconds: $0) } ?? "unknown",
        target.flatMap(Double.init).map { Display.duration(seconds: $0) } ?? "none",
        isMet.map { $0 ? "met" : "MISSED" } ?? "no target",
      ]
    }
    parts.append(
      .table(
        ["time", "snapshot", "outcome", "RTO", "target", "", "RPO", "target", ""],
        summary.drills.map { drill in
          [time(drill.time), "\(drill.snapshot?.prefix(8) ?? "none")", drill.outcome]
            + measure(drill.rtoSeconds, drill.rtoTargetSeconds, drill.rtoMet)
            + measure(drill.rpoSeconds, drill.rpoTargetSeconds, drill.rpoMet)
        }))
  }

  private mutating func addCoverage(_ summary: EvidenceSummary) {
    parts.append(.heading("Coverage"))
    guard !summary.sources.isEmpty else { return parts.append(.text("No source was saved.")) }
    parts.append(
      .table(
        ["source", "backups", "drills that did not fail", "last of them"],
        summary.sources.map {
          [$0.source, "\($0.backups)", "\($0.drills)", $0.lastDrill.map(time) ?? "NEVER"]
        }))
  }

  private mutating func addFailures(_ summary: EvidenceSummary) {
    parts.append(.heading("Failures and how they were closed"))
    guard !summary.failures.isEmpty else { return parts.append(.text("None.")) }
    parts.append(
      .table(
        ["entry", "time", "event", "what", "closed by"],
        summary.failures.map { failure in
          let closed =
            failure.closedBy.map { entry in
              "entry \(entry), \(failure.closedAt.map(time) ?? "")"
            } ?? "OPEN at the end of the period"
          return [
            "\(failure.entry)", time(failure.time), failure.event, failure.what ?? "", closed,
          ]
        }))
  }

  private func time(_ timestamp: Timestamp) -> String {
    Self.text(timestamp, timeZone, withTime: true)
  }

  private static func day(_ timestamp: Timestamp, _ zone: TimeZone) -> String {
    text(timestamp, zone, withTime: false)
  }

  private static func text(_ timestamp: Timestamp, _ zone: TimeZone, withTime: Bool) -> String {
    let day = Date.ISO8601FormatStyle(timeZone: zone).year().month().day()
    let date = timestamp.date.formatted(day)
    guard withTime else { return date }
    let clock = Date.ISO8601FormatStyle(timeZone: zone).time(includingFractionalSeconds: false)
    return "\(date) \(timestamp.date.formatted(clock))"
  }

  // MARK: Forms

  var markdown: String {
    var lines = ["# \(title)", ""]
    for part in parts {
      switch part {
      case .heading(let text): lines += ["## \(text)", ""]
      case .text(let text): lines += [Self.markdown(text), ""]
      case .table(let header, let rows):
        lines.append("| " + header.joined(separator: " | ") + " |")
        lines.append("|" + header.map { _ in "---|" }.joined())
        lines += rows.map { "| " + $0.map(Self.markdown).joined(separator: " | ") + " |" }
        lines.append("")
      }
    }
    return lines.joined(separator: "\n")
  }

  var html: String {
    var body = "<h1>\(Self.escaped(title))</h1>\n"
    for part in parts {
      switch part {
      case .heading(let text): body += "<h2>\(Self.escaped(text))</h2>\n"
      case .text(let text): body += "<p>\(Self.escaped(text))</p>\n"
      case .table(let header, let rows):
        let row = { (cells: [String], tag: String) in
          "<tr>" + cells.map { "<\(tag)>\(Self.escaped($0))</\(tag)>" }.joined() + "</tr>\n"
        }
        body += "<table>\n" + row(header, "th") + rows.map { row($0, "td") }.joined() + "</table>\n"
      }
    }
    return """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <title>\(Self.escaped(title))</title>
      <style>
      body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
      table { border-collapse: collapse } th, td { text-align: left; padding: .2rem .8rem .2rem 0 }
      th { border-bottom: 1px solid } td { border-bottom: 1px solid #ccc }
      </style>
      </head>
      <body>
      \(body)</body>
      </html>

      """
  }

  /// Text that neither ends a cell nor becomes markup.
  private static func markdown(_ text: String) -> String {
    Display.word(text).map { "|*_`<>[]\\#".contains($0) ? "\\\($0)" : "\($0)" }.joined()
  }

  private static func escaped(_ text: String) -> String {
    Display.word(text).replacing("&", with: "&amp;").replacing("<", with: "&lt;")
      .replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
  }
}
