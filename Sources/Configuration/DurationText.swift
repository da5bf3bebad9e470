// Spans of time as an operator writes them: 90s, 15m, 26h, 7d, 4w, 1h30m.

/// Reads and writes spans of time in the configuration's notation.
package enum DurationText {
  /// The notation as a regular expression: units from weeks to seconds, at most six digits each,
  /// so that no sum can overflow.
  static let pattern =
    "(?=[0-9])([0-9]{1,6}w)?([0-9]{1,6}d)?([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?"

  private static let units: [(letter: Character, seconds: Int64)] = [
    ("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1),
  ]

  /// The span that `text` means, or `nil` when it is not in the notation.
  ///
  /// A day is 24 hours and a week seven days, whatever a clock change does.
  package static func parse(_ text: String) -> Duration? {
    var total: Int64 = 0
    var digits = ""
    var nextUnit = 0
    var unitCount = 0
    for character in text {
      if character.isASCII, character.isWholeNumber {
        digits.append(character)
        guard digits.count <= 6 else { return nil }
        continue
      }
      guard let count = Int64(digits),
        let unit = units[nextUnit...].firstIndex(where: { $0.letter == character })
      else { return nil }
      total += count * units[unit].seconds
      nextUnit = unit + 1
      unitCount += 1
      digits = ""
    }
    return digits.isEmpty && unitCount > 0 ? .seconds(total) : nil
  }

  /// Writes `duration`, cut to whole seconds, so that ``parse(_:)`` reads the same span again.
  ///
  /// Negative spans carry a leading `-`, which the notation itself does not have.
  package static func format(_ duration: Duration) -> String {
    let seconds = duration.components.seconds
    guard seconds != 0 else { return "0s" }
    var rest = seconds.magnitude
    var text = seconds < 0 ? "-" : ""
    for unit in units {
      let count = rest / UInt64(unit.seconds)
      rest %= UInt64(unit.seconds)
      if count > 0 { text += "\(count)\(unit.letter)" }
    }
    return text
  }
}
