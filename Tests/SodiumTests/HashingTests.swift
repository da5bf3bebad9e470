// BLAKE2b and SipHash against values from other implementations.

import Sodium
import Testing

@Suite struct `BLAKE2b-256` {
  // CPython's hashlib (the BLAKE2 reference code), digest_size=32.
  @Test func `of nothing and of abc is what the reference says`() {
    #expect(
      Blake2b.hash([]).hex == "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8")
    #expect(
      Blake2b.hash(Array("abc".utf8)).hex
        == "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319")
  }

  /// The hash of the 256 hashes of 0, 1, … 255 counting bytes, concatenated.
  @Test(arguments: [
    (0, "869a4e2df38b0d4e1061a44ff7759ff5cf41c6201a6edc945b05360a67bb05cb"),
    (16, "b87645e1e1174becceb14efa0e5c4ca9df4a0feca0f8788b1c20c00572d453c9"),
    (32, "e6b430211c54bf5188cc99eb7d8320a100faf74d10d49432326ea4c663b5dddb"),
    (64, "52d75182eb7c3ee74b8d6d1b981826b3326636fb071bc4bf00209bf9f724d8ca"),
  ])
  func `of every length up to 255 is what the reference says`(keyLength: Int, expected: String)
    throws
  {
    let key = keyLength == 0 ? nil : try secret(counting(keyLength))
    let all = (0..<256).flatMap { Blake2b.hash(counting($0), key: key).bytes }
    #expect(Blake2b.hash(all).hex == expected)
  }

  @Test func `of pieces is that of the whole, with the prefix in front of each`() {
    let prefix = counting(32)
    let stream = Blake2bStream(prefix: prefix)
    for length in [0, 1, 95, 96, 97, 128, 1000] {
      let text = counting(length)
      for cut in [0, length / 3, length] {
        stream.update(text.span.extracting(0..<cut))
        stream.update(text.span.extracting(cut..<length))
        #expect(stream.finish() == Blake2b.hash(prefix + text), "\(length) cut at \(cut)")
      }
    }
    #expect(Blake2bStream().finish() == Blake2b.hash([]))
  }

  @Test func `derives subkeys as the format says: context, zero, info under the key`() throws {
    let key = try secret(counting(32))
    #expect(
      try Blake2b.derive(key, "lifeboat blob ids v1").copy
        == bytes("4c46366564363d7fa67485ff33a248a8b8d3a3851d833c9f0acf86f8b03df70a"))
    #expect(
      try Blake2b.derive(key, "context", info: Array("info".utf8)).copy
        == bytes("0e5de3b5bf88c0ac551d6e79f917f2e64c129d033865ec0527d570c33fd36bbf"))
  }

  @Test(arguments: [0, 1, 16, 31, 32, 33, 64, 4096])
  func `expands to any length, and the shorter is the beginning of the longer`(count: Int) throws {
    let key = try secret(counting(32))
    let long = try Blake2b.expand(key, "test", count: 5000)
    #expect(try Blake2b.expand(key, "test", count: count) == Array(long[..<count]))
    #expect(
      try Array(long[32..<64]) == Blake2b.derive(key, "test", info: [1, 0, 0, 0]).copy)
  }
}

@Suite struct `SipHash` {
  @Test func `is the one of its authors' appendix`() throws {
    #expect(ShortHash.hash(counting(15), key: try secret(counting(16))) == 0xa129_ca61_49be_45e5)
  }

  @Test func `takes the first 16 bytes of a longer key`() throws {
    let long = try secret(counting(32))
    #expect(
      ShortHash.hash([1, 2, 3], key: long)
        == ShortHash.hash([1, 2, 3], key: try secret(counting(16))))
  }
}

@Suite struct `Argon2id` {
  // The reference implementation (phc-winner-argon2, through argon2-cffi), one lane, 32 bytes.
  @Test(
    arguments: [
      (
        Array("password".utf8), Array("somesaltsomesalt".utf8), 1, 8,
        "05b6ca8f8038b683887ad4916533858b49cb52040126c134f4c6e9d8711b8c09"
      ),
      (
        Array("password".utf8), Array("somesaltsomesalt".utf8), 3, 64,
        "6164c739a04e17de34a80bee65c6a58f4b8a240cbf5652f4a79e35ae02b7c616"
      ),
      (
        (0..<30).flatMap { _ in [0xff, 0] + Array(" long ".utf8) }, counting(16), 2, 256,
        "bea1a08f43745ca9826e2801b08535537d5c6dd6fabf16d9275954d10f5d03a0"
      ),
    ] as [([UInt8], [UInt8], UInt32, UInt32, String)])
  func `makes the key that the reference makes`(
    passphrase: [UInt8], salt: [UInt8], passes: UInt32, memory: UInt32, expected: String
  ) throws {
    let hash = PassphraseHash(passes: passes, memoryKibibytes: memory)
    #expect(try hash.key(from: try secret(passphrase), salt: salt).copy == bytes(expected))
  }

  @Test(
    arguments: [(0, 8, 16), (65, 8, 16), (1, 7, 16), (1, 4 << 20 | 1, 16), (1, 8, 15), (1, 8, 17)]
      as [(UInt32, UInt32, Int)])
  func `refuses parameters that a hostile key slot could stall us with`(
    passes: UInt32, memory: UInt32, saltLength: Int
  ) throws {
    let passphrase = try secret([1])
    #expect(throws: SodiumError.wrongLength) {
      try PassphraseHash(passes: passes, memoryKibibytes: memory).key(
        from: passphrase, salt: counting(saltLength))
    }
  }
}
