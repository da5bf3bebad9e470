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
  }
}
