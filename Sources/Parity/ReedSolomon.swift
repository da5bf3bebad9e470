// Reed-Solomon over GF(2^8): five parity shards of up to 250 data shards, computed in place.

internal import CIsal

/// Where shards lie in a run of bytes: data shards one after the other from its start, parity shards
/// one after the other from ``parityOffset``.
package struct ShardPlaces: Hashable, Sendable {
  package let dataCount: Int
  package let shardByteCount: Int
  package let parityOffset: Int

  /// Nil unless there are 1 to 250 data shards of at least one byte, and parity comes behind them.
  package init?(dataCount: Int, shardByteCount: Int, parityOffset: Int) {
    guard (1...ReedSolomon.maximumDataCount).contains(dataCount), shardByteCount > 0,
      shardByteCount <= 1 << 28, parityOffset >= dataCount * shardByteCount
    else { return nil }
    self.dataCount = dataCount
    self.shardByteCount = shardByteCount
    self.parityOffset = parityOffset
  }

  /// Data and parity shards.
  package var count: Int { dataCount + ReedSolomon.parityCount }
  /// One past the last byte of the last parity shard.
  package var end: Int { parityOffset + ReedSolomon.parityCount * shardByteCount }

  /// Where shard `index` begins; parity shards follow data shards.
  package func offset(of index: Int) -> Int {
    index < dataCount
      ? index * shardByteCount : parityOffset + (index - dataCount) * shardByteCount
  }
}

/// The code of a pack's parity: byte `x` of parity shard `p` is Σ a(p, i) · byte `x` of data shard `i`
/// in GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1, with a(p, i) = 1 / ((250 + p) ⊕ i).
///
/// The coefficients form a Cauchy matrix (Blömer et al., 1995): each square part of it can be
/// inverted, so any five shards can be found again from the others, if one knows which five.
package struct ReedSolomon: Sendable {
  package static let parityCount = 5
  /// Coefficients come from 255 different elements of the field.
  package static let maximumDataCount = 250
  /// libisal makes 32 bytes of each coefficient.
  private static let tableByteCount = 32

  private let places: ShardPlaces
  /// Ordered by source, then row: what libisal wants to add one source at a time.
  private let tables: [UInt8]

  package init(_ places: ShardPlaces) {
    self.places = places
    var coefficients: [UInt8] = []
    for row in 0..<Self.parityCount {
      for source in 0..<places.dataCount {
        coefficients.append(Self.coefficient(row, source))
      }
    }
    tables = Self.tables(coefficients, sources: places.dataCount, rows: Self.parityCount)
  }

  private static func coefficient(_ row: Int, _ source: Int) -> UInt8 {
    gf_inv(UInt8(truncatingIfNeeded: (maximumDataCount + row) ^ source))
  }

  private static func tables(_ coefficients: [UInt8], sources: Int, rows: Int) -> [UInt8] {
    var coefficients = coefficients
    var tables = [UInt8](repeating: 0, count: tableByteCount * sources * rows)
    unsafe coefficients.withUnsafeMutableBufferPointer { matrix in
      unsafe tables.withUnsafeMutableBufferPointer { out in
        unsafe ec_init_tables(Int32(sources), Int32(rows), matrix.baseAddress, out.baseAddress)
      }
    }
    return tables
  }

  /// Computes the parity of the bytes `column` of each shard.
  package func encode(_ bytes: inout MutableSpan<UInt8>, column: Range<Int>) {
    check(bytes.count, column)
    unsafe bytes.withUnsafeMutableBufferPointer { memory in
      guard let base = memory.baseAddress else { return }
      let rows = unsafe (0..<Self.parityCount).map {
        unsafe base + places.offset(of: places.dataCount + $0) + column.lowerBound
      }
      unsafe combine(base, column, into: rows)
    }
  }

  /// Finds the bytes `column` of the shards `erased` again from those of all others.
  ///
  /// What the erased shards hold there does not matter.
  /// - Returns: false, and nothing is promised of them, if more than five are erased.
  package func mend(_ bytes: inout MutableSpan<UInt8>, column: Range<Int>, erased: [Int]) -> Bool {
    check(bytes.count, column)
    let lost = Set(erased).sorted()
    guard lost.count <= Self.parityCount, lost.allSatisfy({ (0..<places.count).contains($0) })
    else { return false }
    let lostData = lost.filter { $0 < places.dataCount }
    if !lostData.isEmpty {
      let rows = (0..<Self.parityCount).filter { !lost.contains(places.dataCount + $0) }
      // As many equations as unknowns: there are, for at most five shards are lost in all.
      guard solve(&bytes, column, lost: lostData, rows: Array(rows.prefix(lostData.count))) else {
        return false
      }
    }
    if lost.count > lostData.count { encode(&bytes, column: column) }
    return true
  }

  /// Solves for the data shards `lost`: the parity of what is left, subtracted from the parity of
  /// all, is the parity of what is lost.
  private func solve(
    _ bytes: inout MutableSpan<UInt8>, _ column: Range<Int>, lost: [Int], rows: [Int]
  ) -> Bool {
    let count = lost.count
    var matrix: [UInt8] = []
    for row in rows { for source in lost { matrix.append(Self.coefficient(row, source)) } }
    var inverse = [UInt8](repeating: 0, count: count * count)
    let failed = unsafe matrix.withUnsafeMutableBufferPointer { from in
      unsafe inverse.withUnsafeMutableBufferPointer { to in
        unsafe gf_invert_matrix(from.baseAddress, to.baseAddress, Int32(count))
      }
    }
    guard failed == 0 else { return false }
    for shard in lost {
      let start = places.offset(of: shard)
      for i in column { bytes[start + i] = 0 }
    }
    var left = [UInt8](repeating: 0, count: Self.parityCount * column.count)
    var gone = [UInt8](repeating: 0, count: count * column.count)
    unsafe bytes.withUnsafeMutableBufferPointer { memory in
      guard let base = memory.baseAddress else { return }
      unsafe left.withUnsafeMutableBufferPointer { scratch in
        guard let start = scratch.baseAddress else { return }
        let targets = unsafe (0..<Self.parityCount).map { unsafe start + $0 * column.count }
        unsafe combine(base, column, into: targets)
      }
    }
    for (number, row) in rows.enumerated() {
      let start = places.offset(of: places.dataCount + row) + column.lowerBound
      for i in 0..<column.count {
        gone[number * column.count + i] = left[row * column.count + i] ^ bytes[start + i]
      }
    }
    let tables = Self.tables(inverse, sources: count, rows: count)
    unsafe bytes.withUnsafeMutableBufferPointer { memory in
      guard let base = memory.baseAddress else { return }
      unsafe gone.withUnsafeMutableBufferPointer { scratch in
        guard let start = scratch.baseAddress else { return }
        var targets: [UnsafeMutablePointer<UInt8>?] = unsafe lost.map {
          unsafe base + places.offset(of: $0) + column.lowerBound
        }
        for source in 0..<count {
          unsafe Self.add(
            source, of: count, start + source * column.count, column.count, tables, &targets)
        }
      }
    }
    return true
  }

  /// The five parity rows of all data shards, one source at a time: 250 streams read at once would
  /// be too many for the processor's prefetching.
  @unsafe private func combine(
    _ base: UnsafeMutablePointer<UInt8>, _ column: Range<Int>,
    into rows: [UnsafeMutablePointer<UInt8>]
  ) {
    for i in unsafe rows.indices { unsafe rows[i].update(repeating: 0, count: column.count) }
    var targets: [UnsafeMutablePointer<UInt8>?] = unsafe rows.map { unsafe $0 }
    for source in 0..<places.dataCount {
      unsafe Self.add(
        source, of: places.dataCount, base + places.offset(of: source) + column.lowerBound,
        column.count, tables, &targets)
    }
  }

  /// Adds what one source contributes to each row.
  @unsafe private static func add(
    _ source: Int, of sources: Int, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int,
    _ tables: [UInt8], _ rows: inout [UnsafeMutablePointer<UInt8>?]
  ) {
    let rowCount = unsafe Int32(rows.count)
    unsafe tables.withUnsafeBufferPointer { tables in
      unsafe rows.withUnsafeMutableBufferPointer { rows in
        // libisal reads the tables and does not say so in its types.
        unsafe ec_encode_data_update(
          Int32(count), Int32(sources), rowCount, Int32(source),
          UnsafeMutablePointer(mutating: tables.baseAddress), bytes, rows.baseAddress)
      }
    }
  }

  private func check(_ byteCount: Int, _ column: Range<Int>) {
    precondition(
      byteCount >= places.end && column.lowerBound >= 0
        && column.upperBound <= places.shardByteCount, "shards out of bounds")
  }
}
