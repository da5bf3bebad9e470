// Little-endian numbers and counted bytes, written and read with checked lengths.

/// Why bytes are not what the format says.
package enum FormatError: Error, Equatable, CustomStringConvertible {
  /// The bytes end before the field does.
  case truncated
  /// A field holds a value that the format does not allow; says which.
  case invalid(String)
  /// Written by a later version of the format.
  case newer(kind: String, version: UInt8)
  /// A cryptographic suite that this program does not know.
  case unknownSuite(UInt8)
  /// A signature, tag or key commitment does not match.
  case forged(String)

  package var description: String {
    switch self {
    case .truncated: "the bytes end too early"
    case .invalid(let field): "invalid \(field)"
    case .newer(let kind, let version):
      "\(kind) of format version \(version), newer than this program"
    case .unknownSuite(let suite): "unknown cryptographic suite \(suite)"
    case .forged(let what): "\(what) does not authenticate"
    }
  }
}

/// Appends fields to an array.
package struct ByteWriter {
  package private(set) var bytes: [UInt8] = []

  package init(reserving capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  package mutating func u8(_ value: UInt8) { bytes.append(value) }
  package mutating func u16(_ value: UInt16) { little(UInt64(value), 2) }
  package mutating func u24(_ value: UInt32) { little(UInt64(value), 3) }
  package mutating func u32(_ value: UInt32) { little(UInt64(value), 4) }
  package mutating func u64(_ value: UInt64) { little(value, 8) }
  package mutating func i64(_ value: Int64) { u64(UInt64(bitPattern: value)) }
  package mutating func raw(_ value: [UInt8]) { bytes += value }

  private mutating func little(_ value: UInt64, _ count: Int) {
    for i in 0..<count { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * i))) }
  }

  /// Unsigned LEB128: seven bits a byte, least significant first.
  package mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  /// A varint length, then the bytes.
  package mutating func counted(_ value: [UInt8]) {
    varint(UInt64(value.count))
    bytes += value
  }

  /// A varint length, then the text as UTF-8.
  package mutating func text(_ value: String) { counted(Array(value.utf8)) }
}

/// Takes fields from the front of an array; every read is checked.
package struct ByteReader {
  private let bytes: [UInt8]
  package private(set) var offset: Int

  package init(_ bytes: [UInt8], offset: Int = 0) {
    self.bytes = bytes
    self.offset = max(0, min(offset, bytes.count))
  }

  package var remaining: Int { bytes.count - offset }

  package mutating func u8() throws(FormatError) -> UInt8 {
    UInt8(truncatingIfNeeded: try little(1))
  }
  package mutating func u16() throws(FormatError) -> UInt16 {
    UInt16(truncatingIfNeeded: try little(2))
  }
  package mutating func u24() throws(FormatError) -> UInt32 {
    UInt32(truncatingIfNeeded: try little(3))
  }
  package mutating func u32() throws(FormatError) -> UInt32 {
    UInt32(truncatingIfNeeded: try little(4))
  }
  package mutating func u64() throws(FormatError) -> UInt64 { try little(8) }
  package mutating func i64() throws(FormatError) -> Int64 { Int64(bitPattern: try little(8)) }

  private mutating func little(_ count: Int) throws(FormatError) -> UInt64 {
    guard remaining >= count else { throw .truncated }
    var value: UInt64 = 0
    for i in 0..<count { value |= UInt64(bytes[offset + i]) << UInt64(8 * i) }
    offset += count
    return value
  }

  /// Unsigned LEB128 of at most ten bytes, in its shortest form only: one value, one encoding.
  package mutating func varint() throws(FormatError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while true {
      let byte = try u8()
      guard shift < 63 || byte <= 1 else { throw .invalid("varint") }
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 {
        guard byte != 0 || shift == 0 else { throw .invalid("varint") }
        return value
      }
      shift += 7
    }
  }

  /// A varint that must fit in `Int` and not exceed `limit`.
  package mutating func count(limit: Int = Int.max) throws(FormatError) -> Int {
    guard let value = Int(exactly: try varint()), value <= limit else { throw .invalid("count") }
    return value
  }

  /// Exactly `count` bytes.
  package mutating func raw(_ count: Int) throws(FormatError) -> [UInt8] {
    guard count >= 0, remaining >= count else { throw .truncated }
    defer { offset += count }
    return Array(bytes[offset..<offset + count])
  }

  /// A varint length, then that many bytes.
  package mutating func counted() throws(FormatError) -> [UInt8] { try raw(try count()) }

  /// A varint length, then valid UTF-8.
  package mutating func text() throws(FormatError) -> String {
    guard let value = String(validating: try counted(), as: UTF8.self) else {
      throw .invalid("text")
    }
    return value
  }

  /// - Throws: `invalid` unless everything was read.
  package func end() throws(FormatError) {
    guard remaining == 0 else { throw .invalid("trailing bytes") }
  }
}
