import ArgumentParser
import Configuration
import Foundation
import Operations
import Repository
import Workers

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Run the scheduled jobs of the configuration until told to stop.",
    discussion: """
      Jobs (backup, check, drill, forget) run by their cron expressions, never two of a kind at \
      once; a failing job stops nothing else. SIGHUP reads the configuration again, SIGTERM ends \
      after the running jobs reached a safe point. The same jobs run without it from systemd \
      timers: see Config/systemd.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "Where the times of the last runs are kept. Default: $STATE_DIRECTORY, else $XDG_STATE_HOME/lifeboat.",
      valueName: "folder"))
  var state: String?

  func run() throws {
    let session = try Session(global)
    guard global.config ?? Session.environment("LIFEBOAT_CONFIG") != nil else {
      throw UsageError(
        what: "the scheduler needs a configuration", why: "no file is named",
        next: "give --config FILE; 'lifeboat config example' prints one")
    }
    guard !session.configuration.schedule.timings.isEmpty else {
      throw UsageError(
        what: "there is nothing to run", why: "the configuration has no schedule",
        next: "add 'schedule:' with at least one job")
    }
    // Fail now rather than at three in the morning.
    _ = try session.openRepository()

    let control = SchedulerControl()
    let messages = session.messages
    ProcessSignals.shared.on(SIGHUP) { control.reload() }
    for number in [SIGTERM, SIGINT] { ProcessSignals.shared.on(number) { control.stop() } }
    let loop = SchedulerLoop(
      work: work(session.configuration), stateFile: stateFile(session), control: control,
      reload: { try work(Session(global).configuration) },
      report: { Self.report($0, messages) })
    loop.run()
  }

  private func work(_ configuration: Configuration) -> SchedulerWork {
    // The seed spreads hosts over the jitter; it need not be secret, only different.
    let seed = Array(ProcessInfo.processInfo.hostName.utf8).reduce(UInt64(1469)) {
      ($0 ^ UInt64($1)) &* 1_099_511_628_211
    }
    return SchedulerWork(schedule: Schedule(configuration, seed: seed)) { run in
      let cancellation = Cancellation()
      run.stop.onRequest { cancellation.cancel() }
      try perform(run.kind, cancellation)
    }
  }

  /// Does one job as its command would; a snapshot that lacks entries is a success with a warning.
  private func perform(_ kind: JobKind, _ cancellation: Cancellation) throws {
    var options = global
    options.json = false
    let session = try Session(options, cancellation: cancellation)
    do {
      switch kind {
      case .backup: try BackupJob(session).run()
      case .check:
        let schedule = session.configuration.schedule
        try CheckJob(readsData: schedule.checkReadsData, budget: schedule.checkBudget).run(session)
      case .drill: try DrillJob(session).run()
      case .forget:
        try ForgetJob(
          policy: session.configuration.retention.map(RetentionPolicy.init),
          prunes: session.configuration.schedule.forgetPrunes
        ).run(session)
      }
    } catch ExitStatus.partly {
      session.messages.warning("the \(kind.rawValue) is done, but some entries could not be read")
    } catch ExitStatus.failed {
      throw JobFailed(description: "the \(kind.rawValue) found problems; they were reported above")
    }
  }

  private struct JobFailed: Error, CustomStringConvertible {
    var description: String
  }

  private func stateFile(_ session: Session) -> String {
    "\(state ?? session.stateFolder())/schedule.json"
  }

  private static func report(_ event: SchedulerEvent, _ messages: Messages) {
    switch event {
    case .started(let kind, _, let isCatchUp):
      messages.info("\(kind.rawValue): started\(isCatchUp ? ", to make up for a missed time" : "")")
    case .done(let kind, let seconds):
      messages.info("\(kind.rawValue): done in \(Display.duration(seconds: seconds))")
    case .failed(let kind, let why, _): messages.warning("\(kind.rawValue): failed: \(why)")
    case .stopped(let kind): messages.info("\(kind.rawValue): stopped at a safe point")
    case .abandoned(let kind, let starts):
      messages.warning(
        "\(kind.rawValue): ended the scheduler \(starts) times and waits for its next time")
    case .reloaded: messages.info("configuration read again")
    case .reloadFailed(let why):
      messages.warning("cannot read the configuration again, the old one holds: \(why)")
    case .stateProblem(let why): messages.warning(why)
    case .waiting(let until):
      messages.detail(until.map { "next job at \($0.formatted(.iso8601))" } ?? "no job is due")
    case .stopping(let running):
      messages.info(
        running.isEmpty
          ? "stopping" : "stopping after \(running.map(\.rawValue).joined(separator: ", "))")
    }
  }
}
