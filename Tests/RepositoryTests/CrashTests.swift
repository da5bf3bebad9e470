// A process killed at every call it makes to the storage, during backup and during prune.

import Format
import Repository
import Sodium
import Storage
import Testing

@Suite struct `A crash` {
  let workshop: Workshop
  let original: MemoryStorage
  let kept: [(id: SnapshotID, files: [String: [UInt8]])]

  /// Four snapshots, the first two forgotten; some of their packs already marked, some not.
  ///
  /// What is kept holds deltas, of a base in the first, and of one another.
  init() throws {
    workshop = try Workshop()
    original = try workshop.make()
    let shared = noise(10_000, seed: 1)
    let first = ["shared": shared, "old": noise(70_000, seed: 2), "e": Self.edition(0)]
    let second = ["shared": shared, "b": noise(20_000, seed: 3), "e": Self.edition(1)]
    let third = [
      "shared": shared, "c": noise(9_000, seed: 4), "d": Array("text".utf8), "e": Self.edition(2),
    ]
    let gone = try workshop.backUp(first, in: original, at: 1)
    let early = try workshop.backUp(["x": noise(20_000, seed: 5)], in: original, at: 2)
    let a = try workshop.backUp(second, in: original, at: 3, after: gone)
    try workshop.open(original).forget([early])
    try workshop.prune(original, at: 10)
    let b = try workshop.backUp(third, in: original, at: 20, after: a)
    try workshop.open(original).forget([gone])
    kept = [(a.id, second), (b.id, third)]
    #expect(a.manifest.statistics.blobsDelta == 2)
    #expect(b.manifest.statistics.blobsDelta == 2)
  }

  /// A file of two chunks of which some bytes are different every time.
  private static func edition(_ number: Int) -> [UInt8] {
    var bytes = noise(20_000, seed: 7)
    for i in 0..<number * 5 { bytes[i * 3001 % bytes.count] ^= UInt8(number + i) }
    return bytes
  }

  private func expectWhole(_ storage: MemoryStorage, _ when: String) throws {
    for (id, files) in kept {
      #expect(try workshop.restore(id, from: storage) == files, "\(when): snapshot \(id)")
    }
    let report = try workshop.check(storage, readingData: false)
    #expect(report.findings.map(\.what) == [], "\(when)")
  }

  /// Kills `work` at each of its calls; returns at how many it could be.
  private func killEverywhere(
    _ manner: DyingStorage.Manner, sparingReads: Bool, _ work: (any Storage) throws -> Void,
    after: (MemoryStorage, String) throws -> Void
  ) throws -> Int {
    var calls = 0
    while true {
      let storage = try original.copy()
      let dying = DyingStorage(storage, after: calls, manner, sparingReads: sparingReads)
      do { try work(dying) } catch {}
      guard dying.isDead else { return calls }
      try after(storage, "killed \(manner) call \(calls)")
      calls += 1
      try #require(calls < 2000)
    }
  }

  @Test(arguments: DyingStorage.Manner.allCases, [0, 1000] as [Int64])
  func `at any write or deletion of a prune leaves every snapshot whole, and the next one finishes`(
    manner: DyingStorage.Manner, grace: Int64
  ) throws {
    let calls = try killEverywhere(manner, sparingReads: true) { storage in
      try workshop.prune(storage, at: 5000, grace: grace, deadShare: 0.2)
    } after: { storage, when in
      try expectWhole(storage, when)
      try workshop.prune(storage, at: 5001, grace: grace, deadShare: 0.2)
      try expectWhole(storage, when + ", then pruned")
      // Repacked, marked, deleted: each may take a prune, and there is nothing more to it.
      var time: Int64 = 9000
      while !(try workshop.prune(storage, at: time, grace: grace, deadShare: 0.2).isEmpty) {
        time += 2000
        try #require(time < 25_000, "\(when): still not done")
      }
      try expectWhole(storage, when + ", then all deleted")
      #expect(try workshop.check(storage).isSound)
      #expect(try storage.list(.doomed).isEmpty)
    }
    #expect(calls > 5)
  }

  @Test func `at any call of a prune, reads too, leaves every snapshot whole`() throws {
    let calls = try killEverywhere(.before, sparingReads: false) { storage in
      try workshop.prune(storage, at: 5000, grace: 0, deadShare: 0.2)
    } after: { storage, when in
      try expectWhole(storage, when)
    }
    #expect(calls > 40)
  }

  @Test(arguments: DyingStorage.Manner.allCases)
  func `at any write of a backup leaves every snapshot whole, and the next one succeeds`(
    manner: DyingStorage.Manner
  ) throws {
    let files = [
      "shared": noise(10_000, seed: 1), "n": noise(70_000, seed: 6), "e": Self.edition(3),
    ]
    let parent = try #require(try workshop.open(original).loadSnapshot(kept[1].id))
    let calls = try killEverywhere(manner, sparingReads: true) { storage in
      try workshop.backUp(files, in: storage, at: 30, after: parent)
    } after: { storage, when in
      try expectWhole(storage, when)
      let again = try workshop.backUp(files, in: storage, at: 31, after: parent)
      #expect(try workshop.restore(again.id, from: storage) == files, "\(when)")
      for time in [100, 5000] as [Int64] { try workshop.prune(storage, at: time) }
      #expect(try workshop.restore(again.id, from: storage) == files, "\(when), then pruned")
      try expectWhole(storage, when + ", then pruned")
    }
    #expect(calls >= 5)
  }

  @Test func `at any call of making a repository leaves none, or a whole one`() throws {
    var calls = 0
    while true {
      let storage = MemoryStorage()
      let dying = DyingStorage(storage, after: calls, .after)
      _ = try? KeyRing.create(
        in: dying, passphrase: workshop.passphrase, hash: .minimal, label: "",
        withRecoveryKey: true,
        created: Timestamp(microseconds: 1))
      if try storage.contains(.config) {
        try workshop.backUp(["a": [1]], in: storage)
      } else {
        #expect(throws: RepositoryError.self) { try workshop.open(storage) }
        _ = try KeyRing.create(
          in: storage, passphrase: workshop.passphrase, hash: .minimal, label: "",
          withRecoveryKey: true, created: Timestamp(microseconds: 1))
        try workshop.backUp(["a": [1]], in: storage)
      }
      guard dying.isDead else { break }
      calls += 1
    }
    #expect(calls >= 3)
  }
}
