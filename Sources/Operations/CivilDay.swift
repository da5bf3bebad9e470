// Days of the Gregorian calendar as whole numbers, without a calendar object.

/// A day of the proleptic Gregorian calendar, counted from 1 January 1970.
struct CivilDay: Equatable {
  /// Days since 1970-01-01; negative before.
  var number: Int

  static let secondsInDay = 86_400

  /// The day that a wall clock shows `seconds` after midnight of 1970-01-01 on that same clock.
  init(wallSeconds seconds: Int) {
    number = Self.floorDivide(seconds, by: Self.secondsInDay)
  }

  init(number: Int) { self.number = number }

  /// Month (1–12) and day of the month (1–31).
  ///
  /// The algorithm is `civil_from_days` of Howard Hinnant, "chrono-Compatible Low-Level Date
  /// Algorithms": eras of 400 years that begin on 1 March.
  var monthAndDay: (month: Int, day: Int) {
    let shifted = number + 719_468
    let era = Self.floorDivide(shifted, by: 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    return (shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9, day)
  }

  /// 0 for Sunday … 6; 1970-01-01 was a Thursday.
  var weekday: Int {
    let sum = number + 4
    return sum - Self.floorDivide(sum, by: 7) * 7
  }

  private static func floorDivide(_ dividend: Int, by divisor: Int) -> Int {
    let quotient = dividend / divisor
    return dividend % divisor < 0 ? quotient - 1 : quotient
  }
}
