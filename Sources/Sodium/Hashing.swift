// BLAKE2b-256: content ids, key derivation, row hashes.

internal import CSodium

/// BLAKE2b with 32-byte output (RFC 7693), through libsodium's `crypto_generichash`.
package enum Blake2b {
  /// The hash of `bytes`, keyed if `key` (16 to 64 bytes) is given.
  package static func hash(_ bytes: Span<UInt8>, key: Secret? = nil) -> Digest {
    var output = [UInt8](repeating: 0, count: 32)
    unsafe bytes.withAddress { input in
      if let key {
        unsafe key.withAddress { k in
          _ = unsafe crypto_generichash(
            &output, 32, input, UInt64(bytes.count), k, key.byteCount)
        }
      } else {
        _ = unsafe crypto_generichash(&output, 32, input, UInt64(bytes.count), nil, 0)
      }
    }
    return Digest(output.span) ?? Digest()
  }

  /// The hash of `bytes`, keyed if `key` is given.
  package static func hash(_ bytes: [UInt8], key: Secret? = nil) -> Digest {
    hash(bytes.span, key: key)
  }

  /// A subkey: keyed BLAKE2b-256 of `context`, a zero byte and `info`.
  ///
  /// `context` is a constant of the format and separates uses of one key; `info` separates objects.
  package static func derive(_ key: Secret, _ context: String, info: [UInt8] = [])
    throws(SodiumError) -> Secret
  {
    var input = Array(context.utf8)
    input.append(0)
    input += info
    return try Secret(byteCount: 32) { (span) throws(SodiumError) in
      unsafe key.withAddress { k in
        unsafe span.withAddress { out in
          _ = unsafe crypto_generichash(out, 32, input, UInt64(input.count), k, key.byteCount)
        }
      }
    }
  }

  /// `count` bytes expanded from `key` for `context`: BLAKE2b-256 of a counter, block by block.
  package static func expand(_ key: Secret, _ context: String, count: Int) throws(SodiumError)
    -> [UInt8]
  {
    var output: [UInt8] = []
    output.reserveCapacity(count + 32)
    var block: UInt32 = 0
    while output.count < count {
      let info = (0..<4).map { UInt8(truncatingIfNeeded: block >> (8 * UInt32($0))) }
      let part = try derive(key, context, info: info)
      part.withBytes { span in
        for i in 0..<32 { output.append(span[i]) }
      }
      block += 1
    }
    return Array(output.prefix(count))
  }
}

/// BLAKE2b-256 over bytes that arrive in pieces, optionally behind a secret prefix.
///
/// One owner thread; `finish` starts it over, so one hasher serves millions of rows without
/// allocating. A prefix in place of a key saves the compression of a padded key block for each row;
/// BLAKE2b has no length extension, so the prefix keys it (RFC 7693, section 1; Luykx et al. 2016).
@safe package final class Blake2bStream {
  private let state: UnsafeMutableRawPointer
  private let prefix: [UInt8]

  /// Hashes `prefix` before everything else, each time.
  package init(prefix: [UInt8] = []) {
    _ = sodium_init()
    unsafe state = UnsafeMutableRawPointer.allocate(
      byteCount: crypto_generichash_statebytes(), alignment: 64)
    self.prefix = prefix
    start()
  }

  private func start() {
    _ = unsafe crypto_generichash_init(OpaquePointer(state), nil, 0, 32)
    if !prefix.isEmpty {
      _ = unsafe crypto_generichash_update(OpaquePointer(state), prefix, UInt64(prefix.count))
    }
  }

  /// Appends `bytes` to what is hashed.
  package func update(_ bytes: Span<UInt8>) {
    unsafe bytes.withAddress { input in
      _ = unsafe crypto_generichash_update(OpaquePointer(state), input, UInt64(bytes.count))
    }
  }

  /// The hash of all since the last `finish`.
  package func finish() -> Digest {
    var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    let result = unsafe withUnsafeMutableBytes(of: &words) { out in
      let out = unsafe out.bindMemory(to: UInt8.self)
      _ = unsafe crypto_generichash_final(
        OpaquePointer(state), out.baseAddress.unsafelyUnwrapped, 32)
      return Digest(unsafe Span(_unsafeElements: UnsafeBufferPointer(out)))
    }
    start()
    return result ?? Digest()
  }

  deinit {
    unsafe sodium_memzero(state, crypto_generichash_statebytes())
    unsafe state.deallocate()
  }
}

/// SipHash-2-4 (`crypto_shorthash`): keyed 64-bit hash for decisions that need no more.
package enum ShortHash {
  /// The hash of `bytes` under the first 16 bytes of `key`; `key` must hold at least 16.
  package static func hash(_ bytes: [UInt8], key: Secret) -> UInt64 {
    precondition(key.byteCount >= 16)
    var output = [UInt8](repeating: 0, count: 8)
    unsafe key.withAddress { k in
      _ = unsafe crypto_shorthash(&output, bytes, UInt64(bytes.count), k)
    }
    var value: UInt64 = 0
    for (i, byte) in output.enumerated() { value |= UInt64(byte) << UInt64(8 * i) }
    return value
  }
}
