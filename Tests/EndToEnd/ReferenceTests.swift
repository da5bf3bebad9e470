// Rows name files: each must be in the same snapshot, and what is missing must be told.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `resolves the files that rows name, and` {
    let stage: Stage
    let application: Application

    init() throws {
      stage = try Stage()
      application = try Application(stage)
    }

    private func backup() throws -> Ending {
      try stage.start(
        [
          "backup", "--json", "--file-reference", "app.blog_article.cover", "--file-reference",
          "app.public.account.avatar",
        ] + application.sources()
      ).finish().expect(0)
    }

    private func referenceCheck(_ drill: JSON, _ column: String) -> JSON {
      drill["checks"].items.first {
        $0["id"].text == "files.references" && $0["title"].text?.contains(column) == true
      } ?? .null
    }

    @Test func `lists a file that is not at the source either; a drill warns of it`() throws {
      try psql(
        application.target,
        "UPDATE blog_article SET cover = 'covers/lost.jpg' WHERE id = 7")
      let result = try backup().json()
      let cover = try #require(
        result["references"].items.first { $0["column"].text == "public.blog_article.cover" })
      #expect(cover["dangling"].number == 1 && cover["carriedForward"].number == 0)
      // Empty values name nothing.
      let avatar = try #require(
        result["references"].items.first { $0["column"].text == "public.account.avatar" })
      #expect(avatar["values"].number == 1 && avatar["dangling"].number == 0)
      let told = try stage.lifeboat(
        "backup", "--database", "app=\(application.connection)", "--media",
        "uploads=\(application.media)", "--file-reference", "app.blog_article.cover"
      ).expect(0)
      #expect(told.errors.contains("1 values of app public.blog_article.cover name files"))

      let drill = try stage.lifeboat("drill", "--json").expect(0).json()
      #expect(drill["verdict"].text == "warnings")
      let check = referenceCheck(drill, "blog_article.cover")
      #expect(check["verdict"].text == "warnings")
      #expect(check["details"].items.contains { $0.text?.contains("covers/lost.jpg") == true })
    }

    @Test func `takes over from the snapshot before what vanished while it backed up`() throws {
      _ = try backup()
      // As if deleted after the rows were read: the row is still there, the file is not.
      let cover = "\(application.media)/covers/3.jpg"
      let content = try Data(contentsOf: URL(fileURLWithPath: cover))
      try FileManager.default.removeItem(atPath: cover)
      let result = try backup().json()
      let reference = try #require(
        result["references"].items.first { $0["column"].text == "public.blog_article.cover" })
      #expect(reference["dangling"].number == 0 && reference["carriedForward"].number == 1)
      let listed = try stage.lifeboat("ls", "latest", "uploads/covers", "--json").expect(0).json()
      let entry = try #require(listed.items.first { $0["path"].text == "covers/3.jpg" })
      #expect(entry["note"].text?.contains("carried forward") == true)

      let drill = try stage.lifeboat("drill", "--json").expect(0).json()
      #expect(drill["verdict"].text == "warnings")
      #expect(referenceCheck(drill, "blog_article.cover")["verdict"].text == "warnings")
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--quiet"
      ).expect(0)
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: "\(stage.path)/back/covers/3.jpg")) == content)
    }

    @Test func `refuses a column that there is not`() throws {
      try stage.refused(
        "backup", "--database", "app=\(application.connection)", "--media",
        "uploads=\(application.media)", "--file-reference", "app.blog_article.nothing",
        saying: ["blog_article", "nothing"])
    }
  }
}
