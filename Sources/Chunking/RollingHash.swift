// The universal hash of the last 64 bytes: GENERAL of Lemire & Kaser, "Recursive n-gram hashing is
// pairwise independent, at best" (Computer Speech & Language 24, 2010), with 128-bit words.

/// The byte tables of one keyed rolling hash over GF(2)[x] / (x¹²⁸ + x⁷ + x² + x + 1).
///
/// A word is a polynomial: bit n is the coefficient of xⁿ. The modulus is irreducible (it is the one
/// of GCM, NIST SP 800-38D) and its degree, 128, is not below the window, 64: then the hash of two
/// different windows is pairwise independent on all 128 bits, which is what bounds the attacks of
/// eprint 2025/532 and 2025/558.
package struct RollingHash: Sendable {
  /// The bytes one hash covers.
  package static let windowByteCount = 64
  /// The secret table as bytes: 256 words of 16 bytes, little-endian.
  package static let tableByteCount = 256 * 16

  /// What a byte adds when it enters the window.
  let entering: [UInt128]
  /// What a byte has become when it leaves: its entering word times x⁶⁴.
  let leaving: [UInt128]

  /// Reads the secret table; nil unless it has 4096 bytes.
  package init?(table: [UInt8]) {
    guard table.count == Self.tableByteCount else { return nil }
    let entering = (0..<256).map { byte in
      (0..<16).reversed().reduce(UInt128(0)) { $0 << 8 | UInt128(table[16 * byte + $1]) }
    }
    self.entering = entering
    leaving = entering.map { word in
      (0..<Self.windowByteCount).reduce(word) { product, _ in Self.timesX(product) }
    }
  }

  /// `h` times x, reduced.
  @inline(__always)
  package static func timesX(_ h: UInt128) -> UInt128 { h << 1 ^ (h >> 127 == 0 ? 0 : 0x87) }

  /// The hash after `byte` came and nothing left.
  @inline(__always)
  package func appending(_ byte: UInt8, to h: UInt128) -> UInt128 {
    Self.timesX(h) ^ entering[Int(byte)]
  }

  /// The hash after `byte` came and `old`, 64 bytes earlier, left.
  @inline(__always)
  package func rolling(_ h: UInt128, in byte: UInt8, out old: UInt8) -> UInt128 {
    appending(byte, to: h) ^ leaving[Int(old)]
  }
}

extension Array where Element == UInt128 {
  /// 16 bytes a word, little-endian.
  var littleEndianBytes: [UInt8] {
    flatMap { word in (0..<16).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
  }
}
