// Judges JSON by the part of JSON Schema (draft 2020-12) that our schema uses.

import Foundation

/// Any JSON value, with numbers and booleans kept apart.
enum JSONValue: Decodable, Equatable {
  case null
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case text(String)
  case list([JSONValue])
  case object([String: JSONValue])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .boolean(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .text(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .list(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  var typeName: String {
    switch self {
    case .null: "null"
    case .boolean: "boolean"
    case .integer: "integer"
    case .number: "number"
    case .text: "string"
    case .list: "array"
    case .object: "object"
    }
  }
}

/// A keyword that the checker does not know, or that the schema uses wrongly.
struct SchemaFault: Error { var keyword: String }

/// Keywords apply as the specification says: each only to the types that it speaks of.
enum SchemaChecker {
  static func accepts(_ value: JSONValue, _ schema: JSONValue) throws -> Bool {
    guard case .object(let keywords) = schema else { throw SchemaFault(keyword: "schema") }
    for (keyword, argument) in keywords {
      guard try accepts(value, keyword, argument, keywords) else { return false }
    }
    return true
  }

  private static func accepts(
    _ value: JSONValue, _ keyword: String, _ argument: JSONValue, _ all: [String: JSONValue]
  ) throws -> Bool {
    switch (keyword, argument) {
    case ("$schema", .text), ("title", .text), ("description", .text): return true
    case ("type", .text(let name)): return value.typeName == name
    case ("enum", .list(let values)): return values.contains(value)
    case ("pattern", .text(let pattern)):
      guard case .text(let text) = value else { return true }
      // ICU's expressions, not Swift's: another judge than the parser's. `$` there also matches
      // before a last line break, which ECMA 262 does not; `\z` does not.
      let exact = pattern.hasSuffix("$") ? pattern.dropLast() + "\\z" : pattern[...]
      let regex = try NSRegularExpression(pattern: String(exact))
      return regex.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) != nil
    case ("minimum", .integer(let bound)):
      guard case .integer(let number) = value else { return true }
      return number >= bound
    case ("maximum", .integer(let bound)):
      guard case .integer(let number) = value else { return true }
      return number <= bound
    case ("minItems", .integer(let bound)):
      guard case .list(let items) = value else { return true }
      return items.count >= bound
    case ("items", .object):
      guard case .list(let items) = value else { return true }
      return try items.allSatisfy { try accepts($0, argument) }
    default: break
    }
    return try acceptsMembers(of: value, keyword, argument, all)
  }

  private static func acceptsMembers(
    of value: JSONValue, _ keyword: String, _ argument: JSONValue, _ all: [String: JSONValue]
  ) throws -> Bool {
    let members: [String: JSONValue]? = if case .object(let found) = value { found } else { nil }
    switch (keyword, argument) {
    case ("minProperties", .integer(let bound)): return members.map { $0.count >= bound } ?? true
    case ("maxProperties", .integer(let bound)): return members.map { $0.count <= bound } ?? true
    case ("required", .list(let names)):
      return members.map { members in
        names.allSatisfy { if case .text(let name) = $0 { members[name] != nil } else { false } }
      } ?? true
    case ("propertyNames", .object):
      return try members?.keys.allSatisfy { try accepts(.text($0), argument) } ?? true
    case ("properties", .object(let properties)):
      return try members?.allSatisfy { name, member in
        try properties[name].map { try accepts(member, $0) } ?? true
      } ?? true
    case ("additionalProperties", _):
      let known: [String: JSONValue]
      if case .object(let found)? = all["properties"] { known = found } else { known = [:] }
      return try members?.allSatisfy { name, member in
        if known[name] != nil { return true }
        if case .boolean(let isAllowed) = argument { return isAllowed }
        return try accepts(member, argument)
      } ?? true
    default: throw SchemaFault(keyword: keyword)
    }
  }
}
