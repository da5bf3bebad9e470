// Turns YAML text into a `ConfigurationNode`, refusing what a configuration has no use for.
//
// Refused: anchors and aliases (a short file could stand for billions of nodes), explicit tags, keys
// that are not text, a second document. Repeated keys are findings, not the end of the reading.

import Yams

/// The tree of one file, as far as it could be read, and the findings of reading it.
struct ConfigurationDocument {
  private(set) var root: ConfigurationNode?
  private(set) var findings: [ConfigurationDiagnostic] = []
  /// What stands in the place of repeated keys.
  private var masks: Set<String> = []

  /// Repeats past this many are not looked for.
  private static let repeatLimit = 32
  /// More words than this that look like aliases, and the text is not given to the YAML parser, whose
  /// search for repeated keys would walk a bomb made of them.
  private static let aliasLookalikeLimit = 24

  /// Reads `text`; never fails, for failures are findings.
  init(_ text: String) {
    guard Self.aliasLookalikes(in: text) <= Self.aliasLookalikeLimit else {
      findings = [Self.aliasFinding(at: .init(line: 1, column: 1))]
      return
    }
    // libyaml takes the mark for text once the encoding is given, and then misses the first key.
    var masked = text.hasPrefix("\u{FEFF}") ? String(text.unicodeScalars.dropFirst()) : text
    while true {
      do {
        // The parser keeps the anchors alive that its nodes refer to weakly: it must outlive the
        // conversion, or an anchored node looks like any other.
        let parser = try Parser(yaml: masked)
        root = try withExtendedLifetime(parser) {
          try parser.singleRoot().map { node in try convert(node, path: "") }
        }
      } catch YamlError.duplicatedKeysInMapping(let keys, let context)
        where findings.count < Self.repeatLimit
      {
        if repeated(keys, firstAt: context.mark, in: &masked) { continue }
      } catch let finding as RefusedNode {
        findings.append(finding.diagnostic)
      } catch {
        findings.append(Self.syntaxFinding(error, text: text))
      }
      return
    }
  }

  /// Reports a key that one mapping holds more than once, and hides the repeats from the parser.
  ///
  /// False when they could not be found, so that the parser cannot read on.
  private mutating func repeated(
    _ keys: [String], firstAt mark: Mark, in text: inout String
  ) -> Bool {
    let key = keys.first ?? ""
    let first = ConfigurationNode.Position(line: mark.line, column: mark.column)
    let repeats = RepeatedKey.mask(key, after: first, in: &text)
    masks.formUnion(repeats.map(\.key))
    for position in repeats.isEmpty ? [first] : repeats.map(\.position) {
      findings.append(
        ConfigurationDiagnostic(
          at: position, key: Quoted.path(key),
          what: "the key '\(Quoted.short(key))' is written twice",
          why: repeats.isEmpty
            ? "a mapping holds a key once" : "it already stands on line \(first.line)",
          next: "keep one of the two, or give the second its own name"))
    }
    return !repeats.isEmpty
  }

  // MARK: Conversion

  private struct RefusedNode: Error { var diagnostic: ConfigurationDiagnostic }

  /// Converts in the order of the file, so that an anchor is met before any alias of it; stopping
  /// there keeps the work linear in the size of the text.
  private func convert(_ node: Node, path: String) throws -> ConfigurationNode {
    let position = Self.position(node.mark)
    if node.anchor != nil { throw RefusedNode(diagnostic: Self.aliasFinding(at: position)) }
    switch node {
    case .scalar(let scalar):
      try refuseTag(scalar.tag, at: position, path: path)
      let kind = scalar.style == .plain ? ConfigurationNode.kind(ofPlain: scalar.string) : .text
      return ConfigurationNode(content: .scalar(scalar.string, kind), position: position)
    case .sequence(let sequence):
      try refuseTag(sequence.tag, at: position, path: path)
      let items = try sequence.enumerated().map { index, item in
        try convert(item, path: "\(path)[\(index)]")
      }
      return ConfigurationNode(content: .list(items), position: position)
    case .mapping(let mapping):
      try refuseTag(mapping.tag, at: position, path: path)
      var entries: [ConfigurationNode.Entry] = []
      for (keyNode, valueNode) in mapping {
        let keyPosition = Self.position(keyNode.mark)
        if keyNode.anchor != nil {
          throw RefusedNode(diagnostic: Self.aliasFinding(at: keyPosition))
        }
        guard case .scalar(let key) = keyNode else {
          throw RefusedNode(
            diagnostic: ConfigurationDiagnostic(
              at: keyPosition, key: path, what: "a key is no word",
              why: "lists and mappings cannot be keys here",
              next: "write 'key: value' with a plain word as the key"))
        }
        if masks.contains(key.string) { continue }
        let below = path.isEmpty ? key.string : "\(path).\(key.string)"
        entries.append(
          .init(
            key: key.string, keyPosition: keyPosition,
            value: try convert(valueNode, path: below)))
      }
      return ConfigurationNode(content: .mapping(entries), position: position)
    case .alias:
      throw RefusedNode(diagnostic: Self.aliasFinding(at: position))
    }
  }

  private static func position(_ mark: Mark?) -> ConfigurationNode.Position {
    .init(line: mark?.line ?? 1, column: mark?.column ?? 1)
  }

  private func refuseTag(
    _ tag: Tag, at position: ConfigurationNode.Position, path: String
  ) throws {
    let name = tag.description
    guard name != Tag.Name.implicit.rawValue, name != Tag.Name.str.rawValue else { return }
    throw RefusedNode(
      diagnostic: ConfigurationDiagnostic(
        at: position, key: path, what: "the YAML tag '\(Quoted.short(name))' is not supported",
        why: "the type of every value is known from its key",
        next: "leave the tag out, and put quotes round text that starts with '!'"))
  }

  private static func aliasFinding(
    at position: ConfigurationNode.Position
  ) -> ConfigurationDiagnostic {
    ConfigurationDiagnostic(
      at: position, key: "", what: "YAML anchors and aliases are not supported",
      why: "through them a short file can stand for one too large to read",
      next: "write the value out, and put quotes round text that starts with '&' or '*'")
  }

  /// Counts `*word` where YAML could read an alias; quoted patterns such as `"*.tmp"` do not count.
  private static func aliasLookalikes(in text: String) -> Int {
    var count = 0
    var before = UInt8(ascii: "\n")
    var star = false
    for byte in text.utf8 {
      let isWord =
        byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
      if star && isWord { count += 1 }
      star = byte == UInt8(ascii: "*") && " \t\r\n[{,:?".utf8.contains(before)
      before = byte
    }
    return count
  }

  // MARK: Syntax errors

  /// Puts a failure of the YAML parser into words.
  ///
  /// Never quotes the line: it may hold a secret.
  private static func syntaxFinding(_ error: any Error, text: String) -> ConfigurationDiagnostic {
    var position = ConfigurationNode.Position(line: 1, column: 1)
    var problem = "the YAML parser gave up"
    var context: String?
    switch error as? YamlError {
    case .scanner(let around, let found, let mark, _), .parser(let around, let found, let mark, _),
      .composer(let around, let found, let mark, _):
      position = .init(line: mark.line, column: mark.column)
      problem = found
      context = around.map { "\($0.text) on line \($0.mark.line)" }
    case .reader(let found, let offset, _, _):
      problem = found
      if let offset {
        let before = text.prefix(offset)
        position.line = 1 + before.count { $0.isNewline }
        position.column = 1 + before.reversed().prefix { !$0.isNewline }.count
      }
    default: break
    }
    return ConfigurationDiagnostic(
      at: position, key: "", what: "the file is not valid YAML",
      why: context.map { "\(problem) \($0)" } ?? problem, next: advice(problem, context ?? ""))
  }

  private static func advice(_ problem: String, _ context: String) -> String {
    if context.contains("alias") || context.contains("anchor") || problem.contains("alias") {
      return "put quotes round text that starts with '*' or '&', such as \"*.tmp\" or \"* * * * *\""
    }
    if problem.contains("cannot start any token") {
      return "indent with spaces, never tabs, and put quotes round text that starts with '@' or '`'"
    }
    if problem.contains("mapping values are not allowed") {
      return "check the indentation, and put quotes round text that holds ': '"
    }
    if problem.contains("another document") {
      return "keep one document: remove the line '---' that begins the second"
    }
    if problem.contains("control characters") {
      return "remove the character that cannot be printed"
    }
    return "check the indentation, the brackets and the quotes from there upwards"
  }
}

/// Text of the file as a message may quote it.
enum Quoted {
  /// At most 40 characters of `text`, with everything that a terminal would obey made visible.
  static func short(_ text: String) -> String { cut(text, to: 40) }

  /// A key's path, likewise, with room for nested names.
  static func path(_ text: String) -> String { cut(text, to: 160) }

  private static func cut(_ text: String, to limit: Int) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(limit) {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate,
        .unassigned:
        result += "\\u{\(String(scalar.value, radix: 16))}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return text.unicodeScalars.count > limit ? result + "…" : result
  }
}
