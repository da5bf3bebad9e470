// What commands print for machines, and what they find: JSON shapes, filters, listings, differences.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `prints results that programs can read:` {
    let stage: Stage
    let application: Application

    init() throws {
      stage = try Stage()
      application = try Application(stage)
    }

    private func backup(_ more: String...) throws -> JSON {
      try stage.start(["backup", "--json"] + application.sources() + more).finish().expect(0).json()
    }

    @Test func `backup tells the snapshot, counts and bytes; snapshots, ls and check agree`() throws
    {
      let result = try backup("--file-reference", "app.blog_article.cover", "--tag", "nightly")
      #expect(
        result.names == [
          "blobsDelta", "blobsNew", "blobsReused", "bytes", "complete", "databases", "filesRead",
          "filesUnchanged",
          "media", "references", "seconds", "snapshot", "time", "warnings",
        ])
      #expect(result["snapshot"].text?.count == 64)
      try result.expectDocumented("backup")
      #expect(result["bytes"].names == ["delta", "deltaStored", "new", "read", "stored"])
      #expect(result["filesRead"].number == 14)
      #expect(result["complete"] == .bool(true))
      let database = result["databases"][0]
      #expect(database["name"].text == "app" && database["tables"].number == 3)
      #expect(database["rows"].number == 210 && database["largeObjects"].number == 1)
      #expect(database["sequences"].number == 3)
      let media = result["media"][0]
      #expect(media["name"].text == "uploads" && media["files"].number == 14)
      #expect(media["directories"].number == 3 && media["unreadableCount"].number == 0)
      let reference = result["references"][0]
      #expect(
        reference["column"].text == "public.blog_article.cover"
          && reference["media"].text == "uploads")
      #expect(reference["values"].number == 12 && reference["dangling"].number == 0)

      let listed = try stage.lifeboat("snapshots", "--json").expect(0).json()
      try listed.expectDocumented("snapshots")
      #expect(listed.items.count == 1)
      #expect(
        listed[0].names == [
          "bytesNew", "bytesRead", "bytesStored", "databases", "host", "id", "media", "tags",
          "time",
        ])
      #expect(listed[0]["id"] == result["snapshot"] && listed[0]["time"] == result["time"])
      #expect(listed[0]["tags"] == .array([.text("nightly")]))
      #expect(listed[0]["databases"][0]["name"].text == "app")
      #expect(listed[0]["media"][0]["path"].text == application.media)

      let check = try stage.lifeboat("check", "--read-data", "--json").expect(0).json()
      try check.expectDocumented("check")
      #expect(
        check.names == [
          "blobs", "bytesRead", "bytesStored", "findings", "notes", "packs", "packsPostponed",
          "snapshots", "verdict",
        ])
      #expect(check["verdict"].text == "pass" && check["snapshots"].number == 1)
      #expect(check["bytesRead"].number ?? 0 > 0)
      let text = try stage.lifeboat("snapshots").expect(0).text
      #expect(text.contains(String(result["snapshot"].text?.prefix(8) ?? "?")))
      #expect(text.contains("app,uploads") && text.contains("nightly"))
    }

    @Test func `ls lists sources, directories and tables`() throws {
      _ = try backup()
      let sources = try stage.lifeboat("ls", "latest", "--json").expect(0).json()
      #expect(sources["databases"][0]["name"].text == "app")
      let files = try stage.lifeboat("ls", "latest", "uploads/covers", "--json").expect(0).json()
      #expect(files.items.count == 12)
      try files.expectDocumented("ls SNAPSHOT MEDIA[/PATH]")
      let cover = try #require(files.items.first { $0["path"].text == "covers/10.jpg" })
      #expect(cover["type"].text == "file" && cover["bytes"].number == 9_000)
      #expect(cover["mode"].text == "644" || cover["mode"].text == "600")
      let all = try stage.lifeboat("ls", "latest", "uploads", "--recursive", "--json").expect(0)
        .json()
      #expect(all.items.filter { $0["type"].text == "file" }.count == 14)
      let top = try stage.lifeboat("ls", "latest", "uploads").expect(0).text
      #expect(top.contains("covers") && !top.contains("covers/1.jpg"))

      let tables = try stage.lifeboat("ls", "latest", "app", "--json").expect(0).json()
      #expect(
        tables.items.map { $0["table"].text } == ["account", "blog_article", "empty_table"])
      try tables.expectDocumented("ls SNAPSHOT DATABASE")
      #expect(tables[1]["rows"].number == 200 && tables[1]["schema"].text == "public")
      #expect(try stage.lifeboat("ls", "latest", "app").expect(0).text.contains("public.account"))
    }

    @Test func `diff names what changed between two snapshots, and nothing else`() throws {
      let first = try #require(try backup()["snapshot"].text)
      try stage.write("another cover", to: "media/covers/1.jpg")
      try stage.write("new", to: "media/new/file.txt")
      try FileManager.default.removeItem(atPath: "\(application.media)/covers/2.jpg")
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o640], ofItemAtPath: "\(application.media)/covers/3.jpg")
      try psql(
        application.target,
        """
        DELETE FROM blog_article WHERE id <= 5; CREATE TABLE fresh AS SELECT 1 AS n;
        SELECT lo_put(4242, 0, 'x'); DROP TABLE empty_table;
        """)
      let second = try #require(try backup()["snapshot"].text)

      let changes = try stage.lifeboat("diff", first, second, "--json").expect(0).json().items
      let told = Set(
        changes.map {
          "\($0["change"].text ?? "?") \($0["source"].text ?? "?")/\($0["path"].text ?? "?")"
        })
      for expected in [
        "modified uploads/covers/1.jpg", "added uploads/new", "added uploads/new/file.txt",
        "removed uploads/covers/2.jpg", "metadata uploads/covers/3.jpg",
        "modified app/public.blog_article", "added app/public.fresh",
        "removed app/public.empty_table", "modified app/large object 4242",
      ] {
        #expect(told.contains(expected), "\(told.sorted())")
      }
      // Folders whose entries changed have new times; nothing else is told.
      let others = told.subtracting([
        "modified uploads/covers/1.jpg", "added uploads/new", "added uploads/new/file.txt",
        "removed uploads/covers/2.jpg", "metadata uploads/covers/3.jpg",
        "modified app/public.blog_article", "added app/public.fresh",
        "removed app/public.empty_table", "modified app/large object 4242",
        "metadata uploads/covers", "metadata uploads/",
      ])
      #expect(others == [])
      let article = try #require(changes.first { $0["path"].text == "public.blog_article" })
      #expect(article["rowsBefore"].number == 200 && article["rowsAfter"].number == 195)

      let text = try stage.lifeboat("diff", first, second).expect(0)
      #expect(text.text.contains("M uploads/covers/1.jpg\n"))
      #expect(text.text.contains("M app/public.blog_article  200 -> 195 rows\n"))
      #expect(try stage.lifeboat("diff", first, first, "--json").expect(0).json() == .array([]))
    }

    @Test func `tags and hosts choose snapshots, and latest is the latest among them`() throws {
      let old = try #require(try backup("--tag", "weekly", "--tag", "extra")["snapshot"].text)
      let new = try #require(try backup("--tag", "daily")["snapshot"].text)
      let ids = { (filter: [String]) in
        try stage.start(["snapshots", "--json"] + filter).finish().expect(0).json().items
          .compactMap { $0["id"].text }
      }
      #expect(try ids([]) == [old, new])
      #expect(try ids(["--tag", "weekly"]) == [old])
      #expect(try ids(["--tag", "weekly", "--tag", "extra"]) == [old])
      #expect(try ids(["--tag", "weekly", "--tag", "daily"]) == [])
      let host = try #require(
        try stage.lifeboat("snapshots", "--json").json()[0]["host"].text)
      #expect(try ids(["--host", host]) == [old, new])
      #expect(try ids(["--host", "elsewhere"]) == [])
      let chosen = try stage.lifeboat("ls", "latest", "--tag", "weekly", "--json").expect(0).json()
      #expect(chosen["id"].text == old)
      #expect(
        try stage.lifeboat("ls", String(new.prefix(10)), "--json").expect(0).json()["id"].text
          == new)
      try stage.refused("ls", "latest", "--tag", "monthly", saying: ["no snapshot"])
    }

    @Test func `drill, status, forget and prune print what they found`() throws {
      let id = try #require(
        try backup("--file-reference", "app.blog_article.cover")["snapshot"].text)
      let html = "\(stage.path)/report.html"
      let drill = try stage.lifeboat(
        "drill", "--json", "--report-html", html, "--report-json", "\(stage.path)/report.json"
      ).expect(0)
      let report = try drill.json()
      #expect(report["verdict"].text == "pass")
      #expect(report["snapshot"]["id"].text == id)
      #expect(report["recoveryTime"]["totalSeconds"].number ?? -1 > 0)
      #expect(report["recoveryTime"]["phases"].items.count > 3)
      #expect(report["recoveryPoint"]["ageSeconds"].number ?? -1 > 0)
      let checks = report["checks"].items
      for check in checks {
        for name in ["id", "title", "expected", "actual", "verdict", "seconds"] {
          #expect(check.names.contains(name), "\(check)")
        }
      }
      // One of each kind that the manual promises.
      for title in [
        "Rows are equal, by the hash of each table", "Large objects are equal, byte for byte",
        "Sequences stand where they stood", "Every B-tree index agrees with its table",
        "Every file can be read, and is what was stored", "Damage would have been noticed",
      ] {
        #expect(checks.contains { $0["title"].text == title }, "\(title)")
      }
      #expect(checks.contains { $0["id"].text?.contains("reference") == true })
      let page = try String(contentsOfFile: html, encoding: .utf8)
      #expect(page.hasPrefix("<!") && page.contains(String(id.prefix(8))))
      #expect(!page.contains("http://") && !page.contains("https://"), "one self-contained file")
      let kept = try Data(contentsOf: URL(fileURLWithPath: "\(stage.path)/report.json"))
      #expect(try JSONDecoder().decode(JSON.self, from: kept) == report)

      let status = try stage.lifeboat("status", "--json").expect(0).json()
      #expect(status["verdict"].text == "pass" && status["snapshots"].number == 1)
      try status.expectDocumented("status")
      #expect(status["newestSnapshot"].text == id)
      #expect(status["lastDrill"]["outcome"].text == "pass")
      #expect(status["lastBackup"]["outcome"].text == "pass" && status["lastCheck"] == .null)
      let forget = try stage.lifeboat("forget", "--keep-last", "1", "--dry-run", "--json").expect(0)
        .json()
      #expect(forget["dryRun"] == .bool(true) && forget["kept"].items.count == 1)
      #expect(forget["forgotten"] == .array([]))
      try forget.expectDocumented("forget")
      let prune = try stage.lifeboat("prune", "--dry-run", "--json").expect(0).json()
      #expect(prune["dryRun"] == .bool(true) && prune["bytesFreed"].number == 0)
      #expect(prune["bytesTotal"].number ?? 0 > 0)
      try prune.expectDocumented("prune")
    }

    @Test func `status fails with 1 when there is no snapshot or it is older than the RPO`() throws
    {
      let none = try stage.lifeboat("status", "--json").expect(1).json()
      #expect(none["verdict"].text == "fail" && none["problems"][0].text == "there is no snapshot")
      _ = try backup()
      let config = try stage.write("drill: { rpo: 1s }\n", to: "rpo.yaml")
      usleep(1_100_000)
      let late = try stage.lifeboat("status", "--config", config).expect(1)
      #expect(late.text.contains("more than the RPO of 1.0 s"), "\(late.text)")
      try stage.lifeboat("status").expect(0)
    }

    @Test func `restore prints what it brought back, and messages can be JSON lines`() throws {
      _ = try backup()
      let target = "dbname=\(TestServer.randomName())"
      let server = try TestServer.shared.target(database: "postgres").withChildAccess {
        $0.connectionString
      }.replacing(/dbname=\S+/, with: "")
      let plan = try stage.lifeboat(
        "restore", "latest", "--database", "app", "--into", "\(server) \(target)", "--dry-run"
      ).expect(0)
      #expect(plan.text.hasPrefix("would restore database app"))
      let database = try stage.lifeboat(
        "restore", "latest", "--database", "app", "--into", "\(server) \(target)", "--json"
      ).expect(0).json()
      #expect(database["createdDatabase"] == .bool(true) && database["rows"].number == 210)
      #expect(database["phases"].items.contains { $0["name"].text == "rows" })
      try database.expectDocumented("restore --database")
      let media = try stage.lifeboat(
        "restore", "latest", "covers", "--media", "uploads", "--into", "\(stage.path)/part",
        "--json"
      ).expect(0).json()
      #expect(media["files"].number == 12 && media["complete"] == .bool(true))
      try media.expectDocumented("restore --media")
      #expect(try stage.files(beneath: "\(stage.path)/part").count == 12)

      let refusal = try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/part", "--log-format",
        "json"
      ).expect(1)
      let line = try JSONDecoder().decode(JSON.self, from: Data(refusal.errors.utf8))
      #expect(line["level"].text == "error" && line["hint"].text?.isEmpty == false)
      #expect(line["message"].text?.hasPrefix("cannot restore into") == true)
    }
  }
}
