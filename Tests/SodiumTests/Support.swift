// Hexadecimal to bytes and secrets, for vectors as their sources print them.

import Sodium

/// The bytes of hexadecimal `text`; spaces don't count.
func bytes(_ text: String) -> [UInt8] {
  var result: [UInt8] = []
  var high: UInt8?
  for character in text where character != " " {
    guard let digit = character.hexDigitValue.map({ UInt8($0) }) else { return [] }
    if let pending = high {
      result.append(pending << 4 | digit)
      high = nil
    } else {
      high = digit
    }
  }
  return result
}

/// 0, 1, 2, … as bytes.
func counting(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0) } }

func secret(_ bytes: [UInt8]) throws -> Secret { try Secret(copying: bytes.span) }

extension Secret {
  var copy: [UInt8] { withBytes { span in (0..<byteCount).map { span[$0] } } }
}

/// The digest at `offset`, if there are enough bytes: a span may not stand in an expectation.
func takeDigest(_ bytes: [UInt8], at offset: Int = 0) -> Digest? { Digest(bytes.span, at: offset) }
