// Backups that are stopped, held up or killed: nothing half is listed, nothing stored is lost.

import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `can be interrupted at any moment:` {
    private static let byteCount = 192_000_000

    private func bytes(of stage: Stage, _ folder: String) throws -> Int {
      try stage.files(beneath: "\(stage.repository)/\(folder)").reduce(0) { sum, name in
        let attributes = try FileManager.default.attributesOfItem(
          atPath: "\(stage.repository)/\(folder)/\(name)")
        return sum + (attributes[.size] as? Int ?? 0)
      }
    }

    private func temporaries(of stage: Stage) throws -> [String] {
      try stage.files(beneath: stage.repository).filter { $0.contains(".tmp") || $0.contains("/.") }
    }

    /// A stage whose media fill six packs, so that there is a moment between the first and the last.
    private func largeStage() throws -> Stage {
      let stage = try Stage()
      for number in 1...12 {
        try stage.writeNoise(Self.byteCount / 12, to: "media/\(number)")
      }
      return stage
    }

    /// Starts a backup and waits until the first pack is there.
    private func startedBackup(_ stage: Stage) throws -> Child {
      let child = try stage.start(["backup", "--media", "uploads=\(stage.path)/media"])
      try child.wait(for: "the first pack") {
        try !stage.files(beneath: "\(stage.repository)/packs").filter { !$0.contains(".") }.isEmpty
      }
      return child
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `Ctrl-C and SIGTERM end a backup with 130, and the next run uses what was stored`(
      signal: Int32
    ) throws {
      let stage = try largeStage()
      let child = try startedBackup(stage)
      child.signal(signal)
      let ending = try child.finish().expect(130)
      #expect(ending.output.isEmpty)
      #expect(ending.errors.contains("stopping at the next safe point"))
      #expect(ending.errors.contains("error: stopped on request: "))
      #expect(try stage.snapshotFiles() == [])
      #expect(try temporaries(of: stage) == [])
      #expect(try stage.files(beneath: stage.temporary) == [])
      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)

      let stored = try bytes(of: stage, "packs")
      #expect(stored > 30_000_000)
      let next = try stage.lifeboat("backup", "--json", "--media", "uploads=\(stage.path)/media")
        .expect(0).json()
      let new = try #require(next["bytes"]["new"].number)
      // All that was stored is used again: only the rest is new. Two in a hundred bytes of a pack are parity;
      // where the signal came after the last pack, padding makes more bytes of packs than there are of media.
      let rest = max(0, Self.byteCount - stored * 96 / 100)
      #expect(Int(new) < rest + 2_000_000, "\(new) new, \(stored) stored before")
      #expect(next["blobsReused"].number ?? 0 >= 10)
      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--quiet"
      ).expect(0)
      try stage.expectEqual("compare-trees", "\(stage.path)/media", "\(stage.path)/back")
    }

    @Test func `a killed backup leaves garbage that the next ones live with and prune reclaims`()
      throws
    {
      let stage = try largeStage()
      let child = try startedBackup(stage)
      child.signal(SIGKILL)
      try child.finish().expect(137)
      #expect(try stage.snapshotFiles() == [])
      try stage.lifeboat("check", "--quiet").expect(0)
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)
      // The first marks what nothing needs, the second deletes it: with no time between them here.
      for _ in 0..<2 { try stage.lifeboat("prune", "--grace", "0s", "--quiet").expect(0) }
      #expect(try temporaries(of: stage) == [])
      #expect(try bytes(of: stage, "packs") < Self.byteCount * 11 / 10)
      try stage.lifeboat("check", "--read-data", "--quiet").expect(0)
      try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--quiet"
      ).expect(0)
      try stage.expectEqual("compare-trees", "\(stage.path)/media", "\(stage.path)/back")
    }

    @Test func `a killed drill's server and files are removed by the next drill`() throws {
      let stage = try Stage()
      let application = try Application(stage)
      try stage.start(["backup", "--quiet"] + application.sources()).finish().expect(0)
      let child = try stage.start(["drill"])
      try child.wait(for: "the scratch server") {
        try stage.files(beneath: stage.temporary).contains { $0.hasSuffix("postmaster.pid") }
      }
      child.signal(SIGKILL)
      try child.finish().expect(137)
      #expect(try stage.files(beneath: stage.temporary) != [])
      try stage.lifeboat("drill", "--quiet").expect(0)
      #expect(try Processes.mentioning(stage.temporary) == [])
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `a drill that is stopped ends with 130 and leaves no server`(signal: Int32) throws {
      let stage = try Stage()
      let application = try Application(stage)
      try stage.start(["backup", "--quiet"] + application.sources()).finish().expect(0)
      let child = try stage.start(["drill"])
      try child.wait(for: "the scratch server") {
        try stage.files(beneath: stage.temporary).contains { $0.hasSuffix("postmaster.pid") }
      }
      child.signal(signal)
      try child.finish().expect(130)
      #expect(try stage.files(beneath: stage.temporary) == [])
      #expect(try Processes.mentioning(stage.temporary) == [])
    }

    @Test func `a restore that is stopped leaves no database that looks whole`() throws {
      let stage = try Stage()
      let application = try Application(stage, articles: 30_000)
      try stage.start(["backup", "--quiet"] + application.sources()).finish().expect(0)
      let name = TestServer.randomName()
      let copy = try TestServer.shared.target(database: name)
      let child = try stage.start([
        "restore", "latest", "--database", "app", "--into",
        try copy.withChildAccess { $0.connectionString },
      ])
      let postgres = try Connection(TestServer.shared.target(database: "postgres"))
      let exists = {
        try postgres.query("SELECT count(*) FROM pg_database WHERE datname = $1", [name])[0, 0]
          == "1"
      }
      try child.wait(for: "the new database", until: exists)
      child.signal(SIGINT)
      let ending = try child.finish()
      try #require(ending.status == 130, "\(ending.errors)")
      #expect(try !exists())
      #expect(try stage.files(beneath: stage.temporary) == [])
    }
  }

  @Suite struct `is patient with locks, but not for ever:` {
    let stage: Stage
    let application: Application

    init() throws {
      stage = try Stage()
      application = try Application(stage)
    }

    /// A session that holds a table as a schema change does.
    private func holder() throws -> Connection {
      let holder = try Connection(application.target, applicationName: "migration")
      try holder.execute("BEGIN; LOCK TABLE blog_article IN ACCESS EXCLUSIVE MODE")
      return holder
    }

    @Test func `a lock that does not come free in time ends with 11 and names the holder`() throws {
      let holder = try holder()
      let process = try #require(try holder.query("SELECT pg_backend_pid()")[0, 0])
      let config = try stage.write(
        """
        databases: { app: { connection: "\(application.connection)" } }
        backup: { lock-timeout: 1s }
        """, to: "locks.yaml")
      try stage.refused(
        "backup", "--config", config, status: 11,
        saying: ["blog_article", process, "pg_terminate_backend(\(process))"])
      try holder.execute("ROLLBACK")
      try stage.lifeboat("backup", "--config", config, "--quiet").expect(0)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func `Ctrl-C is heard while it waits for a lock`(signal: Int32) throws {
      let holder = try holder()
      let child = try stage.start(["backup", "--database", "app=\(application.connection)"])
      try waitForWaiter()
      child.signal(signal)
      try child.finish(seconds: 30).expect(130)
      #expect(try stage.snapshotFiles() == [])
      try holder.execute("ROLLBACK")
    }

    @Test func `a connection that is cut ends the backup; a second run succeeds`() throws {
      let holder = try holder()
      let child = try stage.start(["backup", "--database", "app=\(application.connection)"])
      try waitForWaiter()
      _ = try holder.query(
        """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'lifeboat%'
        """)
      let ending = try child.finish(seconds: 60)
      ending.expectRefusal(1, saying: ["cannot capture the database app"])
      #expect(try stage.snapshotFiles() == [])
      try holder.execute("ROLLBACK")
      try stage.lifeboat("backup", "--quiet", "--database", "app=\(application.connection)").expect(
        0)
    }

    /// Waits until the backup waits for the holder.
    private func waitForWaiter() throws {
      let watcher = try Connection(application.target, applicationName: "watcher")
      let deadline = Date(timeIntervalSinceNow: 60)
      while try watcher.query(
        """
        SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
          AND application_name LIKE 'lifeboat%' AND wait_event_type = 'Lock'
        """)[0, 0] == "0"
      {
        guard Date() < deadline else { throw Unexpected("the backup never waited for the lock") }
        usleep(20_000)
      }
    }
  }
}
