// Retention: each rule, groups, clock changes, and what never happens.

import Format
import Foundation
import Repository
import Sodium
import Testing

@Suite struct `A retention policy` {
  static func calendar(_ zone: String) throws -> Calendar {
    var calendar = Calendar(identifier: .iso8601)
    calendar.timeZone = try #require(TimeZone(identifier: zone))
    return calendar
  }

  private func seconds(_ text: String) throws -> Int64 {
    let padded = text.count == 10 ? text + "T12:00:00Z" : text.count == 16 ? text + ":00Z" : text
    return Int64(try Date(padded, strategy: .iso8601).timeIntervalSince1970)
  }

  private func snapshot(
    _ seconds: Int64, host: String = "host", source: String = "files", tags: [String] = []
  ) -> Snapshot {
    let manifest = Workshop.manifest(at: seconds, host: host, source: source, tags: tags)
    return Snapshot(
      id: SnapshotID(Blake2b.hash(Array("\(seconds) \(host) \(source) \(tags)".utf8))),
      manifest: manifest, signer: "")
  }

  /// The times kept, in seconds, oldest first.
  private func kept(
    _ snapshots: [Snapshot], zone: String = "UTC", _ rules: (inout RetentionPolicy) -> Void
  ) throws -> [Int64] {
    var policy = RetentionPolicy()
    rules(&policy)
    return Retention.plan(
      snapshots.shuffled(), policy: policy, calendar: try Self.calendar(zone)
    ).filter(\.isKept).map { $0.snapshot.manifest.time.microseconds / 1_000_000 }
  }

  private func hours(_ range: Range<Int64>) -> [Snapshot] { range.map { snapshot($0 * 3600) } }

  @Test func `keeps the last so many`() throws {
    let found = try kept(hours(0..<10)) { $0.last = 3 }
    #expect(found == [7, 8, 9].map { $0 * 3600 })
    #expect(try kept(hours(0..<2)) { $0.last = 3 }.count == 2)
  }

  @Test func `keeps the newest of each hour, day, week, month and year`() throws {
    // Every half hour from Monday, 1 January 2024.
    let start = try seconds("2024-01-01T00:00:00Z")
    let all = (0..<4 * 48).map { snapshot(start + Int64($0) * 1800) }
    #expect(
      try kept(all) { $0.hourly = 3 }
        == [2, 1, 0].map { start + 4 * 86_400 - 1800 - Int64($0) * 3600 })
    #expect(
      try kept(all) { $0.daily = 2 }
        == [1, 0].map { start + 4 * 86_400 - 1800 - Int64($0) * 86_400 })
    let daily = (0..<800).map { snapshot(start + Int64($0) * 86_400 + 43_200) }
    #expect(
      try kept(daily) { $0.monthly = 3 }
        == [try seconds("2026-01-31"), try seconds("2026-02-28"), try seconds("2026-03-10")])
    #expect(
      try kept(daily) { $0.yearly = 2 } == [try seconds("2025-12-31"), try seconds("2026-03-10")])
    // 10 March 2026 is a Tuesday: the weeks before end on Sundays.
    #expect(
      try kept(daily) { $0.weekly = 3 }
        == [try seconds("2026-03-01"), try seconds("2026-03-08"), try seconds("2026-03-10")])
  }

  @Test func `takes the last days of December and the first of January for one week`() throws {
    let days = try [
      "2024-12-28", "2024-12-29", "2024-12-30", "2024-12-31", "2025-01-01", "2025-01-05",
      "2025-01-06",
    ]
    .map { snapshot(try seconds($0)) }
    #expect(
      try kept(days) { $0.weekly = 3 }
        == [try seconds("2024-12-29"), try seconds("2025-01-05"), try seconds("2025-01-06")])
  }

  @Test func `lets the oldest fill a period while there are too few`() throws {
    let all = hours(0..<30)
    #expect(try kept(all) { $0.daily = 5 } == [0, 23, 29].map { $0 * 3600 })
    #expect(try kept(all) { $0.daily = 2 } == [23, 29].map { $0 * 3600 })
    #expect(try kept(all) { $0.yearly = 1 } == [29 * 3600])
    #expect(try kept(all) { $0.yearly = 2 } == [0, 29 * 3600])
  }

  @Test func `keeps what is younger than a time, counted back from the newest`() throws {
    #expect(try kept(hours(0..<10)) { $0.withinSeconds = 7200 } == [7, 8, 9].map { $0 * 3600 })
    #expect(try kept(hours(0..<10)) { $0.withinSeconds = 7199 } == [8, 9].map { $0 * 3600 })
    #expect(try kept(hours(0..<10)) { $0.withinSeconds = .max }.count == 10)
  }

  @Test func `keeps what has one of the tags`() throws {
    let all = [snapshot(1, tags: ["a", "b"]), snapshot(2, tags: ["c"]), snapshot(3), snapshot(4)]
    #expect(try kept(all) { $0.tags = ["b", "c", "z"] } == [1, 2])
  }

  @Test func `adds its rules up, and says each reason`() throws {
    var policy = RetentionPolicy()
    policy.last = 1
    policy.daily = 2
    policy.tags = ["keep"]
    let all = hours(0..<48) + [snapshot(40 * 3600 + 1, tags: ["keep"])]
    let decisions = Retention.plan(all, policy: policy, calendar: try Self.calendar("UTC"))
    #expect(decisions.count == 49)
    let reasons = decisions.filter(\.isKept).map(\.reasons)
    #expect(reasons == [["daily 2"], ["tag keep"], ["last 1", "daily 1"]])
    #expect(
      decisions.map(\.snapshot.manifest.time) == decisions.map(\.snapshot.manifest.time).sorted())
  }

  @Test func `applies to each host and set of sources by itself`() throws {
    var policy = RetentionPolicy()
    policy.last = 1
    let all = [
      snapshot(1, host: "a"), snapshot(2, host: "a"), snapshot(3, host: "b"),
      snapshot(4, host: "a", source: "other"), snapshot(5, host: "a", source: "other"),
    ]
    let decisions = Retention.plan(all, policy: policy, calendar: try Self.calendar("UTC"))
    #expect(Set(decisions.map(\.group)) == ["a: media files", "a: media other", "b: media files"])
    #expect(
      decisions.filter(\.isKept).map(\.snapshot.manifest.time.microseconds).sorted()
        == [2_000_000, 3_000_000, 5_000_000])
  }

  @Test func `never empties a group, whatever the policy`() throws {
    let all = [snapshot(1), snapshot(2), snapshot(3, host: "b")]
    for policy in [
      RetentionPolicy(),
      {
        var p = RetentionPolicy(); p.tags = ["none"]; return p
      }(),
    ] {
      let decisions = Retention.plan(all, policy: policy, calendar: try Self.calendar("UTC"))
      let kept = decisions.filter(\.isKept)
      #expect(kept.map(\.snapshot.manifest.time.microseconds).sorted() == [2_000_000, 3_000_000])
      #expect(kept.allSatisfy { $0.reasons == ["only one left"] })
    }
    let utc = try Self.calendar("UTC")
    #expect(Retention.plan([], policy: RetentionPolicy(), calendar: utc).isEmpty)
  }

  @Test func `counts local days, also those of 23 and 25 hours`() throws {
    // Berlin: 31 March 2024 has no 02:00, 27 October 2024 has it twice.
    for day in ["2024-03-31", "2024-10-27"] {
      let noon = try seconds(day)
      let all = (-36..<37).map { snapshot(noon + Int64($0) * 3600 + 60) }
      let found = try kept(all, zone: "Europe/Berlin") { $0.daily = 3 }
      #expect(found.count == 3)
      let calendar = try Self.calendar("Europe/Berlin")
      let days = found.map {
        calendar.component(.day, from: Date(timeIntervalSince1970: Double($0)))
      }
      #expect(Set(days).count == 3)
      // Each is the last of its local day.
      for (time, day) in zip(found, days).dropLast() {
        let next = Date(timeIntervalSince1970: Double(time + 3600))
        #expect(calendar.component(.day, from: next) != day)
      }
    }
  }

  @Test func `takes the hour that comes twice for two hours`() throws {
    // 00:30, 01:30 UTC are both 02:30 in Berlin that night.
    let night = try seconds("2024-10-27T00:30:00Z")
    let all = (-3..<4).map { snapshot(night + Int64($0) * 3600) }
    #expect(try kept(all, zone: "Europe/Berlin") { $0.hourly = 7 }.count == 7)
    #expect(
      try kept(all, zone: "Europe/Berlin") { $0.hourly = 3 }
        == [1, 2, 3].map { night + Int64($0) * 3600 })
  }

  @Test func `counts hours of zones that are half an hour off`() throws {
    let start = try seconds("2024-05-05T00:00:00Z")
    let all = (0..<8).map { snapshot(start + Int64($0) * 900) }
    // In Kolkata the hours begin at half past.
    #expect(
      try kept(all, zone: "Asia/Kolkata") { $0.hourly = 2 }
        == [start + 5 * 900, start + 7 * 900])
  }

  @Test(arguments: 1...40 as ClosedRange<UInt64>)
  func `of any history keeps the newest, no more than it says, and the same when repeated`(
    seed: UInt64
  ) throws {
    var generator = Xorshift(seed: seed)
    func draw(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &generator) }
    let all = (0..<draw(200) + 1).map { i in
      snapshot(Int64(draw(100_000_000)) + Int64(i), host: ["a", "b"][draw(2)])
    }
    var policy = RetentionPolicy()
    policy.last = draw(4)
    policy.hourly = draw(5)
    policy.daily = draw(8)
    policy.weekly = draw(5)
    policy.monthly = draw(12)
    policy.yearly = draw(3)
    let calendar = try Self.calendar("America/New_York")
    let decisions = Retention.plan(all, policy: policy, calendar: calendar)
    #expect(Set(decisions.map { $0.snapshot.id }) == Set(all.map { $0.id }))
    let limit =
      policy.last + policy.hourly + policy.daily + policy.weekly + policy.monthly + policy.yearly
    for (_, group) in Dictionary(grouping: decisions, by: \.group) {
      let kept = group.count { $0.isKept }
      #expect(group.last.map { $0.isKept } == true)
      #expect(kept <= max(limit, 1))
    }
    let kept = decisions.filter(\.isKept).map(\.snapshot)
    let again = Retention.plan(kept, policy: policy, calendar: calendar)
    #expect(again.allSatisfy { $0.isKept })
  }
}
