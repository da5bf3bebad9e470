// The main job at the size the project promises: everything goes in, comes back, and is compared by others.

import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `backs up a large database and its media, and` {
    private static let memoryLimit = 256 << 20

    /// One test, for each step needs the one before, and the data is large.
    @Test func `brings both back equal, stores next to nothing twice, and stays within 256 MiB`()
      throws
    {
      let megabytes = Place.megabytes
      let stage = try Stage(opening: .passphrase)
      let source = try TestServer.shared.makeDatabase()
      let copy = try TestServer.shared.target(database: TestServer.randomName())
      let connection = { (target: ConnectionTarget) in
        try target.withChildAccess { $0.connectionString }
      }
      // The files first: what is younger than a clock's tick at a backup is read again by the next.
      let media = "\(stage.path)/media"
      try stage.run(
        "\(Place.fixtures)/make-tree", "--files", "10000", "--megabytes", "\(megabytes * 2 / 3)",
        media
      ).expect(0)
      try stage.run(
        "/usr/bin/env", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "megabytes=\(megabytes)",
        "-f", "\(Place.fixtures)/large-database.sql", "-o", "/dev/null", try connection(source)
      ).expect(0)

      if megabytes < 300 { sleep(3) }

      // Twice into the repository.
      let sources = [
        "--database", "app=\(try connection(source))", "--media", "uploads=\(media)", "--json",
      ]
      let first = try stage.start(["backup"] + sources).finish().expect(0)
      let second = try stage.start(["backup"] + sources).finish().expect(0)
      #expect(first.peakByteCount > 0 && first.peakByteCount < Self.memoryLimit)
      #expect(second.peakByteCount < Self.memoryLimit)
      let before = try first.json()
      let after = try second.json()
      #expect(before["media"][0]["files"].number ?? 0 >= 9_900)
      #expect(before["databases"][0]["tables"].number ?? 0 >= 20)
      #expect(before["complete"] == .bool(true))
      #expect(after["filesRead"].number == 0)
      #expect(after["filesUnchanged"] == before["media"][0]["files"])
      #expect(after["parent"] == before["snapshot"])
      let stored = try #require(before["bytes"]["stored"].number)
      let again = try #require(after["bytes"]["stored"].number)
      // Of little data the manifest alone is more than a thousandth.
      if megabytes >= 300 { #expect(again * 1000 < stored, "\(again) of \(stored) bytes") }
      try stage.expectEqual("compare-trees", media, media)

      // Back, and compared by programs that know nothing of ours.
      let restored = try stage.start(
        ["restore", "latest", "--database", "app", "--into", try connection(copy), "--quiet"]
      ).finish().expect(0)
      #expect(restored.peakByteCount < Self.memoryLimit)
      try stage.expectEqual("compare-databases", try connection(source), try connection(copy))
      let files = try stage.start(
        ["restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--quiet"]
      ).finish().expect(0)
      #expect(files.peakByteCount < Self.memoryLimit)
      try stage.expectEqual("compare-trees", media, "\(stage.path)/back")
      // What follows needs the disk.
      try drop(copy)

      let drill = try stage.start(["drill", "--json"]).finish()
      let report = try drill.json()
      let unhappy = report["checks"].items.filter { $0["verdict"].text != "pass" }
      #expect(drill.status == 0, "\(unhappy)\n\(drill.errors)")
      #expect(["pass", "warnings"].contains(report["verdict"].text), "\(unhappy)")
      #expect(drill.peakByteCount < Self.memoryLimit)
      #expect(try stage.files(beneath: stage.temporary) == [])
      try drop(source)
    }

    @Test func `gives somebody who is not root a tree back with all that is theirs to set`() throws
    {
      let stage = try Stage(initialise: false)
      let other = try Host.Other(stage)
      let (tree, back) = ("\(other.folder)/tree", "\(other.folder)/back")
      try other.run("\(Place.fixtures)/make-tree", "--files", "200", "--megabytes", "3", tree)
        .expect(0)
      try other.lifeboat("init", "--quiet").expect(0)
      try other.lifeboat("backup", "--quiet", "--media", "tree=\(tree)").expect(0)
      let restored = try other.lifeboat("restore", "latest", "--media", "tree", "--into", back)
        .expect(0)
      #expect(restored.errors == "")
      try stage.expectEqual("compare-trees", tree, back)
      // Once more over it, read-only files included.
      let again = try other.lifeboat(
        "restore", "latest", "--media", "tree", "--into", back, "--overwrite", "always"
      ).expect(0)
      #expect(again.errors == "")
      try stage.expectEqual("compare-trees", tree, back)
    }

    private func drop(_ target: ConnectionTarget) throws {
      let name = try #require(target.databaseName)
      try psql(
        TestServer.shared.target(database: "postgres"),
        "DROP DATABASE \(Connection.quoteIdentifier(name))")
    }
  }
}
