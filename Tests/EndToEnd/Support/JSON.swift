// Any JSON value, read without knowing its shape: the tests look at what is there, not at what we expect.

import Foundation
import Testing

enum JSON: Decodable, Equatable {
  case object([String: JSON])
  case array([JSON])
  case text(String)
  case number(Double)
  case bool(Bool)
  case null

  init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let flag = try? value.decode(Bool.self) {
      self = .bool(flag)
    } else if let number = try? value.decode(Double.self) {
      self = .number(number)
    } else if let text = try? value.decode(String.self) {
      self = .text(text)
    } else if let items = try? value.decode([JSON].self) {
      self = .array(items)
    } else {
      self = .object(try value.decode([String: JSON].self))
    }
  }

  /// A member; null if there is none.
  subscript(_ name: String) -> JSON {
    if case .object(let members) = self { return members[name] ?? .null }
    return .null
  }

  /// An item; null if there is none.
  subscript(_ index: Int) -> JSON {
    items.indices.contains(index) ? items[index] : .null
  }

  /// Names of members, sorted; empty for anything but an object.
  var names: [String] {
    if case .object(let members) = self { return members.keys.sorted() }
    return []
  }

  var items: [JSON] {
    if case .array(let items) = self { return items }
    return []
  }

  var text: String? {
    if case .text(let text) = self { return text }
    return nil
  }

  var number: Double? {
    if case .number(let number) = self { return number }
    return nil
  }
}

extension JSON {
  /// Expects every member's name in the row of `docs/json.md` for `command`.
  func expectDocumented(_ command: String, sourceLocation: SourceLocation = #_sourceLocation) throws
  {
    let text = try String(contentsOfFile: "\(Place.project)/docs/json.md", encoding: .utf8)
    let row = try #require(
      text.split(separator: "\n").first { $0.hasPrefix("| `\(command)` |") },
      "docs/json.md has no row for \(command)", sourceLocation: sourceLocation)
    let value = items.first ?? self
    #expect(!value.names.isEmpty, sourceLocation: sourceLocation)
    for name in value.names {
      #expect(
        row.contains("`\(name)`"), "'\(name)' of \(command) is not in docs/json.md",
        sourceLocation: sourceLocation)
    }
  }
}
