// Prune: what it plans, what it leaves, what it refuses.

import Format
import Repository
import Sodium
import Storage
import Testing
import Workers

@Suite struct `A prune` {
  let workshop: Workshop
  let storage: MemoryStorage
  let first = ["shared": noise(30_000, seed: 1), "old": noise(140_000, seed: 2)]
  let second = ["shared": noise(30_000, seed: 1), "new": noise(50_000, seed: 3)]

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
  }

  private func forget(_ snapshot: Snapshot) throws {
    try workshop.open(storage).forget([snapshot])
  }

  @Test func `of a repository where all is needed has nothing to do and changes nothing`() throws {
    try workshop.backUp(first, in: storage)
    try workshop.backUp(second, in: storage, at: 2)
    let before = try storage.everything()
    let plan = try workshop.prune(storage, at: 10)
    #expect(plan.isEmpty)
    #expect(plan.totalByteCount > plan.liveByteCount)
    #expect(plan.liveByteCount > 200_000)
    #expect(try storage.everything() == before)
  }

  @Test func `marks what was forgotten, leaves it for the grace time, then deletes it`() throws {
    let old = try workshop.backUp(first, in: storage)
    let kept = try workshop.backUp(second, in: storage, at: 2)
    try forget(old)
    let all = try storage.packs()

    let marking = try workshop.prune(storage, at: 100, deadShare: 1)
    #expect(marking.doom.count >= 3)
    #expect(marking.delete.isEmpty)
    #expect(try storage.packs() == all)
    #expect(try storage.list(.doomed).count == 1)

    let waiting = try workshop.prune(storage, at: 1099, deadShare: 1)
    #expect(waiting.isEmpty)
    #expect(try storage.packs() == all)

    let deleting = try workshop.prune(storage, at: 1100, deadShare: 1)
    #expect(Set(deleting.delete) == Set(marking.doom))
    #expect(try storage.packs() == all.subtracting(marking.doom.map(\.hex)))
    #expect(try storage.list(.doomed).isEmpty)
    #expect(try workshop.prune(storage, at: 5000, deadShare: 1).isEmpty)
    #expect(try workshop.restore(kept.id, from: storage) == second)
    #expect(try workshop.check(storage).isSound)
    let repository = try workshop.open(storage)
    #expect(Set(repository.index.packs().keys.map(\.hex)) == (try storage.packs()))
  }

  @Test func `without a grace time deletes at once`() throws {
    let old = try workshop.backUp(first, in: storage)
    let kept = try workshop.backUp(second, in: storage, at: 2)
    try forget(old)
    let before = try storage.packs().count
    try workshop.prune(storage, at: 100, grace: 0)
    #expect(try storage.packs().count < before)
    #expect(try storage.list(.doomed).isEmpty)
    #expect(try workshop.prune(storage, at: 101, grace: 0).isEmpty)
    #expect(try workshop.restore(kept.id, from: storage) == second)
    #expect(try workshop.check(storage).isSound)
  }

  @Test func `moves what is needed out of packs that are mostly dead, and keeps all of it`() throws
  {
    let old = try workshop.backUp(first, in: storage)
    let kept = try workshop.backUp(second, in: storage, at: 2)
    try forget(old)
    let plan = try workshop.prune(storage, at: 100, deadShare: 0.1)
    #expect(!plan.repack.isEmpty)
    #expect(try workshop.restore(kept.id, from: storage) == second)
    try workshop.prune(storage, at: 2000, deadShare: 0.1)
    #expect(try storage.packs().isDisjoint(with: plan.repack.map(\.hex)))
    #expect(try workshop.restore(kept.id, from: storage) == second)
    #expect(try workshop.check(storage).isSound)
    #expect(try workshop.prune(storage, at: 9000, deadShare: 0.1).isEmpty)
  }

  @Test func `of everything leaves an empty index and a repository that works`() throws {
    let old = try workshop.backUp(first, in: storage)
    try forget(old)
    try workshop.prune(storage, at: 100, grace: 0)
    #expect(try storage.packs().isEmpty)
    #expect(try workshop.check(storage).isSound)
    let again = try workshop.backUp(first, in: storage, at: 200)
    #expect(try workshop.restore(again.id, from: storage) == first)
  }

  @Test func `merges the index runs of many backups into one`() throws {
    var snapshots: [(SnapshotID, [String: [UInt8]])] = []
    for i in 1...10 {
      let files = ["f": noise(1000, seed: UInt64(i))]
      snapshots.append((try workshop.backUp(files, in: storage, at: Int64(i)).id, files))
    }
    let plan = try workshop.prune(storage, at: 100)
    #expect(plan.mergedRunCount == 10)
    #expect(try storage.list(.index).count == 1)
    #expect(try workshop.prune(storage, at: 101).isEmpty)
    for (id, files) in snapshots { #expect(try workshop.restore(id, from: storage) == files) }
    #expect(try workshop.check(storage).isSound)
  }

  @Test func `reclaims the packs of a run that ended before its index`() throws {
    let kept = try workshop.backUp(second, in: storage)
    let named = try storage.packs()
    let other = try storage.copy()
    try workshop.backUp(["lost": noise(200_000, seed: 9)], in: other, at: 2)
    for key in try other.list(.packs).map(\.key) {
      try storage.save(try other.load(key, limit: 1 << 20), as: key)
    }
    let all = try storage.packs()
    #expect(all.count > named.count + 2)
    #expect(try workshop.check(storage).notes.count == 1)
    let plan = try workshop.prune(storage, at: 100)
    #expect(Set(plan.unindexed.map(\.hex)) == all.subtracting(named))
    #expect(try storage.packs() == all)
    try workshop.prune(storage, at: 1100)
    #expect(try storage.packs() == named)
    #expect(try workshop.restore(kept.id, from: storage) == second)
  }

  @Test
  func `beside a backup that reuses what it marks leaves the new snapshot whole all the time`()
    throws
  {
    let old = try workshop.backUp(first, in: storage)
    // The backup has looked at the index and the marks; then comes the prune; then it stores.
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    try forget(old)
    let marking = try workshop.prune(storage, at: 100)
    #expect(!marking.doom.isEmpty)
    let root = try workshop.store(first, in: repository, writer: writer)
    try writer.finish()
    #expect(writer.statistics.blobsNew == 0)
    let new = try repository.commit(Workshop.manifest(root, at: 50, finished: 110))
    #expect(try workshop.restore(new.id, from: storage) == first)
    #expect(try workshop.check(storage).isSound)

    // The next prune takes the marks away, before and after the grace time.
    let early = try storage.copy()
    let rescue = try workshop.prune(early, at: 200)
    #expect(Set(rescue.rescue) == Set(marking.doom))
    #expect(try early.list(.doomed).isEmpty)
    #expect(try workshop.prune(early, at: 201).isEmpty)
    #expect(try workshop.restore(new.id, from: early) == first)
    let late = try workshop.prune(storage, at: 5000)
    #expect(late.delete.isEmpty)
    #expect(try storage.list(.doomed).isEmpty)
    #expect(try workshop.restore(new.id, from: storage) == first)
    #expect(try workshop.prune(storage, at: 9000).isEmpty)
  }

  @Test func `that marked long ago what a backup needs makes the backup refuse, not break`() throws
  {
    let old = try workshop.backUp(first, in: storage)
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    try forget(old)
    try workshop.prune(storage, at: 100)
    let root = try workshop.store(first, in: repository, writer: writer)
    try writer.finish()
    let error = #expect(throws: RepositoryError.self) {
      try repository.commit(Workshop.manifest(root, at: 50, finished: 600))
    }
    #expect(error?.code == .busy)
    #expect(try storage.list(.snapshots).isEmpty)
    // A new run finds the marks and stores anew.
    let again = try workshop.backUp(first, in: storage, at: 700)
    try workshop.prune(storage, at: 5000)
    #expect(try workshop.restore(again.id, from: storage) == first)
  }

  @Test func `long ago does not hinder a long backup that needs nothing of what it marked`() throws
  {
    let old = try workshop.backUp(first, in: storage)
    try workshop.backUp(second, in: storage, at: 2)
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    try forget(old)
    try workshop.prune(storage, at: 100, deadShare: 1)
    let root = try workshop.store(second, in: repository, writer: writer)
    try writer.finish()
    let new = try repository.commit(Workshop.manifest(root, at: 50, finished: 600))
    #expect(try workshop.restore(new.id, from: storage) == second)
  }

  @Test func `that deleted a forgotten parent's packs makes the backup that took from it refuse`()
    throws
  {
    let parent = try workshop.backUp(first, in: storage)
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    let root = try workshop.store(first, in: repository, writer: writer)
    try writer.finish()
    try forget(parent)
    try workshop.prune(storage, at: 100, grace: 0)
    let error = #expect(throws: RepositoryError.self) {
      try repository.commit(
        Workshop.manifest(root, at: 50, finished: 110, parent: parent.id))
    }
    #expect(error?.code == .busy)
    #expect(try storage.list(.snapshots).isEmpty)
  }

  @Test func `brings back marked packs whose index run was lost, and does nothing else then`()
    throws
  {
    // Two snapshots; the runs that name the first one's packs are lost, its packs are marked.
    let old = try workshop.backUp(first, in: storage)
    let runs = try storage.list(.index).map(\.key)
    let packs = try storage.packs()
    let repository = try workshop.open(storage)
    try forget(old)
    try workshop.prune(storage, at: 100)
    let root = try #require(BlobID(hex: old.manifest.catalog.root))
    #expect(repository.index.location(of: root) != nil)
    _ = try repository.commit(old.manifest)
    for run in runs { try storage.delete(run) }

    let plan = try workshop.prune(storage, at: 5000)
    #expect(!plan.rescue.isEmpty)
    #expect(plan.delete.isEmpty && plan.doom.isEmpty && plan.repack.isEmpty)
    #expect(try storage.packs() == packs)
    // Once the catalog is found, the prune after it finds what it leads to.
    for time in 5001...5004 { try workshop.prune(storage, at: Int64(time)) }
    let snapshot = try #require(try workshop.open(storage).snapshots().first)
    #expect(try workshop.restore(snapshot.id, from: storage) == first)
    #expect(try storage.packs() == packs)
  }

  @Test(arguments: ["manifest", "catalog", "content", "index"])
  func `of a repository with a damaged snapshot is refused and changes nothing`(what: String) throws
  {
    let old = try workshop.backUp(first, in: storage)
    try workshop.backUp(second, in: storage, at: 2)
    try forget(old)
    let repository = try workshop.open(storage)
    let snapshot = try #require(try repository.snapshots().first)
    switch what {
    case "manifest":
      let key = try #require(StorageKey(.snapshots, snapshot.id.hex))
      storage.tamper(key) { $0[400] ^= 1 }
    case "index": for run in try storage.list(.index) { try storage.delete(run.key) }
    default:
      let wanted: BlobClass = what == "catalog" ? .metadata : .content
      // Every pack of the class: what the snapshot needs is among them.
      for (id, record) in repository.index.packs() where record.blobClass == wanted {
        try storage.delete(try #require(StorageKey(.packs, id.hex)))
      }
    }
    let before = try storage.everything()
    let error = #expect(throws: RepositoryError.self) {
      try workshop.prune(storage, at: 100, grace: 0)
    }
    #expect(error?.code == .damaged)
    #expect(try storage.everything() == before)
  }

  @Test func `prefers a copy that is there to one that is gone`() throws {
    let kept = try workshop.backUp(second, in: storage)
    // The pack is lost; the next backup notices, and stores the chunks once more.
    let lost = try #require(
      try workshop.open(storage).index.packs().values.first { $0.blobClass == .content })
    try storage.delete(try #require(StorageKey(.packs, lost.id.hex)))
    let healed = try workshop.backUp(second, in: storage, at: 2)
    #expect(try workshop.restore(kept.id, from: storage) == second)
    let before = try storage.packs()
    for time in [100, 5000, 9000] as [Int64] {
      try workshop.prune(storage, at: time)
      #expect(try workshop.restore(kept.id, from: storage) == second)
      #expect(try workshop.restore(healed.id, from: storage) == second)
    }
    #expect(try storage.packs() == before)
    #expect(try workshop.check(storage).isSound)
  }

  @Test func `with a grace time beyond all bounds does not trap`() throws {
    let old = try workshop.backUp(first, in: storage)
    try forget(old)
    try workshop.prune(storage, at: 100, grace: .max)
    #expect(try workshop.prune(storage, at: 200, grace: .max).isEmpty)
    try workshop.backUp(second, in: storage, at: 300)
  }
}
