// The loop that performs a schedule, with a clock of its own: no test waits for real time to pass.

import Configuration
import Foundation
import Operations
import Synchronization
import Testing

/// A scheduler whose clock jumps to the next wake whenever no job is running.
final class Stage: Sendable {  // a class: the loop's thread and the jobs' threads share it
  private struct State {
    var now: Date
    var active = 0
    var events: [SchedulerEvent] = []
  }

  let control = SchedulerControl()
  let stateFile: String
  private let end: Date
  private let state: Mutex<State>

  /// The clock begins at `start`, and the scheduler is stopped when it would pass `end`.
  init(in folder: URL, from start: Date, to end: Date) {
    stateFile = folder.appending(path: "state/schedule.json").path()
    self.end = end
    state = Mutex(State(now: start))
  }

  var events: [SchedulerEvent] {
    state.withLock { $0.events }.filter { if case .waiting = $0 { false } else { true } }
  }

  var now: Date { state.withLock { $0.now } }

  /// Moves the clock as if the machine had slept.
  func sleep(_ seconds: TimeInterval) { state.withLock { $0.now += seconds } }

  /// Runs a scheduler to its end on this thread.
  func run(
    _ timings: [JobKind: Configuration.Schedule.Timing],
    reload: @escaping @Sendable () throws -> SchedulerWork = { throw Failure("no reload") },
    perform: @escaping @Sendable (ScheduledRun) throws -> Void
  ) {
    let loop = SchedulerLoop(
      work: .init(schedule: .init(timings: timings, zone: .gmt, seed: 1), perform: perform),
      stateFile: stateFile, control: control,
      environment: .init(now: { self.now }, wait: { _, wake in self.wait(until: wake) }),
      reload: reload, report: { self.note($0) })
    loop.run()
  }

  private func wait(until wake: Date?) {
    let isBusy = state.withLock { $0.active > 0 }
    if isBusy { return control.wait(until: nil) }
    guard let wake, wake <= end else { return control.stop() }
    state.withLock { $0.now = max($0.now, wake) }
  }

  private func note(_ event: SchedulerEvent) {
    state.withLock { state in
      state.events.append(event)
      switch event {
      case .started: state.active += 1
      case .done, .failed, .stopped: state.active -= 1
      default: break
      }
    }
  }
}

struct Failure: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}

@Suite struct `A scheduler` {
  let midnight: Date
  let hour: TimeInterval = 3_600

  init() throws { midnight = try instant("2026-01-01T00:00:00Z") }

  /// Runs `body` with a stage whose clock goes from midnight for so many hours.
  private func withStage(hours: Double, _ body: (Stage) throws -> Void) throws {
    try withTemporaryFolder { folder in
      try body(Stage(in: folder, from: midnight, to: midnight + hours * hour))
    }
  }

  @Test func `runs every job at each of its times`() throws {
    try withStage(hours: 24) { stage in
      let ran = Mutex<[JobKind: [Date]]>([:])
      stage.run([.backup: try timing("15 * * * *"), .forget: try timing("45 3 * * *")]) { run in
        ran.withLock { $0[run.kind, default: []].append(stage.now) }
      }
      let times = ran.withLock { $0 }
      #expect(times[.backup] == (0..<24).map { midnight + Double($0) * hour + 900 })
      #expect(times[.forget] == [midnight + 3.75 * hour])
      #expect(stage.events.last == .stopping(running: []))
    }
  }

  @Test func `goes on after a job that fails, with that job too`() throws {
    try withStage(hours: 3) { stage in
      stage.run([.backup: try timing("0 * * * *"), .check: try timing("30 * * * *")]) { run in
        if run.kind == .backup { throw Failure("disk on fire") }
      }
      let failures = stage.events.count { $0 == .failed(.backup, "disk on fire", seconds: 0) }
      let done = stage.events.count { $0 == .done(.check, seconds: 0) }
      #expect(failures == 3)
      #expect(done == 3)
      let state = try SchedulerState.load(stage.stateFile)
      #expect(state[.backup]?.failure == "disk on fire")
      #expect(state[.check]?.failure == nil)
    }
  }

  @Test func `never runs a kind twice at once, and makes up once for what it missed meanwhile`()
    throws
  {
    try withStage(hours: 6) { stage in
      let running = Mutex((now: 0, most: 0, runs: [ScheduledRun]()))
      stage.run([.backup: try timing("0 * * * *")]) { run in
        running.withLock {
          $0.now += 1
          $0.most = max($0.most, $0.now)
          $0.runs.append(run)
        }
        if run.due == self.midnight + self.hour { stage.sleep(2.5 * 3_600) }
        running.withLock { $0.now -= 1 }
      }
      let (most, runs) = running.withLock { ($0.most, $0.runs) }
      #expect(most == 1)
      #expect(runs.map(\.due) == [1, 2, 4, 5, 6].map { midnight + $0 * hour })
      #expect(runs.map(\.isCatchUp) == [false, true, false, false, false])
    }
  }

  @Test func `lets go what it missed meanwhile where catch-up is off`() throws {
    try withStage(hours: 6) { stage in
      let dues = Mutex<[Date]>([])
      stage.run([.backup: try timing("0 * * * *", catchesUp: false)]) { run in
        dues.withLock { $0.append(run.due) }
        if run.due == self.midnight + self.hour { stage.sleep(2.5 * 3_600) }
      }
      #expect(dues.withLock { $0 } == [1, 4, 5, 6].map { midnight + $0 * hour })
    }
  }

  @Test func `remembers over a restart what ran, and makes up for what did not`() throws {
    try withTemporaryFolder { folder in
      let timings = [JobKind.backup: try timing("0 1 * * *"), .drill: try timing("0 9 * * *")]
      let first = Stage(in: folder, from: midnight, to: midnight + 2 * hour)
      first.run(timings) { _ in }
      #expect(
        first.events.contains(.started(.backup, due: midnight + hour, isCatchUp: false)))

      let second = Stage(in: folder, from: midnight + 60 * hour, to: midnight + 61 * hour)
      second.run(timings) { _ in }
      #expect(
        second.events.prefix(2) == [
          .started(.backup, due: midnight + 25 * hour, isCatchUp: true),
          .started(.drill, due: midnight + 9 * hour, isCatchUp: true),
        ])
      #expect(second.events.count { if case .started = $0 { true } else { false } } == 2)
    }
  }

  @Test func `asks running jobs to stop, waits for them, and runs them again at the next start`()
    throws
  {
    try withTemporaryFolder { folder in
      let timings = [JobKind.backup: try timing("0 1 * * *")]
      let first = Stage(in: folder, from: midnight, to: midnight + 20 * hour)
      let finished = Mutex(false)
      first.run(timings) { run in
        let asked = DispatchSemaphore(value: 0)
        run.stop.onRequest { asked.signal() }
        first.control.stop()
        asked.wait()
        finished.withLock { $0 = true }
        throw Failure("interrupted")
      }
      #expect(finished.withLock { $0 })
      #expect(first.events.suffix(2) == [.stopping(running: [.backup]), .stopped(.backup)])

      let second = Stage(in: folder, from: midnight + 2 * hour, to: midnight + 3 * hour)
      second.run(timings) { _ in }
      #expect(
        second.events.first == .started(.backup, due: midnight + hour, isCatchUp: true))
    }
  }

  @Test func `takes a job that ends well although asked to stop for done`() throws {
    try withStage(hours: 2) { stage in
      stage.run([.backup: try timing("0 1 * * *")]) { run in
        stage.control.stop()
        while !run.stop.isRequested { Thread.sleep(forTimeInterval: 0.001) }
      }
      #expect(stage.events.last == .done(.backup, seconds: 0))
    }
  }

  @Test func `follows a new configuration, and keeps the old one when it is wrong`() throws {
    try withStage(hours: 6) { stage in
      let reloads = Mutex(0)
      let daily = try timing("0 4 * * *")
      stage.run(
        [.backup: try timing("0 * * * *")],
        reload: {
          let count = reloads.withLock {
            $0 += 1
            return $0
          }
          if count == 1 { throw Failure("line 3: unknown key") }
          return SchedulerWork(schedule: .init(timings: [.check: daily], zone: .gmt, seed: 1)) {
            _ in
          }
        },
        perform: { run in if run.due >= self.midnight + self.hour { stage.control.reload() } })
      let kinds = stage.events.compactMap { event -> JobKind? in
        if case .started(let kind, _, _) = event { kind } else { nil }
      }
      #expect(kinds == [.backup, .backup, .check])
      let outcomes = stage.events.filter {
        $0 == .reloaded || $0 == .reloadFailed("line 3: unknown key")
      }
      #expect(outcomes == [.reloadFailed("line 3: unknown key"), .reloaded])
    }
  }

  @Test(arguments: [
    "", "{", "[]", #"{"version":2,"jobs":{}}"#, #"{"version":1,"jobs":{"backup":7}}"#,
  ])
  func `goes on without a state file that is damaged, and says so`(text: String) throws {
    try withStage(hours: 1.5) { stage in
      let file = URL(filePath: stage.stateFile)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
      stage.run([.backup: try timing("0 * * * *")]) { _ in }
      guard case .stateProblem(let problem) = stage.events.first else {
        Issue.record("no problem reported")
        return
      }
      #expect(problem.hasPrefix("cannot read scheduler state \(stage.stateFile): "))
      #expect(stage.events.contains(.done(.backup, seconds: 0)))
      #expect(try SchedulerState.load(stage.stateFile)[.backup]?.ended == midnight + hour)
    }
  }

  @Test func `goes on when its state cannot be written, and says so`() throws {
    try withTemporaryFolder { folder in
      // A file stands where the folder of the state should be.
      try Data().write(to: folder.appending(path: "state"))
      let stage = Stage(in: folder, from: midnight, to: midnight + 1.5 * hour)
      stage.run([.backup: try timing("0 * * * *")]) { _ in }
      #expect(stage.events.contains(.done(.backup, seconds: 0)))
      #expect(
        stage.events.contains {
          if case .stateProblem(let problem) = $0 {
            problem.hasPrefix("cannot write scheduler state")
          } else {
            false
          }
        })
    }
  }

  @Test func `gives up a job with which the last three schedulers died, until its next time`()
    throws
  {
    try withTemporaryFolder { folder in
      let stage = Stage(in: folder, from: midnight + 2 * hour, to: midnight + 26 * hour)
      var record = SchedulerState.Record(answered: midnight)
      record.started = midnight + 1.9 * hour
      record.unfinishedStarts = 3
      var state = SchedulerState()
      state[.backup] = record
      try state.save(stage.stateFile)
      stage.run([.backup: try timing("0 1 * * *")]) { _ in }
      #expect(
        stage.events.prefix(2) == [
          .abandoned(.backup, starts: 3),
          .started(.backup, due: midnight + 25 * hour, isCatchUp: false),
        ])
    }
  }

  @Test func `counts a start as unfinished until the job has ended`() throws {
    try withStage(hours: 1.5) { stage in
      let during = Mutex<Int?>(nil)
      stage.run([.backup: try timing("0 * * * *")]) { _ in
        // The state is written by the loop's thread, about when the job begins.
        while (try? SchedulerState.load(stage.stateFile))?[.backup]?.unfinishedStarts != 1 {
          Thread.sleep(forTimeInterval: 0.001)
        }
        during.withLock { $0 = 1 }
      }
      #expect(during.withLock { $0 } == 1)
      #expect(try SchedulerState.load(stage.stateFile)[.backup]?.unfinishedStarts == 0)
    }
  }

  @Test func `waits in real time until it is told something`() throws {
    try withTemporaryFolder { folder in
      let control = SchedulerControl()
      let ended = DispatchSemaphore(value: 0)
      let loop = SchedulerLoop(
        work: .init(schedule: .init(timings: [:], zone: .gmt, seed: 1)) { _ in },
        stateFile: folder.appending(path: "s.json").path(), control: control,
        reload: { throw Failure("no reload") },
        report: { event in
          // Nothing is scheduled, so that without being told it would wait for ever.
          if event == .waiting(until: nil) { control.reload() }
          if event == .reloadFailed("no reload") { control.stop() }
        })
      Thread {
        loop.run()
        ended.signal()
      }.start()
      #expect(ended.wait(timeout: .now() + 60) == .success)
    }
  }
}

@Suite struct `A stop token` {
  @Test func `tells its actions once, late ones at once`() {
    let token = StopToken()
    let calls = Mutex<[String]>([])
    token.onRequest { calls.withLock { $0.append("early") } }
    #expect(!token.isRequested)
    token.request()
    token.request()
    #expect(token.isRequested)
    token.onRequest { calls.withLock { $0.append("late") } }
    #expect(calls.withLock { $0 } == ["early", "late"])
  }
}
