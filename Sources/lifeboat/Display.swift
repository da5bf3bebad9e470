// Numbers and tables as people read them.

import Format
import Foundation
import Operations

enum Display {
  /// `1.4 GiB`, `312 KiB`, `17 B`.
  static func bytes(_ count: UInt64) -> String { ByteText.format(count) }

  /// `1,234,567`.
  static func count(_ value: UInt64) -> String {
    value.formatted(.number.grouping(.automatic).locale(Locale(identifier: "en_US")))
  }

  static func count(_ value: Int) -> String { count(UInt64(max(0, value))) }

  /// `3 days`, `17 min`, `4.2 s`.
  static func duration(seconds: Double) -> String {
    switch seconds {
    case ..<10: "\(seconds.formatted(.number.precision(.fractionLength(1)).locale(posix))) s"
    case ..<120: "\(Int(seconds.rounded())) s"
    case ..<7200: "\(Int((seconds / 60).rounded())) min"
    case ..<172_800: "\(Int((seconds / 3600).rounded())) h"
    default: "\(Int((seconds / 86_400).rounded())) days"
    }
  }

  /// Local date and time to the second.
  static func time(_ timestamp: Timestamp) -> String {
    timestamp.date.formatted(
      Date.VerbatimFormatStyle(
        format:
          "\(year: .defaultDigits)-\(month: .twoDigits)-\(day: .twoDigits) \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\(second: .twoDigits)",
        locale: posix, timeZone: .current, calendar: Calendar(identifier: .gregorian)))
  }

  private static let posix = Locale(identifier: "en_US_POSIX")

  /// Lines of columns, padded so that they align; the last column is left ragged.
  static func table(_ header: [String], _ rows: [[String]]) -> [String] {
    let all = [header] + rows
    let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    return all.map { row in
      row.enumerated().map { column, text in
        column == row.count - 1
          ? text : text + String(repeating: " ", count: widths[column] - text.count)
      }.joined(separator: "  ")
    }
  }

  /// Text of a document, which others may have written: what a terminal would obey is shown.
  static func word(_ text: String) -> String { name(Array(text.utf8)) }

  /// Bytes of a name as text: what is not printable UTF-8 is shown as \xHH.
  static func name(_ bytes: [UInt8]) -> String {
    if let text = String(validating: bytes, as: UTF8.self),
      text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
    {
      return text
    }
    return bytes.map { byte in
      (32..<127).contains(byte)
        ? String(UnicodeScalar(byte))
        : "\\x" + String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
    }.joined()
  }
}
