// The code against its definition, computed here from the field's arithmetic alone.

import Parity
import Testing

/// GF(2⁸) modulo x⁸ + x⁴ + x³ + x² + 1, the slow and obvious way.
private enum Field {
  static func product(_ a: UInt8, _ b: UInt8) -> UInt8 {
    var (a, b, sum) = (UInt16(a), b, UInt16(0))
    while b != 0 {
      if b & 1 != 0 { sum ^= a }
      a <<= 1
      if a & 0x100 != 0 { a ^= 0x11D }
      b >>= 1
    }
    return UInt8(sum)
  }

  static func inverse(_ a: UInt8) -> UInt8 {
    (1...255).first { product(a, UInt8($0)) == 1 }.map { UInt8($0) } ?? 0
  }
}

/// Bytes that look random and are the same for the same seed.
private func noise(_ count: Int, _ seed: UInt64) -> [UInt8] {
  var generator = Generator(state: seed | 1)
  return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
}

private struct Generator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }
}

@Suite struct `The parity code` {
  /// A gap between data and parity, as a pack has it.
  private static func places(_ count: Int, _ length: Int) throws -> ShardPlaces {
    try #require(
      ShardPlaces(dataCount: count, shardByteCount: length, parityOffset: count * length + 24))
  }

  private static func encoded(_ places: ShardPlaces) -> [UInt8] {
    var bytes = noise(places.end, UInt64(places.count))
    var span = bytes.mutableSpan
    ReedSolomon(places).encode(&span, column: 0..<places.shardByteCount)
    return bytes
  }

  @Test(arguments: [1, 2, 5, 17, 250]) func `is what its definition says`(count: Int) throws {
    let places = try Self.places(count, 7)
    let bytes = Self.encoded(places)
    for row in 0..<5 {
      for x in 0..<7 {
        var sum: UInt8 = 0
        for i in 0..<count {
          let factor = Field.inverse(UInt8(250 + row) ^ UInt8(i))
          sum ^= Field.product(factor, bytes[i * 7 + x])
        }
        #expect(bytes[places.offset(of: count + row) + x] == sum)
      }
    }
  }

  @Test(arguments: [(1, 1), (3, 33), (250, 64), (117, 100)])
  func `finds any five shards again, wherever they are`(count: Int, length: Int) throws {
    let places = try Self.places(count, length)
    let whole = Self.encoded(places)
    let code = ReedSolomon(places)
    var generator = Generator(state: 7)
    for _ in 0..<60 {
      let lost = Array((0..<places.count).shuffled(using: &generator).prefix(5))
      var bytes = whole
      for shard in lost {
        for i in 0..<length { bytes[places.offset(of: shard) + i] ^= UInt8.random(in: 1...255) }
      }
      var span = bytes.mutableSpan
      #expect(code.mend(&span, column: 0..<length, erased: lost))
      #expect(bytes == whole, "lost \(lost)")
    }
  }

  @Test func `mends one column and leaves the others alone`() throws {
    let places = try Self.places(10, 96)
    let whole = Self.encoded(places)
    var bytes = whole
    for i in 0..<96 { bytes[places.offset(of: 4) + i] ^= 0x55 }
    var span = bytes.mutableSpan
    #expect(ReedSolomon(places).mend(&span, column: 32..<64, erased: [4]))
    let start = places.offset(of: 4)
    #expect(Array(bytes[start + 32..<start + 64]) == Array(whole[start + 32..<start + 64]))
    #expect(bytes[start + 31] == whole[start + 31] ^ 0x55)
    #expect(bytes[start + 64] == whole[start + 64] ^ 0x55)
  }

  @Test func `does not claim to find six`() throws {
    let places = try Self.places(20, 8)
    var bytes = Self.encoded(places)
    var span = bytes.mutableSpan
    #expect(!ReedSolomon(places).mend(&span, column: 0..<8, erased: [0, 1, 2, 3, 4, 5]))
  }

  @Test func `yields wrong bytes when the wrong shard is called damaged`() throws {
    let places = try Self.places(20, 8)
    let whole = Self.encoded(places)
    var bytes = whole
    bytes[0] ^= 1
    var span = bytes.mutableSpan
    #expect(ReedSolomon(places).mend(&span, column: 0..<8, erased: [3]))
    #expect(bytes != whole)
  }

  @Test func `refuses places that cannot be`() {
    #expect(ShardPlaces(dataCount: 0, shardByteCount: 1, parityOffset: 0) == nil)
    #expect(ShardPlaces(dataCount: 251, shardByteCount: 1, parityOffset: 251) == nil)
    #expect(ShardPlaces(dataCount: 2, shardByteCount: 0, parityOffset: 2) == nil)
    #expect(ShardPlaces(dataCount: 2, shardByteCount: 8, parityOffset: 15) == nil)
  }
}

@Suite struct `The checksum of cells` {
  /// The check value of CRC-64/XZ in the catalogue of parametrised CRC algorithms.
  @Test func `is CRC-64 as xz computes it`() {
    let digits = Array("123456789".utf8)
    #expect(CyclicCheck.checksum(digits.span) == 0x995D_C9BB_DF19_39FA)
  }

  @Test func `of zeros is not zero, and every flipped bit changes it`() {
    var bytes = [UInt8](repeating: 0, count: 600)
    let zeros = CyclicCheck.checksum(bytes.span)
    #expect(zeros != 0)
    for i in bytes.indices {
      bytes[i] ^= 1 << UInt8(i % 8)
      #expect(CyclicCheck.checksum(bytes.span) != zeros)
      bytes[i] = 0
    }
  }
}
