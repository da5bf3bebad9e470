// Numbers, lengths of time and hostile names as people can read them, for both kinds of report.

import Format
import FoundationEssentials

/// Text for people.
enum ReportWords {
  /// `8.4 s`, `3 min 05 s`, `2 h 03 min`, `3 d 4 h`, and `1 h` without a rest.
  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, abs(seconds) < 1e12 else { return "?" }
    let sign = seconds < 0 ? "−" : ""
    let seconds = abs(seconds)
    if seconds < 0.0995 { return "\(sign)\(Int((seconds * 1000).rounded())) ms" }
    if seconds < 59.95 { return sign + decimal(seconds, digits: 1) + " s" }
    let whole = Int(seconds.rounded())
    func parts(_ unit: Int, _ name: String, _ rest: String?) -> String {
      "\(sign)\(whole / unit) \(name)" + (rest.map { " " + $0 } ?? "")
    }
    if whole < 3600 {
      let rest = whole % 60
      return parts(60, "min", rest == 0 ? nil : "\(twoDigits(rest)) s")
    }
    if whole < 86_400 {
      let rest = whole % 3600 / 60
      return parts(3600, "h", rest == 0 ? nil : "\(twoDigits(rest)) min")
    }
    let rest = whole % 86_400 / 3600
    return parts(86_400, "d", rest == 0 ? nil : "\(rest) h")
  }

  /// `512 bytes`, `3.4 MiB`.
  static func bytes(_ count: UInt64) -> String {
    if count < 1024 { return count == 1 ? "1 byte" : "\(count) bytes" }
    var value = Double(count) / 1024
    for unit in ["KiB", "MiB", "GiB", "TiB"] {
      if value < 999.95 { return "\(decimal(value, digits: 1)) \(unit)" }
      value /= 1024
    }
    return "\(decimal(value, digits: 1)) PiB"
  }

  /// `1,234,567`.
  static func number(_ value: UInt64) -> String {
    var digits = String(value)
    var groups: [Substring] = []
    while digits.count > 3 {
      groups.insert(digits.suffix(3), at: 0)
      digits = String(digits.dropLast(3))
    }
    return ([Substring(digits)] + groups).joined(separator: ",")
  }

  /// `1 row`, `12 rows`.
  static func count(_ value: UInt64, _ noun: String) -> String {
    "\(number(value)) \(noun)\(value == 1 ? "" : "s")"
  }

  static func count(_ value: Int, _ noun: String) -> String {
    count(UInt64(clamping: value), noun)
  }

  /// `2026-11-24 13:05:09 UTC`.
  static func moment(_ time: Timestamp) -> String {
    time.description.prefix(19).replacing("T", with: " ") + " UTC"
  }

  static func decimal(_ value: Double, digits: Int) -> String {
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((value * Double(scale)).rounded())
    if digits == 0 { return "\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(scaled / scale)."
      + String(repeating: "0", count: digits - fraction.count) + fraction
  }

  private static func twoDigits(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }

  /// `text` with nothing in it that a terminal or a browser would obey.
  ///
  /// Names come from a database. Control characters (a terminal acts on them) and characters that
  /// turn the direction of writing (they make text read as other text) become visible escapes.
  static func harmless(_ text: String, keepingLines: Bool = false) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar == "\n", keepingLines {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch scalar.value {
      case 0..<0x20, 0x7F..<0xA0, 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension DrillReport {
  /// The verdict as a headline.
  var headline: String {
    switch verdict {
    case .pass: "Passed"
    case .warnings: "Passed with warnings"
    case .fail: "Failed"
    }
  }

  /// Checks that did not pass, with their place among all; failures first.
  var attentionList: [(number: Int, check: DrillCheck)] {
    let all = checks.enumerated().map { (number: $0.offset, check: $0.element) }
    return all.filter { $0.check.verdict == .fail } + all.filter { $0.check.verdict == .warnings }
  }

  /// What the verdict means, in one sentence.
  var summary: String {
    let failed = count(.fail)
    let warned = count(.warnings)
    switch verdict {
    case .pass:
      return "The snapshot was restored, and everything that was compared is as it was recorded."
    case .warnings:
      return "The snapshot was restored, and nothing that was compared is lost;"
        + " \(ReportWords.count(warned, "check")) of \(checks.count) wants a look."
    case .fail:
      return "\(ReportWords.count(failed, "check")) of \(checks.count) failed:"
        + " do not rely on this snapshot before the cause is found."
    }
  }
}

extension RecoveryTime {
  /// Whether the target was met; nil without a target.
  var isWithinTarget: Bool? { targetSeconds.map { totalSeconds <= $0 } }

  /// Phases of equal name added up, in the order they first came.
  var phasesByName: [DrillPhase] {
    var result: [DrillPhase] = []
    for phase in phases {
      if let index = result.firstIndex(where: { $0.name == phase.name }) {
        result[index].seconds += phase.seconds
      } else {
        result.append(DrillPhase(name: phase.name, subject: nil, seconds: phase.seconds))
      }
    }
    return result
  }
}

extension RecoveryPoint {
  /// Whether the target was met; nil without a target.
  var isWithinTarget: Bool? { targetSeconds.map { ageSeconds <= $0 } }
}
