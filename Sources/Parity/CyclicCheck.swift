// CRC-64/XZ: which bytes are still what they were, at the speed of memory.

internal import CIsal

/// The checksum that tells damaged cells of a pack from good ones.
///
/// It guards against rot, not against people: every burst of up to 64 bits is noticed, anything else
/// but for one in 2⁶⁴. What was mended is proven by the pack's cryptographic checksum.
package enum CyclicCheck {
  /// CRC-64/XZ (polynomial of ECMA-182, reflected, initial and final value all ones) of `bytes`.
  package static func checksum(_ bytes: Span<UInt8>) -> UInt64 {
    unsafe bytes.withUnsafeBufferPointer { memory in
      unsafe crc64_ecma_refl(0, memory.baseAddress, UInt64(memory.count))
    }
  }
}
