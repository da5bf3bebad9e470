// Repair: what it brings back, what it names as lost, and that it may die anywhere.

import Format
import Repository
import Storage
import Testing
import Workers

@Suite struct `A repair` {
  let workshop: Workshop
  let storage: MemoryStorage
  let files = ["a": noise(90_000, seed: 1), "b": noise(70_000, seed: 2), "c": noise(900, seed: 3)]
  let later = ["b": noise(70_000, seed: 2), "d": noise(30_000, seed: 4)]
  let first: Snapshot
  let second: Snapshot

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
    first = try workshop.backUp(files, in: storage)
    second = try workshop.backUp(later, in: storage, at: 2)
  }

  private func open(_ storage: any Storage) throws -> Repository {
    try Repository.open(storage, with: .passphrase(workshop.passphrase), scratch: "/tmp")
  }

  private func plan(
    _ repository: Repository, from copy: (any Storage)? = nil, removingLost: Bool = false
  ) throws -> RepairPlan {
    var options = RepairOptions()
    options.removesLost = removingLost
    return try repository.planRepair(
      from: try copy.map { try open($0) }, options, workers: 2, cancellation: Cancellation(),
      progress: Progress())
  }

  @discardableResult
  private func repair(
    _ storage: any Storage, from copy: (any Storage)? = nil, removingLost: Bool = false
  ) throws -> RepairPlan {
    let repository = try open(storage)
    let plan = try plan(repository, from: copy, removingLost: removingLost)
    _ = try repository.performRepair(
      plan, from: try copy.map { try open($0) }, cancellation: Cancellation(), progress: Progress())
    return plan
  }

  private func expectWhole(_ storage: any Storage, _ comment: Comment? = nil) throws {
    let report = try workshop.check(storage)
    #expect(report.findings.map(\.what) == [], comment)
    #expect(try workshop.restore(first.id, from: storage) == files, comment)
    #expect(try workshop.restore(second.id, from: storage) == later, comment)
  }

  private func objects(_ storage: MemoryStorage) throws -> [StorageKey: [UInt8]] {
    try Dictionary(
      uniqueKeysWithValues: storage.everything().map { ($0, try storage.load($0, limit: 1 << 28)) })
  }

  @Test func `of a sound repository has nothing to do and changes nothing`() throws {
    let before = try objects(storage)
    let plan = try repair(storage)
    #expect(plan.isEmpty && plan.losses.isEmpty)
    #expect(plan.packCount == (try storage.packs().count))
    #expect(try objects(storage) == before)
  }

  @Test func `mends a hundredth of every pack, wherever it lies, byte for byte`() throws {
    let before = try objects(storage)
    for part in 0...10 {
      for pack in try storage.list(.packs) {
        let length = (pack.byteCount + 99) / 100
        let start = (pack.byteCount - length) * part / 10
        storage.tamper(pack.key) { for i in start..<start + length { $0[i] ^= 0xA5 } }
      }
      let plan = try repair(storage)
      #expect(plan.count(.mend) == (try storage.packs().count))
      #expect(plan.losses.isEmpty)
      #expect(try objects(storage) == before, "part \(part)")
    }
  }

  @Test func `mends packs that were cut short by a hundredth, or grew`() throws {
    let before = try objects(storage)
    for pack in try storage.list(.packs) {
      storage.tamper(pack.key) { $0.removeLast($0.count / 100) }
    }
    try repair(storage)
    #expect(try objects(storage) == before)
    for pack in try storage.list(.packs) { storage.tamper(pack.key) { $0 += [1, 2, 3] } }
    try repair(storage)
    #expect(try objects(storage) == before)
  }

  @Test func `plans without changing a byte`() throws {
    let pack = try #require(try storage.list(.packs).first).key
    storage.tamper(pack) { $0[700] ^= 1 }
    let before = try objects(storage)
    #expect(try plan(try open(storage)).count(.mend) == 1)
    #expect(try objects(storage) == before)
  }

  @Test func `makes any lost or damaged index run again from the packs`() throws {
    for run in try storage.list(.index).map(\.key) {
      let lost = try storage.copy()
      try lost.delete(run)
      #expect(try repair(lost).losses.isEmpty)
      try expectWhole(lost)

      let damaged = try storage.copy()
      damaged.tamper(run) { $0[$0.count / 2] ^= 4 }
      let plan = try repair(damaged)
      #expect(plan.count(.remove) == 1)
      #expect(!(try damaged.contains(run)))
      try expectWhole(damaged)
    }
  }

  @Test func `makes the whole index again, from packs that are damaged themselves`() throws {
    for run in try storage.list(.index) { try storage.delete(run.key) }
    for pack in try storage.list(.packs) {
      // The header's length of it: nothing of the pack is known then but its name and its length.
      storage.tamper(pack.key) { for i in 0..<512 { $0[i] = 0 } }
    }
    let plan = try repair(storage)
    #expect(plan.count(.mend) == (try storage.packs().count))
    #expect(plan.steps.count { $0.object.folder == .packs } == 2 * (try storage.packs().count))
    #expect(plan.losses.isEmpty)
    try expectWhole(storage)
  }

  @Test func `leaves packs of interrupted runs alone while nothing is missing`() throws {
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    _ = try workshop.store(["x": noise(200_000, seed: 9)], in: repository, writer: writer)
    try writer.finish()
    let run = try #require(
      Set(repository.index.runIDs.map(\.hex)).subtracting(second.manifest.indexRuns).first)
    try storage.delete(try #require(StorageKey(.index, run)))
    #expect(try repair(storage).isEmpty)
  }

  @Test func `takes packs, index runs, manifests, log entries and marks from a copy`() throws {
    try workshop.open(storage).record(
      .backup, outcome: "pass", snapshots: [], details: [:], host: "h", program: "p",
      time: Timestamp(microseconds: 5))
    let copy = try storage.copy()
    let before = try objects(storage)
    for key in before.keys.sorted() where key != .config && key.folder != .keys {
      storage.tamper(key) { for i in $0.indices where i % 3 != 0 { $0[i] = 7 } }
    }
    let pack = try #require(try storage.list(.packs).last).key
    try storage.delete(pack)
    let plan = try repair(storage, from: copy)
    #expect(plan.losses.isEmpty)
    #expect(plan.count(.fetch) == before.count - 2)
    #expect(try objects(storage) == before)
    try expectWhole(storage)
  }

  @Test func `takes nothing from a copy that is damaged in the same place`() throws {
    let copy = try storage.copy()
    for pack in try storage.list(.packs) {
      for place in [storage, copy] {
        place.tamper(pack.key) { for i in 0..<$0.count * 9 / 10 { $0[i] = 0 } }
      }
    }
    let plan = try repair(storage, from: copy)
    #expect(plan.isEmpty)
    #expect(plan.losses.count == (try storage.packs().count))
  }

  @Test func `refuses a copy that is another repository`() throws {
    let other = try workshop.make()
    let error = #expect(throws: RepositoryError.self) {
      try plan(try open(storage), from: other)
    }
    #expect(error?.code == .refused)
  }

  @Test func `names what cannot be mended, with snapshots and paths, and mends the rest`() throws {
    let repository = try workshop.open(storage)
    let catalog = try repository.catalog(of: first, reader: repository.makeReader())
    let entry = try #require(try catalog.entry(CatalogKey.media("files").appending("a")))
    guard case .direct(let chunks)? = entry.content?.chunks else { return #expect(Bool(false)) }
    let lost = try #require(repository.index.location(of: chunks[0].id)).pack.id
    let key = try #require(StorageKey(.packs, lost.hex))
    for pack in try storage.list(.packs) {
      storage.tamper(pack.key) { bytes in
        let count = pack.key == key ? bytes.count / 5 : bytes.count / 200
        for i in 0..<count { bytes[bytes.count / 2 + i] ^= 0xFF }
      }
    }
    let plan = try repair(storage)
    #expect(plan.count(.mend) == (try storage.packs().count) - 1)
    #expect(!plan.losses.isEmpty)
    #expect(
      plan.losses.allSatisfy { $0.code == "blob-damaged" && $0.what.contains(lost.description) })
    #expect(plan.losses.contains { $0.snapshots.contains(first.id.description) })
    #expect(plan.losses.contains { !$0.paths.isEmpty })
    // The rest is there: what it says is damaged is all that is.
    let report = try workshop.check(storage)
    #expect(report.findings.allSatisfy { $0.what.contains(lost.description) })
  }

  @Test
  func `lists what is left of a pack whose index run is gone, and takes it whole from a copy`()
    throws
  {
    let copy = try storage.copy()
    for run in try storage.list(.index) { try storage.delete(run.key) }
    let large = try #require(try storage.list(.packs).max { $0.byteCount < $1.byteCount }).key
    storage.tamper(large) { for i in 0..<$0.count / 5 { $0[$0.count / 3 + i] ^= 0xFF } }
    let plan = try repair(storage)
    #expect(plan.losses.count == 1)
    let report = try workshop.check(storage)
    #expect(report.findings.contains { $0.what.contains(large.name) })
    #expect(report.findings.contains { $0.code == "blob-missing" })
    try repair(storage, from: copy)
    try expectWhole(storage)
  }

  @Test func `takes from a copy packs that no index here knows of any more`() throws {
    let copy = try storage.copy()
    for object in try storage.list(.index) + storage.list(.packs) {
      try storage.delete(object.key)
    }
    // Without the copy there is nothing to be had, and the runs are noted as replaced.
    try repair(storage)
    #expect(!(try workshop.check(storage).isSound))
    try repair(storage, from: copy)
    try expectWhole(storage)
  }

  @Test func `removes damaged manifests only when told so, and then a backup works again`() throws {
    let manifest = try #require(StorageKey(.snapshots, first.id.hex))
    storage.tamper(manifest) { $0[300] ^= 1 }
    #expect(throws: RepositoryError.self) { try workshop.open(storage).snapshots() }
    let plan = try repair(storage)
    #expect(plan.isEmpty)
    #expect(plan.losses.map(\.snapshots) == [[first.id.description]])
    #expect(try storage.contains(manifest))
    try repair(storage, removingLost: true)
    #expect(try workshop.open(storage).snapshots().map(\.id) == [second.id])
    try workshop.backUp(files, in: storage, at: 9)
  }

  @Test func `removes a damaged doom mark, after which its packs are marked again`() throws {
    try workshop.open(storage).forget([first])
    try workshop.prune(storage, at: 100)
    let mark = try #require(try storage.list(.doomed).first).key
    storage.tamper(mark) { $0[250] ^= 1 }
    #expect(throws: RepositoryError.self) { try workshop.open(storage).doomMarks() }
    #expect(try repair(storage).count(.remove) == 1)
    #expect(!(try workshop.prune(storage, at: 200).doom.isEmpty))
    #expect(try workshop.restore(second.id, from: storage) == later)
  }

  @Test func `opens a repository again whose configuration or key slots are lost`() throws {
    let copy = try storage.copy()
    let before = try objects(storage)
    storage.tamper(.config) { $0[200] ^= 1 }
    let slot = try #require(try storage.list(.keys).first).key
    try storage.delete(slot)
    let other = try open(copy)
    let steps = try Repository.planOpening(of: storage, from: other)
    #expect(steps.map(\.object) == [slot, .config])
    try Repository.performOpening(of: storage, steps, from: other)
    #expect(try objects(storage) == before)
    #expect(throws: RepositoryError.self) {
      try Repository.planOpening(of: MemoryStorage(), from: other)
    }
  }

  @Test(arguments: [false, true])
  func `may be stopped at every write, and finishes when it is run again`(after: Bool) throws {
    let copy = try storage.copy()
    let packs = try storage.list(.packs)
    let runs = try storage.list(.index)
    storage.tamper(packs[0].key) { for i in 100..<700 { $0[i] = 0 } }
    try storage.delete(packs[1].key)
    storage.tamper(runs[0].key) { $0[40] ^= 1 }
    try storage.delete(runs[1].key)
    var calls = 0
    while true {
      let broken = try storage.copy()
      let dying = DyingStorage(broken, after: calls, after ? .after : .before, sparingReads: true)
      do { try repair(dying, from: calls % 2 == 0 ? copy : nil) } catch {}
      let survived = !dying.isDead
      try repair(broken, from: copy)
      try expectWhole(broken, "stopped at write \(calls)")
      if survived { break }
      calls += 1
    }
    #expect(calls >= 3)
  }
}
