// Byte counts for people.

/// Writes byte counts in powers of 1,024.
package enum ByteText {
  private static let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]

  /// `count` with three digits at most before the point and one after it: `0 B`, `1.5 GiB`, `312 MiB`.
  ///
  /// The fraction is dropped from 100 on, and rounding never shows 1,024 of a unit.
  package static func format(_ count: UInt64) -> String {
    guard count >= 1024 else { return "\(count) B" }
    var unit = 0
    var value = Double(count)
    // 1023.5 and more would be shown as 1024.
    while value >= 1023.5, unit < units.count - 1 {
      value /= 1024
      unit += 1
    }
    // 99.95 and more would be shown as 100.0.
    if value >= 99.95 { return "\(Int(value.rounded())) \(units[unit])" }
    let tenths = Int((value * 10).rounded())
    return "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }

  /// As above; negative counts carry a `-`.
  package static func format(_ count: Int64) -> String {
    count < 0 ? "-\(format(count.magnitude))" : format(count.magnitude)
  }

  /// `count` bytes in `seconds` as a rate; `-` where no time has passed.
  package static func rate(_ count: UInt64, seconds: Double) -> String {
    guard seconds > 0, seconds.isFinite else { return "-" }
    let perSecond = Double(count) / seconds
    return "\(format(UInt64(min(perSecond, 0x1p63).rounded())))/s"
  }
}
