// Where a pack's parity lies: a function of the pack's length, so it is known when the header is lost.

/// How a pack is protected against rot; the locator names it.
package enum ParityScheme: UInt8, Sendable, CaseIterable {
  case none = 0
  /// Five Reed–Solomon shards to at most 250 of data, and two tables of checksums.
  case fiveShards = 1
}

/// The parts of a pack of scheme 1.
///
/// ```
/// 0        data shards: header, blobs, padding, trailer; the trailer ends the last of them
/// kL       first table of checksums
/// kL+T     five parity shards
/// …        second table, equal to the first
///          zero bytes: too few for longer shards
/// ```
/// Shards are cut into cells of at most 8 KiB. A table holds a CRC-64 for each cell of each shard,
/// data shards first: it tells which cells are damaged, and the code then mends up to five damaged
/// cells at the same place of different shards. The tables lie on both sides of the parity, so that
/// one stretch of damage never takes both.
package struct ParityLayout: Hashable, Sendable {
  package static let parityShardCount = 5
  package static let cellByteCount = 8192
  private static let maximumDataShardCount = 250
  private static let minimumShardByteCount = 512

  /// The whole pack.
  package let byteCount: Int
  package let dataShardCount: Int
  package let shardByteCount: Int

  /// The layout of a pack of `byteCount` bytes: of all that fit, the one with the most room for data.
  ///
  /// Nil if the pack is too short for any.
  package init?(byteCount: Int) {
    guard byteCount <= 1 << 28 else { return nil }
    func fits(_ count: Int, _ length: Int) -> Bool { Self.total(count, length) <= byteCount }
    let most = Self.maximumDataShardCount
    let least = Self.minimumShardByteCount
    // Totals ascend with either number, so both are found by halving.
    func greatest(from low: Int, to high: Int, _ fits: (Int) -> Bool) -> Int {
      var (low, high) = (low, high)
      while low < high {
        let middle = (low + high + 1) / 2
        if fits(middle) { low = middle } else { high = middle - 1 }
      }
      return low
    }
    self.byteCount = byteCount
    if fits(most, least) {
      dataShardCount = most
      shardByteCount = greatest(from: least, to: byteCount / most) { fits(most, $0) }
    } else {
      guard fits(1, least) else { return nil }
      dataShardCount = greatest(from: 1, to: most) { fits($0, least) }
      shardByteCount = least
    }
  }

  /// The shortest pack with room for `dataByteCount` bytes of header, blobs and trailer.
  package static func byteCount(holding dataByteCount: Int) -> Int {
    let least = minimumShardByteCount
    let count = max(1, (dataByteCount + least - 1) / least)
    if count <= maximumDataShardCount { return total(count, least) }
    let length = (dataByteCount + maximumDataShardCount - 1) / maximumDataShardCount
    return total(maximumDataShardCount, length)
  }

  /// Room for header, blobs, padding and trailer.
  package var dataByteCount: Int { dataShardCount * shardByteCount }
  package var shardCount: Int { dataShardCount + Self.parityShardCount }
  /// Cells of one shard; the last may be shorter.
  package var cellCount: Int { Self.cells(shardByteCount) }
  package var tableByteCount: Int { 8 * cellCount * shardCount }
  package var firstTableOffset: Int { dataByteCount }
  package var parityOffset: Int { dataByteCount + tableByteCount }
  package var secondTableOffset: Int {
    parityOffset + Self.parityShardCount * shardByteCount
  }
  /// From here on all bytes are zero.
  package var end: Int { secondTableOffset + tableByteCount }

  /// Where a shard begins; parity shards follow data shards.
  package func offset(ofShard shard: Int) -> Int {
    shard < dataShardCount
      ? shard * shardByteCount : parityOffset + (shard - dataShardCount) * shardByteCount
  }

  /// The bytes of a shard that its cell number `cell` has.
  package func range(ofCell cell: Int) -> Range<Int> {
    let start = cell * Self.cellByteCount
    return start..<min(start + Self.cellByteCount, shardByteCount)
  }

  private static func cells(_ shardByteCount: Int) -> Int {
    (shardByteCount + cellByteCount - 1) / cellByteCount
  }

  private static func total(_ count: Int, _ length: Int) -> Int {
    let shards = count + parityShardCount
    return shards * length + 2 * 8 * cells(length) * shards
  }
}
