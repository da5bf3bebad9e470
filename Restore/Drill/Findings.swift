// Collects what the checks of a drill find; a check that breaks is a failure, and the next one runs.

import Format
import Postgres
import Programs
import Replay
import Repository
import Workers

/// The outcome of one check.
struct Finding {
  var verdict: Verdict
  var actual: String
  /// Replaces what was announced, if only the check itself could know it.
  var expected: String?
  var details: [String]

  init(_ verdict: Verdict, _ actual: String, expected: String? = nil, details: [String] = []) {
    self.verdict = verdict
    self.actual = actual
    self.expected = expected
    self.details = details
  }

  static func pass(_ actual: String, expected: String? = nil) -> Finding {
    Finding(.pass, actual, expected: expected)
  }
}

/// The record of a drill under way.
///
/// One thread at a time.
final class Findings {
  private(set) var checks: [DrillCheck] = []
  private(set) var notCovered: [String] = []
  private(set) var phases: [DrillPhase] = []
  private(set) var verificationSeconds = 0.0
  var volume = DrillVolume()
  private let cancellation: Cancellation
  private let progress: Progress

  init(cancellation: Cancellation, progress: Progress) {
    self.cancellation = cancellation
    self.progress = progress
  }

  /// Makes one check: times it, and turns an error into a failure that quotes it.
  ///
  /// - Parameters:
  ///   - id: see ``DrillCheck/id``.
  ///   - title: what holds if it passes.
  ///   - subject: the database or media source it is about.
  ///   - expected: what should be seen, in words.
  ///   - isRecovery: what it does is recovering, not comparing; its time is recorded by
  ///     ``phase(_:_:_:)``.
  ///   - body: looks, and says what it saw.
  /// - Returns: whether it did not fail.
  /// - Throws: ``Cancelled``, and nothing else.
  @discardableResult
  func check(
    _ id: String, _ title: String, on subject: String? = nil, expected: String,
    isRecovery: Bool = false, _ body: () throws -> Finding
  ) throws -> Bool {
    try cancellation.check()
    progress.begin(subject.map { "\(title) (\($0))" } ?? title)
    let start = ContinuousClock.now
    var finding: Finding
    do { finding = try body() } catch {
      if error is Cancelled || cancellation.isCancelled { throw Cancelled() }
      finding = Finding(.fail, "could not be checked: \(Self.words(error))")
    }
    let seconds = Self.seconds(since: start)
    if !isRecovery { verificationSeconds += seconds }
    checks.append(
      DrillCheck(
        id: id, title: title, subject: subject, verdict: finding.verdict,
        expected: finding.expected ?? expected,
        actual: Self.shortened(finding.actual, to: 1000),
        details: Self.bounded(finding.details), seconds: Self.rounded(seconds)))
    return finding.verdict != .fail
  }

  /// Records checks that cannot be made because what they look at is not there.
  func skipped(_ list: [(id: String, title: String)], on subject: String?, because why: String) {
    for item in list {
      checks.append(
        DrillCheck(
          id: item.id, title: item.title, subject: subject, verdict: .fail,
          expected: "the check can be made", actual: "not made: \(why)", details: [], seconds: 0))
    }
  }

  /// Runs a step of the recovery and records its time.
  func phase<Value>(_ name: String, _ subject: String?, _ body: () throws -> Value) rethrows
    -> Value
  {
    let start = ContinuousClock.now
    defer { addPhase(name, subject, Self.seconds(since: start)) }
    return try body()
  }

  func addPhase(_ name: String, _ subject: String?, _ seconds: Double) {
    phases.append(DrillPhase(name: name, subject: subject, seconds: Self.rounded(seconds)))
  }

  /// States what the drill says nothing about.
  func notCovered(_ words: String) {
    if !notCovered.contains(words) { notCovered.append(words) }
  }

  /// The worst of all checks so far.
  var verdict: Verdict { checks.map(\.verdict).max() ?? .fail }

  // MARK: Words

  /// An error in one line, hint included, as every module here writes them.
  static func words(_ error: any Error) -> String {
    "\(error)".replacing("\nhint: ", with: "; hint: ").replacing("\n", with: " ")
  }

  /// At most ``DrillCheck/detailLimit`` lines, each bounded, too.
  static func bounded(_ details: [String]) -> [String] {
    let limit = DrillCheck.detailLimit
    var kept = details.prefix(details.count > limit ? limit - 1 : limit).map { line in
      shortened(line, to: 400)
    }
    if details.count > limit { kept.append("… and \(details.count - kept.count) more") }
    return kept
  }

  private static func shortened(_ text: String, to limit: Int) -> String {
    text.count <= limit ? text : text.prefix(limit) + "…"
  }

  static func seconds(since start: ContinuousClock.Instant) -> Double {
    (ContinuousClock.now - start).inSeconds
  }

  /// To whole milliseconds, so that JSON stays short.
  static func rounded(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }
}

extension Duration {
  /// As a number of seconds.
  var inSeconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
