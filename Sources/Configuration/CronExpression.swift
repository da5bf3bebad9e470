// A cron expression as a set of minutes, hours, days, months and weekdays; reading only.
//
// Notation and meaning follow crontab(5) of Vixie cron: five fields, names, ranges, steps, lists,
// `@hourly` and its kind. When it next occurs is computed by the module Operations.

/// The times at which a job is due, each a minute of a calendar day.
package struct CronExpression: Sendable, Equatable, Hashable, CustomStringConvertible {
  /// The expression as it was written.
  package let description: String
  /// Bit `n` is set when minute `n` (0–59) matches.
  package let minutes: UInt64
  /// Bit `n` is set when hour `n` (0–23) matches.
  package let hours: UInt64
  /// Bit `n` is set when day `n` of the month (1–31) matches.
  package let daysOfMonth: UInt64
  /// Bit `n` is set when month `n` (1–12) matches.
  package let months: UInt64
  /// Bit `n` is set when weekday `n` (0 = Sunday … 6) matches.
  package let weekdays: UInt64
  /// Whether a day must satisfy both day fields; otherwise either is enough.
  ///
  /// Vixie's rule: both, when one of the two fields begins with `*`; either, when both are restricted.
  package let needsBothDayFields: Bool
  /// Whether the job runs by elapsed time, so that a clock change neither skips nor repeats it.
  ///
  /// True when the hour field begins with `*` or names all hours.
  package let runsEveryHour: Bool

  /// Whether minute `minute` of hour `hour` matches.
  package func matches(hour: Int, minute: Int) -> Bool {
    hours.hasBit(hour) && minutes.hasBit(minute)
  }

  /// Whether a date matches; `weekday` is 0 for Sunday.
  package func matches(month: Int, day: Int, weekday: Int) -> Bool {
    guard months.hasBit(month) else { return false }
    let byDay = daysOfMonth.hasBit(day)
    let byWeekday = weekdays.hasBit(weekday)
    return needsBothDayFields ? byDay && byWeekday : byDay || byWeekday
  }

  /// Whether any date matches at all: `0 0 30 2 *` never comes.
  ///
  /// Each date of the calendar falls on each weekday within 400 years, 29 February too; so only the
  /// day of the month can rule a month out.
  package var canOccur: Bool {
    let longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return !needsBothDayFields
      || longest.indices.contains { month in
        months.hasBit(month + 1) && (1...longest[month]).contains { daysOfMonth.hasBit($0) }
      }
  }

  /// Reads an expression.
  ///
  /// - Throws: ``CronExpressionError`` that names the field and the first thing wrong with it.
  package init(_ text: String) throws(CronExpressionError) {
    var written = text.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
    if written.count == 1, written[0].hasPrefix("@") {
      guard let expansion = Self.nicknames[written[0].lowercased()] else {
        throw CronExpressionError(
          why: "'\(written[0].prefix(40))' is not a name for a time",
          next: "use one of \(Self.nicknames.keys.sorted().joined(separator: " ")), or five fields")
      }
      written = expansion.split(separator: " ").map(String.init)
    }
    guard written.count == 5 else {
      throw CronExpressionError(
        why: "it has \(written.count) fields, and five are needed",
        next: "write minute, hour, day of month, month and weekday, such as '15 3 * * *'")
    }
    description = text
    minutes = try CronField.minute.parse(written[0])
    hours = try CronField.hour.parse(written[1])
    daysOfMonth = try CronField.dayOfMonth.parse(written[2])
    months = try CronField.month.parse(written[3])
    let days = try CronField.weekday.parse(written[4])
    weekdays = (days | (days >> 7)) & 0x7F  // 7 is Sunday too
    needsBothDayFields = written[2].hasPrefix("*") || written[4].hasPrefix("*")
    runsEveryHour = written[1].hasPrefix("*") || hours == (1 << 24) - 1
  }

  private static let nicknames = [
    "@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0", "@monthly": "0 0 1 * *", "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
  ]
}

/// Why a text is no cron expression, in the words of a diagnostic.
package struct CronExpressionError: Error, Sendable, Equatable, CustomStringConvertible {
  package var why: String
  package var next: String

  package var description: String { "not a cron expression: \(why)\nhint: \(next)" }
}

/// One field of a cron expression: its range and its names.
private struct CronField {
  var name: String
  var range: ClosedRange<Int>
  /// Names count up from `firstName`.
  var names: [String] = []
  var firstName = 0

  static let minute = CronField(name: "minute", range: 0...59)
  static let hour = CronField(name: "hour", range: 0...23)
  static let dayOfMonth = CronField(name: "day of month", range: 1...31)
  static let month = CronField(
    name: "month", range: 1...12,
    names: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    firstName: 1)
  static let weekday = CronField(
    name: "weekday", range: 0...7, names: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"])

  /// The field's values as bits.
  func parse(_ text: String) throws(CronExpressionError) -> UInt64 {
    var bits: UInt64 = 0
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      bits |= try parseItem(String(item))
    }
    return bits
  }

  /// Reads `*`, `a`, `a-b`, and each range with `/step`.
  private func parseItem(_ item: String) throws(CronExpressionError) -> UInt64 {
    let halves = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    let span = String(halves[0])
    let bounds: ClosedRange<Int>
    if span == "*" {
      bounds = name == "weekday" ? 0...6 : range
    } else {
      let ends = span.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
      let low = try value(String(ends[0]))
      var high = ends.count == 2 ? try value(String(ends[1])) : low
      if name == "weekday", ends.count == 2, high == 0, low > 0 { high = 7 }  // fri-sun
      guard low <= high else {
        throw failure(
          "runs backwards in '\(span)'",
          "write it in two parts: '\(low)-\(range.upperBound),\(range.lowerBound)-\(high)'")
      }
      if halves.count == 2, ends.count == 1 {
        throw failure(
          "has a step after the single value '\(span)'",
          "write the range that the step walks: '\(span)-\(range.upperBound)/\(halves[1])'")
      }
      bounds = low...high
    }
    let step = halves.count == 2 ? try stepValue(String(halves[1]), over: bounds) : 1
    var bits: UInt64 = 0
    for value in stride(from: bounds.lowerBound, through: bounds.upperBound, by: step) {
      bits |= 1 << UInt64(value)
    }
    return bits
  }

  private func stepValue(
    _ text: String, over bounds: ClosedRange<Int>
  ) throws(CronExpressionError) -> Int {
    guard let step = number(text), step > 0 else {
      throw failure("has the step '\(text.prefix(20))'", "write a step of 1 or more, such as '*/5'")
    }
    // A step past the end would silently mean "once": '*/90' minutes is never what was meant.
    guard step <= bounds.count else {
      throw failure(
        "has the step \(step), longer than its range of \(bounds.count)",
        "write a step of at most \(bounds.count), or name the values that you mean")
    }
    return step
  }

  private func value(_ text: String) throws(CronExpressionError) -> Int {
    if let index = names.firstIndex(of: text.lowercased()) { return index + firstName }
    guard let value = number(text) else {
      throw failure(
        text.isEmpty ? "has an empty value" : "has the value '\(text.prefix(20))'",
        "use \(allowed), with '*', ranges, steps and lists; '?', 'L', 'W' and '#' are not cron's")
    }
    guard range.contains(value) else {
      throw failure("has the value \(value)", "use \(allowed)")
    }
    return value
  }

  /// Digits only: no sign, and few enough not to overflow.
  private func number(_ text: String) -> Int? {
    guard !text.isEmpty, text.utf8.count <= 4,
      text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
    else { return nil }
    return Int(text)
  }

  private var allowed: String {
    let numbers = "\(range.lowerBound)-\(range.upperBound)"
    guard let first = names.first, let last = names.last else { return numbers }
    return "\(numbers) or \(first)-\(last)"
  }

  private func failure(_ problem: String, _ next: String) -> CronExpressionError {
    CronExpressionError(why: "the \(name) field \(problem)", next: next)
  }
}

extension UInt64 {
  /// Whether bit `index` is set; false for any index that a field does not have.
  fileprivate func hasBit(_ index: Int) -> Bool {
    (0..<64).contains(index) && self >> index & 1 == 1
  }
}
