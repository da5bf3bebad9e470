// Decides which jobs are due and when to look again; a pure function of times.

package import Configuration
package import Foundation

/// The jobs of a configuration with their times, as a value that plans but does nothing.
///
/// Rules: a kind never runs twice at once; however many times were missed, one run makes up for all
/// of them; without catch-up a time that passed more than ``lateness`` ago is let go; each run is late
/// by a part of its jitter that depends on the seed, the kind and the time alone.
package struct Schedule: Sendable, Equatable {
  /// A time this long past counts as missed: the scheduler, or the kind, was busy or away.
  package static let lateness: TimeInterval = 300
  /// A record this far in the future comes from a clock that was wrong, and is not waited for.
  static let clockError: TimeInterval = 3_600
  /// What was missed longer ago than ten years needs no looking for: one run makes up for all.
  static let longestMemory: TimeInterval = 10 * 366 * 86_400
  /// Jitter beyond a day is cut: it would reorder days.
  static let longestJitter: Int64 = 86_400

  package var timings: [JobKind: Configuration.Schedule.Timing]
  package var zone: TimeZone
  /// Spreads hosts: see ``seed(from:)``.
  package var seed: UInt64

  package init(
    timings: [JobKind: Configuration.Schedule.Timing], zone: TimeZone, seed: UInt64
  ) {
    self.timings = timings
    self.zone = zone
    self.seed = seed
  }

  /// The schedule that `configuration` states.
  package init(_ configuration: Configuration, seed: UInt64) {
    self.init(
      timings: configuration.schedule.timings, zone: configuration.timeZone, seed: seed)
  }

  /// A run that is due now.
  package struct Run: Sendable, Equatable {
    package var kind: JobKind
    /// The time of the expression that this run answers, before jitter.
    package var due: Date
    /// Whether that time was missed and is made up for.
    package var isCatchUp: Bool

    package init(kind: JobKind, due: Date, isCatchUp: Bool) {
      self.kind = kind
      self.due = due
      self.isCatchUp = isCatchUp
    }
  }

  /// What to do now.
  package struct Plan: Sendable, Equatable {
    /// The runs to start, ordered by kind.
    package var start: [Run] = []
    /// When to plan again at the latest; `nil` when only the end of a run can change anything.
    package var wake: Date?

    package init(start: [Run] = [], wake: Date? = nil) {
      self.start = start
      self.wake = wake
    }
  }

  /// Plans at `now`.
  ///
  /// `answered` says for each kind up to which moment its times have been answered: the start of its
  /// last run, or when it was first scheduled; a kind without one begins now. Kinds in `running` are
  /// not started.
  package func plan(now: Date, answered: [JobKind: Date], running: Set<JobKind>) -> Plan {
    var plan = Plan()
    for kind in JobKind.allCases.sorted() where !running.contains(kind) {
      guard let timing = timings[kind] else { continue }
      guard let (due, start) = next(kind, timing, now: now, answered: answered[kind] ?? now)
      else { continue }
      if start <= now {
        let isCatchUp = now.timeIntervalSince(start) > Self.lateness
        plan.start.append(Run(kind: kind, due: due, isCatchUp: isCatchUp))
      } else {
        plan.wake = plan.wake.map { min($0, start) } ?? start
      }
    }
    return plan
  }

  /// When each kind runs next, without catch-up of what was missed; for display.
  package func upcoming(after now: Date) -> [JobKind: Date] {
    timings.compactMapValues { $0 }.reduce(into: [:]) { result, entry in
      if let due = entry.value.cron.next(after: now, in: zone) {
        result[entry.key] = due + delay(entry.key, entry.value, due: due)
      }
    }
  }

  /// The first unanswered time of a kind and the moment, with jitter, at which its run starts.
  private func next(
    _ kind: JobKind, _ timing: Configuration.Schedule.Timing, now: Date, answered: Date
  ) -> (due: Date, start: Date)? {
    var from = answered > now + Self.clockError ? now : max(answered, now - Self.longestMemory)
    if !timing.catchesUp {
      // A second more, for a time is looked for after `from` and not at it.
      let longest = TimeInterval(Self.jitterSeconds(timing)) + 1
      from = max(from, now - Self.lateness - longest)
    }
    // Without catch-up at most the times of `lateness` and jitter, a day, are passed over.
    while let due = timing.cron.next(after: from, in: zone) {
      let start = due + delay(kind, timing, due: due)
      if timing.catchesUp || now.timeIntervalSince(start) <= Self.lateness { return (due, start) }
      from = due
    }
    return nil
  }

  // MARK: Jitter

  /// How late the run for `due` starts: whole seconds from zero to the jitter.
  private func delay(
    _ kind: JobKind, _ timing: Configuration.Schedule.Timing, due: Date
  ) -> TimeInterval {
    let jitter = Self.jitterSeconds(timing)
    guard jitter > 0 else { return 0 }
    let moment = UInt64(bitPattern: Int64(due.timeIntervalSince1970))
    let mixed = Self.mix(seed ^ Self.seed(from: kind.rawValue) ^ Self.mix(moment))
    return TimeInterval(mixed % UInt64(jitter + 1))
  }

  private static func jitterSeconds(_ timing: Configuration.Schedule.Timing) -> Int64 {
    min(max(timing.jitter.components.seconds, 0), longestJitter)
  }

  /// A seed from something that tells hosts apart, such as the machine id and the repository.
  ///
  /// FNV-1a, 64 bits (draft-eastlake-fnv): the same on every platform and in every release.
  package static func seed(from text: String) -> UInt64 {
    text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }

  /// The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): each bit moves half of them.
  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = value &+ 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
