// Byte counts as an operator writes them: 500MB is not among them, 512MiB and 2GiB are.

/// Reads byte counts in the configuration's and the command line's notation.
package enum ByteCountText {
  /// The notation as a regular expression: a whole number of at most six digits, and a unit.
  static let pattern = "[0-9]{1,6}(B|KiB|MiB|GiB|TiB)"

  private static let units: [(name: String, shift: UInt64)] = [
    ("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0),
  ]

  /// The count that `text` means, or `nil` when it is not in the notation.
  package static func parse(_ text: String) -> UInt64? {
    for unit in units where text.hasSuffix(unit.name) {
      let digits = text.dropLast(unit.name.count)
      guard (1...6).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
        let count = UInt64(digits)
      else { return nil }
      return count << unit.shift
    }
    return nil
  }
}
