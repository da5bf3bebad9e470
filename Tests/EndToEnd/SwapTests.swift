// A restore in the place of the database in use.

import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `restores in the place of a database in use:` {
    @Test func `the names are exchanged, and the old one is kept and named`() throws {
      let stage = try Stage()
      let application = try Application(stage)
      try stage.lifeboat("backup", "--quiet", "--database", "app=\(application.connection)")
        .expect(0)
      try psql(application.target, "DELETE FROM blog_article")
      let words = [
        "restore", "latest", "--database", "app", "--swap", "--into", try application.connection,
      ]
      let plan = try stage.start(words + ["--dry-run"]).finish().expect(0)
      #expect(plan.text.contains("and keep the one that is there as "))
      #expect(try psql(application.target, "SELECT count(*) FROM blog_article") == "0\n")

      let result = try stage.start(words + ["--json"]).finish().expect(0).json()
      #expect(try psql(application.target, "SELECT count(*) FROM blog_article") == "200\n")
      let kept = try #require(result["kept"].text)
      let old = application.target.replacing(database: kept)
      #expect(try psql(old, "SELECT count(*) FROM blog_article") == "0\n")
    }

    @Test func `there must be one to replace`() throws {
      let stage = try Stage()
      let application = try Application(stage)
      try stage.lifeboat("backup", "--quiet", "--database", "app=\(application.connection)")
        .expect(0)
      let missing = try TestServer.shared.target(database: TestServer.randomName())
      try stage.refused(
        "restore", "latest", "--database", "app", "--swap", "--into",
        missing.withChildAccess { $0.connectionString },
        saying: ["there is no database of that name", "without --swap"])
    }
  }
}
