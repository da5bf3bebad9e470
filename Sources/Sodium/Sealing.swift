// XChaCha20-Poly1305: authenticated encryption of blobs, trailers, documents and key slots.

internal import CSodium

/// XChaCha20-Poly1305-IETF (draft-irtf-cfrg-xchacha-03), 24-byte nonce, 16-byte tag.
///
/// Random nonces are safe for any volume one key sees here. The construction does not commit to
/// its key: whoever stores sealed bytes stores a key commitment beside them.
package enum AEAD {
  package static let keyByteCount = 32
  package static let nonceByteCount = 24
  package static let tagByteCount = 16

  /// Encrypts `plaintext` into `output` as ciphertext then tag.
  ///
  /// - Throws: `wrongLength` unless `output` is exactly 16 bytes longer than `plaintext`,
  ///   `nonce` has 24 bytes and `key` 32.
  package static func seal(
    _ plaintext: Span<UInt8>, binding associated: [UInt8], nonce: Span<UInt8>, key: Secret,
    into output: inout MutableSpan<UInt8>
  ) throws(SodiumError) {
    guard output.count == plaintext.count + tagByteCount,
      nonce.count == nonceByteCount, key.byteCount == keyByteCount
    else { throw .wrongLength }
    unsafe output.withAddress { out in
      unsafe plaintext.withAddress { input in
        unsafe nonce.withAddress { n in
          unsafe key.withAddress { k in
            _ = unsafe crypto_aead_xchacha20poly1305_ietf_encrypt(
              out, nil, input, UInt64(plaintext.count), associated, UInt64(associated.count), nil,
              n, k)
          }
        }
      }
    }
  }

  /// Decrypts ciphertext and tag into `output`.
  ///
  /// - Throws: `forged` if the tag does not match (`output` is then zero-filled), `wrongLength` if
  ///   the lengths do not fit.
  package static func open(
    _ sealed: Span<UInt8>, binding associated: [UInt8], nonce: Span<UInt8>, key: Secret,
    into output: inout MutableSpan<UInt8>
  ) throws(SodiumError) {
    guard sealed.count == output.count + tagByteCount,
      nonce.count == nonceByteCount, key.byteCount == keyByteCount
    else { throw .wrongLength }
    let capacity = output.count
    let status = unsafe output.withAddress { out in
      let status = unsafe sealed.withAddress { input in
        unsafe nonce.withAddress { n in
          unsafe key.withAddress { k in
            unsafe crypto_aead_xchacha20poly1305_ietf_decrypt(
              out, nil, nil, input, UInt64(sealed.count), associated, UInt64(associated.count),
              n, k)
          }
        }
      }
      if status != 0, capacity > 0 { unsafe sodium_memzero(out, capacity) }
      return status
    }
    guard status == 0 else { throw .forged }
  }

  /// `nonce ‖ ciphertext ‖ tag` of `plaintext` under a fresh random nonce.
  package static func sealed(_ plaintext: [UInt8], binding associated: [UInt8], key: Secret)
    throws(SodiumError) -> [UInt8]
  {
    var result = [UInt8](repeating: 0, count: nonceByteCount + plaintext.count + tagByteCount)
    let nonce = Random.bytes(nonceByteCount)
    for i in 0..<nonceByteCount { result[i] = nonce[i] }
    let count = result.count
    var all = result.mutableSpan
    var body = all._mutatingExtracting(nonceByteCount..<count)
    try seal(plaintext.span, binding: associated, nonce: nonce.span, key: key, into: &body)
    return result
  }

  /// The plaintext of `nonce ‖ ciphertext ‖ tag`.
  ///
  /// - Throws: `forged` if it is too short to be one, or does not authenticate.
  package static func opened(_ sealed: Span<UInt8>, binding associated: [UInt8], key: Secret)
    throws(SodiumError) -> [UInt8]
  {
    guard sealed.count >= nonceByteCount + tagByteCount else { throw .forged }
    var result = [UInt8](repeating: 0, count: sealed.count - nonceByteCount - tagByteCount)
    var output = result.mutableSpan
    try open(
      sealed.extracting(nonceByteCount..<sealed.count), binding: associated,
      nonce: sealed.extracting(0..<nonceByteCount), key: key, into: &output)
    return result
  }
}
