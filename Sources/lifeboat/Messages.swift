// Messages to the operator: text or JSON lines on standard error.

import Foundation
import Logging

/// Speaks on standard error, as text or as one JSON object a line.
struct Messages: Sendable {
  var format: MessageFormat = .text
  var level: Logger.Level = .info

  func info(_ text: String) { write(.info, text) }
  func detail(_ text: String) { write(.debug, text) }
  func warning(_ text: String) { write(.warning, text) }

  /// An error as "error: …", with its hint on a line of its own.
  func error(_ error: any Error) { write(.error, "\(error)") }

  private func write(_ level: Logger.Level, _ text: String) {
    guard level >= self.level else { return }
    switch format {
    case .text:
      Terminal.shared.say(level >= .warning ? "\(level.rawValue): \(text)" : text)
    case .json:
      let lines = text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
      var fields = [
        "time": Date().formatted(.iso8601), "level": level.rawValue,
        "message": lines.filter { !$0.hasPrefix("hint: ") }.joined(separator: " "),
      ]
      if let hint = lines.first(where: { $0.hasPrefix("hint: ") }) {
        fields["hint"] = String(hint.dropFirst(6))
      }
      Terminal.shared.say(JSONText.line(fields))
    }
  }
}

/// JSON as the commands print it: keys sorted, so that it is the same every time.
enum JSONText {
  /// `value` on one line.
  static func line(_ value: some Encodable) -> String { encode(value, []) }

  /// `value` indented for people.
  static func pretty(_ value: some Encodable) -> String { encode(value, .prettyPrinted) }

  private static func encode(
    _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting
  ) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = formatting.union([.sortedKeys, .withoutEscapingSlashes])
    // Values here are our own structs of text and numbers: encoding them cannot fail.
    guard let data = try? encoder.encode(value) else { return "{}" }
    return String(decoding: data, as: UTF8.self)
  }
}
