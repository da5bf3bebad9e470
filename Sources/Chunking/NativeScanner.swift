// The scanner that uses the processor's AES instructions, behind a safe face: the only file of this
// module that touches C memory.

import CChunker

/// The same decisions as ``ReferenceScanner``, twenty times faster; absent where the processor has
/// no AES instructions.
@safe package final class NativeScanner: @unchecked Sendable {  // immutable; C only reads it
  /// The instruction sets it can scan with, slowest first.
  package enum Method: Int32, Sendable, CaseIterable {
    /// AES-NI and SSE 4.2.
    case aes = 1
    /// VAES and AVX-512.
    case vaes = 2

    /// What this processor can run, slowest first.
    package static var available: [Method] {
      let best = cchunker_best_method()
      return allCases.filter { $0.rawValue <= best }
    }
  }

  /// What it scans with.
  package let method: Method
  private let state: OpaquePointer

  /// Copies the tables into memory that is wiped when the scanner goes; nil if `method` is nil (no
  /// instruction set fits) or there is no memory.
  package init?(hash: RollingHash, cipher: AES128, method: Method? = Method.available.last) {
    let (entering, leaving) = (hash.entering.littleEndianBytes, hash.leaving.littleEndianBytes)
    guard let method,
      let state = unsafe cchunker_create(entering, leaving, cipher.roundKeyBytes)
    else { return nil }
    self.method = method
    unsafe self.state = state
  }

  deinit { unsafe cchunker_destroy(state) }

  /// As ``ReferenceScanner/firstCut(in:_:threshold:)``, with the same preconditions.
  package func firstCut(in bytes: Span<UInt8>, _ range: Range<Int>, threshold: UInt64) -> Int {
    precondition(
      range.lowerBound >= RollingHash.windowByteCount - 1 && range.upperBound <= bytes.count)
    return unsafe bytes.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return range.upperBound }
      return unsafe cchunker_scan(
        state, method.rawValue, base, range.lowerBound, range.upperBound, threshold)
    }
  }
}
