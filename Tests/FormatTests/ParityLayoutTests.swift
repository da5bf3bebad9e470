// Where parity lies: within the pack, one part after the other, for every length.

import Format
import Testing

@Suite struct `The layout of a pack's parity` {
  static let lengths =
    Array(3168..<5000) + (0..<400).map { 5000 + $0 * 977 }
    + [1 << 16, 1 << 20, (1 << 20) + 1, 1 << 25, 1 << 28]

  @Test func `fills the pack to less than another shard's room`() throws {
    for length in Self.lengths {
      let layout = try #require(ParityLayout(byteCount: length))
      #expect(layout.dataByteCount == layout.dataShardCount * layout.shardByteCount)
      #expect(layout.offset(ofShard: 0) == 0)
      #expect(layout.offset(ofShard: layout.dataShardCount) == layout.parityOffset)
      #expect(layout.firstTableOffset == layout.dataByteCount)
      #expect(layout.end <= length)
      // What is left over: less than one more shard, or one more byte of each and their checksums.
      #expect(length - layout.end < max(512 + 16, 255 + 255 * 16), "\(length)")
      let cells = (0..<layout.cellCount).flatMap { Array(layout.range(ofCell: $0)) }
      if length < 100_000 { #expect(cells == Array(0..<layout.shardByteCount)) }
    }
  }

  @Test func `is the shortest that holds what it holds`() throws {
    for length in Self.lengths {
      let layout = try #require(ParityLayout(byteCount: length))
      let least = ParityLayout.byteCount(holding: layout.dataByteCount)
      #expect(least == layout.end)
      #expect(ParityLayout(byteCount: least)?.dataByteCount == layout.dataByteCount)
      #expect((ParityLayout(byteCount: least - 1)?.dataByteCount ?? 0) < layout.dataByteCount)
      #expect(ParityLayout.byteCount(holding: layout.dataByteCount + 1) > length)
    }
  }

  @Test func `is nil for what is shorter than one shard with its parity, and for what is no pack`()
  {
    #expect(ParityLayout(byteCount: 3167) == nil)
    #expect(ParityLayout(byteCount: 0) == nil)
    #expect(ParityLayout(byteCount: -1) == nil)
    #expect(ParityLayout(byteCount: (1 << 28) + 1) == nil)
    #expect(ParityLayout(byteCount: .max) == nil)
  }

  @Test func `takes two percent of a full pack, and a little for the checksums`() throws {
    let layout = try #require(ParityLayout(byteCount: 32 << 20))
    #expect(layout.dataShardCount == 250)
    #expect(layout.shardByteCount == 131_314)
    #expect(layout.dataByteCount == 32_828_500)
    let share = 1 - Double(layout.dataByteCount) / Double(32 << 20)
    #expect(share > 0.021 && share < 0.022)
  }
}
