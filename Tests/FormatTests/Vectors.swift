// Reads format-vectors.txt, which another program wrote from the format's document.

import FoundationEssentials
import Testing

/// Vectors by name.
struct Vectors {
  private var values: [String: [[String]]] = [:]
  private(set) var objects: [String: [UInt8]] = [:]

  /// The file beside this suite.
  init() throws {
    let path = #filePath.split(separator: "/").dropLast().joined(separator: "/")
    let text = try String(contentsOfFile: "/\(path)/format-vectors.txt", encoding: .utf8)
    for line in text.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ").map { String($0) }
      switch words[0] {
      case "value": values[words[1], default: []].append(Array(words.dropFirst(2)))
      case "object":
        let bytes: [UInt8] = try #require(hexBytes(words[2]))
        objects[words[1]] = bytes
      default: Issue.record("unknown line \(words[0])")
      }
    }
  }

  /// The fields of every line `value name …`.
  func all(_ name: String) throws -> [[String]] { try #require(values[name]) }

  /// The bytes of the one line `value name …`.
  func bytes(_ name: String) throws -> [UInt8] {
    let lines = try all(name)
    try #require(lines.count == 1 && lines[0].count == 1)
    return try #require(hexBytes(lines[0][0]))
  }

  /// The one object in `folder`.
  func object(in folder: String) throws -> [UInt8] {
    let found = objects.filter { $0.key.hasPrefix(folder) }
    try #require(found.count == 1)
    return try #require(found.values.first)
  }
}

/// The bytes of hexadecimal `text`.
func hexBytes(_ text: some StringProtocol) -> [UInt8]? {
  let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
  guard digits.count == text.utf8.count, digits.count % 2 == 0 else { return nil }
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}
