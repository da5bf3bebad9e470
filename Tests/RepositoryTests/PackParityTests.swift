// Parity of whole packs: what it mends, and that it says so when it cannot.

import Format
import Repository
import Testing

@Suite struct `A pack with parity` {
  /// Lengths of small and odd packs; 200,000 has shards of one cell, 3,000,000 of two.
  static let lengths = [3168, 4000, 10_007, 65_536, 200_000, 3_000_000]

  private func pack(_ byteCount: Int) throws -> [UInt8] {
    var bytes = noise(byteCount, seed: UInt64(byteCount))
    var span = bytes.mutableSpan
    try PackParity.add(to: &span)
    return bytes
  }

  private func mend(_ bytes: inout [UInt8]) -> PackParity.Outcome? {
    var span = bytes.mutableSpan
    return PackParity.mend(&span)
  }

  @Test(arguments: lengths) func `that is whole stays as it is`(byteCount: Int) throws {
    let whole = try pack(byteCount)
    var bytes = whole
    #expect(mend(&bytes) == PackParity.Outcome())
    #expect(bytes == whole)
  }

  /// Damage as disks make it: other bytes, zeros, or bits turned over.
  enum Damage: CaseIterable { case noise, zeros, flips }

  @Test(arguments: lengths, Damage.allCases)
  func `is mended after a hundredth of it was damaged in one stretch, wherever that is`(
    byteCount: Int, damage: Damage
  ) throws {
    let whole = try pack(byteCount)
    let length = (byteCount + 99) / 100
    let step = byteCount <= 4000 ? 1 : byteCount / 60
    for start in Array(stride(from: 0, to: byteCount - length, by: step)) + [byteCount - length] {
      var bytes = whole
      let other = noise(length, seed: UInt64(start))
      for i in 0..<length {
        switch damage {
        case .noise: bytes[start + i] = other[i]
        case .zeros: bytes[start + i] = 0
        case .flips: bytes[start + i] ^= 0xFF
        }
      }
      let outcome = try #require(mend(&bytes))
      #expect(outcome.isMended && bytes == whole, "damage at \(start)")
    }
  }

  @Test(arguments: [3168, 4000]) func `is mended after any one byte was changed`(byteCount: Int)
    throws
  {
    let whole = try pack(byteCount)
    for i in whole.indices {
      var bytes = whole
      bytes[i] ^= 1 << UInt8(i % 8)
      #expect(mend(&bytes)?.isMended == true)
      #expect(bytes == whole, "byte \(i)")
    }
  }

  @Test func `is mended when up to five damaged sectors meet in a column, and a table is lost`()
    throws
  {
    let whole = try pack(3_000_000)
    let layout = try #require(ParityLayout(byteCount: whole.count))
    var bytes = whole
    for shard in [0, 77, 249, 250, 254] {
      for cell in 0..<layout.cellCount {
        let start = layout.offset(ofShard: shard) + layout.range(ofCell: cell).lowerBound
        for i in 0..<200 { bytes[start + i] = 0xAA }
      }
    }
    for i in 0..<layout.tableByteCount { bytes[layout.secondTableOffset + i] = 0 }
    let outcome = try #require(mend(&bytes))
    #expect(outcome.damagedCellCount == 5 * layout.cellCount)
    #expect(outcome.isMended)
    #expect(bytes == whole)
  }

  @Test func `says so when more is damaged than it can mend`() throws {
    var bytes = try pack(65_536)
    for shard in 0..<6 { bytes[shard * 512] ^= 1 }
    let outcome = try #require(mend(&bytes))
    #expect(outcome.damagedCellCount == 6)
    #expect(!outcome.isMended)
  }

  @Test func `says so when both tables are lost`() throws {
    var bytes = try pack(65_536)
    let layout = try #require(ParityLayout(byteCount: bytes.count))
    for i in layout.firstTableOffset..<layout.parityOffset { bytes[i] = 0 }
    for i in layout.secondTableOffset..<layout.end { bytes[i] = 0 }
    #expect(mend(&bytes)?.isMended == false)
  }

  @Test func `too short for any is refused`() {
    var bytes = [UInt8](repeating: 0, count: 3167)
    #expect(mend(&bytes) == nil)
    var span = bytes.mutableSpan
    #expect(throws: FormatError.self) { try PackParity.add(to: &span) }
  }
}
