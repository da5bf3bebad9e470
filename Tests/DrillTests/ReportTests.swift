// The report in its three forms: complete, stable, and safe to show.

import Drill
import FoundationEssentials
import Testing

@Suite struct `A drill's report` {
  @Test func `reads back from its JSON as it was`() throws {
    let report = DrillReport.example()
    let bytes = try report.json()
    #expect(try JSONDecoder().decode(DrillReport.self, from: Data(bytes)) == report)
    #expect(try report.json() == bytes)
  }

  @Test func `has the JSON keys that the documentation names`() throws {
    let text = String(decoding: try DrillReport.example().json(), as: UTF8.self)
    for key in [
      "checks", "host", "notCovered", "program", "recoveryPoint", "recoveryTime", "scratch",
      "snapshot", "time", "verdict", "verificationSeconds", "version", "volume", "ageSeconds",
      "targetSeconds", "totalSeconds", "phases", "expected", "actual", "details", "seconds",
    ] {
      #expect(text.contains("\"\(key)\":"), "\(key)")
    }
    #expect(text.contains("\"time\":\"2026-11-25T"))
    #expect(text.contains("\"verdict\":\"fail\""))
  }

  @Test(arguments: Verdict.allCases)
  func `fits 80 columns and says the verdict first`(verdict: Verdict) {
    let lines = DrillReport.example(verdict, table: String(repeating: "long", count: 60))
      .text(colour: false).split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.allSatisfy { $0.count <= 80 }, "\(lines.filter { $0.count > 80 })")
    let words: [Verdict: Substring] = [
      .pass: "PASSED", .warnings: "PASSED WITH WARNINGS", .fail: "FAILED",
    ]
    #expect(lines[1] == words[verdict])
  }

  @Test func `names each failed check with what was expected and what was found`() {
    let text = DrillReport.example(.fail).text(colour: false)
    #expect(text.contains("FAIL  Rows are equal, by the hash of each table (shop)"))
    #expect(text.contains("expected  61 tables as hashed at the source"))
    #expect(text.contains("actual    1 of 61 tables differ"))
    #expect(text.contains("- shop.orders: expected 9,000 rows"))
    #expect(text.contains("6 min 32 s, within the target of 30 min"))
    #expect(text.contains("2 h, OVER the target of 1 h"))
    #expect(text.contains("Not covered by this drill"))
  }

  @Test func `colours verdicts and nothing else`() {
    let plain = DrillReport.example().text(colour: false)
    let coloured = DrillReport.example().text(colour: true)
    #expect(!plain.contains("\u{1B}"))
    #expect(coloured.contains("\u{1B}[1;31mFAIL\u{1B}[0m"))
    let stripped = coloured.replacing(#/\u{1B}\[[0-9;]*m/#, with: "")
    #expect(stripped == plain)
  }

  @Test(arguments: [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</style><b>", "a & b",
    "'; </ul>",
  ])
  func `shows markup in a table's name as text`(name: String) {
    let clean = DrillReport.example(.fail, table: "x").html()
    let page = DrillReport.example(.fail, table: name).html()
    #expect(!page.contains(name))
    // Whatever the name is, it opens and closes nothing.
    for character in ["<", ">", "\""] as [Character] {
      #expect(
        page.count { $0 == character } == clean.count { $0 == character }, "\(character)")
    }
    #expect(!page.lowercased().contains("<script"))
  }

  @Test(arguments: ["\u{1B}]0;owned\u{07}", "\u{1B}[2J", "a\rb", "\u{202E}evil", "\u{9B}31m"])
  func `shows what a terminal or a reader would obey as escapes`(name: String) {
    let report = DrillReport.example(.fail, table: name)
    for text in [report.text(colour: false), report.html()] {
      for scalar in name.unicodeScalars
      where scalar.properties.generalCategory == .control || scalar.value > 0x2000 {
        #expect(!text.unicodeScalars.contains(scalar))
        #expect(text.contains("\\u{\(String(scalar.value, radix: 16))}"))
      }
    }
  }

  @Test func `is one page that loads nothing`() {
    let page = DrillReport.example().html()
    #expect(page.hasPrefix("<!DOCTYPE html>"))
    for word in ["http://", "https://", "url(", "src=", "@import", "<script", "<link"] {
      #expect(!page.contains(word), "\(word)")
    }
    #expect(page.contains("default-src 'none'"))
    #expect(page.contains("prefers-color-scheme: dark"))
    #expect(page.contains("@media print"))
  }

  @Test(arguments: [
    (0.0, "0 ms"), (0.0421, "42 ms"), (8.44, "8.4 s"), (59.94, "59.9 s"), (59.96, "1 min"),
    (185, "3 min 05 s"), (7380, "2 h 03 min"), (273_600, "3 d 4 h"), (-5, "−5.0 s"),
  ])
  func `writes lengths of time as people say them`(seconds: Double, words: String) {
    var report = DrillReport.example(.pass)
    report.recoveryPoint = RecoveryPoint(ageSeconds: seconds, targetSeconds: nil)
    #expect(report.text(colour: false).contains("data at risk    \(words), no target set"))
  }
}
