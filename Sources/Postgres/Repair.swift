// Owns the cleaning of texts that a server sent: they are hostile until shown otherwise.

/// Makes a server's text fit for one line of ours: invalid UTF-8 repaired, line ends as " | ", control and
/// direction-override characters as U+FFFD, at most 2,000 characters.
func repaired(_ bytes: some Collection<UInt8>) -> String {
  var cleaned = String.UnicodeScalarView()
  var count = 0
  var pendingBreak = false
  // 4 bytes a character at most: do not decode a gigabyte to keep 2,000 characters.
  for scalar in String(decoding: bytes.prefix(8_000), as: UTF8.self).unicodeScalars {
    if count >= 2_000 {
      cleaned.append("…")
      break
    }
    switch scalar.value {
    case 0x0A...0x0D, 0x85, 0x2028, 0x2029:
      pendingBreak = count > 0
      continue
    case 0x09: append(" ")
    case 0x00...0x1F, 0x7F...0x9F, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
      append("\u{FFFD}")
    default: append(scalar)
    }
  }
  return String(cleaned)

  func append(_ scalar: Unicode.Scalar) {
    if pendingBreak { cleaned.append(contentsOf: " | ".unicodeScalars) }
    pendingBreak = false
    count += 1
    cleaned.append(scalar)
  }
}

/// ``repaired(_:)`` of a C string; empty for a null pointer.
func repaired(_ text: UnsafePointer<CChar>?) -> String {
  guard let text = unsafe text else { return "" }
  return unsafe repaired(String(cString: text).utf8)
}
