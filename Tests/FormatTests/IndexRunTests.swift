// Index runs: order, deltas, every cut and flip.

import Format
import Testing

@Suite struct `An index run` {
  static let replaced = [DocumentID(digest(70)), DocumentID(digest(71))]
  static let bytes = IndexRun.encode(
    packs: Examples.packs, entries: Examples.indexEntries, replacing: replaced)

  @Test func `comes back sorted by blob, with packs, bases and what it replaces`() throws {
    let run = try Run(Self.bytes)
    #expect(run.run.packCount == 2)
    #expect(run.run.entryCount == 20)
    #expect(run.run.deltaCount == 7)
    #expect([run.pack(0), run.pack(1)] == Examples.packs)
    #expect(run.replaced == Self.replaced)
    let sorted = Examples.indexEntries.sorted {
      ($0.entry.id, $0.packOrdinal, $0.entry.offset) < (
        $1.entry.id, $1.packOrdinal, $1.entry.offset
      )
    }
    #expect(run.entries == sorted)
    #expect((0..<20).map { run.id($0) } == sorted.map(\.entry.id))
  }

  @Test func `of nothing is a run`() throws {
    let run = try Run(IndexRun.encode(packs: [], entries: [], replacing: []))
    #expect(run.bytes.count == 20)
    #expect(run.entry(0) == nil)
    #expect(run.replaced == [])
  }

  @Test func `finds the base of each of many deltas, and none for the rest`() throws {
    let entries = (0..<1000).map { (i: Int) -> IndexEntry in
      let base: BlobID? = i % 2 == 0 ? .random() : nil
      let entry = PackEntry(
        id: .random(), encoding: base == nil ? .raw : .delta, offset: 512, sealedByteCount: 40,
        plainByteCount: 0, base: base)
      return IndexEntry(packOrdinal: 0, slot: UInt32(i), entry: entry)
    }
    let run = try Run(IndexRun.encode(packs: [Examples.packs[0]], entries: entries, replacing: []))
    let bases = Dictionary(uniqueKeysWithValues: entries.map { ($0.entry.id, $0.entry.base) })
    for ordinal in 0..<1000 {
      let entry = try #require(run.entry(ordinal))
      #expect(bases[entry.entry.id] == entry.entry.base)
    }
  }

  @Test func `says nothing of ordinals that it does not have`() throws {
    let run = try Run(Self.bytes)
    for ordinal in [-1, 20, Int.max, Int.min] {
      #expect(run.entry(ordinal) == nil)
      #expect(run.id(ordinal) == nil)
      #expect(run.pack(ordinal) == nil)
    }
  }

  @Test func `is refused when it is cut anywhere or goes on`() {
    cuts(Self.bytes) { length, cut in
      #expect(throws: FormatError.self, "cut to \(length)") { try Run(cut) }
    }
    #expect(throws: FormatError.truncated) { try Run(Self.bytes + [0]) }
  }

  @Test func `with any byte changed is refused or says something else`() throws {
    let original = try Run(Self.bytes)
    let packs = [original.pack(0), original.pack(1)]
    let entries = original.entries
    var unseen: Set<Int> = []
    flips(Self.bytes) { i, other in
      guard let run = try? Run(other) else { return }
      let same =
        run.entries == entries && [run.pack(0), run.pack(1)] == packs
        && run.replaced == Self.replaced
      if same { unseen.insert(i) }
    }
    // The three reserved bytes of each pack say nothing; the seal of the run covers them.
    #expect(unseen == Set([89, 90, 91, 161, 162, 163]))
  }

  @Test func `with hostile counts is refused before anything is allocated`() {
    for field in 1...4 {
      for value in [0x7fff_ffff, 0xffff_ffff] as [UInt32] {
        var writer = ByteWriter()
        for i in 0..<5 { writer.u32(i == 0 ? 1 : i == field ? value : 0) }
        #expect(throws: FormatError.truncated) { try Run(writer.bytes) }
      }
    }
    var all = ByteWriter()
    all.u32(1)
    for _ in 0..<4 { all.u32(.max) }
    #expect(throws: FormatError.truncated) { try Run(all.bytes) }
  }

  @Test func `out of order, of unknown encoding or class, or naming no pack is refused`() {
    let entries = 20 + 2 * 72
    var swapped = Self.bytes
    for i in 0..<48 { swapped.swapAt(entries + i, entries + 19 * 48 + i) }
    #expect(throws: FormatError.invalid("order of the index run")) { try Run(swapped) }
    var other = Self.bytes
    other[entries + 45] = 3
    #expect(throws: FormatError.invalid("blob encoding")) { try Run(other) }
    other = Self.bytes
    other[entries + 32] = 2
    #expect(throws: FormatError.invalid("pack ordinal")) { try Run(other) }
    other = Self.bytes
    other[20 + 68] = 3
    #expect(throws: FormatError.invalid("blob class")) { try Run(other) }
    other = Self.bytes
    other[0] = 2
    #expect(throws: FormatError.self) { try Run(other) }
  }
}
