// Performs a schedule: starts jobs on threads, remembers what ran, reloads and stops when told.

package import Configuration
package import Foundation

/// What a scheduler runs, and when; a reload replaces it whole.
package struct SchedulerWork: Sendable {
  package var schedule: Schedule
  /// Does one job, on a thread of its own; throws when it failed, and may throw when it was stopped.
  package var perform: @Sendable (ScheduledRun) throws -> Void

  package init(schedule: Schedule, perform: @escaping @Sendable (ScheduledRun) throws -> Void) {
    self.schedule = schedule
    self.perform = perform
  }
}

/// One run of a job, as the job itself sees it.
package struct ScheduledRun: Sendable {
  package var kind: JobKind
  /// The time of the cron expression that this run answers.
  package var due: Date
  /// Whether that time was missed and is made up for.
  package var isCatchUp: Bool
  /// Requested when the scheduler is to stop: end at the next safe point.
  package var stop: StopToken
}

/// What happens in a scheduler, for a log.
package enum SchedulerEvent: Sendable, Equatable {
  case started(JobKind, due: Date, isCatchUp: Bool)
  case done(JobKind, seconds: TimeInterval)
  case failed(JobKind, String, seconds: TimeInterval)
  /// The job ended because the scheduler stops; a job that catches up runs again at the next start.
  case stopped(JobKind)
  /// The last schedulers died with this job, and it is not made up for any more.
  case abandoned(JobKind, starts: Int)
  case reloaded
  case reloadFailed(String)
  case stateProblem(String)
  /// Nothing is due before the given moment.
  case waiting(until: Date?)
  case stopping(running: [JobKind])
}

/// Runs a schedule until it is told to stop.
///
/// A failed job is reported and runs again at its next time; it stops nothing else. Only the thread
/// in ``run()`` touches the state; jobs speak to it through the control.
package struct SchedulerLoop: Sendable {
  /// The clock, and how the loop waits; tests replace both.
  package struct Environment: Sendable {
    package var now: @Sendable () -> Date
    /// Returns when the control has news or, at the latest, about the given moment.
    package var wait: @Sendable (SchedulerControl, Date?) -> Void

    package init(
      now: @escaping @Sendable () -> Date,
      wait: @escaping @Sendable (SchedulerControl, Date?) -> Void
    ) {
      self.now = now
      self.wait = wait
    }

    /// The system's clock; looks at it at least once a minute, for clocks get set and machines sleep.
    package static let live = Environment(
      now: { Date() },
      wait: { control, deadline in
        control.wait(until: deadline.map { min($0, Date() + 60) })
      })
  }

  /// Starts that may die with a job before it is given up until its next time: a job that takes its
  /// scheduler down (out of memory) must not do so for ever.
  static let unfinishedStartLimit = 3

  private let work: SchedulerWork
  private let stateFile: String
  private let control: SchedulerControl
  private let environment: Environment
  private let reload: @Sendable () throws -> SchedulerWork
  private let report: @Sendable (SchedulerEvent) -> Void

  /// A loop that has not begun.
  ///
  /// Run times are kept in `stateFile`, whose folder is made if it is missing. What `reload` throws is
  /// reported, and the old work goes on. `report` is called on the thread of ``run()``.
  package init(
    work: SchedulerWork, stateFile: String, control: SchedulerControl,
    environment: Environment = .live, reload: @escaping @Sendable () throws -> SchedulerWork,
    report: @escaping @Sendable (SchedulerEvent) -> Void
  ) {
    self.work = work
    self.stateFile = stateFile
    self.control = control
    self.environment = environment
    self.reload = reload
    self.report = report
  }

  /// Runs jobs until ``SchedulerControl/stop()``, then asks running jobs to stop and waits for them.
  ///
  /// Blocks the calling thread. The state file is written at each start and end of a job.
  package func run() {
    var session = Session(state: loadState())
    var work = work
    while true {
      settle(&session)
      if control.isStopping { break }
      if control.takeReload() { work = reloaded(work) }
      let now = environment.now()
      noteNewJobs(of: work.schedule, now, &session)
      let plan = work.schedule.plan(
        now: now, answered: session.state.answered, running: Set(session.running.keys))
      for run in plan.start { start(run, work, now, &session) }
      if session.isChanged { save(&session) }
      // A run that began may have ended already; planning again is cheap and waiting is not.
      if !plan.start.isEmpty { continue }
      if session.waitsUntil != .some(plan.wake) {
        session.waitsUntil = plan.wake
        report(.waiting(until: plan.wake))
      }
      environment.wait(control, plan.wake)
    }
    report(.stopping(running: session.running.keys.sorted()))
    for running in session.running.values { running.stop.request() }
    while !session.running.isEmpty {
      control.wait(until: nil)
      settle(&session)
    }
    save(&session)
  }

  // MARK: Steps

  private struct Session {
    struct Running {
      var stop: StopToken
      var started: Date
    }

    var state: SchedulerState
    var running: [JobKind: Running] = [:]
    var isChanged = false
    /// The wake last reported; the outer `nil` means none yet.
    var waitsUntil: Date??

    init(state: SchedulerState) { self.state = state }
  }

  private func loadState() -> SchedulerState {
    var state = SchedulerState()
    do throws(SchedulerStateError) {
      state = try SchedulerState.load(stateFile)
    } catch {
      report(.stateProblem(error.description))
    }
    for kind in JobKind.allCases {
      guard var record = state[kind], record.unfinishedStarts >= Self.unfinishedStartLimit
      else { continue }
      report(.abandoned(kind, starts: record.unfinishedStarts))
      record.answered = record.started ?? record.answered
      record.unfinishedStarts = 0
      state[kind] = record
    }
    return state
  }

  /// A job that was never scheduled before has no missed times: its first is the next.
  private func noteNewJobs(of schedule: Schedule, _ now: Date, _ session: inout Session) {
    for kind in schedule.timings.keys where session.state[kind] == nil {
      session.state[kind] = .init(answered: now)
      session.isChanged = true
    }
  }

  private func start(
    _ run: Schedule.Run, _ work: SchedulerWork, _ now: Date, _ session: inout Session
  ) {
    let stop = StopToken()
    session.running[run.kind] = .init(stop: stop, started: now)
    session.state[run.kind]?.started = now
    session.state[run.kind]?.unfinishedStarts += 1
    session.isChanged = true
    report(.started(run.kind, due: run.due, isCatchUp: run.isCatchUp))
    let scheduled = ScheduledRun(
      kind: run.kind, due: run.due, isCatchUp: run.isCatchUp, stop: stop)
    let perform = work.perform
    let control = control
    let thread = Thread {
      do {
        try perform(scheduled)
        control.jobEnded(EndedRun(kind: scheduled.kind))
      } catch {
        control.jobEnded(EndedRun(kind: scheduled.kind, failure: String(describing: error)))
      }
    }
    thread.name = "lifeboat-\(run.kind.rawValue)"
    // What the main thread has, so that depth of recursion does not depend on the thread.
    thread.stackSize = 8 << 20
    thread.start()
  }

  /// Takes note of the runs that have ended.
  private func settle(_ session: inout Session) {
    for ended in control.takeEnded() {
      guard let running = session.running.removeValue(forKey: ended.kind) else { continue }
      let now = environment.now()
      let seconds = max(0, now.timeIntervalSince(running.started))
      session.isChanged = true
      session.state[ended.kind]?.unfinishedStarts = 0
      if ended.failure != nil, running.stop.isRequested {
        // Its times stay unanswered, so that the next start makes up for it.
        report(.stopped(ended.kind))
        continue
      }
      session.state[ended.kind]?.answered = running.started
      session.state[ended.kind]?.ended = now
      session.state[ended.kind]?.failure = ended.failure
      if let failure = ended.failure {
        report(.failed(ended.kind, failure, seconds: seconds))
      } else {
        report(.done(ended.kind, seconds: seconds))
      }
    }
  }

  private func reloaded(_ work: SchedulerWork) -> SchedulerWork {
    do {
      let work = try reload()
      report(.reloaded)
      return work
    } catch {
      report(.reloadFailed(String(describing: error)))
      return work
    }
  }

  private func save(_ session: inout Session) {
    session.isChanged = false
    do throws(SchedulerStateError) {
      try session.state.save(stateFile)
    } catch {
      report(.stateProblem(error.description))
    }
  }
}
