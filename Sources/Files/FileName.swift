// Names and paths are bytes: Linux knows no encoding, and a name that is not UTF-8 must come back
// exactly as it was.

import Glibc

/// What may name a file: bytes, a string, or one checked component.
package protocol PathName: Sendable {
  /// The path as the kernel takes it, without the final NUL.
  var pathBytes: [UInt8] { get }
}

extension String: PathName {
  package var pathBytes: [UInt8] { Array(utf8) }
}

extension Array: PathName where Element == UInt8 {
  package var pathBytes: [UInt8] { self }
}

/// One component of a path: not empty, not `.` or `..`, no slash, no NUL, at most 255 bytes.
package struct FileName: PathName, Hashable, Comparable, CustomStringConvertible {
  /// The longest name that Linux filesystems take (NAME_MAX).
  package static let maximumByteCount = 255

  /// The name.
  package let bytes: [UInt8]

  /// Nil if the bytes cannot be one component of a path, as those of a tampered archive might.
  package init?(_ bytes: [UInt8]) {
    guard (1...Self.maximumByteCount).contains(bytes.count), bytes != Array(".".utf8),
      bytes != Array("..".utf8), !bytes.contains(0), !bytes.contains(UInt8(ascii: "/"))
    else { return nil }
    self.bytes = bytes
  }

  /// As ``init(_:)-([UInt8])`` with the UTF-8 of a string.
  package init?(_ string: String) { self.init(Array(string.utf8)) }

  /// A name that the kernel itself gave.
  init(unchecked bytes: [UInt8]) { self.bytes = bytes }

  package var pathBytes: [UInt8] { bytes }

  /// For people: see ``displayed(_:)``.
  package var description: String { displayed(bytes) }

  /// Orders by bytes, as the catalog does; no locale has a say.
  package static func < (a: FileName, b: FileName) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }
}

/// A name or path for people: control characters, backslashes and quotes, bidirectional overrides
/// and bytes that are not UTF-8 become `\xNN`, so nothing can move the cursor or fake another line.
///
/// Different bytes give different text, so it can be turned back by hand.
package func displayed(_ bytes: [UInt8]) -> String {
  var text = ""
  var rest = bytes[...]
  while !rest.isEmpty {
    // The longest UTF-8 sequence is 4 bytes.
    let scalar = (1...4).lazy.compactMap { length -> Unicode.Scalar? in
      guard length <= rest.count,
        let decoded = String(validating: rest.prefix(length), as: UTF8.self)
      else { return nil }
      return decoded.unicodeScalars.first
    }.first
    if let scalar, isPrintable(scalar) {
      text.unicodeScalars.append(scalar)
      rest = rest.dropFirst(UTF8.width(scalar))
    } else {
      let count = scalar.map { UTF8.width($0) } ?? 1
      for byte in rest.prefix(count) {
        text += byte < 16 ? "\\x0" : "\\x"
        text += String(byte, radix: 16)
      }
      rest = rest.dropFirst(count)
    }
  }
  return text
}

private func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
  if scalar == "\\" || scalar == "'" { return false }
  switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
    return false
  default:
    return true
  }
}

/// The directory part and the last component of a path; the directory is `.` if there is none.
///
/// EINVAL if the path ends in `/`, `.` or `..`, which name no entry that could be made.
func split(_ path: [UInt8], call: String) throws(SystemError) -> (parent: [UInt8], name: FileName) {
  let slash = UInt8(ascii: "/")
  let last = path.lastIndex(of: slash)
  let start = last.map { $0 + 1 } ?? 0
  guard let name = FileName(Array(path[start...])) else {
    let isTooLong = path.count - start > FileName.maximumByteCount
    throw SystemError(call: call, path: path, code: isTooLong ? ENAMETOOLONG : EINVAL)
  }
  guard let last else { return (Array(".".utf8), name) }
  return (last == 0 ? [slash] : Array(path[..<last]), name)
}
