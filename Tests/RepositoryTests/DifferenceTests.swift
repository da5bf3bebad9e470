// Differences of catalogs, compared with the naive way on random trees.

import Format
import Repository
import Storage
import Testing

@Suite struct `The difference of two catalogs` {
  let workshop: Workshop
  let storage: MemoryStorage

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make(packByteCount: 1 << 20)
  }

  private func write(_ entries: [String: String], _ repository: Repository) throws -> CatalogRoot {
    let writer = try repository.makeWriter()
    var catalog = try CatalogWriter(writer, keys: repository.keys)
    for (key, value) in entries.sorted(by: { Array($0.key.utf8).precedes(Array($1.key.utf8)) }) {
      let padding = String(repeating: ".", count: 150)
      try catalog.append(
        CatalogKey.media("m").appending(key), .unreadable(reason: value + padding))
    }
    let root = try catalog.finish()
    try writer.finish()
    return root
  }

  /// `+key`, `-key`, `~key` in key order.
  private func difference(_ old: CatalogRoot, _ new: CatalogRoot, _ repository: Repository) throws
    -> [String]
  {
    let reader = repository.makeReader()
    var changes: [String] = []
    try CatalogDifference.forEach(
      from: try CatalogReader(reader, root: old), to: try CatalogReader(reader, root: new)
    ) { change in
      let sign = [.added: "+", .removed: "-", .changed: "~"][change.kind, default: "?"]
      #expect((change.old == nil) == (change.kind == .added))
      #expect((change.new == nil) == (change.kind == .removed))
      changes.append(sign + String(decoding: change.key.components[2], as: UTF8.self))
    }
    return changes
  }

  private func naive(_ old: [String: String], _ new: [String: String]) -> [String] {
    Set(old.keys).union(new.keys).sorted { Array($0.utf8).precedes(Array($1.utf8)) }.compactMap {
      key in
      switch (old[key], new[key]) {
      case (nil, _?): "+" + key
      case (_?, nil): "-" + key
      case (let a, let b): a == b ? nil : "~" + key
      }
    }
  }

  private func tree(_ count: Int, _ generator: inout Xorshift) -> [String: String] {
    var entries: [String: String] = [:]
    for _ in 0..<count {
      entries["\(Int.random(in: 0..<100_000, using: &generator))"] =
        "\(Int.random(in: 0..<9, using: &generator))"
    }
    return entries
  }

  @Test(arguments: 1...12 as ClosedRange<UInt64>)
  func `is what comparing every key finds`(seed: UInt64) throws {
    var generator = Xorshift(seed: seed)
    let repository = try workshop.open(storage)
    let old = tree(Int.random(in: 0..<6000, using: &generator), &generator)
    var new = old
    let changes = [0, 1, 5, 300, 5000].randomElement(using: &generator) ?? 0
    for _ in 0..<changes {
      let key = old.keys.sorted().randomElement(using: &generator) ?? "1"
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: new[key] = nil
      case 1: new[key] = "changed"
      default: new["\(Int.random(in: 0..<200_000, using: &generator))x"] = "new"
      }
    }
    let a = try write(old, repository)
    let b = try write(new, repository)
    #expect(try difference(a, b, repository) == naive(old, new))
    #expect(try difference(b, a, repository) == naive(new, old))
    #expect(try difference(a, a, repository) == [])
  }

  @Test func `of trees of different height, or with nothing in one, is found`() throws {
    let repository = try workshop.open(storage)
    var generator = Xorshift(seed: 99)
    let large = tree(9000, &generator)
    let roots = try [[:], ["5": "a"], large].map { ($0, try write($0, repository)) }
    for (old, a) in roots {
      for (new, b) in roots {
        #expect(try difference(a, b, repository) == naive(old, new))
      }
    }
  }

  @Test func `of one change in a large tree reads few nodes`() throws {
    let repository = try workshop.open(storage)
    var generator = Xorshift(seed: 7)
    let old = tree(20_000, &generator)
    var new = old
    new["50000x"] = "new"
    let a = try write(old, repository)
    let b = try write(new, repository)
    let counting = CountingStorage(storage)
    let other = try workshop.open(counting)
    counting.reset()
    #expect(try difference(a, b, other) == ["+50000x"])
    // Twenty thousand entries are some sixty leaves.
    #expect(counting.reads < 40)
  }
}

/// The same numbers for the same seed.
struct Xorshift: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
