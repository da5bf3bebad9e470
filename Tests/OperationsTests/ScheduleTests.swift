// What a schedule decides; no clock runs and nothing is started.

import Configuration
import Foundation
import Operations
import Testing

@Suite struct `A schedule` {
  let noon: Date
  let hour: TimeInterval = 3_600

  init() throws { noon = try instant("2026-01-01T12:00:00Z") }

  private func schedule(
    _ timings: [JobKind: Configuration.Schedule.Timing], seed: UInt64 = 1
  ) -> Schedule {
    Schedule(timings: timings, zone: .gmt, seed: seed)
  }

  @Test func `waits for the earliest time of all jobs`() throws {
    let schedule = schedule([.backup: try timing("30 12 * * *"), .drill: try timing("15 12 * * *")])
    let plan = schedule.plan(now: noon, answered: [:], running: [])
    #expect(plan == .init(start: [], wake: noon + 900))
  }

  @Test func `starts a job at its time, and again only at the next`() throws {
    let schedule = schedule([.backup: try timing("0 * * * *")])
    let due = schedule.plan(now: noon, answered: [.backup: noon - 60], running: [])
    #expect(
      due == .init(start: [.init(kind: .backup, due: noon, isCatchUp: false)], wake: nil))
    let after = schedule.plan(now: noon + 1, answered: [.backup: noon], running: [])
    #expect(after == .init(start: [], wake: noon + hour))
  }

  @Test func `begins a job that it never saw at its next time, not at a past one`() throws {
    let plan = schedule([.check: try timing("0 12 * * *")])
      .plan(now: noon, answered: [:], running: [])
    #expect(plan == .init(start: [], wake: noon + 24 * hour))
  }

  @Test func `makes up for any number of missed times with one run`() throws {
    let schedule = schedule([.backup: try timing("0 * * * *")])
    let plan = schedule.plan(now: noon + 600, answered: [.backup: noon - 72 * hour], running: [])
    #expect(
      plan.start == [.init(kind: .backup, due: noon - 71 * hour, isCatchUp: true)])
    #expect(
      schedule.plan(now: noon + 660, answered: [.backup: noon + 600], running: [])
        == .init(start: [], wake: noon + hour))
  }

  @Test func `lets missed times go where catch-up is off`() throws {
    let schedule = schedule([.backup: try timing("0 * * * *", catchesUp: false)])
    let missed = [JobKind.backup: noon - 72 * hour]
    #expect(
      schedule.plan(now: noon + 301, answered: missed, running: [])
        == .init(start: [], wake: noon + hour))
    #expect(
      schedule.plan(now: noon + 300, answered: missed, running: []).start
        == [.init(kind: .backup, due: noon, isCatchUp: false)])
  }

  @Test func `never starts a kind that is running, and starts the others`() throws {
    let schedule = schedule([.backup: try timing("* * * * *"), .check: try timing("* * * * *")])
    let answered = [JobKind.backup: noon - hour, .check: noon - hour]
    let plan = schedule.plan(now: noon, answered: answered, running: [.backup])
    #expect(plan.start.map(\.kind) == [.check])
    let none = schedule.plan(now: noon, answered: answered, running: [.backup, .check])
    #expect(none == .init(start: [], wake: nil))
  }

  @Test func `does not wait for a record that a wrong clock left in the future`() throws {
    let schedule = schedule([.backup: try timing("0 * * * *")])
    let far = schedule.plan(now: noon, answered: [.backup: noon + 48 * hour], running: [])
    #expect(far.wake == noon + hour)
    // A second's step back must not run the job twice.
    let near = schedule.plan(now: noon - 1, answered: [.backup: noon + 0.5], running: [])
    #expect(near == .init(start: [], wake: noon + hour))
  }

  @Test(arguments: [-1e300, 1e300, -.infinity, .infinity])
  func `survives a record that no clock wrote`(seconds: Double) throws {
    let schedule = schedule([.backup: try timing("0 * * * *")])
    let record = Date(timeIntervalSince1970: seconds)
    let plan = schedule.plan(now: noon + 1, answered: [.backup: record], running: [])
    #expect(plan.wake == noon + hour || plan.start.map(\.kind) == [.backup])
  }

  @Test func `has no time for a job that never occurs`() throws {
    let plan = schedule([.drill: try timing("0 0 30 2 *")])
      .plan(now: noon, answered: [:], running: [])
    #expect(plan == .init(start: [], wake: nil))
  }

  @Test func `spreads hosts over the jitter, each always alike`() throws {
    let timings = [JobKind.backup: try timing("0 13 * * *", jitter: 600)]
    var delays: Set<TimeInterval> = []
    for seed in 0..<200 as Range<UInt64> {
      let wake = try #require(
        schedule(timings, seed: seed).plan(now: noon, answered: [:], running: []).wake)
      let again = schedule(timings, seed: seed).plan(now: noon, answered: [:], running: []).wake
      #expect(wake == again)
      let delay = wake.timeIntervalSince(noon + hour)
      #expect((0...600).contains(delay))
      delays.insert(delay)
    }
    // 200 draws from 601 values leave about 170 different ones.
    #expect(delays.count > 140)
    #expect((delays.min() ?? 600) < 60)
    #expect((delays.max() ?? 0) > 540)
  }

  @Test func `starts a jittered job late and not early`() throws {
    let schedule = schedule([.backup: try timing("0 13 * * *", jitter: 600)], seed: 7)
    let wake = try #require(schedule.plan(now: noon, answered: [:], running: []).wake)
    let answered = [JobKind.backup: noon]
    #expect(schedule.plan(now: wake - 1, answered: answered, running: []).start == [])
    let start = schedule.plan(now: wake, answered: answered, running: []).start
    #expect(start == [.init(kind: .backup, due: noon + hour, isCatchUp: false)])
    #expect(schedule.upcoming(after: noon) == [.backup: wake])
  }

  @Test func `draws another delay for another kind and another time`() throws {
    let timings = [
      JobKind.backup: try timing("0 * * * *", jitter: 3_000),
      .check: try timing("0 * * * *", jitter: 3_000),
    ]
    let first = schedule(timings).upcoming(after: noon)
    let second = schedule(timings).upcoming(after: noon + hour)
    #expect(first[.backup] != first[.check])
    #expect(second[.backup] != first[.backup].map { $0 + hour })
  }

  @Test func `takes its seed from a text, the same in every release`() {
    #expect(Schedule.seed(from: "") == 0xcbf2_9ce4_8422_2325)
    #expect(Schedule.seed(from: "a") == 0xaf63_dc4c_8601_ec8c)
    #expect(Schedule.seed(from: "foobar") == 0x8594_4171_f739_67e8)
  }

  @Test func `is read from a configuration`() throws {
    let configuration = try Configuration.parse(
      """
      media: { m: { path: /m } }
      schedule: { backup: { cron: "0 2 * * *", jitter: 5m } }
      time-zone: Asia/Tokyo
      """)
    let schedule = Schedule(configuration, seed: 3)
    #expect(schedule.timings == [.backup: try timing("0 2 * * *", jitter: 300)])
    let wake = try #require(schedule.plan(now: noon, answered: [:], running: []).wake)
    #expect((noon + 5 * hour...noon + 5 * hour + 300).contains(wake))
  }
}
