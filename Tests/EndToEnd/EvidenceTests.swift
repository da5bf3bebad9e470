// The evidence log as an operator and an auditor meet it: listed, proven, reported, and tampered with.

import Foundation
import Testing

extension `The program` {
  @Suite struct `keeps evidence:` {
    let stage: Stage

    /// A repository with an initialisation, two backups, a check, a forgotten snapshot.
    init() throws {
      stage = try Stage()
      try stage.writeNoise(50_000, to: "media/file")
      for _ in 1...2 {
        try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      }
      try stage.lifeboat("check", "--quiet", "--read-data").expect(0)
      try stage.lifeboat("forget", "--quiet", "--keep-last", "1").expect(0)
    }

    private func entries() throws -> [String] {
      try stage.files(beneath: "\(stage.repository)/log")
    }

    private func change(_ file: String, _ body: (inout [UInt8]) -> Void) throws {
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: file)))
      body(&bytes)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
      try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    @Test func `log lists what was done, and --verify proves it until something is tampered with`()
      throws
    {
      let listed = try stage.lifeboat("log", "--json").expect(0).json()
      try listed.expectDocumented("log")
      #expect(
        listed.items.map { $0["event"].text }
          == ["forget", "check", "backup", "backup", "initialized"])
      #expect(try stage.lifeboat("log", "--limit", "2").expect(0).text.contains("forget"))
      let proven = try stage.lifeboat("log", "--verify", "--json").expect(0).json()
      try proven.expectDocumented("log --verify")
      #expect(proven["verdict"] == .text("pass"))
      #expect(proven["entries"] == .number(5))

      let third = try entries()[2]
      try change("\(stage.repository)/log/\(third)") { $0[$0.count - 1] ^= 1 }
      let name = "3-\(third.split(separator: "-")[1].prefix(8))"
      let broken = try stage.lifeboat("log", "--verify").expect(1)
      #expect(broken.text.contains("broken (entry-damaged): entry \(name)"))
      let status = try stage.lifeboat("status").expect(1)
      #expect(status.text.contains("PROBLEM"))
      try FileManager.default.removeItem(atPath: "\(stage.repository)/log/\(third)")
      let gone = try stage.lifeboat("log", "--verify").expect(1)
      #expect(gone.text.contains("broken (entry-missing): entry 3 is missing"))
      try stage.refused("log", saying: ["cannot trust the evidence log", "entry 3 is missing"])
    }

    @Test func `log --verify notices a snapshot that somebody took away`() throws {
      let left = try #require(try stage.snapshotFiles().first)
      #expect(try stage.snapshotFiles().count == 1)
      try FileManager.default.removeItem(atPath: "\(stage.repository)/snapshots/\(left)")
      // Who saw the snapshot before is told at once; somebody else by the log.
      try stage.refused("log", "--verify", status: 13, saying: ["snapshot \(left.prefix(8))"])
      let fresh = ["HOME": "\(stage.path)/elsewhere"]
      let ending = try stage.lifeboat("log", "--verify", environment: fresh).expect(1)
      #expect(ending.text.contains("broken (snapshot-missing): snapshot \(left.prefix(8))"))
    }

    private func verify(_ file: String, _ arguments: String...) throws -> Ending {
      try Child(
        try PythonEnvironment.python.get(),
        ["\(Place.project)/docs/verify-report.py", file] + arguments,
        environment: stage.environment()
      ).finish()
    }

    @Test func `a report is proven without the repository, and no change of it is`() throws {
      try stage.damage()
      try stage.lifeboat("check", "--quiet", "--read-data").expect(1)
      try stage.lifeboat("drill", "--quiet", "--rto", "1h", "--rpo", "26h").expect(1)
      let file = "\(stage.path)/report.json"
      try stage.lifeboat(
        "report", "--report-json", file, "--report-markdown", "\(stage.path)/report.md",
        "--report-html", "\(stage.path)/report.html"
      ).expect(0)
      let text = try String(contentsOfFile: "\(stage.path)/report.md", encoding: .utf8)
      for words in [
        "## Drills", " | 26 h | met |", "| uploads | 2 | 0 | NEVER |", "OPEN at the end",
      ] {
        #expect(text.contains(words), "\(words)\n\(text)")
      }
      let html = try String(contentsOfFile: "\(stage.path)/report.html", encoding: .utf8)
      #expect(html.contains("<h2>Failures and how they were closed</h2>"))

      let status = try stage.start(["status", "--json"]).finish()
      let key = try #require(try status.json()["ownerKey"].text)
      let holds = try verify(file, "--owner-key", key).expect(0)
      #expect(holds.text.hasPrefix("holds: 7 entries"), "\(holds.text)")
      let wrong = try verify(file, "--owner-key", String(key.reversed())).expect(1)
      #expect(wrong.text.contains("is not certified by the owner"))

      let original = try String(contentsOfFile: file, encoding: .utf8)
      // The figures: what failed is made to have passed.
      let better = original.replacing(#"\"outcome\":\"fail\""#, with: #"\"outcome\":\"pass\""#)
      #expect(better != original)
      try Data(better.utf8).write(to: URL(fileURLWithPath: file))
      let figures = try verify(file).expect(1).text
      #expect(figures.contains("the report's signature does not hold"))
      #expect(figures.contains("the figures are not those of the entries"))
      // An entry: one letter of it, which is named.
      let third = try entries()[2].split(separator: "-")[1]
      let start = try #require(original.range(of: #"\"id\":\"\#(third)\""#))
      let object = try #require(
        original.range(of: #"\"object\":\""#, range: start.upperBound..<original.endIndex))
      let place = original.index(object.upperBound, offsetBy: 500)
      var tampered = original
      tampered.replaceSubrange(place...place, with: original[place] == "A" ? "B" : "A")
      try Data(tampered.utf8).write(to: URL(fileURLWithPath: file))
      let entry = try verify(file).expect(1).text
      #expect(entry.contains("entry 3-\(third.prefix(8)): its bytes are not what its name says"))
    }

    @Test func `a report of a period that is none is refused`() throws {
      try stage.refused("report", "--from", "2026-02-30", status: 64, saying: ["it is not a day"])
      try stage.refused(
        "report", "--from", "2026-03-02", "--to", "2026-03-01", status: 64,
        saying: ["--from is after --to"])
      let empty = try stage.lifeboat("report", "--from", "2001-01-01", "--to", "2001-01-31").expect(
        0)
      #expect(empty.text.contains("nothing was proven to come back in this period"))
    }
  }
}
