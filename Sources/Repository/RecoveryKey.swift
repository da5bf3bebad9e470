// A recovery key: 32 random bytes that a person keeps on paper, with a checksum against misreading.

package import Sodium

/// 256 random bits, written as 14 groups of 4 characters.
///
/// Crockford's base 32 (no I, L, O, U) of the 32 bytes and 3 checksum bytes (BLAKE2b-256 of the
/// key, truncated): a wrong letter is noticed with probability 1 − 2⁻²⁴ before any slot is tried.
package struct RecoveryKey: Sendable {
  package let secret: Secret
  private static let alphabet = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

  /// Draws a new key.
  package static func generate() throws(SodiumError) -> RecoveryKey {
    RecoveryKey(secret: try Secret(randomByteCount: 32))
  }

  private init(secret: Secret) { self.secret = secret }

  /// Reads what ``text`` writes; spaces, hyphens and letter case don't matter, O reads as 0, I and L as 1,
  /// and lines that begin with # are left out.
  ///
  /// - Returns: nil if it is not a recovery key, or was misread.
  package init?(_ text: [UInt8]) {
    var bits: UInt64 = 0
    var bitCount = 0
    var bytes: [UInt8] = []
    defer { wipe(&bytes) }
    var isComment = false
    var last = UInt8(ascii: "\n")
    for character in text {
      if last == UInt8(ascii: "\n") { isComment = character == UInt8(ascii: "#") }
      last = character
      if isComment { continue }
      var letter = character
      if (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter) { letter -= 32 }
      switch letter {
      case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): continue
      case UInt8(ascii: "O"): letter = UInt8(ascii: "0")
      case UInt8(ascii: "I"), UInt8(ascii: "L"): letter = UInt8(ascii: "1")
      default: break
      }
      guard let value = Self.alphabet.firstIndex(of: letter) else { return nil }
      bits = bits << 5 | UInt64(value)
      bitCount += 5
      if bitCount >= 8 {
        bitCount -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt64(bitCount)))
        bits &= (1 << UInt64(bitCount)) - 1
      }
    }
    guard bytes.count == 35, bitCount == 0,
      let secret = try? Secret(copying: bytes.span.extracting(0..<32))
    else { return nil }
    guard Self.checksum(secret) == Array(bytes[32...]) else { return nil }
    self.secret = secret
  }

  /// 14 groups of 4 characters, joined by hyphens.
  ///
  /// A secret: show it once, store it nowhere.
  package var text: String {
    var bytes = secret.withBytes { span in (0..<32).map { span[$0] } }
    defer { wipe(&bytes) }
    bytes += Self.checksum(secret)
    var characters: [UInt8] = []
    var bits: UInt64 = 0
    var bitCount = 0
    for byte in bytes {
      bits = bits << 8 | UInt64(byte)
      bitCount += 8
      while bitCount >= 5 {
        bitCount -= 5
        characters.append(Self.alphabet[Int(bits >> UInt64(bitCount)) & 31])
        bits &= (1 << UInt64(bitCount)) - 1
      }
    }
    return stride(from: 0, to: characters.count, by: 4).map { start in
      String(decoding: characters[start..<min(start + 4, characters.count)], as: UTF8.self)
    }.joined(separator: "-")
  }

  private static func checksum(_ secret: Secret) -> [UInt8] {
    Array(Blake2b.hash(Array("lifeboat recovery key v1".utf8), key: secret).bytes.prefix(3))
  }
}
