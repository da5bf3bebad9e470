// Finds the further writings of a key and hides them, because the YAML parser stops at a repeat.

/// Replaces repeated keys by as many private-use characters, so that all later places stay right.
enum RepeatedKey {
  typealias Position = ConfigurationDiagnostic.Position

  /// Repeats are hidden in texts of at most this many bytes: each costs another reading of the whole.
  private static let byteLimit = 1 << 16
  /// Unicode's private use area; libyaml lets it through.
  private static let privateUse: ClosedRange<UInt32> = 0xE000...0xF8FF

  /// A repeat: where it stands, and what stands there now.
  struct Mask {
    var position: Position
    var key: String
  }

  /// Hides every writing of `key` after `first` that belongs to the same mapping; none, with the text
  /// untouched, when there is none in block style.
  ///
  /// In block style all keys of a mapping start in one column, and a key in that column that comes
  /// before any less indented line belongs to the same mapping.
  static func mask(_ key: String, after first: Position, in text: inout String) -> [Mask] {
    guard !key.isEmpty, first.line >= 1, first.column >= 1, text.utf8.count <= byteLimit
    else { return [] }
    var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
      .map { Array($0.unicodeScalars) }
    let indent = first.column - 1
    guard first.line <= lines.count else { return [] }
    var free = unused(in: text)[...]
    var masks: [Mask] = []
    for line in first.line..<lines.count {
      guard let start = lines[line].firstIndex(where: { $0 != " " }) else { continue }
      if lines[line][start] == "#" || start > indent { continue }
      guard start == indent else { break }
      guard let range = keyRange(key, in: lines[line], at: start) else { continue }
      guard let scalar = free.popFirst() else { break }
      for index in range { lines[line][index] = scalar }
      masks.append(
        Mask(
          position: Position(line: line + 1, column: start + 1),
          key: String(repeating: Character(scalar), count: range.count)))
    }
    guard !masks.isEmpty else { return [] }
    text = lines.map { scalars in
      var joined = String.UnicodeScalarView()
      joined.append(contentsOf: scalars)
      return String(joined)
    }.joined(separator: "\n")
    return masks
  }

  /// Scalars that the text does not hold: a mask that were a key already would be a repeat itself.
  private static func unused(in text: String) -> [Unicode.Scalar] {
    let used = Set(text.unicodeScalars.lazy.map(\.value).filter(privateUse.contains))
    return privateUse.filter { !used.contains($0) }.compactMap(Unicode.Scalar.init)
  }

  /// Where the letters of `key` stand when the line writes it at `start`, with quotes or without.
  private static func keyRange(
    _ key: String, in line: [Unicode.Scalar], at start: Int
  ) -> Range<Int>? {
    let letters = Array(key.unicodeScalars)
    var begin = start
    var quote: Unicode.Scalar?
    if line[start] == "\"" || line[start] == "'" {
      quote = line[start]
      begin += 1
    }
    let end = begin + letters.count
    guard end <= line.count, Array(line[begin..<end]) == letters else { return nil }
    var rest = line[end...]
    if let quote {
      guard rest.first == quote else { return nil }
      rest = rest.dropFirst()
    }
    return rest.drop { $0 == " " }.first == ":" ? begin..<end : nil
  }
}
