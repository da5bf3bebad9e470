// Bad input: each is told with what happened, why, and what to do next; ends as the table says; and nothing is lost.

import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// What all refusals here share: a repository with one snapshot of a database and of media.
private struct Scene: Sendable {
  let stage: Stage
  let application: Application

  init() throws {
    stage = try Stage()
    application = try Application(stage, articles: 20)
    try stage.start(["backup", "--quiet"] + application.sources()).finish().expect(0)
  }

  /// Made once, for most refusals change nothing.
  static let shared: Result<Scene, any Error> = Result {
    let scene = try Scene()
    atexit { removeSharedScene() }
    return scene
  }
}

private func removeSharedScene() { (try? Scene.shared.get())?.stage.remove() }

extension `The program` {
  @Suite struct `refuses a source that it cannot read, and says why:` {
    private let stage: Stage
    private let application: Application

    init() throws {
      let scene = try Scene.shared.get()
      (stage, application) = (scene.stage, scene.application)
    }

    @Test(arguments: [
      ("postgresql://postgres@127.0.0.1:1/app", "Connection refused"),
      ("postgresql://postgres@no-such-host.invalid/app", "no-such-host.invalid"),
      ("host=/nonexistent dbname=app user=postgres", "/nonexistent"),
    ])
    func `a server that does not answer`(connection: String, why: String) throws {
      try stage.refused(
        "backup", "--database", "app=\(connection)",
        saying: [why, "check that the server runs"])
    }

    @Test func `a database that does not exist`() throws {
      let missing = try application.target.replacing(database: "no_such_database")
        .withChildAccess { $0.connectionString }
      try stage.refused(
        "backup", "--database", "app=\(missing)",
        saying: ["\"no_such_database\" does not exist", "check the database's name"])
    }

    @Test func `a role without privileges, with the GRANT that is missing`() throws {
      let role = try TestServer.shared.makeRole()
      let weak = try application.target.setting("user", to: role).withChildAccess {
        $0.connectionString
      }
      try stage.refused(
        "backup", "--database", "app=\(weak)",
        saying: ["account", "GRANT pg_read_all_data TO", role])
    }

    @Test func `a role that does not exist`() throws {
      let nobody = try application.target.setting("user", to: "no_such_role").withChildAccess {
        $0.connectionString
      }
      try stage.refused(
        "backup", "--database", "app=\(nobody)", saying: ["no_such_role", "does not exist"])
    }

    @Test func `a connection string that is none`() throws {
      try stage.refused(
        "backup", "--database", "app=host", status: 64,
        saying: ["cannot read the connection string"])
    }

    @Test func `a media directory that is missing`() throws {
      try stage.refused(
        "backup", "--media", "uploads=/nonexistent/media",
        saying: ["there is no directory /nonexistent/media", "check the path"])
    }

    @Test func `a good source beside a bad one: there is no half snapshot`() throws {
      try stage.refused(
        "backup", "--database", "app=\(application.connection)", "--media", "gone=/nonexistent",
        saying: ["/nonexistent"])
    }

    @Test(.enabled(if: Host.canMount))
    func `pg_dump that is not there, or too old, with the package to install`() throws {
      let old = try stage.folder("old-programs")
      for name in ["pg_dump", "pg_dumpall", "pg_restore", "initdb", "pg_ctl", "postgres"] {
        let path = try stage.write(
          "#!/bin/sh\necho '\(name) (PostgreSQL) 9.6.24'\n", to: "old-programs/\(name)")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      }
      let major = try TestServer.shared.major()
      let database = "app=\(try application.connection)"
      let bare = ["PATH": "/nonexistent"]
      try stage.refused(
        "backup", "--database", database,
        saying: ["cannot find pg_dump", "postgresql-client-\(major)"], environment: bare,
        by: Host.hidingPrograms)
      try stage.refused(
        "backup", "--database", database,
        saying: ["cannot use pg_dump", "\(old)/pg_dump is 9", "postgresql-client-\(major)"],
        environment: bare.merging(["LIFEBOAT_PG_BIN": old]) { $1 }, by: Host.hidingPrograms)
      // A drill reports what it lacks, as a failed check.
      let drill = try stage.lifeboat(
        "drill", "--json", environment: bare, by: Host.hidingPrograms
      ).expect(1)
      let report = try drill.json()
      #expect(report["verdict"].text == "fail")
      #expect(drill.text.contains("cannot find initdb"))
      #expect(drill.text.contains("Debian package postgresql-\(major)"))
    }

    @Test func `entries that it may not read: done, but with status 3 and a list`() throws {
      let stage = try Stage(initialise: false)
      let other = try Host.Other(stage)
      try stage.write("fine", to: "media/fine.txt")
      try stage.write("hidden", to: "media/secret.txt")
      try stage.write("hidden", to: "media/closed/inner.txt")
      for name in ["media/secret.txt", "media/closed"] {
        try FileManager.default.setAttributes(
          [.posixPermissions: 0], ofItemAtPath: "\(stage.path)/\(name)")
      }
      defer {
        try? FileManager.default.setAttributes(
          [.posixPermissions: 0o755], ofItemAtPath: "\(stage.path)/media/closed")
      }
      try other.lifeboat("init", "--quiet").expect(0)
      let said = try other.lifeboat("backup", "--media", "uploads=\(stage.path)/media").expect(3)
      #expect(said.errors.contains("cannot read secret.txt: "), "\(said.errors)")
      #expect(said.errors.contains("cannot read closed: "), "\(said.errors)")
      #expect(said.errors.contains("permission denied"))
      let result = try other.lifeboat(
        "backup", "--json", "--media", "uploads=\(stage.path)/media"
      ).expect(3).json()
      #expect(result["complete"] == .bool(false))
      #expect(result["media"][0]["unreadableCount"].number == 2)
      #expect(result["media"][0]["unreadable"].items.count == 2)
      // What could be read is there; what could not is named again at the restore.
      let back = "\(other.folder)/back"
      let restored = try other.lifeboat("restore", "latest", "--media", "uploads", "--into", back)
      #expect(restored.errors.contains("not in the snapshot: "), "\(restored.errors)")
      #expect(try String(contentsOfFile: "\(back)/fine.txt", encoding: .utf8) == "fine")
      #expect(!FileManager.default.fileExists(atPath: "\(back)/secret.txt"))
    }
  }

  @Suite struct `refuses a repository that it cannot use, and says why:` {
    private let stage: Stage
    private let application: Application

    init() throws {
      let scene = try Scene.shared.get()
      (stage, application) = (scene.stage, scene.application)
    }

    @Test func `a wrong passphrase ends with 12`() throws {
      let wrong = try stage.write("not this\n", to: "wrong")
      for command in [
        ["snapshots"], ["check"], ["backup", "--media", "uploads=\(application.media)"],
      ] {
        let ending = try stage.start(
          command, environment: Stage.keyless.merging(["LIFEBOAT_PASSPHRASE_FILE": wrong]) { $1 }
        )
        .finish()
        ending.expectRefusal(12, saying: ["no key slot opens", "check the passphrase"])
      }
    }

    @Test func `a passphrase that nothing names, an empty one, and a missing file`() throws {
      try stage.refused(
        "snapshots", status: 64, saying: ["no passphrase is named", "LIFEBOAT_PASSPHRASE_FILE"],
        environment: Stage.keyless)
      try stage.refused(
        "snapshots", "--passphrase-file", "/nonexistent", status: 64,
        saying: ["/nonexistent", "no such file"])
      let empty = try stage.write("\n", to: "empty-passphrase")
      try stage.refused(
        "snapshots", "--passphrase-file", empty, status: 64, saying: ["the passphrase is empty"])
    }

    @Test func `no repository ends with 10`() throws {
      let empty = try stage.folder("empty")
      for command in ["snapshots", "check", "status", "drill", "prune"] {
        try stage.refused(
          command, "--repository", "/nonexistent/repository", status: 10,
          saying: ["/nonexistent/repository", "lifeboat init"])
      }
      try stage.refused(
        "snapshots", "--repository", empty, status: 10, saying: ["no repository", "lifeboat init"])
      try stage.refused(
        "snapshots", status: 64, saying: ["no repository is named", "--repository"],
        environment: ["LIFEBOAT_REPOSITORY": ""])
    }

    @Test func `a repository that is there already is not made anew`() throws {
      let before = try stage.files(beneath: stage.repository)
      try stage.refused(
        "init", "--passphrase-file", stage.passphraseFile, saying: ["there is one already"])
      #expect(try stage.files(beneath: stage.repository) == before)
      try stage.refused(
        "init", "--passphrase-file", stage.passphraseFile, "--repository", application.media,
        saying: ["holds", "and no repository"])
      #expect(!FileManager.default.fileExists(atPath: "\(application.media)/config"))
    }

    @Test func `a newer format is left untouched`() throws {
      let copy = "\(stage.path)/newer"
      try stage.run("/bin/cp", "-a", stage.repository, copy).expect(0)
      let file = URL(fileURLWithPath: "\(copy)/config")
      var bytes = [UInt8](try Data(contentsOf: file))
      // Byte 9, after the eight of the magic and the kind, is the version (docs/format.md).
      bytes[9] += 1
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
      try Data(bytes).write(to: file)
      let before = try stage.files(beneath: copy)
      for command in [["snapshots"], ["backup", "--media", "uploads=\(application.media)"]] {
        let ending = try stage.start(command + ["--repository", copy]).finish()
        ending.expectRefusal(1, saying: ["newer than this program", "install a newer lifeboat"])
      }
      #expect(try stage.files(beneath: copy) == before)
    }

    @Test(.enabled(if: Host.canMount))
    func `a full disk keeps what was there, and a read-only one is told as such`() throws {
      let place = try stage.folder("small-disk")
      let random = try stage.folder("random")
      try stage.writeNoise(10_000_000, to: "random/noise")
      // One process, for what is mounted is gone with it.
      let script = """
        mount -t tmpfs -o size=8m none "$PLACE" || exit 99
        export LIFEBOAT_REPOSITORY=$PLACE/repository
        "$PROGRAM" init --quiet || exit 98
        "$PROGRAM" backup --quiet --media uploads="$MEDIA" || exit 97
        "$PROGRAM" backup --quiet --media random="$RANDOM_MEDIA"; echo "full: $?" >&2
        "$PROGRAM" snapshots --json
        "$PROGRAM" check --read-data --quiet; echo "check: $?" >&2
        "$PROGRAM" restore latest --media uploads --into "$PLACE-back" --quiet; echo "restore: $?" >&2
        mount -o remount,size=40m "$PLACE"
        "$PROGRAM" backup --quiet --media random="$RANDOM_MEDIA"; echo "room: $?" >&2
        mount -o remount,ro "$PLACE"
        "$PROGRAM" backup --quiet --media uploads="$MEDIA"; echo "read-only: $?" >&2
        "$PROGRAM" check --read-data --quiet; echo "check: $?" >&2
        "$PROGRAM" restore latest --media random --into "$PLACE-random" --quiet; echo "restore: $?" >&2
        """
      let ending = try Child(
        "/usr/bin/unshare", ["--mount", "/bin/bash", "-c", script],
        environment: stage.environment([
          "PLACE": place, "PROGRAM": Place.program, "MEDIA": application.media,
          "RANDOM_MEDIA": random, "LIFEBOAT_RECOVERY_KEY_FILE": "",
          "LIFEBOAT_PASSPHRASE_FILE": stage.passphraseFile,
        ])
      ).finish().expect(0)
      let said = ending.errors
      #expect(said.contains("full: 1\n"), "\(said)")
      #expect(said.contains("no space left"), "\(said)")
      #expect(try ending.json().items.count == 1)
      #expect(said.contains("room: 0\n"), "\(said)")
      #expect(said.contains("read-only: 1\n"), "\(said)")
      #expect(said.contains("mounted read-only"), "\(said)")
      #expect(said.components(separatedBy: "check: 0\n").count == 3, "\(said)")
      #expect(said.components(separatedBy: "restore: 0\n").count == 3, "\(said)")
      try stage.expectEqual("compare-trees", application.media, "\(place)-back")
      try stage.expectEqual("compare-trees", random, "\(place)-random")
    }

    @Test func `a repository that this user may not write is told as such, and can be read`() throws
    {
      let stage = try Stage(initialise: false)
      let other = try Host.Other(stage)
      try stage.write("content", to: "media/file")
      try other.lifeboat("init", "--quiet").expect(0)
      try other.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      try stage.run("/bin/chmod", "-R", "a-w", other.repository).expect(0)
      defer { _ = try? stage.run("/bin/chmod", "-R", "u+w", other.repository) }
      let refused = try other.lifeboat("backup", "--media", "uploads=\(stage.path)/media")
      refused.expectRefusal(1, saying: ["cannot write", "permission denied", "run as"])
      try other.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(other.folder)/back"
      )
      .expect(Place.isRoot ? 3 : 0)  // root's files cannot be given back to root
      #expect(try other.lifeboat("snapshots", "--json").expect(0).json().items.count == 1)
    }
  }

  @Suite struct `refuses a target where something would be lost, and says why:` {
    private let stage: Stage
    private let application: Application

    init() throws {
      let scene = try Scene.shared.get()
      (stage, application) = (scene.stage, scene.application)
    }

    @Test func `a database that is not empty`() throws {
      let target = try TestServer.shared.makeDatabase()
      try psql(target, "CREATE TABLE precious AS SELECT 42 AS answer")
      try stage.refused(
        "restore", "latest", "--database", "app", "--into",
        target.withChildAccess { $0.connectionString },
        saying: ["precious", "restore into a new name"])
      #expect(try psql(target, "SELECT answer FROM precious") == "42\n")
      #expect(try psql(target, "SELECT count(*) FROM pg_class WHERE relname = 'account'") == "0\n")
    }

    @Test func `a directory with files, unless told what may happen to them`() throws {
      let place = try stage.folder("occupied")
      try stage.write("mine", to: "occupied/empty")
      try stage.refused(
        "restore", "latest", "--media", "uploads", "--into", place,
        saying: ["the directory is not empty", "--overwrite"])
      #expect(try stage.files(beneath: place) == ["empty"])
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", place, "--overwrite", "never",
        "--quiet"
      ).expect(0)
      #expect(try String(contentsOfFile: "\(place)/empty", encoding: .utf8) == "mine")
      #expect(try stage.files(beneath: place).count == 14)
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", place, "--overwrite", "always",
        "--quiet"
      ).expect(0)
      try stage.expectEqual("compare-trees", application.media, place)
      try stage.refused(
        "restore", "latest", "--media", "uploads", "--into", "\(place)/empty",
        saying: ["not a directory"])
    }

    @Test func `a role that may not make a database`() throws {
      let role = try TestServer.shared.makeRole()
      let target = try application.target.setting("user", to: role)
        .replacing(database: TestServer.randomName()).withChildAccess { $0.connectionString }
      try stage.refused(
        "restore", "latest", "--database", "app", "--into", target,
        saying: ["permission denied to create database", "CREATEDB"])
    }

    @Test func `a snapshot, source, path or table that there is not`() throws {
      let place = "\(stage.path)/never"
      try stage.refused(
        "restore", "0000000000", "--media", "uploads", "--into", place,
        saying: ["there is no snapshot '0000000000'", "lifeboat snapshots"])
      try stage.refused(
        "restore", "latest", "--media", "nothing", "--into", place, status: 64,
        saying: ["'nothing'", "it has uploads"])
      try stage.refused(
        "restore", "latest", "--database", "nothing", "--into", "dbname=x", status: 64,
        saying: ["'nothing'", "it has app"])
      try stage.refused(
        "restore", "latest", "no/such", "--media", "uploads", "--into", place, saying: ["no/such"])
      try stage.refused("ls", "latest", "uploads/no/such", status: 64, saying: ["uploads/no/such"])
      try stage.refused("ls", "latest", "nothing", status: 64, saying: ["it has app, uploads"])
      try stage.refused(
        "dump", "latest", "--media", "uploads", "covers", status: 64,
        saying: ["not a regular file"])
      try stage.refused(
        "dump", "latest", "--database", "app", "--table", "public.nothing",
        saying: ["public.nothing", "no such table"])
      #expect(!FileManager.default.fileExists(atPath: place))
    }

    @Test func `a name that matches two snapshots`() throws {
      let stage = try Stage()
      try stage.write("x", to: "media/x")
      // Sixteen first digits: with seventeen snapshots two must share one.
      for _ in 0..<17 where try shared(stage) == nil {
        try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      }
      let digit = try #require(try shared(stage))
      try stage.refused(
        "ls", digit, saying: ["'\(digit)'", "2 snapshots", "more digits"])
      try stage.refused("forget", digit, saying: ["'\(digit)'"])
    }

    /// A first digit that two snapshots have.
    private func shared(_ stage: Stage) throws -> String? {
      let digits = try stage.snapshotFiles().compactMap { $0.first.map(String.init) }
      return digits.first { digit in digits.filter { $0 == digit }.count == 2 }
    }
  }

  @Suite struct `refuses a command line or configuration that makes no sense, with status 64:` {
    private let stage: Stage

    init() throws { stage = try Scene.shared.get().stage }

    @Test(arguments: [
      (["backup", "--bogus"], "Unknown option '--bogus'"),
      (["nonsense"], "nonsense"),
      (["backup", "--database", "app"], "'app' is invalid"),
      (["backup", "--media", "two words=/tmp"], "invalid"),
      (["backup", "--connections", "0", "--media", "a=/tmp"], "1 to 64"),
      (["restore", "latest", "--database", "app"], "--into"),
      (["restore", "latest", "--into", "/tmp/x"], "either --database NAME or --media NAME"),
      (["dump", "latest", "--media", "uploads"], "give the path of a file"),
      (["ls"], "<snapshot>"),
      (["snapshots", "--quiet", "--verbose"], "exclude each other"),
      (["forget", "--keep-last", "-1"], "--keep-last"),
    ])
    func `what the parser rejects`(arguments: [String], why: String) throws {
      let ending = try stage.start(arguments).finish()
      #expect(ending.status == 64, "\(arguments): \(ending.errors)")
      #expect(ending.output.isEmpty)
      #expect(ending.errors.contains(why), "\(ending.errors)")
      #expect(ending.errors.contains("See 'lifeboat"), "\(ending.errors)")
    }

    @Test func `what is missing or twice there`() throws {
      try stage.refused("backup", status: 64, saying: ["there is nothing to back up"])
      try stage.refused(
        "forget", status: 64, saying: ["nothing says what to keep", "--keep-daily"])
      try stage.refused(
        "backup", "--media", "a=/tmp", "--media", "a=/var", status: 64,
        saying: ["two sources are called 'a'"])
      try stage.refused("run", status: 64, saying: ["needs a configuration"])
      try stage.refused("prune", "--grace", "soon", status: 64, saying: ["soon", "26h"])
      try stage.refused(
        "backup", "--media", "a=/tmp", "--file-reference", "app.t.c", status: 64,
        saying: ["app.t.c"])
    }

    @Test func `a typo in the configuration, with its line and what was meant`() throws {
      let file = try stage.write(
        """
        repository: /backups/app
        key:
          passphrase-file: /etc/lifeboat/passphrase
        databses:
          app: { connection: dbname=app }
        retention:
          keep-dayly: 7
        """, to: "typo.yaml")
      for command in [["config", "check", file], ["snapshots", "--config", file]] {
        let ending = try stage.start(command).finish()
        ending.expectRefusal(
          64,
          saying: [
            "typo.yaml:4:1", "did you mean 'databases'?", "typo.yaml:7:3",
            "did you mean 'keep-daily'?",
          ])
      }
      try stage.refused(
        "config", "check", "/nonexistent.yaml", status: 64, saying: ["there is no such file"])
    }

    @Test func `snapshots are as sound after all refusals as before`() throws {
      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)
    }
  }
}
