// Rolling verification: what was read longest ago comes first, and the log remembers.

import Format
import Repository
import Storage
import Testing
import Workers

@Suite struct `A check with a budget` {
  let workshop: Workshop
  let storage: MemoryStorage

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
    for i in 1...6 {
      try workshop.backUp(["f": noise(50_000, seed: UInt64(i))], in: storage, at: Int64(i))
    }
  }

  private func time(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }

  /// Checks as the command does: what was found good goes into the log.
  private func check(_ budget: UInt64?, at seconds: Int64) throws -> CheckReport {
    let repository = try Repository.open(
      storage, with: .passphrase(workshop.passphrase), scratch: "/tmp")
    let report = try repository.check(
      readingData: true, budget: budget, workers: 2, cancellation: Cancellation(),
      progress: Progress())
    try repository.record(
      .check, outcome: "pass", snapshots: [],
      details: [Verifications.detail: Verifications.text(report.verifiedPacks)], host: "h",
      program: "p", time: time(seconds))
    return report
  }

  private func share(since seconds: Int64) throws -> VerifiedShare {
    try workshop.open(storage).verifiedShare(since: time(seconds))
  }

  @Test func `reads at most so much, and comes round to every pack before it reads one again`()
    throws
  {
    let all = try storage.packs()
    let budget: UInt64 = 130_000
    var seen: Set<String> = []
    var rounds: Int64 = 0
    while seen.count < all.count {
      rounds += 1
      let report = try check(budget, at: rounds)
      #expect(report.isSound)
      #expect(report.readByteCount <= budget && report.readByteCount > 0)
      let names = Set(report.verifiedPacks.map(\.hex))
      #expect(report.postponedPackCount == all.count - names.count)
      // Only the round that closes the circle may begin it again.
      #expect(seen.isDisjoint(with: names) || seen.union(names) == all)
      seen.formUnion(names)
    }
    #expect(rounds > 2)
    let whole = try share(since: 0)
    #expect(whole.neverByteCount == 0)
    #expect(whole.recentByteCount == whole.byteCount)
    #expect(whole.oldest == time(1))
  }

  @Test func `reads one pack at least`() throws {
    #expect(try check(1, at: 1).verifiedPacks.count == 1)
  }

  @Test func `starts with packs that were never read`() throws {
    _ = try check(nil, at: 1)
    let before = try storage.packs()
    try workshop.backUp(["f": noise(50_000, seed: 77)], in: storage, at: 9)
    let report = try check(1 << 17, at: 2)
    let added = try storage.packs().subtracting(before)
    #expect(Set(report.verifiedPacks.map(\.hex)).isSuperset(of: added))
  }

  @Test func `says what share was read since a time`() throws {
    #expect(try share(since: 0).neverByteCount == (try share(since: 0).byteCount))
    #expect(try share(since: 0).oldest == nil)
    let first = try check(100_000, at: 10)
    let second = try check(100_000, at: 20)
    let share = try share(since: 15)
    #expect(share.recentByteCount == second.readByteCount)
    #expect(share.neverByteCount == share.byteCount - first.readByteCount - second.readByteCount)
    #expect(share.oldest == time(10))
  }

  @Test func `does not count a pack that it found damaged, and reads it again`() throws {
    let pack = try #require(try storage.list(.packs).first)
    storage.tamper(pack.key) { $0[600] ^= 1 }
    for seconds in 1...2 {
      let report = try check(nil, at: Int64(seconds))
      #expect(!report.isSound)
      #expect(!report.verifiedPacks.map(\.hex).contains(pack.key.name))
    }
    #expect(try share(since: 0).neverByteCount == UInt64(pack.byteCount))
    let report = try check(1, at: 3)
    #expect(report.findings.contains { $0.what.contains(pack.key.name) })
  }

  @Test func `goes on where the log is damaged: what is not known is read`() throws {
    _ = try check(nil, at: 1)
    let entry = try #require(try storage.list(.log).first).key
    storage.tamper(entry) { $0[300] ^= 1 }
    let share = try share(since: 0)
    #expect(share.neverByteCount == share.byteCount)
    #expect(try workshop.open(storage).verifications().time(of: PackID.random()) == nil)
  }
}
