// AES-128 for one block at a time (FIPS 197), in portable Swift: the key schedule of every scanner
// and the cipher of the reference scanner. The fast scanner encrypts with the processor's own
// instructions, which take no secret-dependent time; this one looks up a table.

/// One expanded AES-128 key; encrypts, never decrypts.
package struct AES128: Sendable {
  package static let keyByteCount = 16
  private static let roundCount = 10

  /// Eleven round keys of four words each; a word's first byte is its most significant.
  private let words: [UInt32]

  /// Expands `key` (FIPS 197, section 5.2); nil unless it has 16 bytes.
  package init?(key: [UInt8]) {
    guard key.count == Self.keyByteCount else { return nil }
    let tables = Tables.shared
    var words = [UInt32](repeating: 0, count: 4 * (Self.roundCount + 1))
    for i in 0..<4 {
      words[i] =
        UInt32(key[4 * i]) << 24 | UInt32(key[4 * i + 1]) << 16 | UInt32(key[4 * i + 2]) << 8
        | UInt32(key[4 * i + 3])
    }
    var constant: UInt8 = 1
    for i in 4..<words.count {
      var word = words[i - 1]
      if i % 4 == 0 {
        word = tables.substitute(word << 8 | word >> 24) ^ UInt32(constant) << 24
        constant = Tables.double(constant)
      }
      words[i] = words[i - 4] ^ word
    }
    self.words = words
  }

  /// The 176 bytes of the key schedule, in the order AES instructions take them.
  var roundKeyBytes: [UInt8] {
    words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (24 - 8 * $0)) } }
  }

  /// Encrypts one block given and returned as a little-endian number: byte 0 is its lowest.
  package func encrypt(_ block: UInt128) -> UInt128 {
    let tables = Tables.shared
    var a = UInt32(truncatingIfNeeded: block).byteSwapped ^ words[0]
    var b = UInt32(truncatingIfNeeded: block >> 32).byteSwapped ^ words[1]
    var c = UInt32(truncatingIfNeeded: block >> 64).byteSwapped ^ words[2]
    var d = UInt32(truncatingIfNeeded: block >> 96).byteSwapped ^ words[3]
    for round in 1..<Self.roundCount {
      let k = 4 * round
      // ShiftRows: column j takes row r from column j + r.
      (a, b, c, d) = (
        tables.mix(a, b, c, d) ^ words[k], tables.mix(b, c, d, a) ^ words[k + 1],
        tables.mix(c, d, a, b) ^ words[k + 2], tables.mix(d, a, b, c) ^ words[k + 3]
      )
    }
    let k = 4 * Self.roundCount
    let (w, x, y, z) = (
      tables.last(a, b, c, d) ^ words[k], tables.last(b, c, d, a) ^ words[k + 1],
      tables.last(c, d, a, b) ^ words[k + 2], tables.last(d, a, b, c) ^ words[k + 3]
    )
    return UInt128(w.byteSwapped) | UInt128(x.byteSwapped) << 32 | UInt128(y.byteSwapped) << 64
      | UInt128(z.byteSwapped) << 96
  }
}

/// The S-box (FIPS 197, section 5.1.1), and each of its entries times the column (2, 1, 1, 3).
private struct Tables: Sendable {
  static let shared = Tables()

  private var substitution = [UInt8](repeating: 0, count: 256)
  private var mixed = [UInt32](repeating: 0, count: 256)

  private init() {
    // 3 generates the multiplicative group, 0xf6 is its inverse: p runs through all non-zero bytes
    // and q stays 1/p.
    var p: UInt8 = 1
    var q: UInt8 = 1
    repeat {
      p ^= Self.double(p)
      q = Self.multiply(q, 0xf6)
      substitution[Int(p)] =
        q ^ Self.rotate(q, 1) ^ Self.rotate(q, 2) ^ Self.rotate(q, 3) ^ Self.rotate(q, 4) ^ 0x63
    } while p != 1
    substitution[0] = 0x63
    for i in 0..<256 {
      let s = substitution[i]
      let s2 = Self.double(s)
      mixed[i] = UInt32(s2) << 24 | UInt32(s) << 16 | UInt32(s) << 8 | UInt32(s2 ^ s)
    }
  }

  /// Times x in GF(2⁸) modulo x⁸ + x⁴ + x³ + x + 1.
  static func double(_ a: UInt8) -> UInt8 { a << 1 ^ (a & 0x80 == 0 ? 0 : 0x1b) }

  private static func multiply(_ a: UInt8, _ b: UInt8) -> UInt8 {
    var (a, b, product) = (a, b, UInt8(0))
    while b != 0 {
      if b & 1 == 1 { product ^= a }
      a = double(a)
      b >>= 1
    }
    return product
  }

  private static func rotate(_ a: UInt8, _ count: Int) -> UInt8 { a << count | a >> (8 - count) }

  func substitute(_ word: UInt32) -> UInt32 { last(word, word, word, word) }

  /// SubBytes, ShiftRows and MixColumns of one column.
  @inline(__always)
  func mix(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 {
    let x = mixed[Int(a >> 24)]
    let y = mixed[Int(b >> 16 & 0xff)]
    let z = mixed[Int(c >> 8 & 0xff)]
    let w = mixed[Int(d & 0xff)]
    return x ^ (y >> 8 | y << 24) ^ (z >> 16 | z << 16) ^ (w >> 24 | w << 8)
  }

  /// The last round's column: SubBytes and ShiftRows only.
  @inline(__always)
  func last(_ a: UInt32, _ b: UInt32, _ c: UInt32, _ d: UInt32) -> UInt32 {
    UInt32(substitution[Int(a >> 24)]) << 24 | UInt32(substitution[Int(b >> 16 & 0xff)]) << 16
      | UInt32(substitution[Int(c >> 8 & 0xff)]) << 8 | UInt32(substitution[Int(d & 0xff)])
  }
}
