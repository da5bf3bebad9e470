// A configuration file as a plain tree in which every node knows its line and column.

/// A value of the file, with its place; the YAML library ends here.
struct ConfigurationNode {
  typealias Position = ConfigurationDiagnostic.Position

  /// What an unquoted word means, by the core schema of YAML 1.2 (section 10.3.2).
  enum Kind: Equatable { case text, integer, number, boolean, null }

  struct Entry {
    var key: String
    var keyPosition: Position
    var value: ConfigurationNode
  }

  enum Content {
    case scalar(String, Kind)
    case list([ConfigurationNode])
    case mapping([Entry])
  }

  var content: Content
  var position: Position

  /// The value under `key` of a mapping.
  subscript(key: String) -> ConfigurationNode? {
    entries.first { $0.key == key }?.value
  }

  /// The entries of a mapping; none for anything else.
  var entries: [Entry] {
    if case .mapping(let entries) = content { entries } else { [] }
  }

  /// The items of a list; none for anything else.
  var items: [ConfigurationNode] {
    if case .list(let items) = content { items } else { [] }
  }

  /// The text of a string; `nil` for anything else, also for an unquoted number.
  var text: String? {
    if case .scalar(let text, .text) = content { text } else { nil }
  }

  /// The value of an unquoted whole number that fits.
  var integer: Int? {
    if case .scalar(let text, .integer) = content { Int(text) } else { nil }
  }

  /// The value of an unquoted `true` or `false`.
  var boolean: Bool? {
    if case .scalar(let text, .boolean) = content { text.lowercased() == "true" } else { nil }
  }

  /// The kind of node, in words.
  var kindName: String {
    switch content {
    case .list: "a list"
    case .mapping: "a mapping"
    case .scalar(_, .text): "text"
    case .scalar(_, .integer), .scalar(_, .number): "a number"
    case .scalar(_, .boolean): "true or false"
    case .scalar(_, .null): "nothing"
    }
  }

  /// The kind of a word written without quotes.
  static func kind(ofPlain word: String) -> Kind {
    switch word {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE", "false", "False", "FALSE": return .boolean
    default: break
    }
    if word.wholeMatch(of: /[-+]?[0-9]+/) != nil { return .integer }
    if word.wholeMatch(of: /0o[0-7]+|0x[0-9a-fA-F]+/) != nil { return .number }
    let decimal = /[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?/
    if word.wholeMatch(of: decimal) != nil { return .number }
    return word.wholeMatch(of: /[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)/) != nil ? .number : .text
  }
}
