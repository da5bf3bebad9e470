// Dropping snapshots and reclaiming what they alone needed.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `forgets and prunes what it is told, and nothing else:` {
    let stage: Stage
    /// Oldest first; each has 2 MB of its own.
    let snapshots: [String]

    init() throws {
      stage = try Stage()
      var snapshots: [String] = []
      try stage.write("the same in all", to: "media/kept.txt")
      for tag in ["first", "second", "third"] {
        try stage.writeNoise(2_000_000, to: "media/changing")
        let result = try stage.lifeboat(
          "backup", "--json", "--tag", tag, "--media", "uploads=\(stage.path)/media"
        ).expect(0).json()
        snapshots.append(try #require(result["snapshot"].text))
      }
      self.snapshots = snapshots
    }

    private func listed() throws -> [String] {
      try stage.lifeboat("snapshots", "--json").expect(0).json().items.compactMap { $0["id"].text }
    }

    private func packBytes() throws -> Int {
      let result = try stage.lifeboat("prune", "--dry-run", "--json").expect(0).json()
      return Int(try #require(result["bytesTotal"].number))
    }

    @Test func `dry runs change nothing`() throws {
      let before = try stage.files(beneath: stage.repository)
      let forget = try stage.lifeboat(
        "forget", "--keep-last", "1", "--prune", "--dry-run"
      ).expect(0)
      #expect(forget.text.contains("would forget  \(snapshots[0].prefix(8))"))
      #expect(forget.text.contains("keep          \(snapshots[2].prefix(8))"))
      try stage.lifeboat("prune", "--dry-run", "--grace", "0s").expect(0)
      #expect(try stage.files(beneath: stage.repository) == before)
      #expect(try listed() == snapshots)
    }

    @Test func `a policy drops the rest, prune waits for its grace time, then space comes back`()
      throws
    {
      let before = try packBytes()
      let result = try stage.lifeboat(
        "forget", "--keep-daily", "1", "--keep-tag", "first", "--json"
      )
      .expect(0).json()
      #expect(result["kept"].items.compactMap { $0["id"].text } == [snapshots[0], snapshots[2]])
      #expect(result["forgotten"].items.compactMap { $0["id"].text } == [snapshots[1]])
      #expect(try listed() == [snapshots[0], snapshots[2]])
      #expect(try packBytes() == before)

      let marked = try stage.lifeboat("prune", "--json").expect(0).json()
      #expect(marked["packsMarked"].number ?? 0 > 0 && marked["bytesFreed"].number == 0)
      #expect(try packBytes() == before)
      let waiting = try stage.lifeboat("prune", "--json").expect(0).json()
      #expect(waiting["bytesFreed"].number == 0)
      let deleted = try stage.lifeboat("prune", "--grace", "0s", "--json").expect(0).json()
      #expect(deleted["bytesFreed"].number ?? 0 >= 2_000_000)
      #expect(try packBytes() <= before - 2_000_000)

      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--quiet"
      ).expect(0)
      try stage.expectEqual("compare-trees", "\(stage.path)/media", "\(stage.path)/back")
      try stage.lifeboat(
        "restore", snapshots[0], "--media", "uploads", "--into", "\(stage.path)/oldest", "--quiet"
      ).expect(0)
      #expect(try stage.files(beneath: "\(stage.path)/oldest") == ["changing", "kept.txt"])
    }

    @Test func `forget --prune does both, and a name drops just that one`() throws {
      try stage.lifeboat("forget", String(snapshots[1].prefix(12)), "--quiet").expect(0)
      #expect(try listed() == [snapshots[0], snapshots[2]])
      let ending = try stage.lifeboat("forget", "--keep-last", "1", "--prune").expect(0)
      #expect(ending.text.contains("mark "), "\(ending.text)")
      #expect(try listed() == [snapshots[2]])
      try stage.lifeboat("prune", "--grace", "0s", "--quiet").expect(0)
      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--quiet"
      ).expect(0)
      try stage.expectEqual("compare-trees", "\(stage.path)/media", "\(stage.path)/back")
    }

    @Test func `a backup made while data waits for deletion is whole when that data is gone`()
      throws
    {
      try stage.lifeboat("forget", "--keep-tag", "third", "--prune", "--quiet").expect(0)
      // The same content again, while its packs wait for deletion.
      try stage.lifeboat("forget", snapshots[2], "--prune", "--quiet").expect(0)
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      for _ in 0..<2 { try stage.lifeboat("prune", "--grace", "0s", "--quiet").expect(0) }
      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--quiet"
      ).expect(0)
      try stage.expectEqual("compare-trees", "\(stage.path)/media", "\(stage.path)/back")
    }
  }
}
