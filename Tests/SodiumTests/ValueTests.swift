// Digests as values; secrets as owned memory; spans compared and copied.

import Sodium
import Testing

@Suite struct `A digest` {
  private func digest(_ bytes: [UInt8]) throws -> Digest { try #require(takeDigest(bytes)) }

  @Test func `is ordered as its bytes are`() throws {
    var all = try (0..<32).map { i in
      var bytes = [UInt8](repeating: 0, count: 32)
      bytes[i] = 1
      return try digest(bytes)
    }
    all += [Digest(), try digest([UInt8](repeating: 0xff, count: 32)), try digest(counting(32))]
    for a in all {
      for b in all { #expect((a < b) == a.bytes.lexicographicallyPrecedes(b.bytes)) }
    }
  }

  @Test func `comes back from its hexadecimal form in either case`() throws {
    let value = try digest(counting(32))
    #expect(value.hex == "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
    #expect(Digest(hex: value.hex) == value)
    #expect(Digest(hex: value.hex.uppercased()) == value)
  }

  @Test(arguments: [
    "", "00", String(repeating: "0", count: 63), String(repeating: "0", count: 65),
    String(repeating: "0", count: 66), String(repeating: "g", count: 64),
    String(repeating: "0", count: 63) + " ", " " + String(repeating: "0", count: 64),
    String(repeating: "é", count: 32),
  ])
  func `is not read from anything else`(text: String) { #expect(Digest(hex: text) == nil) }

  @Test func `is not taken from fewer than 32 bytes`() {
    let bytes = counting(40)
    #expect(takeDigest(bytes, at: 8)?.bytes == Array(bytes[8...]))
    for offset in [-1, 9, 40, 41, Int.max, Int.min] {
      #expect(takeDigest(bytes, at: offset) == nil)
    }
    #expect(takeDigest([]) == nil)
  }

  @Test func `adds as a number of 256 bits, carrying through every word and past the end`() throws {
    let ones = [UInt8](repeating: 0xff, count: 32)
    var one = [UInt8](repeating: 0, count: 32)
    one[31] = 1
    var sum = try digest(ones)
    sum.add(try digest(one))
    #expect(sum == Digest())
    sum.add(try digest(ones))
    sum.add(try digest(ones))
    #expect(sum.bytes == ones.dropLast() + [0xfe])
    for i in 0..<31 {
      // 0…0 ff…ff + 1 = 0…1 0…0
      var low = [UInt8](repeating: 0, count: 32)
      for k in (i + 1)..<32 { low[k] = 0xff }
      var expected = [UInt8](repeating: 0, count: 32)
      expected[i] = 1
      var sum = try digest(low)
      sum.add(try digest(one))
      #expect(sum.bytes == expected, "carry into byte \(i)")
    }
  }

  @Test func `adds in any order to the same sum`() throws {
    let values = (0..<50).map { Blake2b.hash([UInt8($0)]) }
    var forward = Digest()
    var backward = Digest()
    for value in values { forward.add(value) }
    for value in values.reversed() { backward.add(value) }
    #expect(forward == backward)
    #expect(forward != values[0])
  }
}

@Suite struct `A secret` {
  @Test func `equals what has the same bytes and nothing else`() throws {
    let a = try secret(counting(32))
    #expect(a.equals(try secret(counting(32))))
    #expect(a.equals(a))
    #expect(!a.equals(try secret(counting(31))))
    #expect(!a.equals(try secret(counting(33))))
    var other = counting(32)
    other[31] ^= 1
    #expect(!a.equals(try secret(other)))
  }

  @Test func `is never empty`() {
    #expect(throws: SodiumError.wrongLength) { try secret([]) }
    #expect(throws: SodiumError.wrongLength) { try Secret(randomByteCount: 0) }
    #expect(throws: SodiumError.wrongLength) { try Secret(randomByteCount: -1) }
  }

  @Test func `is random if asked to be`() throws {
    let a = try Secret(randomByteCount: 32)
    let b = try Secret(randomByteCount: 32)
    #expect(!a.equals(b))
    #expect(a.copy.count == 32)
  }

  @Test func `that could not be filled is not made`() {
    #expect(throws: SodiumError.forged) {
      try Secret(byteCount: 4) { (_) throws(SodiumError) in throw .forged }
    }
  }

  @Test func `in an array is wiped on request`() {
    var array = counting(100)
    wipe(&array)
    #expect(array == [UInt8](repeating: 0, count: 100))
    var empty: [UInt8] = []
    wipe(&empty)
  }
}

@Suite struct `Randomness` {
  @Test func `numbers stay below their bound and reach all of it`() {
    var seen: Set<UInt32> = []
    for _ in 0..<1000 { seen.insert(Random.uniform(below: 7)) }
    #expect(seen == Set(0..<7))
    #expect(Random.uniform(below: 0) == 0)
    #expect(Random.uniform(below: 1) == 0)
    #expect(Random.bytes(0) == [])
    #expect(Random.bytes(-1) == [])
    #expect(Random.bytes(32) != Random.bytes(32))
  }
}

private func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool { Bytes.equal(a.span, b.span) }

@Suite struct `Spans` {
  @Test func `are equal only with the same length and bytes`() {
    let a = counting(1000)
    #expect(equal(a, counting(1000)))
    #expect(!equal(a, Array(a.dropLast())))
    var other = a
    other[999] ^= 1
    #expect(!equal(a, other))
    #expect(equal([], []))
  }

  @Test func `are copied and appended whole`() {
    var target = [UInt8](repeating: 9, count: 5)
    var span = target.mutableSpan
    let source: [UInt8] = [1, 2, 3]
    Bytes.copy(source.span, into: &span)
    #expect(target == [1, 2, 3, 9, 9])
    let nothing: [UInt8] = []
    Bytes.append(source.span, to: &target)
    Bytes.append(nothing.span, to: &target)
    #expect(target == [1, 2, 3, 9, 9, 1, 2, 3])
  }
}
