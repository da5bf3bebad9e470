// Writes the layout as a JSON schema (draft 2020-12), for editors and for other programs.

/// The JSON schema of the configuration file.
package enum ConfigurationSchema {
  /// The schema as indented JSON, ending in a newline; the same text on every call.
  ///
  /// It says what a document's form must be. The parser also checks meaning (that names refer to
  /// something, that cron expressions and zones exist), so it accepts no document that this refuses.
  package static let json: String = {
    var root: [(String, JSONText)] = [
      ("$schema", .text("https://json-schema.org/draft/2020-12/schema")),
      ("title", .text("Lifeboat configuration")),
    ]
    if case .object(let members) = schema(of: ConfigurationLayout.root) { root += members }
    return JSONText.object(root).rendered(indent: 0) + "\n"
  }()

  private static func schema(of shape: ConfigurationShape) -> JSONText {
    switch shape {
    case .text(let kind):
      .object([("type", .text("string")), ("pattern", .text(anchored(kind.pattern)))])
    case .integer(let range):
      .object([
        ("type", .text("integer")), ("minimum", .number(range.lowerBound)),
        ("maximum", .number(range.upperBound)),
      ])
    case .boolean: .object([("type", .text("boolean"))])
    case .choice(let words): .object([("enum", .list(words.map { .text($0) }))])
    case .list(let item):
      .object([("type", .text("array")), ("minItems", .number(1)), ("items", schema(of: item))])
    case .named(_, let inner):
      .object([
        ("type", .text("object")),
        ("propertyNames", .object([("pattern", .text(anchored(TextKind.namePattern)))])),
        ("additionalProperties", schema(of: inner)),
      ])
    case .section(let section): schema(of: section)
    }
  }

  private static func schema(of section: ConfigurationShape.Section) -> JSONText {
    var members: [(String, JSONText)] = [("type", .text("object"))]
    let properties = section.keys.map { key -> (String, JSONText) in
      guard case .object(let inner) = schema(of: key.shape) else { return (key.name, .object([])) }
      return (key.name, .object([("description", .text(key.summary))] + inner))
    }
    members.append(("properties", .object(properties)))
    members.append(("additionalProperties", .boolean(false)))
    let required = section.keys.filter(\.isRequired).map { JSONText.text($0.name) }
    if !required.isEmpty { members.append(("required", .list(required))) }
    if section.rule != .any { members.append(("minProperties", .number(1))) }
    if section.rule == .exactlyOne { members.append(("maxProperties", .number(1))) }
    return .object(members)
  }

  private static func anchored(_ pattern: String) -> String { "^(?:\(pattern))$" }
}

/// JSON whose members keep their order, as a reader of the schema expects.
private indirect enum JSONText {
  case text(String)
  case number(Int)
  case boolean(Bool)
  case list([JSONText])
  case object([(String, JSONText)])

  func rendered(indent: Int) -> String {
    let inner = String(repeating: " ", count: indent + 2)
    let outer = String(repeating: " ", count: indent)
    switch self {
    case .text(let text): return Self.quoted(text)
    case .number(let number): return String(number)
    case .boolean(let value): return value ? "true" : "false"
    case .list(let items):
      return "[" + items.map { $0.rendered(indent: indent) }.joined(separator: ", ") + "]"
    case .object(let members):
      let lines = members.map {
        "\(inner)\(Self.quoted($0.0)): \($0.1.rendered(indent: indent + 2))"
      }
      return "{\n" + lines.joined(separator: ",\n") + "\n\(outer)}"
    }
  }

  /// Escapes by RFC 8259, section 7; our own texts hold no control characters.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
