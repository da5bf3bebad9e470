// The reader in docs, written from the format document alone, reads what the program wrote.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `writes a format that others can read:` {
    private static let passphrase = "correct horse battery staple"

    private func read(_ stage: Stage, _ arguments: String..., passphrase: String = passphrase)
      throws
      -> Ending
    {
      try Child(
        try PythonEnvironment.python.get(),
        ["\(Place.project)/docs/reader.py", stage.repository] + arguments,
        environment: stage.environment(["LIFEBOAT_PASSPHRASE": passphrase])
      ).finish()
    }

    @Test func `docs/reader.py restores media and rows from a second snapshot`() throws {
      let stage = try Stage()
      let application = try Application(stage, articles: 1500)
      try stage.run(
        "\(Place.fixtures)/make-tree", "--files", "200", "--megabytes", "8", "\(stage.path)/tree"
      ).expect(0)
      // It makes neither devices nor pipes.
      try stage.run("/bin/rm", "-r", "\(stage.path)/tree/special").expect(0)
      let sources = try application.sources() + ["--media", "tree=\(stage.path)/tree"]
      try stage.start(["backup", "--quiet"] + sources).finish().expect(0)
      // So that the second one has deltas and chunks of the first.
      try psql(application.target, "UPDATE blog_article SET price = price + 1 WHERE id % 40 = 0")
      try stage.run("\(Place.fixtures)/make-tree", "--change", "\(stage.path)/tree").expect(0)
      let result = try stage.start(["backup", "--json"] + sources).finish().expect(0).json()

      let listed = try read(stage, "snapshots").expect(0).text
      #expect(listed.contains(try #require(result["snapshot"].text).prefix(8)))
      #expect(listed.contains("app, uploads, tree") || listed.contains("app, tree, uploads"))
      let back = try stage.folder("back")
      try read(stage, "files", "latest", "tree", back).expect(0)
      try stage.expectEqual("compare-trees", "\(stage.path)/tree", back)
      // The order of rows is that of the heap; what COPY writes now is in the same one.
      let rows = try read(stage, "rows", "latest", "app", "public", "blog_article").expect(0)
      #expect(rows.text == (try psql(application.target, "COPY blog_article TO STDOUT")))
      let globals = try read(stage, "stream", "latest", "app", "globals").expect(0)
      #expect(globals.text.contains("CREATE ROLE"))
    }

    @Test func `and it refuses a wrong passphrase and a flipped bit, as ours does`() throws {
      let stage = try Stage()
      try stage.writeNoise(300_000, to: "media/file")
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      #expect(try read(stage, "snapshots", passphrase: "wrong").status == 1)
      try stage.damage()
      let ending = try read(stage, "files", "latest", "uploads", try stage.folder("back"))
      #expect(ending.status == 1)
      #expect(ending.errors.contains("does not authenticate"), "\(ending.errors)")
    }
  }
}
