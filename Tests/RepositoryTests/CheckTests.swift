// Check: silent about what is sound, and for every kind of damage a name and the snapshots it touches.

import Format
import Repository
import Storage
import Testing

@Suite struct `A check` {
  let workshop: Workshop
  let storage: MemoryStorage
  let alone: Snapshot
  let both: Snapshot

  /// `alone` has a file of its own; `both` shares one with it.
  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
    alone = try workshop.backUp(
      ["shared": noise(20_000, seed: 1), "own": noise(40_000, seed: 2)], in: storage)
    both = try workshop.backUp(
      ["shared": noise(20_000, seed: 1), "new": noise(300, seed: 3)], in: storage, at: 2)
  }

  private func pack(of path: String, in snapshot: Snapshot) throws -> StorageKey {
    let repository = try workshop.open(storage)
    let catalog = try repository.catalog(of: snapshot, reader: repository.makeReader())
    let entry = try #require(try catalog.entry(CatalogKey.media("files").appending(path)))
    guard case .direct(let chunks)? = entry.content?.chunks else { throw Missing() }
    return try key(of: try #require(chunks.first).id, in: repository)
  }

  private func catalogPack(of snapshot: Snapshot) throws -> StorageKey {
    try key(
      of: try #require(BlobID(hex: snapshot.manifest.catalog.root)), in: try workshop.open(storage))
  }

  private func key(of blob: BlobID, in repository: Repository) throws -> StorageKey {
    let pack = try #require(repository.index.location(of: blob)).pack.id
    return try #require(StorageKey(.packs, pack.hex))
  }

  private struct Missing: Error {}

  private func findings(_ code: String, readingData: Bool = false) throws -> [CheckReport.Finding] {
    let report = try workshop.check(storage, readingData: readingData)
    #expect(!report.isSound)
    return report.findings.filter { $0.code == code }
  }

  @Test func `of a sound repository finds nothing, and says how much it read`() throws {
    let structure = try workshop.check(storage, readingData: false)
    #expect(structure.isSound)
    #expect(structure.notes.isEmpty)
    #expect(structure.snapshotCount == 2)
    #expect(structure.readByteCount == 0)
    let data = try workshop.check(storage)
    #expect(data.isSound)
    #expect(data.packCount == (try storage.packs().count))
    #expect(data.readByteCount == data.storedByteCount)
    #expect(data.readByteCount > 60_000)
  }

  @Test func `of a repository without snapshots finds nothing`() throws {
    #expect(try workshop.check(try workshop.make()).isSound)
  }

  @Test func `names a missing pack with snapshots and paths`() throws {
    try storage.delete(try pack(of: "own", in: alone))
    let found = try findings("pack-missing")
    #expect(found.count == 1)
    #expect(found[0].snapshots.contains(alone.id.description))
    #expect(found[0].paths.contains("media files/own"))
  }

  @Test func `names both snapshots where both need the missing pack`() throws {
    try storage.delete(try pack(of: "shared", in: both))
    let found = try findings("pack-missing")
    #expect(Set(found.flatMap(\.snapshots)) == [alone.id.description, both.id.description])
    #expect(found.flatMap(\.paths).contains("media files/shared"))
  }

  @Test func `names the snapshot whose catalog is gone`() throws {
    try storage.delete(try catalogPack(of: both))
    #expect(try findings("catalog").map(\.snapshots) == [[both.id.description]])
    #expect(try findings("pack-missing").map(\.snapshots) == [[both.id.description]])
  }

  @Test func `names a pack that was cut, of content and of a catalog`() throws {
    for key in [try pack(of: "own", in: alone), try catalogPack(of: alone)] {
      let original = try storage.load(key, limit: 1 << 20)
      storage.tamper(key) { $0.removeLast() }
      let found = try findings("pack-length")
      #expect(found.count == 1)
      #expect(found[0].what.contains(key.name))
      #expect(found[0].snapshots.contains(alone.id.description))
      storage.tamper(key) { $0 = original }
    }
    #expect(try workshop.check(storage).isSound)
  }

  @Test func `finds a changed byte of a blob by reading data only, and names file and snapshot`()
    throws
  {
    let key = try pack(of: "own", in: alone)
    let own = try #require(
      try workshop.open(storage).catalog(
        of: alone, reader: try workshop.open(storage).makeReader()
      ).entry(CatalogKey.media("files").appending("own"))?.content)
    guard case .direct(let chunks) = own.chunks else { throw Missing() }
    let place = try #require(try workshop.open(storage).index.location(of: chunks[0].id))
    storage.tamper(key) { $0[Int(place.entry.offset) + 100] ^= 1 }
    #expect(try workshop.check(storage, readingData: false).isSound)
    let damaged = try findings("pack-damaged", readingData: true)
    #expect(damaged.count == 1)
    #expect(damaged[0].what.contains("checksum"))
    let blobs = try findings("blob-damaged", readingData: true)
    #expect(blobs.count == 1)
    #expect(blobs[0].snapshots == [alone.id.description])
    #expect(blobs[0].paths == ["media files/own"])
  }

  @Test func `finds a changed byte of padding, header and trailer by reading data`() throws {
    let key = try pack(of: "new", in: both)
    let record = try #require(
      try workshop.open(storage).index.packs().values.first { $0.id.hex == key.name })
    let length = Int(record.byteCount)
    let used = try #require(
      try workshop.open(storage).index.packs().keys.first { $0 == record.id }.map { _ in
        // One blob of 300 bytes and its trailer of 48 + 40 bytes: all else is padding.
        512 + 340
      })
    #expect(length - used > 88)
    for offset in [used, length - 89, 100, 300, length - 1] {
      storage.tamper(key) { $0[offset] ^= 1 }
      let found = try findings("pack-damaged", readingData: true)
      #expect(!found.isEmpty, "byte \(offset)")
      #expect(found.allSatisfy { $0.snapshots == [both.id.description] }, "byte \(offset)")
      storage.tamper(key) { $0[offset] ^= 1 }
    }
    #expect(try workshop.check(storage).isSound)
  }

  @Test func `names a lost index run, and every snapshot that was written with it`() throws {
    let repository = try workshop.open(storage)
    let first = try #require(alone.manifest.indexRuns.first)
    _ = repository
    try storage.delete(try #require(StorageKey(.index, first)))
    let runs = try findings("index")
    #expect(Set(runs.flatMap(\.snapshots)) == [alone.id.description, both.id.description])
    let blobs = try findings("blob-missing")
    #expect(blobs.contains { $0.snapshots == [alone.id.description] })
    #expect(blobs.contains { $0.paths == ["media files/shared"] })
  }

  @Test func `names a damaged index run, manifest and key slot`() throws {
    let run = try #require(try storage.list(.index).first).key
    storage.tamper(run) { $0[300] ^= 1 }
    #expect(try findings("index").contains { $0.what.contains(run.name.prefix(8)) })
    storage.tamper(run) { $0[300] ^= 1 }

    let manifest = try #require(StorageKey(.snapshots, alone.id.hex))
    storage.tamper(manifest) { $0[400] ^= 1 }
    #expect(try findings("manifest").map(\.snapshots) == [[alone.id.description]])
    storage.tamper(manifest) { $0[400] ^= 1 }

    try storage.save(
      [1, 2, 3], as: try #require(StorageKey(.keys, String(repeating: "0", count: 64))))
    #expect(try findings("key-slot").count == 1)
  }

  @Test func `takes a merged index for what it is`() throws {
    for i in 3...12 { try workshop.backUp(["f": [UInt8(i)]], in: storage, at: Int64(i)) }
    try workshop.prune(storage, at: 100)
    #expect(try storage.list(.index).count == 1)
    #expect(try workshop.check(storage).isSound)
  }
}
