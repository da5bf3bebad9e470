// Key pairs: X25519 to wrap session keys for a recipient, Ed25519 to sign documents.

internal import CSodium

/// X25519 (RFC 7748), through `crypto_scalarmult`.
package enum X25519 {
  /// A fresh secret key of 32 bytes.
  package static func makeSecretKey() throws(SodiumError) -> Secret {
    try Secret(randomByteCount: 32)
  }

  /// The public key of `secretKey`.
  package static func publicKey(of secretKey: Secret) throws(SodiumError) -> Digest {
    guard secretKey.byteCount == 32 else { throw .wrongLength }
    var output = [UInt8](repeating: 0, count: 32)
    unsafe secretKey.withAddress { s in _ = unsafe crypto_scalarmult_base(&output, s) }
    guard let result = Digest(output.span) else { throw .wrongLength }
    return result
  }

  /// The shared secret of our `secretKey` and their `publicKey`; hash it before use.
  ///
  /// - Throws: `forged` if `publicKey` has low order.
  package static func sharedSecret(_ secretKey: Secret, _ publicKey: Digest) throws(SodiumError)
    -> Secret
  {
    guard secretKey.byteCount == 32 else { throw .wrongLength }
    let theirs = publicKey.bytes
    return try Secret(byteCount: 32) { (span) throws(SodiumError) in
      let status = unsafe secretKey.withAddress { s in
        unsafe span.withAddress { out in unsafe crypto_scalarmult(out, s, theirs) }
      }
      guard status == 0 else { throw .forged }
    }
  }
}

/// Ed25519 (RFC 8032), through `crypto_sign_detached`.
package enum Ed25519 {
  package static let signatureByteCount = 64

  /// The 64-byte secret key (seed and public key) of a 32-byte `seed`.
  package static func secretKey(seed: Secret) throws(SodiumError) -> Secret {
    guard seed.byteCount == 32 else { throw .wrongLength }
    var publicKey = [UInt8](repeating: 0, count: 32)
    return try Secret(byteCount: 64) { (span) throws(SodiumError) in
      unsafe seed.withAddress { s in
        unsafe span.withAddress { out in
          _ = unsafe crypto_sign_seed_keypair(&publicKey, out, s)
        }
      }
    }
  }

  /// The public key inside a 64-byte secret key.
  package static func publicKey(of secretKey: Secret) throws(SodiumError) -> Digest {
    guard secretKey.byteCount == 64 else { throw .wrongLength }
    let digest = secretKey.withBytes { Digest($0, at: 32) }
    guard let digest else { throw .wrongLength }
    return digest
  }

  /// Signs `message`; deterministic.
  package static func sign(_ message: [UInt8], with secretKey: Secret) throws(SodiumError)
    -> [UInt8]
  {
    guard secretKey.byteCount == 64 else { throw .wrongLength }
    var signature = [UInt8](repeating: 0, count: signatureByteCount)
    unsafe secretKey.withAddress { s in
      _ = unsafe crypto_sign_detached(&signature, nil, message, UInt64(message.count), s)
    }
    return signature
  }

  /// Whether `signature` over `message` is by `publicKey`.
  package static func verify(_ signature: [UInt8], of message: [UInt8], by publicKey: Digest)
    -> Bool
  {
    guard signature.count == signatureByteCount, sodium_init() >= 0 else { return false }
    return unsafe crypto_sign_verify_detached(
      signature, message, UInt64(message.count), publicKey.bytes) == 0
  }
}
