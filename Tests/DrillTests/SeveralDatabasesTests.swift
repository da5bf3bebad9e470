// Snapshots of more than one database, of none, and of names and encodings that are not friendly.

import Capture
import Drill
import Files
import Format
import FoundationEssentials
import Postgres
import Repository
import Storage
import TestSupport
import Testing
import Workers

@Suite(.serialized) struct `A drill of several sources` {
  private func snapshot(
    _ databases: [DatabaseSource], _ media: [MediaSource], _ folder: ScratchFolder
  ) throws -> (Repository, Snapshot) {
    let storage = MemoryStorage()
    let key = try RecoveryKey.generate()
    _ = try KeyRing.create(
      in: storage, passphrase: key.secret, label: "test", withRecoveryKey: false,
      created: Timestamp(Date()), packByteCount: 1 << 20)
    let repository = try Repository.open(
      storage, with: .passphrase(key.secret), scratch: folder.path)
    let plan = BackupPlan(
      databases: databases, media: media, references: [], tags: [], host: "web1", user: "test",
      program: "lifeboat test", workers: 2, scratch: folder.path)
    let result = try Backup(
      plan, repository: repository, cancellation: Cancellation(), progress: Progress()
    ).perform()
    return (repository, try repository.snapshot(named: result.snapshot.hex))
  }

  @Test func `brings them back together, hostile names and old encodings too`() throws {
    let folder = try ScratchFolder()
    let hostile = try TestServer.shared.makeDatabase()
    try psql(
      hostile,
      """
      CREATE SCHEMA "a ""b"".c"; CREATE SCHEMA "<script>alert(1)</script>";
      CREATE TABLE "a ""b"".c"."tab; DROP TABLE x; --" ("col ""1"" " text);
      INSERT INTO "a ""b"".c"."tab; DROP TABLE x; --" VALUES (E'x\\ty\\n\\\\'), (NULL), ('\\N');
      CREATE TABLE "<script>alert(1)</script>"."'); --" (id serial PRIMARY KEY);
      INSERT INTO "<script>alert(1)</script>"."'); --" DEFAULT VALUES;
      CREATE TABLE empty ();
      INSERT INTO empty DEFAULT VALUES;
      """)
    let latin = try TestServer.shared.makeDatabase(encoding: "LATIN1")
    try psql(latin, "CREATE TABLE \"größe\" (\"wört\" text); INSERT INTO \"größe\" VALUES ('ÄÖÜß')")
    let (repository, snapshot) = try snapshot(
      [
        DatabaseSource(name: "hostile", target: hostile),
        DatabaseSource(name: "latin", target: latin),
      ], [], folder)
    let report = try Drill(repository: repository, snapshot: snapshot).run()
    #expect(report.verdict == .pass, "\(report.story)")
    #expect(report.checks("restore.scratch").count == 1)
    #expect(report.checks("equality.table-content").compactMap(\.subject) == ["hostile", "latin"])
    #expect(report.volume.rows == 6)

    var options = DrillOptions()
    options.scratch = .server(hostile)
    options.allowSourceServer = true
    options.afterRestore = { target in
      if (try? Connection(target).query("SELECT 1 FROM \"größe\"")) == nil {
        try psql(target, "DELETE FROM \"<script>alert(1)</script>\".\"'); --\"")
      }
    }
    let broken = try Drill(repository: repository, snapshot: snapshot, options: options).run()
    #expect(broken.ids(.fail) == ["equality.row-count", "equality.table-content"])
    #expect(broken.html().contains("&lt;script&gt;alert(1)&lt;/script&gt;.&#39;); --: expected"))
    #expect(!broken.html().contains("<script"))
  }

  @Test func `needs no server for files alone`() throws {
    let folder = try ScratchFolder()
    let media = folder.path + "/media"
    try FileManager.default.createDirectory(atPath: media, withIntermediateDirectories: false)
    try Data("x".utf8).write(to: URL(filePath: media + "/x"))
    let (repository, snapshot) = try snapshot(
      [], [MediaSource(name: "media", path: media)], folder)
    var options = DrillOptions()
    options.applicationChecks = [ApplicationCheck(name: "any", command: "true")]
    let report = try Drill(repository: repository, snapshot: snapshot, options: options).run()
    #expect(report.verdict == .pass, "\(report.story)")
    #expect(report.scratch.kind == DrillScratch.Kind.none)
    #expect(report.checks("application.command").map(\.verdict) == [.pass])
  }

  @Test func `fails what it cannot restore for want of a server, and says why`() throws {
    let folder = try ScratchFolder()
    let database = try TestServer.shared.makeDatabase()
    let (repository, snapshot) = try snapshot(
      [DatabaseSource(name: "shop", target: database)], [], folder)
    var options = DrillOptions()
    options.scratchFolder = folder.path + "/not/there"
    let report = try Drill(repository: repository, snapshot: snapshot, options: options).run()
    #expect(report.verdict == .fail)
    #expect(report.checks("restore.scratch").map(\.verdict) == [.fail])
    for id in ["restore.database", "equality.table-content", "health.amcheck"] {
      #expect(report.checks(id).map(\.actual) == ["not made: there is no scratch server"], "\(id)")
    }
  }
}
