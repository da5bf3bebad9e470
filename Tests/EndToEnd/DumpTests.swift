// Plain SQL and plain files: what the tools of others can read.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `lets everything out again:` {
    @Test func `a dump loads with psql into an empty database and gives an equal one`() throws {
      let stage = try Stage()
      let source = try TestServer.shared.makeDatabase()
      let copy = try TestServer.shared.makeDatabase()
      let connections = try [source, copy].map { try $0.withChildAccess { $0.connectionString } }
      try stage.run(
        "/usr/bin/env", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "megabytes=1",
        "-f", "\(Place.fixtures)/large-database.sql", "-o", "/dev/null", connections[0]
      ).expect(0)
      try stage.lifeboat("backup", "--quiet", "--database", "app=\(connections[0])").expect(0)

      let words =
        "\(Place.program) dump latest --database app | psql -X -q -v ON_ERROR_STOP=1 -o /dev/null \"$0\""
      try stage.run("/bin/bash", "-o", "pipefail", "-c", words, connections[1]).expect(0)
      // Comment, settings and grants of the database itself are no part of pg_dump's plain SQL either.
      try stage.expectEqual(
        "compare-databases", "--ignore", "properties", connections[0], connections[1])
    }

    @Test func `a file, a hard link and a sparse file come out with the bytes they had`() throws {
      let stage = try Stage()
      let application = try Application(stage)
      try stage.run(
        "/bin/ln", "\(application.media)/covers/1.jpg", "\(application.media)/covers/link.jpg"
      )
      .expect(0)
      try stage.run("/usr/bin/truncate", "-s", "3M", "\(application.media)/sparse").expect(0)
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: "\(application.media)/sparse"))
      try file.seek(toOffset: 2_000_000)
      try file.write(contentsOf: Data("island".utf8))
      try file.close()
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(application.media)").expect(0)

      for path in ["covers/1.jpg", "covers/link.jpg", "sparse", "empty", "avatars/a.png"] {
        let dumped = try stage.lifeboat("dump", "latest", "--media", "uploads", path).expect(0)
        let original = try Data(contentsOf: URL(fileURLWithPath: "\(application.media)/\(path)"))
        #expect(Data(dumped.output) == original, "\(path)")
        #expect(dumped.errors == "")
      }
    }

    @Test func `one table's rows come out as COPY writes them`() throws {
      let stage = try Stage()
      let application = try Application(stage)
      try stage.lifeboat("backup", "--quiet", "--database", "app=\(try application.connection)")
        .expect(0)
      let dumped = try stage.lifeboat(
        "dump", "latest", "--database", "app", "--table", "public.account"
      ).expect(0)
      let copied = try psql(application.target, "COPY account TO STDOUT")
      #expect(dumped.text == copied)
    }

    @Test func `a reader that goes away ends the dump`() throws {
      let stage = try Stage()
      let application = try Application(stage, articles: 3000)
      try stage.lifeboat("backup", "--quiet", "--database", "app=\(try application.connection)")
        .expect(0)
      let words =
        "\(Place.program) dump latest --database app | head -c 100 >/dev/null; echo ${PIPESTATUS[0]}"
      let ending = try stage.run("/bin/bash", "-c", words).expect(0)
      #expect(ending.text == "1\n")
      #expect(ending.errors.hasPrefix("error: cannot write to standard output"), "\(ending.errors)")
    }
  }
}
