// Thirty-two bytes that compare, sort and hash as one value.

/// A 32-byte value: a hash, an id, a public key.
///
/// Ordered as its bytes are.
package struct Digest: Hashable, Comparable, Sendable {
  package static let byteCount = 32

  // Big-endian words, so that comparing words compares bytes.
  private var w0: UInt64
  private var w1: UInt64
  private var w2: UInt64
  private var w3: UInt64

  /// Thirty-two zero bytes.
  package init() {
    w0 = 0
    w1 = 0
    w2 = 0
    w3 = 0
  }

  /// Takes 32 bytes from `bytes` at `offset`; nil if there are fewer or `offset` is negative.
  package init?(_ bytes: Span<UInt8>, at offset: Int = 0) {
    guard offset >= 0, bytes.count >= 32, offset <= bytes.count - 32 else { return nil }
    func word(_ start: Int) -> UInt64 {
      var value: UInt64 = 0
      for i in 0..<8 { value = value << 8 | UInt64(bytes[start + i]) }
      return value
    }
    w0 = word(offset)
    w1 = word(offset + 8)
    w2 = word(offset + 16)
    w3 = word(offset + 24)
  }

  /// Parses 64 hexadecimal digits of either case; nil for anything else.
  package init?(hex: some StringProtocol) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    var high: UInt8?
    for character in hex.utf8 {
      let nibble: UInt8
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = character - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = character - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): nibble = character - UInt8(ascii: "A") + 10
      default: return nil
      }
      if let pending = high {
        bytes.append(pending << 4 | nibble)
        high = nil
      } else {
        high = nibble
      }
    }
    guard bytes.count == 32, high == nil else { return nil }
    self.init(bytes.span)
  }

  package static func < (a: Digest, b: Digest) -> Bool {
    if a.w0 != b.w0 { return a.w0 < b.w0 }
    if a.w1 != b.w1 { return a.w1 < b.w1 }
    if a.w2 != b.w2 { return a.w2 < b.w2 }
    return a.w3 < b.w3
  }

  /// The first eight bytes as a big-endian number: uniform, for tables that are keyed by hash.
  package var prefix: UInt64 { w0 }

  /// The 32 bytes in order.
  package var bytes: [UInt8] {
    var result: [UInt8] = []
    append(to: &result)
    return result
  }

  /// Appends the 32 bytes to `array`.
  package func append(to array: inout [UInt8]) {
    array.reserveCapacity(array.count + 32)
    for word in [w0, w1, w2, w3] {
      for shift in stride(from: 56, through: 0, by: -8) {
        array.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
      }
    }
  }

  /// Sixty-four lower-case hexadecimal digits.
  package var hex: String { Hex.encode(bytes) }

  /// Adds `other`, both read as big-endian 256-bit numbers, modulo 2²⁵⁶.
  package mutating func add(_ other: Digest) {
    var carry = false
    func sum(_ a: UInt64, _ b: UInt64) -> UInt64 {
      let (partial, first) = a.addingReportingOverflow(b)
      let (total, second) = partial.addingReportingOverflow(carry ? 1 : 0)
      carry = first || second
      return total
    }
    w3 = sum(w3, other.w3)
    w2 = sum(w2, other.w2)
    w1 = sum(w1, other.w1)
    w0 = sum(w0, other.w0)
  }
}

/// Hexadecimal text of bytes.
package enum Hex {
  /// Two lower-case digits a byte.
  package static func encode(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }
}
