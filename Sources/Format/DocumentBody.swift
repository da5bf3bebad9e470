// JSON bodies of documents: manifests, log entries, doom marks, configuration.

package import FoundationEssentials

/// A moment as JSON carries it: RFC 3339 in UTC with microseconds.
package struct Timestamp: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  /// Microseconds since 1970-01-01 00:00 UTC.
  package var microseconds: Int64

  package init(microseconds: Int64) { self.microseconds = microseconds }
  package init(_ date: Date) {
    let value = (date.timeIntervalSince1970 * 1_000_000).rounded()
    microseconds = Int64(exactly: value) ?? 0
  }

  package var date: Date { Date(timeIntervalSince1970: Double(microseconds) / 1_000_000) }

  package static func < (a: Timestamp, b: Timestamp) -> Bool { a.microseconds < b.microseconds }

  /// `2026-11-24T13:05:09.123456Z`.
  package var description: String {
    let (seconds, fraction) = microseconds.flooredDivision(by: 1_000_000)
    let whole = Date(timeIntervalSince1970: Double(seconds))
    let text = whole.formatted(.iso8601)
    let digits = String(fraction)
    return text.dropLast() + "." + String(repeating: "0", count: 6 - digits.count) + digits + "Z"
  }

  /// Parses what ``description`` writes.
  package init?(_ text: String) {
    guard text.hasSuffix("Z"), let dot = text.lastIndex(of: ".") else { return nil }
    let fraction = text[text.index(after: dot)...].dropLast()
    guard fraction.count == 6, let micro = Int64(fraction), micro >= 0,
      let whole = try? Date(String(text[..<dot]) + "Z", strategy: .iso8601),
      let seconds = Int64(exactly: whole.timeIntervalSince1970)
    else { return nil }
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
    guard !overflow else { return nil }
    microseconds = scaled + micro
  }

  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let value = Timestamp(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a timestamp")
    }
    self = value
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}

extension Int64 {
  fileprivate func flooredDivision(by divisor: Int64) -> (Int64, Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}

/// JSON with sorted keys, as documents hold it.
package enum DocumentBody {
  /// `value` as compact JSON with sorted keys.
  package static func encode(_ value: some Encodable) throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return Array(try encoder.encode(value))
  }

  /// The member that every body has, whatever its version adds or drops.
  private struct Versioned: Decodable { var version: Int }

  /// The version of every body that this program writes and reads.
  package static let version = 1

  /// Decodes `bytes`; a later version says so, whatever its shape, and anything else than the
  /// expected shape is `invalid`.
  ///
  /// - Throws: ``FormatError``.
  package static func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8], kind: ObjectKind)
    throws -> T
  {
    guard let found = try? JSONDecoder().decode(Versioned.self, from: Data(bytes)).version,
      found >= version
    else { throw FormatError.invalid("\(kind.name) body") }
    guard found == version else {
      throw FormatError.newer(kind: kind.name, version: UInt8(clamping: found))
    }
    do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
      throw FormatError.invalid("\(kind.name) body")
    }
  }
}
