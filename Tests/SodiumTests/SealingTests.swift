// XChaCha20-Poly1305, Ed25519 and X25519 against their documents' vectors, and what they refuse.

import Sodium
import Testing

private func opened(_ sealed: [UInt8], binding associated: [UInt8], key: Secret) throws -> [UInt8] {
  try AEAD.opened(sealed.span, binding: associated, key: key)
}

private func digest(_ bytes: [UInt8]) throws -> Digest { try #require(takeDigest(bytes)) }

@Suite struct `XChaCha20-Poly1305` {
  // draft-irtf-cfrg-xchacha-03, A.3.1.
  let plaintext = Array(
    ("Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      + "sunscreen would be it.").utf8)
  let associated = bytes("50515253c0c1c2c3c4c5c6c7")
  let key = (0x80...0x9f).map { UInt8($0) }
  let nonce = (0x40...0x57).map { UInt8($0) }
  let sealed = bytes(
    """
    bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
    731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
    2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
    21f9664c97637da9768812f615c68b13b52e
    c0875924c1c7987947deafd8780acf49
    """.split(separator: "\n").joined())

  @Test func `seals and opens the vector of its draft`() throws {
    let key = try secret(key)
    var output = [UInt8](repeating: 0, count: plaintext.count + 16)
    var span = output.mutableSpan
    try AEAD.seal(
      plaintext.span, binding: associated, nonce: nonce.span, key: key, into: &span)
    #expect(output == sealed)
    #expect(try opened(nonce + sealed, binding: associated, key: key) == plaintext)
  }

  @Test func `opens nothing of which any bit was changed, and leaves no plaintext behind`() throws {
    let key = try secret(key)
    let message = nonce + sealed
    for i in message.indices {
      for bit in [0, 7] as [UInt8] {
        var other = message
        other[i] ^= 1 << bit
        #expect(throws: SodiumError.forged, "byte \(i)") {
          try opened(other, binding: associated, key: key)
        }
      }
    }
    var other = sealed
    other[0] ^= 1
    var output = [UInt8](repeating: 7, count: plaintext.count)
    var span = output.mutableSpan
    do {
      try AEAD.open(other.span, binding: associated, nonce: nonce.span, key: key, into: &span)
      Issue.record("a forged message opened")
    } catch { #expect(error == .forged) }
    #expect(output == [UInt8](repeating: 0, count: plaintext.count))
  }

  @Test func `opens nothing that is bound to something else, or cut, or under another key`() throws
  {
    let right = try secret(key)
    let message = nonce + sealed
    for context in [[], associated + [0], Array(associated.dropLast())] {
      #expect(throws: SodiumError.forged) {
        try opened(message, binding: context, key: right)
      }
    }
    for length in 0..<message.count {
      #expect(throws: SodiumError.forged, "cut to \(length)") {
        try opened(Array(message[..<length]), binding: associated, key: right)
      }
    }
    let wrong = try Secret(randomByteCount: 32)
    #expect(throws: SodiumError.forged) {
      try opened(message, binding: associated, key: wrong)
    }
  }

  @Test func `refuses lengths that do not fit`() throws {
    let key = try secret(key)
    let short = try secret(Array(self.key.dropLast()))
    var output = [UInt8](repeating: 0, count: plaintext.count + 15)
    var span = output.mutableSpan
    do {
      try AEAD.seal(plaintext.span, binding: [], nonce: nonce.span, key: key, into: &span)
      Issue.record("sealed into too little")
    } catch { #expect(error == .wrongLength) }
    let plaintext = plaintext
    #expect(throws: SodiumError.wrongLength) { try AEAD.sealed(plaintext, binding: [], key: short) }
    #expect(throws: SodiumError.wrongLength) {
      try opened(nonce + sealed, binding: associated, key: short)
    }
  }

  @Test func `draws a fresh nonce each time, and seals nothing as nonce and tag`() throws {
    let key = try secret(key)
    let first = try AEAD.sealed([], binding: [], key: key)
    let second = try AEAD.sealed([], binding: [], key: key)
    #expect(first.count == 40)
    #expect(first[..<24] != second[..<24])
    #expect(try opened(first, binding: [], key: key) == [])
  }
}

@Suite struct `An Ed25519 signature` {
  // RFC 8032, 7.1, tests 1 and 2: seed, public key, message, signature.
  static let vectors = [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
  ]

  @Test(arguments: vectors)
  func `signs as its RFC does, and believes nothing that is changed`(
    seed: String, publicKey: String, message: String, signature: String
  ) throws {
    let key = try Ed25519.secretKey(seed: try secret(bytes(seed)))
    let known = try Ed25519.publicKey(of: key)
    let message = bytes(message)
    #expect(known.hex == publicKey)
    #expect(try Ed25519.sign(message, with: key) == bytes(signature))
    #expect(Ed25519.verify(bytes(signature), of: message, by: known))
    for i in 0..<64 {
      var other = bytes(signature)
      other[i] ^= 1
      #expect(!Ed25519.verify(other, of: message, by: known))
    }
    #expect(!Ed25519.verify(bytes(signature), of: message + [0], by: known))
    #expect(!Ed25519.verify(bytes(signature), of: message, by: Digest()))
    #expect(!Ed25519.verify(Array(bytes(signature).dropLast()), of: message, by: known))
    #expect(!Ed25519.verify([], of: message, by: known))
  }

  @Test func `refuses keys of the wrong length`() throws {
    let short = try secret(counting(31))
    #expect(throws: SodiumError.wrongLength) { try Ed25519.secretKey(seed: short) }
    #expect(throws: SodiumError.wrongLength) { try Ed25519.publicKey(of: short) }
    #expect(throws: SodiumError.wrongLength) { try Ed25519.sign([], with: short) }
  }
}

@Suite struct `An X25519 key pair` {
  // RFC 7748, 5.2 and 6.1: scalar, u-coordinate, product.
  @Test(arguments: [
    (
      "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
      "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
      "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"
    ),
    (
      "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
      "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
      "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    ),
  ])
  func `multiplies as its RFC does`(scalar: String, point: String, product: String) throws {
    let theirs = try digest(bytes(point))
    #expect(try X25519.sharedSecret(try secret(bytes(scalar)), theirs).copy == bytes(product))
  }

  @Test func `makes the public key of its RFC`() throws {
    let bob = try secret(bytes("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    #expect(
      try X25519.publicKey(of: bob).hex
        == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f")
  }

  @Test func `gives both sides one secret, and refuses points of low order`() throws {
    let a = try X25519.makeSecretKey()
    let b = try X25519.makeSecretKey()
    let ab = try X25519.sharedSecret(a, try X25519.publicKey(of: b))
    let ba = try X25519.sharedSecret(b, try X25519.publicKey(of: a))
    #expect(ab.equals(ba))
    var one = [UInt8](repeating: 0, count: 32)
    one[0] = 1
    for point in [Digest(), try digest(one)] {
      #expect(throws: SodiumError.forged) { try X25519.sharedSecret(a, point) }
    }
  }

  @Test func `refuses keys of the wrong length`() throws {
    let short = try secret(counting(31))
    #expect(throws: SodiumError.wrongLength) { try X25519.publicKey(of: short) }
    #expect(throws: SodiumError.wrongLength) { try X25519.sharedSecret(short, Digest()) }
  }
}
