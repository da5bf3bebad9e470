// One flipped bit in a pack: everything that reads it says so, and nothing that looks whole comes of it.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `notices damage` {
    private func expectNoticed(_ stage: Stage, _ snapshot: String) throws {
      let check = try stage.lifeboat("check", "--read-data", "--json").expect(1).json()
      #expect(check["verdict"].text == "fail")
      let named = check["findings"].items.flatMap { $0["snapshots"].items.compactMap(\.text) }
      #expect(named.contains { snapshot.hasPrefix($0) }, "\(check)")
      let told = try stage.lifeboat("check", "--read-data").expect(1)
      #expect(told.text.contains("damaged (") && told.text.contains(snapshot.prefix(8)))

      let drill = try stage.lifeboat("drill", "--json").expect(1).json()
      #expect(drill["verdict"].text == "fail")
      let status = try stage.lifeboat("status", "--json").expect(1).json()
      #expect(
        status["problems"].items.compactMap(\.text) == [
          "the last drill failed", "the last check failed",
        ])
    }

    @Test func `of a database's rows: check, drill and restore fail, and no database is left`()
      throws
    {
      let stage = try Stage()
      let application = try Application(stage, articles: 4000)
      let result = try stage.lifeboat(
        "backup", "--json", "--database", "app=\(application.connection)"
      ).expect(0).json()
      try stage.damage()
      try expectNoticed(stage, try #require(result["snapshot"].text))

      let name = TestServer.randomName()
      let copy = try TestServer.shared.target(database: name).withChildAccess {
        $0.connectionString
      }
      try stage.refused(
        "restore", "latest", "--database", "app", "--into", copy, saying: ["fails authentication"])
      let postgres = try Connection(TestServer.shared.target(database: "postgres"))
      #expect(
        try postgres.query("SELECT count(*) FROM pg_database WHERE datname = $1", [name])[0, 0]
          == "0")
      let dump = try stage.lifeboat("dump", "latest", "--database", "app").expect(1)
      #expect(dump.errors.contains("fails authentication"), "\(dump.errors)")
    }

    @Test
    func `of a file: check, drill and restore fail, and the file is not there as if it were whole`()
      throws
    {
      let stage = try Stage()
      try stage.writeNoise(5_000_000, to: "media/large")
      try stage.write("small", to: "media/small")
      let result = try stage.lifeboat(
        "backup", "--json", "--media", "uploads=\(stage.path)/media"
      ).expect(0).json()
      try stage.damage()
      try expectNoticed(stage, try #require(result["snapshot"].text))

      let back = "\(stage.path)/back"
      try stage.refused(
        "restore", "latest", "--media", "uploads", "--into", back, saying: ["fails authentication"])
      #expect(!FileManager.default.fileExists(atPath: "\(back)/large"))
      // What is not damaged can still be had, and the rest is listed.
      let rest = try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/rest", "--keep-going"
      ).expect(3)
      #expect(rest.errors.contains("not restored: "), "\(rest.errors)")
      #expect(rest.errors.contains("large"))
      #expect(try String(contentsOfFile: "\(stage.path)/rest/small", encoding: .utf8) == "small")
      #expect(!FileManager.default.fileExists(atPath: "\(stage.path)/rest/large"))
    }

    @Test func `of a whole pack that is gone: a check without reading data finds it`() throws {
      let stage = try Stage()
      try stage.writeNoise(1_000_000, to: "media/file")
      let result = try stage.lifeboat(
        "backup", "--json", "--media", "uploads=\(stage.path)/media"
      ).expect(0).json()
      let id = try #require(result["snapshot"].text)
      for pack in try stage.files(beneath: "\(stage.repository)/packs") {
        try FileManager.default.removeItem(atPath: "\(stage.repository)/packs/\(pack)")
      }
      let check = try stage.lifeboat("check").expect(1)
      #expect(
        check.text.contains("damaged (") && check.text.contains(id.prefix(8)), "\(check.text)")
    }

    @Test func `and repairs it: from parity, from a copy, and the index from packs alone`() throws {
      let stage = try Stage()
      try stage.writeNoise(3_000_000, to: "media/large")
      try stage.lifeboat("backup", "--media", "uploads=\(stage.path)/media").expect(0)
      let copy = "\(stage.path)/copy"
      try FileManager.default.copyItem(atPath: stage.repository, toPath: copy)
      #expect(try stage.lifeboat("repair").expect(0).text.contains("nothing to repair"))

      try stage.damage()
      try stage.lifeboat("check", "--read-data").expect(1)
      let plan = try stage.lifeboat("repair", "--dry-run").expect(0)
      #expect(plan.text.contains("would mend by parity packs/"), "\(plan.text)")
      try stage.lifeboat("check", "--read-data").expect(1)
      let done = try stage.lifeboat("repair", "--json").expect(0).json()
      try done.expectDocumented("repair")
      #expect(done["verdict"].text == "pass" && done["steps"].items.count == 1)
      #expect(done["steps"].items[0]["action"].text == "mend")
      try stage.lifeboat("check", "--read-data").expect(0)

      for run in try stage.files(beneath: "\(stage.repository)/index") {
        try FileManager.default.removeItem(atPath: "\(stage.repository)/index/\(run)")
      }
      let listed = try stage.lifeboat("repair").expect(0)
      #expect(listed.text.contains("list in a new index run packs/"), "\(listed.text)")
      try stage.lifeboat("check", "--read-data").expect(0)

      for pack in try stage.files(beneath: "\(stage.repository)/packs") {
        try FileManager.default.removeItem(atPath: "\(stage.repository)/packs/\(pack)")
      }
      try FileManager.default.removeItem(atPath: "\(stage.repository)/config")
      let lost = try stage.lifeboat("repair").expect(10)
      #expect(lost.errors.contains("no repository at"), "\(lost.errors)")
      try stage.lifeboat("repair", "--from", copy).expect(0)
      try stage.lifeboat("check", "--read-data").expect(0)
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back"
      ).expect(0)
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: "\(stage.path)/back/large"))
          == Data(contentsOf: URL(fileURLWithPath: "\(stage.path)/media/large")))
    }

    @Test func `and says with status 3 what it cannot repair`() throws {
      let stage = try Stage()
      try stage.writeNoise(2_000_000, to: "media/large")
      let result = try stage.lifeboat(
        "backup", "--json", "--media", "uploads=\(stage.path)/media"
      ).expect(0).json()
      let packs = try stage.files(beneath: "\(stage.repository)/packs")
      for pack in packs {
        try FileManager.default.removeItem(atPath: "\(stage.repository)/packs/\(pack)")
      }
      let repair = try stage.lifeboat("repair", "--json").expect(3).json()
      #expect(repair["verdict"].text == "partly" && repair["steps"].items.isEmpty)
      #expect(repair["losses"].items.count == packs.count)
      let id = try #require(result["snapshot"].text)
      #expect(
        repair["losses"].items.contains { loss in
          loss["snapshots"].items.contains { id.hasPrefix($0.text ?? "?") }
        })
      try stage.refused(
        "repair", "--from", stage.repository, status: 64, saying: ["names the same directory"])
    }

    @Test func `reads again every day a part of it, and status says how much`() throws {
      let stage = try Stage()
      try stage.writeNoise(2_000_000, to: "media/large")
      try stage.lifeboat("backup", "--media", "uploads=\(stage.path)/media").expect(0)
      let never = try stage.lifeboat("status", "--json").expect(0).json()["verification"]
      #expect(never["share"].number == 0 && never["oldestAgeSeconds"] == .null)
      let packs = try stage.files(beneath: "\(stage.repository)/packs").count
      for done in 1...packs {
        let check = try stage.lifeboat("check", "--read-data", "--budget", "1KiB", "--json")
          .expect(0).json()
        #expect(check["packsPostponed"].number == Double(packs - 1))
        let share = try stage.lifeboat("status", "--json").expect(0).json()["verification"]
        #expect((share["share"].number == 1) == (done == packs), "after \(done) checks")
      }
      let status = try stage.lifeboat("status").expect(0).text
      #expect(status.contains("verified     100 % of what is stored, in the last 30 days"))
      try stage.refused("check", "--budget", "1KiB", status: 64, saying: ["add --read-data"])
      try stage.refused("check", "--read-data", "--budget", "1KB", status: 64, saying: ["512M, 2G"])
    }
  }
}
