// The small notations: spans of time, cron expressions, names of tables and columns.

import Configuration
import Testing

@Suite struct `A span of time` {
  @Test(arguments: [
    ("90s", 90), ("15m", 900), ("26h", 93_600), ("7d", 604_800), ("4w", 2_419_200),
    ("1w2d3h4m5s", 788_645), ("0s", 0), ("1h30m", 5_400), ("999999w", 604_799_395_200),
  ])
  func `is the sum of its units`(text: String, seconds: Int64) {
    #expect(DurationText.parse(text) == .seconds(seconds))
  }

  @Test(arguments: [
    "", "s", "60", "1.5h", "-1h", "+1h", "1h ", " 1h", "1 h", "1H", "5m1h", "1h1h", "1y",
    "1000000s",
    "1h30", "٣h", "1h\u{301}",
  ])
  func `is refused in any other notation`(text: String) {
    #expect(DurationText.parse(text) == nil)
  }

  @Test(arguments: [0, 1, 59, 60, 3_600, 90_061, 604_800, 788_645] as [Int64])
  func `reads back as it was written`(seconds: Int64) {
    #expect(DurationText.parse(DurationText.format(.seconds(seconds))) == .seconds(seconds))
  }

  @Test func `is written with the largest units first`() {
    #expect(DurationText.format(.seconds(788_645)) == "1w2d3h4m5s")
    #expect(DurationText.format(.milliseconds(1_999)) == "1s")
    #expect(DurationText.format(.seconds(-90)) == "-1m30s")
    #expect(DurationText.format(.seconds(Int64.min)).hasPrefix("-"))
  }
}

@Suite struct `A cron expression` {
  @Test func `holds the values that its fields name`() throws {
    let cron = try CronExpression("5,10-20/5 0-23/6 1,15 jan-mar,DEC mon-fri")
    #expect(bits(cron.minutes) == [5, 10, 15, 20])
    #expect(bits(cron.hours) == [0, 6, 12, 18])
    #expect(bits(cron.daysOfMonth) == [1, 15])
    #expect(bits(cron.months) == [1, 2, 3, 12])
    #expect(bits(cron.weekdays) == [1, 2, 3, 4, 5])
    #expect(!cron.needsBothDayFields)
    #expect(!cron.runsEveryHour)
  }

  @Test(arguments: [
    ("* * * * 7", [0]), ("* * * * 0", [0]), ("* * * * sun", [0]), ("* * * * fri-sun", [0, 5, 6]),
    ("* * * * 5-7", [0, 5, 6]), ("* * * * *", [0, 1, 2, 3, 4, 5, 6]),
    ("* * * * */2", [0, 2, 4, 6]),
  ])
  func `takes Sunday as 0 and as 7`(text: String, days: [Int]) throws {
    #expect(bits(try CronExpression(text).weekdays) == days)
  }

  @Test(arguments: [
    ("@hourly", "0 * * * *"), ("@daily", "0 0 * * *"), ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"), ("@Monthly", "0 0 1 * *"), ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"), (" \t@daily ", "0 0 * * *"),
  ])
  func `may be one of cron's names`(name: String, meaning: String) throws {
    let named = try CronExpression(name)
    let spelt = try CronExpression(meaning)
    #expect(named.description == name)
    #expect(named.minutes == spelt.minutes)
    #expect(named.hours == spelt.hours)
    #expect(named.daysOfMonth == spelt.daysOfMonth)
    #expect(named.months == spelt.months)
    #expect(named.weekdays == spelt.weekdays)
    #expect(named.needsBothDayFields == spelt.needsBothDayFields)
  }

  @Test(arguments: [
    ("* * * *", "it has 4 fields, and five are needed"),
    ("* * * * * *", "it has 6 fields, and five are needed"),
    ("", "it has 0 fields, and five are needed"),
    ("@reboot", "'@reboot' is not a name for a time"),
    ("60 * * * *", "the minute field has the value 60"),
    ("* 24 * * *", "the hour field has the value 24"),
    ("* * 0 * *", "the day of month field has the value 0"),
    ("* * * 13 *", "the month field has the value 13"),
    ("* * * * 8", "the weekday field has the value 8"),
    ("-1 * * * *", "the minute field has an empty value"),
    ("1,,2 * * * *", "the minute field has an empty value"),
    ("1- * * * *", "the minute field has an empty value"),
    ("*/0 * * * *", "the minute field has the step '0'"),
    ("*/x * * * *", "the minute field has the step 'x'"),
    ("*/ * * * *", "the minute field has the step ''"),
    ("*/90 * * * *", "the minute field has the step 90, longer than its range of 60"),
    ("5/15 * * * *", "the minute field has a step after the single value '5'"),
    ("* 22-2 * * *", "the hour field runs backwards in '22-2'"),
    ("* * L * *", "the day of month field has the value 'L'"),
    ("* * ? * *", "the day of month field has the value '?'"),
    ("* * * foo *", "the month field has the value 'foo'"),
    ("+5 * * * *", "the minute field has the value '+5'"),
    ("99999999999999999999 * * * *", "the minute field has the value '99999999999999999999'"),
    ("٣ * * * *", "the minute field has the value '٣'"),
  ])
  func `says which field is wrong`(text: String, why: String) throws {
    let error = try #require(throws: CronExpressionError.self) { try CronExpression(text) }
    #expect(error.why == why)
    #expect(!error.next.isEmpty)
  }

  @Test(arguments: [
    ("0 0 30 2 *", false), ("0 0 31 4,6,9,11 *", false), ("0 0 29 2 *", true),
    ("0 0 31 2,3 *", true), ("0 0 30 2 mon", true), ("0 0 30 2 */2", false), ("* * * * *", true),
  ])
  func `knows whether it ever occurs`(text: String, canOccur: Bool) throws {
    #expect(try CronExpression(text).canOccur == canOccur)
  }

  private func bits(_ set: UInt64) -> [Int] { (0..<64).filter { set >> UInt64($0) & 1 == 1 } }
}

@Suite struct `The name of a column` {
  @Test(
    arguments: [
      ("t.c", nil, "t", "c"), ("s.t.c", "s", "t", "c"), ("Blog.Cover", nil, "Blog", "Cover"),
      (#"\"my.table\".\"a\"\"b\""#, nil, "my.table", "a\"b"),
    ] as [(String, String?, String, String)])
  func `is split at its dots, and quotes protect them`(
    text: String, schema: String?, table: String, column: String
  ) throws {
    let configuration = try Configuration.parse(
      """
      databases: { a: { connection: dbname=a, file-references: ["\(text)"] } }
      media: { m: { path: /m } }
      """)
    #expect(
      configuration.databases[0].fileReferences
        == [.init(table: .init(schema: schema, table: table), column: column)])
    #expect(configuration.databases[0].media == "m")
  }
}

@Suite struct `A byte count in the configuration` {
  @Test(arguments: [
    ("512K", 524_288 as UInt64?), ("1M", 1 << 20), ("2G", 2 << 30), ("999999T", 999_999 << 40),
    ("1000000T", nil), ("0M", nil), ("01M", nil), ("5", nil), ("5m", nil), ("5MB", nil), ("", nil),
    ("M", nil), ("-1M", nil), ("１M", nil),
  ])
  func `is in powers of 1,024 and has a unit`(text: String, count: UInt64?) {
    #expect(ByteCountText.parse(text) == count)
  }
}
