// The index in memory: growth, duplicates, look-alikes, and whom a writer believes.

import Format
import Repository
import Sodium
import Testing

@Suite struct `The index` {
  let me = Blake2b.hash([1])
  let stranger = Blake2b.hash([2])

  private func id(_ i: Int) -> BlobID { BlobID(Blake2b.hash(Array("\(i)".utf8))) }
  private func pack(_ i: Int) -> PackRecord {
    PackRecord(
      id: PackID(Blake2b.hash(Array("pack \(i)".utf8))), checksum: Digest(), byteCount: 1,
      blobClass: .content)
  }
  private func run(_ ids: [BlobID], pack number: Int) -> [UInt8] {
    let entries = ids.enumerated().map { slot, id in
      IndexEntry(
        packOrdinal: 0, slot: UInt32(slot % 65_535),
        entry: PackEntry(
          id: id, encoding: .raw, offset: UInt32(512 + slot), sealedByteCount: 40,
          plainByteCount: 0, base: nil))
    }
    return IndexRun.encode(packs: [pack(number)], entries: entries, replacing: [])
  }
  private func document(_ i: Int) -> DocumentID { DocumentID(of: [UInt8(i)]) }

  @Test func `finds every blob while it grows past its first tables, and no other`() throws {
    let index = try BlobIndex(scratch: "/tmp")
    var known = 0
    for (number, count) in [1, 500, 318, 1, 1, 3000, 0, 2000].enumerated() {
      try index.add(
        run((known..<known + count).map { id($0) }, pack: number), id: document(number), signer: me,
        role: .owner)
      known += count
      #expect(index.entryCount == known)
      for i in 0..<known { #expect(index.location(of: id(i))?.entry.id == id(i)) }
      for i in known..<known + 500 { #expect(index.location(of: id(i)) == nil) }
    }
    #expect(index.location(of: id(0))?.pack == pack(0))
    #expect(index.location(of: id(known - 1))?.pack == pack(7))
    #expect(index.runIDs.count == 8)
    #expect(index.location(at: known) == nil)
    #expect(index.location(at: -1) == nil)
  }

  @Test func `knows every copy of a blob, the newest first`() throws {
    let index = try BlobIndex(scratch: "/tmp")
    let ids = (0..<400).map { id($0) }
    for number in 0..<5 {
      try index.add(run(ids, pack: number), id: document(number), signer: me, role: .owner)
    }
    #expect(index.entryCount == 2000)
    for id in ids {
      #expect(index.locations(of: id).map(\.pack) == (0..<5).reversed().map { pack($0) })
      #expect(index.positions(of: id).count == 5)
      #expect(index.positions(of: id).allSatisfy { index.location(at: $0)?.entry.id == id })
    }
    #expect(index.packs().count == 5)
  }

  @Test func `tells apart ids that begin alike`() throws {
    let index = try BlobIndex(scratch: "/tmp")
    let alike = (0..<2000).map { i -> BlobID in
      var bytes = [UInt8](repeating: 7, count: 32)
      bytes[30] = UInt8(i >> 8)
      bytes[31] = UInt8(i & 255)
      func take() -> Digest { Digest(bytes.span) ?? Digest() }
      return BlobID(take())
    }
    try index.add(
      run(Array(alike[..<1000]), pack: 0), id: document(0), signer: me, role: .owner)
    for i in 0..<1000 where i % 50 == 0 { #expect(index.positions(of: alike[i]).count == 1) }
    for i in 1000..<2000 where i % 50 == 0 { #expect(index.positions(of: alike[i]).isEmpty) }
  }

  @Test func `lets a writer reuse what itself, a keeper or an owner signed, outside doomed packs`()
    throws
  {
    let index = try BlobIndex(scratch: "/tmp")
    try index.add(run([id(1)], pack: 1), id: document(1), signer: me, role: .writer)
    try index.add(run([id(2)], pack: 2), id: document(2), signer: stranger, role: .writer)
    try index.add(run([id(3)], pack: 3), id: document(3), signer: stranger, role: .keeper)
    try index.add(run([id(4)], pack: 4), id: document(4), signer: stranger, role: .owner)
    func may(_ i: Int, _ doomed: Set<PackID> = []) -> Bool {
      index.mayReuse(id(i), signer: me, notIn: doomed)
    }
    #expect([1, 2, 3, 4, 5].map { may($0) } == [true, false, true, true, false])
    #expect([1, 3, 4].map { may($0, [pack(3).id]) } == [true, false, true])
    // A second copy outside the doomed pack is enough.
    try index.add(run([id(3)], pack: 5), id: document(5), signer: me, role: .writer)
    #expect(may(3, [pack(3).id]))
    #expect(!may(3, [pack(3).id, pack(5).id]))
  }

  @Test func `takes nothing from bytes that are no run`() throws {
    let index = try BlobIndex(scratch: "/tmp")
    #expect(throws: FormatError.self) {
      try index.add([1, 2, 3], id: document(1), signer: me, role: .owner)
    }
    #expect(index.entryCount == 0)
    #expect(index.runIDs.isEmpty)
    try index.add(run([id(1)], pack: 1), id: document(1), signer: me, role: .owner)
    #expect(index.location(of: id(1)) != nil)
  }
}
