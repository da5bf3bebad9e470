// Secrets in locked, guarded memory that is wiped when the last owner lets go.

internal import CSodium

/// A failure of the cryptographic library or of a check that it makes.
package enum SodiumError: Error, Equatable {
  /// libsodium did not initialise, or gave no locked memory.
  case lockedMemoryUnavailable
  /// A key, nonce or buffer has the wrong length; always a bug of the caller.
  case wrongLength
  /// Authentication failed: wrong key, or the bytes were altered.
  case forged
  /// The passphrase hash needs more memory than the system gives.
  case outOfMemory
}

/// Secret bytes, immutable after `init`.
///
/// A class, because pack keys and role keys are shared by worker threads and must be wiped once,
/// when the last of them lets go. Memory is `sodium_malloc`: guard pages, locked where the limit
/// allows it, left out of core dumps.
@safe package final class Secret: @unchecked Sendable {  // immutable after init
  package let byteCount: Int
  private let storage: UnsafeMutableRawPointer

  /// Allocates `byteCount` zero bytes and lets `fill` write them.
  package init(
    byteCount: Int, fill: (inout MutableSpan<UInt8>) throws(SodiumError) -> Void
  ) throws(SodiumError) {
    // sodium_malloc aborts the process unless sodium_init (safe to repeat) came first.
    guard byteCount > 0 else { throw .wrongLength }
    guard sodium_init() >= 0, let memory = unsafe sodium_malloc(byteCount)
    else { throw .lockedMemoryUnavailable }
    unsafe sodium_memzero(memory, byteCount)
    unsafe storage = memory
    self.byteCount = byteCount
    var span = unsafe MutableSpan<UInt8>(
      _unsafeStart: memory.assumingMemoryBound(to: UInt8.self), count: byteCount)
    try fill(&span)
  }

  /// Draws `byteCount` fresh bytes from the system's random source.
  package convenience init(randomByteCount byteCount: Int) throws(SodiumError) {
    try self.init(byteCount: byteCount) { (span) throws(SodiumError) in
      Random.fill(&span)
    }
  }

  /// Copies `bytes`; the caller still has its own copy to wipe.
  package convenience init(copying bytes: Span<UInt8>) throws(SodiumError) {
    try self.init(byteCount: bytes.count) { (span) throws(SodiumError) in
      for i in 0..<bytes.count { span[i] = bytes[i] }
    }
  }

  /// Lends the bytes for one call.
  package func withBytes<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(
      unsafe Span(
        _unsafeStart: storage.assumingMemoryBound(to: UInt8.self), count: byteCount))
  }

  /// Compares in constant time; false if the lengths differ.
  package func equals(_ other: Secret) -> Bool {
    guard byteCount == other.byteCount else { return false }
    return unsafe sodium_memcmp(storage, other.storage, byteCount) == 0
  }

  deinit { unsafe sodium_free(storage) }
}

/// Randomness and the wiping of ordinary memory.
package enum Random {
  /// `count` bytes from the system's random source.
  package static func bytes(_ count: Int) -> [UInt8] {
    guard count > 0 else { return [] }
    var result = [UInt8](repeating: 0, count: count)
    var span = result.mutableSpan
    fill(&span)
    return result
  }

  /// Fills `span` with random bytes.
  package static func fill(_ span: inout MutableSpan<UInt8>) {
    guard span.count > 0, sodium_init() >= 0 else { return }
    let count = span.count
    unsafe span.withAddress { unsafe randombytes_buf($0, count) }
  }

  /// A random 32-byte value.
  package static func digest() -> Digest { Digest(bytes(32).span) ?? Digest() }

  /// A uniform number below `bound`; 0 if `bound` is 0.
  package static func uniform(below bound: UInt32) -> UInt32 { randombytes_uniform(bound) }
}

/// Overwrites `bytes` so that a secret read from a file does not linger in ordinary memory.
///
/// What the optimiser or a copy-on-write made before is out of reach: keep such arrays unshared.
package func wipe(_ bytes: inout [UInt8]) {
  let count = bytes.count
  var span = bytes.mutableSpan
  unsafe span.withAddress { unsafe sodium_memzero($0, count) }
}
