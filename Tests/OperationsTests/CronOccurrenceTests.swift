// When cron expressions next occur, above all where clocks change.

import Configuration
import Foundation
import Operations
import Testing

/// An expression, a zone, a start, and the occurrences that follow.
struct Occurrences: Sendable, CustomTestStringConvertible {
  var cron: String
  var zone: String
  var after: String
  var instants: [String]

  init(_ cron: String, _ zone: String, after: String, _ instants: String...) {
    self.cron = cron
    self.zone = zone
    self.after = after
    self.instants = instants
  }

  var testDescription: String { "\(cron) in \(zone) after \(after)" }
}

@Suite struct `The next occurrence of a cron expression` {
  @Test(arguments: [
    Occurrences(
      "15 * * * *", "UTC", after: "2026-01-01T00:14:59Z",
      "2026-01-01T00:15:00Z", "2026-01-01T01:15:00Z"),
    Occurrences("15 * * * *", "UTC", after: "2026-01-01T00:15:00Z", "2026-01-01T01:15:00Z"),
    Occurrences(
      "0 0 1 1 *", "UTC", after: "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z",
      "2027-01-01T00:00:00Z"),
    Occurrences("59 23 31 12 *", "UTC", after: "2026-01-01T00:00:00Z", "2026-12-31T23:59:00Z"),
    Occurrences(
      "*/20 9-10 * * mon-fri", "UTC", after: "2026-01-02T10:39:00Z",
      "2026-01-02T10:40:00Z", "2026-01-05T09:00:00Z", "2026-01-05T09:20:00Z"),
    Occurrences(
      "0 0 31 * *", "UTC", after: "2026-01-31T00:00:00Z",
      "2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"),
    Occurrences(
      "0 12 * * *", "Asia/Kathmandu", after: "2026-01-01T06:15:00Z", "2026-01-02T06:15:00Z"),
    Occurrences("0 0 1 1 *", "UTC", after: "1969-06-01T00:00:00Z", "1970-01-01T00:00:00Z"),
    Occurrences("0 0 1 3 *", "UTC", after: "1900-02-27T00:00:00Z", "1900-03-01T00:00:00Z"),
  ])
  func `is the first matching minute after the given moment`(_ expected: Occurrences) throws {
    try check(expected)
  }

  @Test(arguments: [
    // Both day fields restricted: either is enough.
    Occurrences(
      "0 0 13 * fri", "UTC", after: "2026-01-01T00:00:00Z",
      "2026-01-02T00:00:00Z", "2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"),
    // One begins with a star: both must match.
    Occurrences("0 0 */2 * fri", "UTC", after: "2026-01-01T00:00:00Z", "2026-01-09T00:00:00Z"),
    Occurrences("0 0 13 * *", "UTC", after: "2026-01-01T00:00:00Z", "2026-01-13T00:00:00Z"),
    Occurrences("0 0 * * fri", "UTC", after: "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
    // 29 February on a Sunday, Wednesday or Saturday.
    Occurrences("0 0 29 2 */3", "UTC", after: "2026-01-01T00:00:00Z", "2032-02-29T00:00:00Z"),
    Occurrences("0 0 29 2 *", "UTC", after: "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"),
  ])
  func `follows cron's rule for the two day fields`(_ expected: Occurrences) throws {
    try check(expected)
  }

  @Test(arguments: [
    // Berlin, 29 March 2026: 02:00 becomes 03:00 at 01:00 UTC.
    Occurrences(
      "30 2 * * *", "Europe/Berlin", after: "2026-03-28T12:00:00Z",
      "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"),
    Occurrences(
      "0 2 * * *", "Europe/Berlin", after: "2026-03-28T12:00:00Z",
      "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"),
    Occurrences(
      "0 3 * * *", "Europe/Berlin", after: "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
    Occurrences(
      "*/20 2 * * *", "Europe/Berlin", after: "2026-03-28T12:00:00Z",
      "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z", "2026-03-30T00:20:00Z"),
    // São Paulo, 4 November 2018: midnight becomes 01:00.
    Occurrences(
      "0 0 * * *", "America/Sao_Paulo", after: "2018-11-03T12:00:00Z",
      "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"),
    // Lord Howe Island, 4 October 2026: 02:00 becomes 02:30.
    Occurrences(
      "15 2 * * *", "Australia/Lord_Howe", after: "2026-10-03T00:00:00Z",
      "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"),
    // Apia had no 30 December 2011.
    Occurrences(
      "0 6 * * *", "Pacific/Apia", after: "2011-12-29T20:00:00Z",
      "2011-12-30T10:00:00Z", "2011-12-30T16:00:00Z"),
  ])
  func `falls on the change itself where the clock skips the time`(
    _ expected: Occurrences
  ) throws {
    try check(expected)
  }

  @Test(arguments: [
    // Berlin, 25 October 2026: 03:00 becomes 02:00 at 01:00 UTC.
    Occurrences(
      "30 2 * * *", "Europe/Berlin", after: "2026-10-24T12:00:00Z",
      "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
    Occurrences(
      "0 2,3 * * *", "Europe/Berlin", after: "2026-10-24T12:00:00Z",
      "2026-10-25T00:00:00Z", "2026-10-25T02:00:00Z"),
    Occurrences(
      "30 23 * * *", "America/Sao_Paulo", after: "2018-02-17T12:00:00Z",
      "2018-02-18T01:30:00Z", "2018-02-19T02:30:00Z"),
    Occurrences(
      "0 0 18 2 *", "America/Sao_Paulo", after: "2018-02-17T12:00:00Z", "2018-02-18T03:00:00Z"),
    Occurrences(
      "45 1 * * *", "Australia/Lord_Howe", after: "2026-04-04T00:00:00Z",
      "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"),
    // St. John's, 29 October 2006: 00:01 becomes 23:01 of the day before.
    Occurrences(
      "0 0 29 10 *", "America/St_Johns", after: "2006-10-28T00:00:00Z", "2006-10-29T02:30:00Z"),
  ])
  func `is the first of the two where the clock repeats the time`(
    _ expected: Occurrences
  ) throws {
    try check(expected)
  }

  @Test(arguments: [
    Occurrences(
      "30 * * * *", "Europe/Berlin", after: "2026-03-29T00:00:00Z",
      "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"),
    Occurrences(
      "30 * * * *", "Europe/Berlin", after: "2026-10-25T00:00:00Z",
      "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"),
    Occurrences(
      "0 0-23 * * *", "Europe/Berlin", after: "2026-10-24T23:30:00Z",
      "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"),
    Occurrences(
      "30 * * * *", "America/Sao_Paulo", after: "2018-02-18T01:00:00Z",
      "2018-02-18T01:30:00Z", "2018-02-18T02:30:00Z", "2018-02-18T03:30:00Z"),
    Occurrences(
      "*/30 * * * *", "America/St_Johns", after: "2006-10-29T02:00:00Z",
      "2006-10-29T02:30:00Z", "2006-10-29T03:00:00Z", "2006-10-29T03:30:00Z"),
  ])
  func `is neither skipped nor lost for a job of every hour`(_ expected: Occurrences) throws {
    try check(expected)
  }

  @Test(arguments: ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30 2 */2"])
  func `is none for a day that no calendar has`(cron: String) throws {
    #expect(try CronExpression(cron).next(after: instant("2026-01-01T00:00:00Z"), in: .gmt) == nil)
  }

  @Test(arguments: [Double.nan, .infinity, -.infinity, 1e300, -1e300])
  func `is none for a moment that no calendar has`(seconds: Double) throws {
    let moment = Date(timeIntervalSince1970: seconds)
    #expect(try CronExpression("* * * * *").next(after: moment, in: .gmt) == nil)
  }

  @Test(
    arguments: [
      ("Europe/Berlin", "2026-03-28T20:00:00Z"), ("Europe/Berlin", "2026-10-24T20:00:00Z"),
      ("America/St_Johns", "2006-10-28T20:00:00Z"), ("Australia/Lord_Howe", "2026-04-04T08:00:00Z"),
      ("America/Sao_Paulo", "2018-02-17T18:00:00Z"), ("Asia/Kolkata", "2026-05-05T05:05:05Z"),
      ("Africa/Casablanca", "2026-02-14T20:00:00Z"),
    ],
    ["*/7 * * * *", "5,35 0-3 * * *", "17 1,23 * * *", "*/45 */2 * * *", "59 0,1,2,3,22,23 * * *"])
  func `is what a walk through all minutes finds`(place: (String, String), cron: String) throws {
    let zone = try zone(place.0)
    let expression = try CronExpression(cron)
    var moment = try instant(place.1)
    let end = moment + 30 * 3_600
    for expected in try MinuteWalk(zone: zone).occurrences(of: expression, from: moment, to: end) {
      let next = expression.next(after: moment, in: zone)
      #expect(next == expected)
      moment = expected
    }
    let beyond = try #require(expression.next(after: moment, in: zone))
    #expect(beyond > end)
  }

  private func check(_ expected: Occurrences) throws {
    let cron = try CronExpression(expected.cron)
    let zone = try zone(expected.zone)
    var moment = try instant(expected.after)
    for text in expected.instants {
      let next = try #require(cron.next(after: moment, in: zone))
      #expect(next.ISO8601Format() == text)
      moment = next
    }
  }
}

/// Finds occurrences by looking at the wall clock in every minute: slow, and written from the rule in
/// words, not from the code under test.
struct MinuteWalk {
  var zone: TimeZone

  func occurrences(of cron: CronExpression, from start: Date, to end: Date) throws -> [Date] {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = zone
    var found: [Date] = []
    var shown: Set<Int> = []
    // Three hours of run-up, so that it is known which readings of the clock are repeats.
    var minute = Date(timeIntervalSince1970: (start.timeIntervalSince1970 / 60).rounded(.down) * 60)
    minute -= 3 * 3_600
    var last = wall(minute - 60)
    while minute <= end {
      let now = wall(minute)
      let isRepeat = !shown.insert(now).inserted
      // The readings that the clock passes in this step: one, or more where it is set forward.
      let passed =
        now > last + 60 ? Array(stride(from: last + 60, through: now, by: 60)) : [now]
      let isDue = passed.contains { reading in
        if cron.runsEveryHour { return reading == now && matches(cron, reading) }
        return !isRepeat && matches(cron, reading)
      }
      if isDue, minute > start { found.append(minute) }
      last = now
      minute += 60
    }
    return found
  }

  /// The reading of the wall clock, in seconds as if it were UTC.
  private func wall(_ instant: Date) -> Int {
    Int(instant.timeIntervalSince1970) + zone.secondsFromGMT(for: instant)
  }

  private func matches(_ cron: CronExpression, _ reading: Int) -> Bool {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    let parts = calendar.dateComponents(
      [.month, .day, .weekday, .hour, .minute],
      from: Date(timeIntervalSince1970: Double(reading)))
    guard let month = parts.month, let day = parts.day, let weekday = parts.weekday,
      let hour = parts.hour, let minute = parts.minute
    else { return false }
    return cron.matches(month: month, day: day, weekday: weekday - 1)
      && cron.matches(hour: hour, minute: minute)
  }
}
