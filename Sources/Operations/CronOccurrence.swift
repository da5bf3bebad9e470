// When a cron expression next occurs, in a zone whose clock is set forward and back.
//
// An expression that names its hours ("30 2 * * *") means times on the wall clock: each happens once
// a day. One that a clock change skips happens at the moment of the change; one that it repeats
// happens the first time only. An expression for every hour ("15 * * * *", "*/10 */2 * * *") means
// elapsed time: it matches whatever the clock shows, in a repeated hour twice, in a skipped one never.
// Vixie cron draws the same line, between fields with and without `*` (cron.c, "wakeup kinds").

package import Configuration
package import Foundation

extension CronExpression {
  /// No combination of month, day and weekday is rarer: the calendar repeats after 400 years.
  private static let searchedDays = 146_097 + 2

  /// The first occurrence after `date`; `nil` when there is none, as for 30 February.
  ///
  /// Exact to the second, always on a whole minute except where a clock change puts it elsewhere.
  /// Costs about 50 zone look-ups a matching day, and an integer comparison for each other day.
  package func next(after date: Date, in zone: TimeZone) -> Date? {
    let seconds = date.timeIntervalSince1970.rounded(.down)
    // Beyond the year 5000 no zone has rules worth following, and NaN has no next.
    guard seconds.magnitude < 1e11, canOccur else { return nil }
    let after = Int(seconds)
    let clock = WallClock(zone: zone)
    // The day before too: a clock set back over midnight shows its last minutes again.
    let today = CivilDay(wallSeconds: after + clock.offset(at: after)).number
    for number in (today - 1)...(today + Self.searchedDays) {
      guard let found = first(on: CivilDay(number: number), after: after, clock) else { continue }
      // Where midnight repeats, the day after begins before this one is over.
      let other = first(on: CivilDay(number: number + 1), after: after, clock) ?? found
      return Date(timeIntervalSince1970: Double(min(found, other)))
    }
    return nil
  }

  /// The first occurrence on one day of the wall clock that lies after `after`.
  private func first(on day: CivilDay, after: Int, _ clock: WallClock) -> Int? {
    let (month, dayOfMonth) = day.monthAndDay
    guard matches(month: month, day: dayOfMonth, weekday: day.weekday) else { return nil }
    let midnight = day.number * CivilDay.secondsInDay
    let offsets = clock.offsets(around: midnight)
    var earliest: Int?
    for hour in 0..<24 {
      for minute in 0..<60 where matches(hour: hour, minute: minute) {
        let wall = midnight + hour * 3_600 + minute * 60
        for instant in instants(showing: wall, offsets, clock) where instant > after {
          earliest = earliest.map { min($0, instant) } ?? instant
        }
        // With one offset all day, later times of the clock are later instants.
        if offsets.count == 1, earliest != nil { return earliest }
      }
    }
    return earliest
  }

  /// The instants at which the job runs for one reading of the wall clock.
  private func instants(showing wall: Int, _ offsets: [Int], _ clock: WallClock) -> [Int] {
    let shown = clock.instants(showing: wall, offsets)
    if runsEveryHour { return shown }
    return [shown.first ?? clock.change(over: wall, offsets)]
  }
}

/// A zone's clock as an offset from UTC that changes now and then; all times in whole seconds.
struct WallClock {
  var zone: TimeZone

  /// Seconds that the clock is ahead of UTC at `instant`.
  func offset(at instant: Int) -> Int {
    zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(instant)))
  }

  /// Every offset, ascending, that may apply while the clock shows the day that begins at
  /// `midnight`.
  ///
  /// Offsets lie between −12 and +14 hours, and none lasts less than an hour.
  func offsets(around midnight: Int) -> [Int] {
    var found: Set<Int> = []
    for hour in -15...(24 + 13) { found.insert(offset(at: midnight + hour * 3_600)) }
    return found.sorted()
  }

  /// The instants, ascending, at which the clock shows `wall`: one, two where it is set back, none
  /// where it is set forward.
  func instants(showing wall: Int, _ offsets: [Int]) -> [Int] {
    if offsets.count == 1 { return [wall - offsets[0]] }
    return offsets.reversed().map { wall - $0 }.filter { wall - $0 == offset(at: $0) }
  }

  /// The instant at which the clock was set forward over `wall`.
  ///
  /// It lies after `wall` as the largest offset reads it and not after `wall` as the smallest does;
  /// the clock shows less than `wall` before it and more from then on.
  func change(over wall: Int, _ offsets: [Int]) -> Int {
    guard let smallest = offsets.first, let largest = offsets.last else { return wall }
    var before = wall - largest
    var since = wall - smallest
    while since - before > 1 {
      let middle = before + (since - before) / 2
      if middle + offset(at: middle) > wall { since = middle } else { before = middle }
    }
    return since
  }
}
