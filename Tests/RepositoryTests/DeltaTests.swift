// Deltas: when a chunk is stored as one, and what it then takes to lose it.

import Format
import Repository
import Sodium
import Storage
import Testing
import Workers

/// One chunk of which a few bytes are different in every edition, and what is known of its blobs.
private struct Editions {
  let workshop: Workshop
  let storage: MemoryStorage

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
  }

  static func bytes(_ number: Int, seed: UInt64 = 1) -> [UInt8] {
    var bytes = noise(9000, seed: seed)
    for i in 0..<number { bytes[i * 701 % bytes.count] ^= UInt8(i + 1) }
    return bytes
  }

  @discardableResult
  func backUp(
    _ number: Int, after parent: Snapshot? = nil, deltas: DeltaPolicy = DeltaPolicy()
  ) throws -> Snapshot {
    try workshop.backUp(
      ["f": Self.bytes(number)], in: storage, at: Int64(number + 1), after: parent, deltas: deltas)
  }

  /// Encodings of the copies on the shortest way from an edition to a whole chunk.
  func chain(_ number: Int) throws -> [BlobEncoding] {
    let repository = try workshop.open(storage)
    let id = repository.keys.blobID(of: Self.bytes(number).span, class: .content)
    let chain = try #require(repository.index.chain(of: id) { _ in true })
    return chain.map(\.location.entry.encoding)
  }

  func packs(of number: Int) throws -> Set<PackID> {
    let repository = try workshop.open(storage)
    let id = repository.keys.blobID(of: Self.bytes(number).span, class: .content)
    return Set(repository.index.locations(of: id).map(\.pack.id))
  }

  func expect(_ number: Int, in snapshot: Snapshot) throws {
    #expect(try workshop.restore(snapshot.id, from: storage) == ["f": Self.bytes(number)])
  }
}

@Suite struct `A chunk that changed a little` {
  private let editions: Editions

  init() throws { editions = try Editions() }

  @Test func `is stored as a delta of the one before, and comes back`() throws {
    let first = try editions.backUp(0)
    let second = try editions.backUp(1, after: first)
    #expect(try editions.chain(1) == [.delta, .raw])
    let statistics = second.manifest.statistics
    #expect(statistics.blobsDelta == 1)
    #expect(statistics.bytesDelta == 9000)
    #expect((1..<300).contains(statistics.bytesDeltaStored))
    try editions.expect(0, in: first)
    try editions.expect(1, in: second)
    #expect(try editions.workshop.check(editions.storage).findings.map(\.what) == [])
  }

  @Test func `is stored whole if nothing is told of what was before, or it may not be`() throws {
    let first = try editions.backUp(0)
    try editions.backUp(1)
    #expect(try editions.chain(1) == [.raw])
    try editions.backUp(2, after: first, deltas: DeltaPolicy(depthLimit: 0))
    #expect(try editions.chain(2) == [.raw])
  }

  @Test func `is stored whole if what is said to be before is something else`() throws {
    let workshop = editions.workshop
    let first = try workshop.backUp(["f": noise(9000, seed: 5)], in: editions.storage)
    let second = try editions.backUp(1, after: first)
    #expect(second.manifest.statistics.blobsDelta == 0)
    #expect(try editions.chain(1) == [.raw])
  }

  @Test func `is a delta only if that saves a quarter`() throws {
    let workshop = editions.workshop
    let old = noise(10_000, seed: 5)
    let first = try workshop.backUp(["f": old], in: editions.storage)
    for (share, isDelta) in [(2000, false), (3000, true)] {
      let new = Array(old[..<share]) + noise(10_000 - share, seed: UInt64(share))
      let next = try workshop.backUp(["f": new], in: editions.storage, at: 5, after: first)
      #expect(next.manifest.statistics.blobsDelta == (isDelta ? 1 : 0), "\(share) bytes are old")
      #expect(try workshop.restore(next.id, from: editions.storage) == ["f": new])
    }
  }

  @Test func `starts a new chain once the limit is reached`() throws {
    var snapshots: [Snapshot] = []
    for number in 0..<9 {
      snapshots.append(
        try editions.backUp(number, after: snapshots.last, deltas: DeltaPolicy(depthLimit: 3)))
    }
    #expect(try (0..<9).map { try editions.chain($0).count - 1 } == [0, 1, 2, 3, 0, 1, 2, 3, 0])
    for (number, snapshot) in snapshots.enumerated() { try editions.expect(number, in: snapshot) }
  }

  @Test func `is stored whole if what was before is damaged, and the backup goes on`() throws {
    let first = try editions.backUp(0)
    for pack in try editions.packs(of: 0) {
      editions.storage.tamper(try #require(StorageKey(.packs, pack.hex))) { $0[700] ^= 1 }
    }
    let second = try editions.backUp(1, after: first)
    #expect(try editions.chain(1) == [.raw])
    try editions.expect(1, in: second)
  }

  @Test func `is stored whole if the pack of what was before is marked or gone`() throws {
    let first = try editions.backUp(0)
    let packs = try editions.packs(of: 0)
    let marked = try editions.storage.copy()
    try editions.workshop.open(marked).forget([first])
    try editions.workshop.prune(marked, at: 100)
    let repository = try editions.workshop.open(marked)
    let writer = try repository.makeWriter()
    let encoder = try ChunkEncoder()
    let base = repository.keys.blobID(of: Editions.bytes(0).span, class: .content)
    let new = try writer.store(
      Editions.bytes(1).span, class: .content, after: [base], using: encoder)
    try writer.finish()
    #expect(repository.index.location(of: new.id)?.entry.encoding == .raw)

    for pack in packs { try editions.storage.delete(try #require(StorageKey(.packs, pack.hex))) }
    try editions.backUp(1, after: first)
    #expect(try editions.chain(1) == [.raw])
  }
}

@Suite struct `The base of a delta` {
  private let editions: Editions
  private let workshop: Workshop
  private let storage: MemoryStorage

  init() throws {
    editions = try Editions()
    workshop = editions.workshop
    storage = editions.storage
  }

  @Test(arguments: [0, 1000] as [Int64])
  func `stays when its own snapshot is forgotten and pruned`(grace: Int64) throws {
    let first = try editions.backUp(0)
    let second = try editions.backUp(1, after: first)
    let third = try editions.backUp(2, after: second)
    let bases = try editions.packs(of: 0).union(editions.packs(of: 1))
    try workshop.open(storage).forget([first, second])
    for time in [100, 5000, 9000] as [Int64] {
      try workshop.prune(storage, at: time, grace: grace, deadShare: 1)
    }
    #expect(bases.isSubset(of: try workshop.open(storage).index.packs().keys))
    #expect(try editions.chain(2) == [.delta, .delta, .raw])
    try editions.expect(2, in: third)
    #expect(try workshop.check(storage).isSound)
    // What this proves: without its base the snapshot is lost, and that is noticed.
    for pack in bases { try storage.delete(try #require(StorageKey(.packs, pack.hex))) }
    #expect(throws: RepositoryError.self) { try workshop.restore(third.id, from: storage) }
    #expect(try !workshop.check(storage, readingData: false).isSound)
    #expect(throws: RepositoryError.self) { try workshop.prune(storage, at: 10_000) }
  }

  @Test func `goes with the last snapshot that needs it`() throws {
    let first = try editions.backUp(0)
    let second = try editions.backUp(1, after: first)
    try workshop.open(storage).forget([first, second])
    try workshop.prune(storage, at: 100, grace: 0)
    #expect(try storage.packs().isEmpty)
  }

  @Test func `moves with it when packs are mostly dead, and what is moved is still a delta`() throws
  {
    // Each in a pack with something that goes.
    var snapshots: [Snapshot] = []
    for number in 0..<3 {
      snapshots.append(
        try workshop.backUp(
          ["f": Editions.bytes(number), "dead": noise(40_000, seed: UInt64(number + 50))],
          in: storage, at: Int64(number + 1), after: snapshots.last))
    }
    let kept = try workshop.backUp(
      ["f": Editions.bytes(3)], in: storage, at: 9, after: snapshots.last)
    try workshop.open(storage).forget(snapshots)
    let plan = try workshop.prune(storage, at: 100, grace: 0, deadShare: 0.3)
    #expect(plan.repack.count >= 3)
    #expect(try editions.chain(3) == [.delta, .delta, .delta, .raw])
    #expect(try storage.packs().isDisjoint(with: plan.repack.map(\.hex)))
    try editions.expect(3, in: kept)
    #expect(try workshop.check(storage).isSound)
    #expect(try workshop.prune(storage, at: 200, grace: 0, deadShare: 0.3).isEmpty)
  }

  @Test func `that a prune deleted while the dead delta stays is no damage, and is stored again`()
    throws
  {
    // The base lies in a pack of its own; the delta in one with something that is needed.
    let first = try editions.backUp(0)
    let keep = noise(9000, seed: 77)
    let second = try workshop.backUp(
      ["f": Editions.bytes(1), "keep": keep], in: storage, at: 2, after: first)
    let kept = try workshop.backUp(["keep": keep], in: storage, at: 3)
    try workshop.open(storage).forget([first, second])
    try workshop.prune(storage, at: 100, grace: 0, deadShare: 1)
    let repository = try workshop.open(storage)
    let delta = repository.keys.blobID(of: Editions.bytes(1).span, class: .content)
    #expect(repository.index.location(of: delta)?.entry.encoding == .delta)
    #expect(repository.index.chain(of: delta) { _ in true } == nil)
    #expect(try workshop.check(storage).findings.map(\.what) == [])
    // Its bytes are there, but they are no chunk any more: a backup must not count on them.
    let again = try editions.backUp(1)
    #expect(again.manifest.statistics.blobsNew > 0)
    try editions.expect(1, in: again)
    #expect(try workshop.restore(kept.id, from: storage) == ["keep": keep])
    #expect(try workshop.check(storage).isSound)
  }

  @Test func `in a marked pack makes a backup store the delta's chunk again`() throws {
    let first = try editions.backUp(0)
    let keep = noise(9000, seed: 77)
    let second = try workshop.backUp(
      ["f": Editions.bytes(1), "keep": keep], in: storage, at: 2, after: first)
    try workshop.backUp(["keep": keep], in: storage, at: 3)
    try workshop.open(storage).forget([first, second])
    let plan = try workshop.prune(storage, at: 100, deadShare: 1)
    #expect(Set(plan.doom).isSuperset(of: try editions.packs(of: 0)))
    let again = try editions.backUp(1)
    #expect(again.manifest.statistics.blobsNew > 0)
    try workshop.prune(storage, at: 5000, deadShare: 1)
    #expect(try storage.packs().isDisjoint(with: plan.doom.map(\.hex)))
    try editions.expect(1, in: again)
  }

  @Test func `is not lost to a prune where each of two chunks is also a delta of the other`() throws
  {
    // Two hosts that did not know of each other, brought together: A whole and B as delta of A, and
    // B whole and A as delta of B.
    let other = try storage.copy()
    let a = try editions.backUp(0)
    try editions.backUp(1, after: a)
    let b = try workshop.backUp(["f": Editions.bytes(1)], in: other, at: 3)
    let last = try workshop.backUp(["f": Editions.bytes(0)], in: other, at: 4, after: b)
    for key in try other.everything() where key != .config {
      try storage.save(try other.load(key, limit: 1 << 20), as: key)
    }
    #expect(try workshop.open(storage).index.entryCount >= 8)
    for time in [100, 5000, 9000] as [Int64] {
      try workshop.prune(storage, at: time, grace: 0, deadShare: 0.01)
      try editions.expect(0, in: a)
      try editions.expect(1, in: b)
      try editions.expect(0, in: last)
    }
    #expect(try workshop.check(storage).findings.map(\.what) == [])
  }
}

@Suite struct `Reading a delta` {
  private let editions: Editions

  init() throws { editions = try Editions() }

  @Test func `takes another copy of a base that is damaged, and fails if all are`() throws {
    let other = try editions.storage.copy()
    let first = try editions.backUp(0)
    let second = try editions.backUp(1, after: first)
    let third = try editions.backUp(2, after: second)
    try editions.workshop.backUp(["f": Editions.bytes(0)], in: other, at: 9)
    for key in try other.everything() where key != .config {
      try editions.storage.save(try other.load(key, limit: 1 << 20), as: key)
    }
    let packs = try editions.packs(of: 0).sorted()
    #expect(packs.count == 2)
    for (count, pack) in packs.enumerated() {
      editions.storage.tamper(try #require(StorageKey(.packs, pack.hex))) { $0[600] ^= 1 }
      if count == 0 {
        try editions.expect(2, in: third)
      } else {
        let error = #expect(throws: RepositoryError.self) { try editions.expect(2, in: third) }
        #expect(error?.code == .damaged)
        #expect(error?.why.contains("fails authentication") == true)
      }
    }
  }

  @Test func `that is one of a circle, or whose base nobody names, is refused`() throws {
    let repository = try editions.workshop.open(editions.storage)
    func id(_ i: UInt8) -> BlobID { BlobID(Blake2b.hash([i])) }
    let pack = PackRecord(
      id: PackID(Blake2b.hash([9])), checksum: Digest(), byteCount: 1000, blobClass: .content)
    // Two copies each: a search that goes every way would not end before the sun does.
    let entries = [(0, 1), (0, 1), (1, 2), (1, 2), (2, 0), (2, 0), (3, 4)] as [(UInt8, UInt8)]
    try repository.index.add(
      IndexRun.encode(
        packs: [pack],
        entries: entries.enumerated().map { slot, entry in
          IndexEntry(
            packOrdinal: 0, slot: UInt32(slot),
            entry: PackEntry(
              id: id(entry.0), encoding: .delta, offset: UInt32(512 + slot), sealedByteCount: 60,
              plainByteCount: 20, base: id(entry.1)))
        }, replacing: []),
      id: DocumentID(of: [1]), signer: repository.keys.signer.publicKey, role: .owner)
    let reader = repository.makeReader()
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    for i in [0, 1, 2, 3] as [UInt8] {
      let error = #expect(throws: RepositoryError.self) {
        try reader.load(id(i), into: &chunk, using: decoder)
      }
      #expect(error?.code == .damaged)
      #expect(error?.why.contains("its deltas never end") == true)
    }
  }
}

@Suite struct `An index of deltas` {
  private let me = Blake2b.hash([1])
  private let stranger = Blake2b.hash([2])

  private func id(_ i: Int) -> BlobID { BlobID(Blake2b.hash(Array("\(i)".utf8))) }
  private func pack(_ i: Int) -> PackRecord {
    PackRecord(
      id: PackID(Blake2b.hash(Array("pack \(i)".utf8))), checksum: Digest(), byteCount: 1,
      blobClass: .content)
  }

  /// Adds blobs, each with its base, in one pack.
  private func add(
    _ blobs: [(Int, base: Int?)], pack number: Int, to index: BlobIndex, signer: Digest? = nil
  ) throws {
    let entries = blobs.enumerated().map { slot, blob in
      IndexEntry(
        packOrdinal: 0, slot: UInt32(slot),
        entry: PackEntry(
          id: id(blob.0), encoding: blob.base == nil ? .raw : .delta, offset: UInt32(512 + slot),
          sealedByteCount: 60, plainByteCount: 20, base: blob.base.map { id($0) }))
    }
    try index.add(
      IndexRun.encode(packs: [pack(number)], entries: entries, replacing: []),
      id: DocumentID(of: [UInt8(number)]), signer: signer ?? me, role: .writer)
  }

  private func way(_ index: BlobIndex, from i: Int) -> Int? {
    index.chain(of: id(i)) { _ in true }?.count
  }

  @Test func `knows the shortest way to a whole chunk, and none that is longer than 64 deltas`()
    throws
  {
    let index = try BlobIndex(scratch: "/tmp")
    try add((0..<70).map { ($0, $0 == 0 ? nil : $0 - 1) }, pack: 0, to: index)
    #expect(way(index, from: 0) == 1)
    #expect(way(index, from: 64) == 65)
    #expect(way(index, from: 65) == nil)
    try add([(69, base: 3), (68, base: 65), (66, base: nil)], pack: 1, to: index)
    #expect(way(index, from: 69) == 4)
    #expect(way(index, from: 67) == 2)
    #expect(way(index, from: 1000) == nil)
  }

  @Test func `finds no way in a circle, and the way out of one`() throws {
    let index = try BlobIndex(scratch: "/tmp")
    try add([(0, base: 1), (1, base: 2), (2, base: 0), (3, base: 3)], pack: 0, to: index)
    for i in 0..<4 { #expect(way(index, from: i) == nil) }
    try add([(2, base: 9), (9, base: nil)], pack: 1, to: index)
    #expect((0..<3).map { way(index, from: $0) } == [4, 3, 2])
  }

  @Test func `is soon done with a maze`() throws {
    // A hundred blobs, each a delta of each other: paths without number.
    let index = try BlobIndex(scratch: "/tmp")
    let maze = (0..<100).flatMap { i in (0..<100).map { (i, base: Optional($0)) } }
    try add(maze, pack: 0, to: index)
    #expect(way(index, from: 0) == nil)
  }

  @Test func `lets a writer reuse a delta only if it may reuse all its bases`() throws {
    let index = try BlobIndex(scratch: "/tmp")
    try add([(2, base: 1)], pack: 2, to: index)
    try add([(3, base: 2)], pack: 3, to: index)
    func may(_ doomed: Set<PackID> = []) -> Bool {
      index.mayReuse(id(3), signer: me, notIn: doomed)
    }
    #expect(!may())
    try add([(1, base: nil)], pack: 1, to: index, signer: stranger)
    #expect(!may())
    #expect(index.mayReuse(id(1), signer: stranger, notIn: []))
    try add([(1, base: nil)], pack: 4, to: index)
    #expect(may())
    for doomed in 2...4 { #expect(!may([pack(doomed).id])) }
  }
}
