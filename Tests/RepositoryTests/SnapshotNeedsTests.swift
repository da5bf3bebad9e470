// What a snapshot needs, keys looked up in order, and a byte that must be noticed.

import Format
import Repository
import Storage
import Testing
import Workers

@Suite struct `What a snapshot needs` {
  private func needs(_ example: ExampleRepository, _ snapshot: Snapshot) throws -> SnapshotNeeds {
    let repository = try example.open()
    try repository.loadIndex()
    var generator = SystemRandomNumberGenerator()
    return try repository.needs(
      of: snapshot, cancellation: Cancellation(), using: &generator)
  }

  private static let files: [String: [UInt8]] = [
    "a": [UInt8](repeating: 1, count: 250_000), "b": Array(0...255),
  ]

  @Test func `is counted, and a blob of it is drawn`() throws {
    let example = try ExampleRepository()
    let snapshot = try example.backUp(Self.files)
    let found = try needs(example, snapshot)
    #expect(found.problems.isEmpty)
    #expect(found.packCount == 2)
    #expect(found.blobCount >= 3)
    #expect(found.sample != nil)
  }

  @Test func `is missed when a pack, its end or an index run is gone`() throws {
    let example = try ExampleRepository()
    let snapshot = try example.backUp(Self.files)
    let packs = try example.storage.list(.packs)
    for pack in packs {
      let whole = try example.storage.load(pack.key, limit: 1 << 28)
      example.storage.tamper(pack.key) { $0.removeLast() }
      #expect(
        try needs(example, snapshot).problems.contains { $0.contains("bytes where the index") })
      try example.storage.delete(pack.key)
      #expect(try needs(example, snapshot).problemCount > 0)
      try example.storage.save(whole, as: pack.key)
    }
    #expect(try needs(example, snapshot).problems.isEmpty)
    for run in try example.storage.list(.index) { try example.storage.delete(run.key) }
    let without = try needs(example, snapshot)
    #expect(without.problems.contains { $0.hasPrefix("index run ") && $0.hasSuffix(" is gone") })
  }

  @Test func `is refused by the reader when one byte of it is changed, wherever that is`() throws {
    let example = try ExampleRepository()
    let snapshot = try example.backUp(Self.files)
    let repository = try example.open()
    try repository.loadIndex()
    let sample = try #require(try needs(example, snapshot).sample)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<50 {
      let control = try repository.negativeControl(on: sample, using: &generator)
      #expect(control.refusal?.contains("fails authentication") == true)
      #expect(control.servedCount > 0)
    }
    // The repository itself was not touched.
    #expect(try example.restore(snapshot) == Self.files)
  }
}

@Suite struct `Keys looked up in order` {
  @Test func `are found as by themselves, whatever the order and the gaps`() throws {
    let example = try ExampleRepository()
    var files: [String: [UInt8]] = [:]
    for number in 0..<1200 { files["file-\(number)"] = [UInt8(truncatingIfNeeded: number)] }
    let snapshot = try example.backUp(files)
    let repository = try example.open()
    try repository.loadIndex()
    let catalog = try repository.catalog(of: snapshot, reader: repository.makeReader())
    let root = CatalogKey.media("files")
    var truth: [CatalogKey: CatalogEntry] = [:]
    try catalog.forEach { key, entry in truth[key] = entry }
    // More than one leaf, or nothing is tried.
    #expect(truth.count == 1201)
    let lookup = SortedLookup(catalog)
    var names = (0..<1200).filter { $0 % 7 != 3 }.map { "file-\($0)" }
    names += (0..<100).map { "file-\($0)x" } + ["", "a", "zzz"]
    let keys = names.map { root.appending($0) }.sorted()
    for key in keys { #expect(try lookup.entry(key) == truth[key]) }
    for key in keys.reversed().prefix(30) { #expect(try lookup.entry(key) == truth[key]) }
    for key in keys.shuffled().prefix(30) { #expect(try lookup.entry(key) == truth[key]) }
    for index in stride(from: 0, to: keys.count, by: 450) {
      #expect(try lookup.entry(keys[index]) == truth[keys[index]])
    }
  }
}
