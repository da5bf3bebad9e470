// The scheduler as a process: jobs that were missed, a failing job, signals, a broken configuration.

import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `runs scheduled jobs:` {
    let stage: Stage
    let application: Application
    var config: String { "\(stage.path)/lifeboat.yaml" }

    init() throws {
      stage = try Stage(opening: .passphrase)
      application = try Application(stage)
      // A time long past: every job has been missed and is made up for at once.
      try stage.folder("state")
      let jobs = ["backup", "check", "drill", "forget"].map {
        "\"\($0)\": {\"answered\": 1700000000, \"unfinishedStarts\": 0}"
      }
      try stage.write(
        "{\"version\": 1, \"jobs\": {\(jobs.joined(separator: ", "))}}", to: "state/schedule.json")
    }

    /// Once a year, at a minute that is not now: what runs during the test is made up for.
    private func write(_ jobs: [String], database: String? = nil) throws {
      let schedule = jobs.map { "  \($0): { cron: \"17 4 29 2 *\", catch-up: true }" }
      try stage.write(
        """
        databases: { app: { connection: "\(try database ?? application.connection)" } }
        media: { uploads: { path: "\(application.media)" } }
        retention: { keep-last: 1 }
        backup: { tags: [scheduled] }
        schedule:
        \(schedule.joined(separator: "\n"))
        """, to: "lifeboat.yaml")
    }

    private func start() throws -> Child {
      try stage.start(["run", "--config", config, "--state", "\(stage.path)/state"])
    }

    private func wait(_ child: Child, for words: String...) throws {
      try child.wait(for: "'\(words)'") { words.allSatisfy(child.errorsSoFar.contains) }
      #expect(child.isRunning, "\(child.errorsSoFar)")
    }

    @Test func `what was missed is made up for once, by the options of the configuration`() throws {
      try write(["backup", "check", "forget"])
      let child = try start()
      try wait(child, for: "backup: done", "check: done", "forget: done")
      child.signal(SIGTERM)
      let ending = try child.finish(seconds: 60).expect(0)
      #expect(ending.errors.contains("backup: started, to make up for a missed time"))
      let snapshots = try stage.lifeboat("snapshots", "--json").expect(0).json()
      #expect(snapshots.items.count == 1)
      #expect(snapshots[0]["tags"] == .array([.text("scheduled")]))
      #expect(snapshots[0]["databases"][0]["name"].text == "app")

      // A second scheduler finds everything answered.
      let again = try start()
      try again.wait(for: "a moment of rest", seconds: 60) {
        Processes.file("\(again.id)", "wchan") != [] && again.errorsSoFar.isEmpty
          && Processes.file("\(again.id)", "status").contains("sleeping".utf8)
      }
      usleep(500_000)
      again.signal(SIGINT)
      let second = try again.finish(seconds: 60).expect(0)
      #expect(!second.errors.contains("started"), "\(second.errors)")
      #expect(try stage.snapshotFiles().count == 1)
    }

    @Test
    func `a failing job stops no other, and a broken configuration does not stop the scheduler`()
      throws
    {
      try write(
        ["backup", "check"],
        database: application.target.replacing(database: "no_such_database").withChildAccess {
          $0.connectionString
        })
      let child = try start()
      try wait(child, for: "backup: failed: ", "check: done")
      #expect(child.errorsSoFar.contains("no_such_database"))

      try stage.write("schedulle: {}\n", to: "lifeboat.yaml")
      child.signal(SIGHUP)
      try wait(child, for: "the old one holds", "did you mean 'schedule'?")

      // What is new in the configuration is scheduled from now on: nothing is made up for.
      try write(["backup", "check", "forget"])
      child.signal(SIGHUP)
      try wait(child, for: "configuration read again")
      child.signal(SIGTERM)
      try child.finish(seconds: 60).expect(0)
      #expect(try stage.snapshotFiles() == [])
    }

    @Test
    func `SIGTERM ends a running job at a safe point, and it is made up for at the next start`()
      throws
    {
      try write(["backup"])
      let holder = try Connection(application.target)
      try holder.execute("BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
      let child = try start()
      try wait(child, for: "backup: started")
      child.signal(SIGTERM)
      let ending = try child.finish(seconds: 60).expect(0)
      #expect(ending.errors.contains("stopping after backup"), "\(ending.errors)")
      #expect(ending.errors.contains("backup: stopped at a safe point"), "\(ending.errors)")
      #expect(try stage.snapshotFiles() == [])
      try holder.execute("ROLLBACK")

      let again = try start()
      try wait(again, for: "backup: done")
      again.signal(SIGTERM)
      try again.finish(seconds: 60).expect(0)
      #expect(try stage.snapshotFiles().count == 1)
    }

    @Test func `without a schedule or with a wrong passphrase it does not start`() throws {
      try stage.write("media: { uploads: { path: /tmp } }\n", to: "lifeboat.yaml")
      try stage.refused(
        "run", "--config", config, status: 64, saying: ["the configuration has no schedule"])
      try write(["backup"])
      let wrong = try stage.write("wrong\n", to: "wrong")
      try stage.refused(
        "run", "--config", config, status: 12, saying: ["no key slot opens"],
        environment: ["LIFEBOAT_PASSPHRASE_FILE": wrong])
    }
  }
}
