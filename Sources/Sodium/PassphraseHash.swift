// Argon2id: a passphrase to a key, slowly on purpose.

internal import CSodium

/// Argon2id version 1.3 (RFC 9106), one lane, through `crypto_pwhash`.
package struct PassphraseHash: Sendable, Equatable {
  package static let saltByteCount = 16
  /// Passes over the memory.
  package var passes: UInt32
  /// Memory in KiB.
  package var memoryKibibytes: UInt32

  /// 128 MiB and 4 passes: twice the memory of RFC 9106's second recommended choice, and no more,
  /// because every command pays it and promises to stay within 256 MiB.
  package static let standard = PassphraseHash(passes: 4, memoryKibibytes: 128 * 1024)
  /// What libsodium accepts as least; for tests of things other than the hash.
  package static let minimal = PassphraseHash(passes: 1, memoryKibibytes: 8)

  package init(passes: UInt32, memoryKibibytes: UInt32) {
    self.passes = passes
    self.memoryKibibytes = memoryKibibytes
  }

  /// The 32-byte key of `passphrase` and `salt`.
  ///
  /// - Throws: `wrongLength` for parameters out of range (at most 4 GiB and 64 passes, so that a
  ///   hostile key slot cannot stall us), `outOfMemory` if the memory is not to be had.
  package func key(from passphrase: Secret, salt: [UInt8]) throws(SodiumError) -> Secret {
    guard salt.count == Self.saltByteCount, (1...64).contains(passes),
      (8...4 * 1024 * 1024).contains(memoryKibibytes)
    else { throw .wrongLength }
    let passes = UInt64(self.passes)
    let memory = Int(memoryKibibytes) * 1024
    return try Secret(byteCount: 32) { (span) throws(SodiumError) in
      let status = unsafe passphrase.withAddress { p in
        unsafe span.withAddress { out in
          unsafe UnsafeRawPointer(p).withMemoryRebound(to: CChar.self, capacity: 1) { text in
            unsafe crypto_pwhash(
              out, 32, text, UInt64(passphrase.byteCount), salt, passes, memory,
              crypto_pwhash_ALG_ARGON2ID13)
          }
        }
      }
      guard status == 0 else { throw .outOfMemory }
    }
  }
}
