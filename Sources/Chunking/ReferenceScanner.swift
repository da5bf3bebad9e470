// The decision where a cut may fall, in portable Swift: the definition that the fast scanner is
// tested against, and what runs where the processor has no AES instructions.

/// Looks for cut positions: AES of the universal hash of the last 64 bytes, against a threshold
/// (the sound construction of Truong et al., eprint 2025/558).
package struct ReferenceScanner: Sendable {
  private let hash: RollingHash
  private let cipher: AES128

  package init(hash: RollingHash, cipher: AES128) {
    self.hash = hash
    self.cipher = cipher
  }

  /// The first position in `range` after which a cut may fall, or the range's upper bound.
  ///
  /// Position `i` depends on `bytes[i - 63 ... i]` only. A range that starts below 63 or reaches
  /// past the bytes is our own bug.
  package func firstCut(in bytes: Span<UInt8>, _ range: Range<Int>, threshold: UInt64) -> Int {
    let window = RollingHash.windowByteCount
    precondition(range.lowerBound >= window - 1 && range.upperBound <= bytes.count)
    guard !range.isEmpty else { return range.upperBound }
    var h: UInt128 = 0
    for i in range.lowerBound - window + 1..<range.lowerBound {
      h = hash.appending(bytes[i], to: h)
    }
    h = hash.appending(bytes[range.lowerBound], to: h)
    var i = range.lowerBound
    while true {
      if UInt64(truncatingIfNeeded: cipher.encrypt(h)) < threshold { return i }
      i += 1
      guard i < range.upperBound else { return i }
      h = hash.rolling(h, in: bytes[i], out: bytes[i - window])
    }
  }
}
