// The fast scanners against the reference, position by position, and the parts of the reference
// against their standards.

import Chunking
import Testing

@Suite struct `AES-128` {
  /// FIPS 197, appendix B and appendix C.1: key, plain text, cipher text.
  @Test(arguments: [
    (
      "2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734",
      "3925841d02dc09fbdc118597196a0b32"
    ),
    (
      "000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff",
      "69c4e0d86a7b0430d8cdb78070b4c55a"
    ),
  ])
  func `matches the standard's examples`(key: String, plain: String, cipher: String) throws {
    let aes = try #require(AES128(key: bytes(hex: key)))
    #expect(aes.encrypt(block(hex: plain)) == block(hex: cipher))
  }

  @Test(arguments: [0, 15, 17, 32])
  func `refuses a key of another length`(byteCount: Int) {
    #expect(AES128(key: [UInt8](repeating: 0, count: byteCount)) == nil)
  }

  private func bytes(hex: String) -> [UInt8] {
    stride(from: 0, to: hex.count, by: 2).compactMap {
      UInt8(hex.dropFirst($0).prefix(2), radix: 16)
    }
  }

  private func block(hex: String) -> UInt128 {
    bytes(hex: hex).reversed().reduce(0) { $0 << 8 | UInt128($1) }
  }
}

@Suite struct `The rolling hash` {
  @Test func `depends on the last 64 bytes and on nothing before them`() throws {
    let hash = try #require(RollingHash(table: table()))
    let window = Input.random(seed: 9, byteCount: 64)
    var rolled: [UInt128] = []
    for seed in [11, 12, 13] as [UInt64] {
      let bytes = Input.random(seed: seed, byteCount: 64 + Int(seed)) + window
      var h = bytes.prefix(64).reduce(0) { hash.appending($1, to: $0) }
      for i in 64..<bytes.count { h = hash.rolling(h, in: bytes[i], out: bytes[i - 64]) }
      rolled.append(h)
    }
    let direct = window.reduce(0) { hash.appending($1, to: $0) }
    #expect(rolled == [direct, direct, direct])
  }

  @Test func `tells apart windows that differ in one byte, wherever it is`() throws {
    let hash = try #require(RollingHash(table: table()))
    var seen: Set<UInt128> = []
    for position in 0..<64 {
      var window = [UInt8](repeating: 0x20, count: 64)
      window[position] = 0x21
      seen.insert(window.reduce(0) { hash.appending($1, to: $0) })
    }
    #expect(seen.count == 64)
  }

  /// x generates a group whose order divides 2¹²⁸ − 1 if the modulus is irreducible: x^(2^128) = x.
  @Test func `works in a field`() {
    func times(_ a: UInt128, _ b: UInt128) -> UInt128 {
      var (product, a, b) = (UInt128(0), a, b)
      while b != 0 {
        if b & 1 == 1 { product ^= a }
        a = RollingHash.timesX(a)
        b >>= 1
      }
      return product
    }
    var power: UInt128 = 2
    for step in 1...128 {
      power = times(power, power)
      // Rabin's test: no factor of degree 64 (the only maximal proper divisor of 128) …
      if step == 64 { #expect(power != 2) }
    }
    // … and x^(2^128) is x.
    #expect(power == 2)
  }

  @Test(arguments: [0, 4095, 4097])
  func `refuses a table of another length`(byteCount: Int) {
    #expect(RollingHash(table: [UInt8](repeating: 1, count: byteCount)) == nil)
  }
}

@Suite struct `The fast scanners` {
  enum Sample: CaseIterable { case random, zeros, text, period }

  /// Every position that cuts, found by scanning on from the last.
  private func cuts(
    in bytes: [UInt8], threshold: UInt64, by firstCut: (Span<UInt8>, Range<Int>, UInt64) -> Int
  ) -> [Int] {
    var found: [Int] = []
    var from = 63
    while from < bytes.count {
      let cut = firstCut(bytes.span, from..<bytes.count, threshold)
      if cut < bytes.count { found.append(cut) }
      from = cut + 1
    }
    return found
  }

  @Test(arguments: NativeScanner.Method.available, Sample.allCases)
  func `cut where the reference cuts`(method: NativeScanner.Method, sample: Sample) throws {
    let bytes =
      switch sample {
      case .random: Input.random(seed: 21, byteCount: 25_003)
      case .zeros: Input.zeros(byteCount: 10_000)
      case .text: Input.rows(seed: 22, byteCount: 25_003)
      case .period: (0..<10_000).map { UInt8($0 % 251) }
      }
    let hash = try #require(RollingHash(table: table(seed: 23)))
    let cipher = try #require(AES128(key: prfKey))
    let reference = ReferenceScanner(hash: hash, cipher: cipher)
    let native = try #require(NativeScanner(hash: hash, cipher: cipher, method: method))
    // One position in 2⁴, 2⁹, 2¹², and none.
    for threshold in [1 << 60, 1 << 55, 1 << 52, 0] as [UInt64] {
      let expected = cuts(in: bytes, threshold: threshold) {
        reference.firstCut(in: $0, $1, threshold: $2)
      }
      let actual = cuts(in: bytes, threshold: threshold) {
        native.firstCut(in: $0, $1, threshold: $2)
      }
      let difference = zip(actual, expected).first { $0 != $1 }
      #expect(
        difference.map { [$0.0, $0.1] } == nil && actual.count == expected.count,
        "threshold \(threshold)")
      if sample == .random, threshold > 0 { #expect(!expected.isEmpty) }
    }
  }

  @Test(arguments: NativeScanner.Method.available)
  func `cut alike whatever the first and last position`(method: NativeScanner.Method) throws {
    let bytes = Input.random(seed: 31, byteCount: 2300)
    let hash = try #require(RollingHash(table: table()))
    let cipher = try #require(AES128(key: prfKey))
    let reference = ReferenceScanner(hash: hash, cipher: cipher)
    let native = try #require(NativeScanner(hash: hash, cipher: cipher, method: method))
    let threshold: UInt64 = 1 << 54  // two cuts in all
    for from in 63..<100 {
      for to in [from, from + 1, from + 7, from + 8, from + 9, from + 17, 2111 + from % 9, 2300] {
        let actual = native.firstCut(in: bytes.span, from..<to, threshold: threshold)
        let expected = reference.firstCut(in: bytes.span, from..<to, threshold: threshold)
        #expect(actual == expected)
      }
    }
  }

  @Test func `see a cut at any position`() throws {
    let hash = try #require(RollingHash(table: table()))
    let cipher = try #require(AES128(key: prfKey))
    let bytes = Input.random(seed: 33, byteCount: 2200)
    for method in NativeScanner.Method.available {
      let native = try #require(NativeScanner(hash: hash, cipher: cipher, method: method))
      // With every position below the limit, the first one asked for is the answer.
      for from in 63..<2200 {
        let cut = native.firstCut(in: bytes.span, from..<2200, threshold: .max)
        #expect(cut == from)
      }
    }
  }
}
