// Byte counts as an operator writes them: 512K, 100M, 2G, 1T.

/// Reads byte counts in the configuration's notation.
package enum ByteCountText {
  /// The notation as a regular expression: at most six digits, so that no product can overflow.
  static let pattern = "[1-9][0-9]{0,5}[KMGT]"

  private static let units: [(letter: Character, shift: UInt64)] = [
    ("K", 10), ("M", 20), ("G", 30), ("T", 40),
  ]

  /// The bytes that `text` means, in powers of 1,024; nil when it is not in the notation.
  package static func parse(_ text: String) -> UInt64? {
    let digits = text.dropLast()
    guard (1...6).contains(digits.count), digits.first != "0",
      digits.allSatisfy({ $0.isASCII && $0.isWholeNumber }),
      let unit = units.first(where: { $0.letter == text.last }), let count = UInt64(digits)
    else { return nil }
    return count << unit.shift
  }
}
