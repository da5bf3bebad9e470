// A pack's parity: written with it, and what mends it.

package import Format
import Parity

/// Parity of whole packs in memory.
package enum PackParity {
  /// Writes tables, parity shards and the zero bytes behind them; all data must be there.
  package static func add(to pack: inout MutableSpan<UInt8>) throws(FormatError) {
    guard let layout = ParityLayout(byteCount: pack.count), let places = layout.places else {
      throw .invalid("pack length")
    }
    // A column at a time: its parity stays in the processor's cache while it grows.
    let code = ReedSolomon(places)
    for cell in 0..<layout.cellCount { code.encode(&pack, column: layout.range(ofCell: cell)) }
    writeTables(&pack, layout)
  }

  /// What came of an attempt to mend.
  package struct Outcome: Equatable, Sendable {
    /// Cells whose checksum is in neither table.
    package var damagedCellCount = 0
    /// Whether every one of them could be computed again.
    package var isMended = true

    package init() {}
  }

  /// Finds damaged cells by the tables and computes them again from the others.
  ///
  /// Whether the outcome is the pack that was written, its checksum or its seals must tell. Bytes
  /// that could not be read may hold anything.
  /// - Returns: nil if a pack of this length has no parity.
  package static func mend(_ pack: inout MutableSpan<UInt8>) -> Outcome? {
    guard let layout = ParityLayout(byteCount: pack.count), let places = layout.places else {
      return nil
    }
    let code = ReedSolomon(places)
    var outcome = Outcome()
    for cell in 0..<layout.cellCount {
      let column = layout.range(ofCell: cell)
      var damaged: [Int] = []
      for shard in 0..<layout.shardCount {
        let found = checksum(pack.span, layout, shard, cell)
        let entry = 8 * (shard * layout.cellCount + cell)
        // Either table may be damaged itself; both wrong alike is as unlikely as a wrong cell.
        let isGood = [layout.firstTableOffset, layout.secondTableOffset].contains {
          pack.span.little(8, at: $0 + entry) == found
        }
        if !isGood { damaged.append(shard) }
      }
      outcome.damagedCellCount += damaged.count
      if !damaged.isEmpty, !code.mend(&pack, column: column, erased: damaged) {
        outcome.isMended = false
      }
    }
    if outcome.isMended { writeTables(&pack, layout) }
    return outcome
  }

  private static func writeTables(_ pack: inout MutableSpan<UInt8>, _ layout: ParityLayout) {
    for shard in 0..<layout.shardCount {
      for cell in 0..<layout.cellCount {
        let checksum = checksum(pack.span, layout, shard, cell)
        let entry = 8 * (shard * layout.cellCount + cell)
        for table in [layout.firstTableOffset, layout.secondTableOffset] {
          for i in 0..<8 {
            pack[table + entry + i] = UInt8(truncatingIfNeeded: checksum >> UInt64(8 * i))
          }
        }
      }
    }
    for i in layout.end..<pack.count { pack[i] = 0 }
  }

  private static func checksum(
    _ pack: Span<UInt8>, _ layout: ParityLayout, _ shard: Int, _ cell: Int
  ) -> UInt64 {
    let column = layout.range(ofCell: cell)
    let start = layout.offset(ofShard: shard) + column.lowerBound
    return CyclicCheck.checksum(pack.extracting(start..<start + column.count))
  }
}

extension ParityLayout {
  /// The same places as the code knows them.
  fileprivate var places: ShardPlaces? {
    ShardPlaces(
      dataCount: dataShardCount, shardByteCount: shardByteCount, parityOffset: parityOffset)
  }
}
