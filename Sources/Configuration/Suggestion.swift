// Finds the word that a misspelt one was meant to be.

/// Suggestions by edit distance.
enum Suggestion {
  /// Longer words get no suggestion, which bounds the work on hostile files.
  private static let longestWord = 64

  /// The candidate closest to `word`, or `nil` when none is near enough to be meant.
  ///
  /// Case, `-` and `_` do not count; otherwise at most a third of the letters may differ.
  static func closest(to word: String, among candidates: [String]) -> String? {
    guard word.unicodeScalars.count <= longestWord else { return nil }
    let plain = normalised(word)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
      let other = normalised(candidate)
      let distance = editDistance(plain, other)
      let allowed = max(1, max(plain.count, other.count) / 3)
      guard distance <= allowed, distance < max(plain.count, other.count) else { continue }
      if best.map({ distance < $0.distance }) ?? true { best = (candidate, distance) }
    }
    return best?.candidate
  }

  private static func normalised(_ word: String) -> [Unicode.Scalar] {
    word.lowercased().unicodeScalars.filter { $0 != "-" && $0 != "_" }
  }

  /// Counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
  static func editDistance(_ left: [Unicode.Scalar], _ right: [Unicode.Scalar]) -> Int {
    guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
    var older = [Int](repeating: 0, count: right.count + 1)
    var previous = Array(0...right.count)
    for row in 1...left.count {
      var current = [row] + [Int](repeating: 0, count: right.count)
      for column in 1...right.count {
        let cost = left[row - 1] == right[column - 1] ? 0 : 1
        current[column] = min(
          previous[column] + 1, current[column - 1] + 1, previous[column - 1] + cost)
        if row > 1, column > 1, left[row - 1] == right[column - 2],
          left[row - 2] == right[column - 1]
        {
          current[column] = min(current[column], older[column - 2] + 1)
        }
      }
      older = previous
      previous = current
    }
    return previous[right.count]
  }
}
