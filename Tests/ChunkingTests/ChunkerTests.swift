// What the chunker promises its callers: bounds, independence of how bytes arrive, and cuts that
// find each other again after an edit.

import Chunking
import Testing

@Suite struct `A chunker` {
  @Test func `keeps the bounds and the mean of its profile`() throws {
    let chunker = try Chunker(table: table(), prfKey: prfKey, parameters: .tree)
    let byteCount = 64 << 20
    let all = lengths(of: Input.random(seed: 41, byteCount: byteCount), by: chunker)
    #expect(all.reduce(0, +) == byteCount)
    #expect(all.dropLast().allSatisfy { (40_960...262_144).contains($0) })
    let mean = Double(byteCount) / Double(all.count)
    #expect(abs(mean / 65_536 - 1) < 0.05, "\(mean)")
  }

  @Test func `gives the same chunks however the bytes arrive`() throws {
    let bytes = Input.rows(seed: 42, byteCount: 400_000)
    let chunker = try Chunker(table: table(), prfKey: prfKey, parameters: .small)
    let expected = lengths(of: bytes, by: chunker)
    for step in [1013, 4096, 20_479, 20_480, 20_481, 131_072] {
      var found: [Int] = []
      var start = 0
      var end = 0
      var scan = ChunkScan()
      while start < bytes.count {
        let arrived = bytes[start..<end]
        if let length = chunker.nextCut(
          in: arrived.span, isEnd: end == bytes.count, resuming: &scan)
        {
          found.append(length)
          start += length
        } else {
          #expect(end < bytes.count && arrived.count < 131_072)
          end = min(end + step, bytes.count)
        }
      }
      #expect(found == expected, "arriving \(step) at a time")
    }
  }

  @Test func `decides alike at every split near the minimum and the cut`() throws {
    let bytes = Input.random(seed: 43, byteCount: 60_000)
    let chunker = try Chunker(table: table(), prfKey: prfKey, parameters: .small)
    let whole = chunker.nextCut(in: bytes.span, isEnd: true)
    let expected = try #require(whole)
    #expect(expected > 20_480 + 200)
    let splits = Array(0...70) + Array(20_400...20_600) + Array(expected - 100...expected + 100)
    for split in splits {
      var scan = ChunkScan()
      let head = bytes[..<split]
      let first = chunker.nextCut(in: head.span, isEnd: false, resuming: &scan)
      #expect(first == (split < expected ? nil : expected))
      if first == nil {
        let second = chunker.nextCut(in: bytes.span, isEnd: true, resuming: &scan)
        #expect(second == expected)
      }
      let atEnd = chunker.nextCut(in: head.span, isEnd: true)
      #expect(atEnd == (split == 0 ? nil : min(split, expected)))
    }
  }

  @Test func `finds its old cuts again after bytes were inserted`() throws {
    let original = Input.random(seed: 44, byteCount: 4 << 20)
    let inserted = Input.random(seed: 45, byteCount: 1000)
    let middle = 2 << 20
    let chunker = try Chunker(table: table(), prfKey: prfKey, parameters: .tree)
    let edited = Array(original[..<middle]) + inserted + Array(original[middle...])

    func ends(_ lengths: [Int]) -> [Int] {
      var sum = 0
      return lengths.map {
        sum += $0
        return sum
      }
    }
    let before = ends(lengths(of: original, by: chunker))
    let after = ends(lengths(of: edited, by: chunker))
    // Nothing changes in front of the edit …
    #expect(before.filter { $0 < middle } == after.filter { $0 < middle })
    // … and at most eight chunks (half a MiB) behind it do.
    let shifted = Set(after.filter { $0 > middle }.map { $0 - inserted.count })
    let old = before.filter { $0 > middle }
    let firstShared = try #require(old.firstIndex { shifted.contains($0) })
    #expect(firstShared < 8)
    #expect(old[firstShared...].allSatisfy { shifted.contains($0) })
  }

  @Test func `cuts elsewhere with another table or another key`() throws {
    let bytes = Input.random(seed: 46, byteCount: 600_000)
    let cuts = try [(table(), prfKey), (table(seed: 2), prfKey), (table(), prfKey.reversed())].map {
      lengths(of: bytes, by: try Chunker(table: $0, prfKey: $1, parameters: .small))
    }
    #expect(cuts[0] != cuts[1])
    #expect(cuts[0] != cuts[2])
    #expect(cuts[1] != cuts[2])
  }

  @Test func `refuses secrets of the wrong length`() {
    #expect(throws: ChunkingError.tableByteCount(4095)) {
      try Chunker(table: Array(table().dropLast()), prfKey: prfKey, parameters: .tree)
    }
    #expect(throws: ChunkingError.keyByteCount(17)) {
      try Chunker(table: table(), prfKey: prfKey + [0], parameters: .tree)
    }
    #expect(
      "\(ChunkingError.keyByteCount(17))"
        == "cannot make a chunker: the key has 17 bytes instead of 16")
  }
}
