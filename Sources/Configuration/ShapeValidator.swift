// Holds a file's tree against the layout and reports every place where the two differ.

/// Collects what is wrong with the form of a file; meaning is `ConfigurationReader`'s subject.
struct ShapeValidator {
  private(set) var findings: [ConfigurationDiagnostic] = []

  /// Reports every difference between `node` and `shape`; `path` is the key that holds `node`.
  mutating func check(_ node: ConfigurationNode, _ shape: ConfigurationShape, path: String) {
    if case .scalar(_, .null) = node.content {
      report(
        node, path, "\(subject(path)) has no value", "\(expected(shape)) is expected",
        path.isEmpty
          ? "write at least 'repository:'; 'lifeboat config example' prints a whole file"
          : "give it one, or remove the key")
      return
    }
    switch shape {
    case .text(let kind): checkText(node, kind, path)
    case .integer(let range): checkInteger(node, range, path)
    case .boolean:
      guard node.boolean == nil else { return }
      reportKind(node, shape, path, next: "write true or false, without quotes")
    case .choice(let words): checkChoice(node, words, path)
    case .list(let item): checkList(node, item, path)
    case .section(let section): checkSection(node, section, path)
    case .named(let thing, let inner): checkNamed(node, thing, inner, path)
    }
  }

  // MARK: Scalars

  private mutating func checkText(_ node: ConfigurationNode, _ kind: TextKind, _ path: String) {
    guard let text = node.text else {
      var next = "write \(kind.expects)"
      if case .scalar(let word, _) = node.content, !kind.isSensitive {
        next =
          switch kind {
          case .duration: "add a unit: \(word)s or \(word)h"
          case .byteCount: "add a unit: \(word)K, \(word)M or \(word)G"
          default: "put it in quotes: \"\(word)\""
          }
      } else if case .scalar = node.content {
        next = "put it in quotes"
      }
      return reportKind(node, .text(kind), path, next: next)
    }
    guard !kind.accepts(text) else { return }
    let shown = kind.isSensitive ? "its value" : "'\(Quoted.short(text))'"
    report(
      node, path, "\(subject(path)) is not valid", "\(shown) is not \(kind.expects)",
      advice(on: text, kind))
  }

  private func advice(on text: String, _ kind: TextKind) -> String {
    switch kind {
    case .repository where text.wholeMatch(of: /(s3|sftp|https?|rest):.*/) != nil:
      "this version stores in local directories only: mount the storage, or copy from there"
    case .repository, .path:
      text.hasPrefix("~")
        ? "'~' is not expanded here: write the whole path, such as /home/app/media"
        : "write the whole path from '/', so that it does not depend on where lifeboat is started"
    case .duration where text.wholeMatch(of: /[0-9]+/) != nil:
      "add a unit: \(Quoted.short(text))s or \(Quoted.short(text))h"
    case .duration: "use w, d, h, m and s in that order with whole numbers, such as 1d12h"
    case .connection, .scratch:
      "write postgresql:///NAME?host=/run/postgresql, or dbname=NAME, or service=NAME"
    case .column: "name the column and its table, such as \"blog_article.cover\""
    default: "write \(kind.expects)"
    }
  }

  private mutating func checkInteger(
    _ node: ConfigurationNode, _ range: ClosedRange<Int>, _ path: String
  ) {
    if let value = node.integer, range.contains(value) { return }
    let bounds = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    if case .scalar(let word, .integer) = node.content {
      return report(
        node, path, "\(subject(path)) is out of range", "\(Quoted.short(word)) is not \(bounds)",
        "write \(bounds)" + (word == "0" ? ", or remove the key" : ""))
    }
    let quoted = node.text.flatMap { Int($0) }.map { "\($0), without quotes" }
    reportKind(node, .integer(range), path, next: "write \(quoted ?? bounds)")
  }

  private mutating func checkChoice(
    _ node: ConfigurationNode, _ words: [String], _ path: String
  ) {
    guard let text = node.text else {
      return reportKind(node, .choice(words), path, next: "write \(alternatives(words))")
    }
    guard !words.contains(text) else { return }
    let close = Suggestion.closest(to: text, among: words)
    report(
      node, path, "\(subject(path)) is not valid",
      "'\(Quoted.short(text))' is not one of its values",
      close.map { "did you mean '\($0)'?" } ?? "write \(alternatives(words))")
  }

  // MARK: Collections

  private mutating func checkList(
    _ node: ConfigurationNode, _ item: ConfigurationShape, _ path: String
  ) {
    guard case .list(let items) = node.content else {
      return reportKind(node, .list(item), path, next: "write a list: [ … ], also for one value")
    }
    if items.isEmpty {
      report(
        node, path, "\(subject(path)) is empty", "a list here holds at least one value",
        "write its values, or remove the key")
    }
    for (index, node) in items.enumerated() { check(node, item, path: "\(path)[\(index)]") }
  }

  private mutating func checkNamed(
    _ node: ConfigurationNode, _ thing: String, _ inner: ConfigurationShape, _ path: String
  ) {
    guard case .mapping(let entries) = node.content else {
      return reportKind(
        node, .named(thing: thing, inner), path,
        next: "write a name for each \(thing), then its keys")
    }
    for entry in entries {
      if !TextKind.isName(entry.key) {
        report(
          entry.keyPosition, join(path, entry.key),
          "the name '\(Quoted.short(entry.key))' is not valid",
          "a \(thing)'s name has 1 to 64 letters, digits, '.', '_' and '-'",
          "choose such a name: it stands in snapshots and on command lines")
      }
      check(entry.value, inner, path: join(path, entry.key))
    }
  }

  private mutating func checkSection(
    _ node: ConfigurationNode, _ section: ConfigurationShape.Section, _ path: String
  ) {
    guard case .mapping(let entries) = node.content else {
      let names = section.keys.prefix(3).map { "'\($0.name)'" }.joined(separator: ", ")
      return reportKind(node, .section(section), path, next: "indent its keys below it: \(names) …")
    }
    for entry in entries {
      if let key = section.keys.first(where: { $0.name == entry.key }) {
        check(entry.value, key.shape, path: join(path, entry.key))
      } else {
        reportUnknown(entry, in: section, path)
      }
    }
    for key in section.keys where key.isRequired && node[key.name] == nil {
      report(
        node, join(path, key.name), "'\(join(path, key.name))' is missing",
        "\(section.thing) needs it", "add '\(key.name):' with \(expected(key.shape))")
    }
    let known = entries.filter { entry in section.keys.contains { $0.name == entry.key } }
    let names = section.keys.map { "'\($0.name)'" }.joined(separator: ", ")
    if section.rule != .any, entries.isEmpty {
      report(node, path, "\(subject(path)) is empty", "it needs a key", "use one of \(names)")
    } else if section.rule == .exactlyOne, known.count > 1 {
      report(
        known[1].keyPosition, join(path, known[1].key),
        "\(subject(path)) has \(known.count) sources",
        "'\(known[0].key)' and '\(known[1].key)' cannot both be the one to use",
        "keep exactly one of them")
    }
  }

  // MARK: Unknown keys

  /// Keys that people write for a secret.
  private static let secretKeys: Set<String> = [
    "passphrase", "password", "passwd", "pass", "secret", "pgpassword", "recoverykey",
  ]

  private mutating func reportUnknown(
    _ entry: ConfigurationNode.Entry, in section: ConfigurationShape.Section, _ path: String
  ) {
    let full = join(path, entry.key)
    let plain = entry.key.lowercased().filter { $0 != "-" && $0 != "_" }
    if Self.secretKeys.contains(plain) {
      let isDatabase = path.hasPrefix("databases")
      return report(
        entry.keyPosition, full, "'\(Quoted.path(full))' would hold a secret in this file",
        "configuration files are copied and committed, so secrets are only named here",
        isDatabase
          ? "use a passfile: add ?passfile=/etc/lifeboat/pgpass to 'connection', or service=NAME"
          : "write the secret to a file of mode 0600 and 'key: { passphrase-file: PATH }' here;"
            + " a secret that stood in this file should be changed")
    }
    let names = section.keys.map(\.name)
    let elsewhere = ConfigurationLayout.sections(with: entry.key)
    let next: String
    if entry.key == "<<" {
      next = "YAML merge keys are not supported: write the keys out"
    } else if let close = Suggestion.closest(to: entry.key, among: names) {
      next = "did you mean '\(close)'?"
    } else if let home = elsewhere.first {
      next = home.isEmpty ? "it belongs to the top level" : "it belongs under '\(home)'"
    } else {
      next = "use one of \(names.map { "'\($0)'" }.joined(separator: ", "))"
    }
    report(
      entry.keyPosition, full, "unknown key '\(Quoted.path(full))'",
      "\(section.thing) has no such key", next)
  }

  // MARK: Words

  private mutating func reportKind(
    _ node: ConfigurationNode, _ shape: ConfigurationShape, _ path: String, next: String
  ) {
    report(
      node, path, "\(subject(path)) has the wrong type",
      "\(expected(shape)) is expected, not \(node.kindName)", next)
  }

  private func expected(_ shape: ConfigurationShape) -> String {
    switch shape {
    case .text(let kind): kind.expects
    case .integer: "a whole number"
    case .boolean: "true or false"
    case .choice(let words): alternatives(words)
    case .list: "a list"
    case .section, .named: "a mapping"
    }
  }

  private func alternatives(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.joined() }
    return words.dropLast().joined(separator: ", ") + " or " + last
  }

  private func subject(_ path: String) -> String {
    path.isEmpty ? "the configuration" : "'\(Quoted.path(path))'"
  }

  private func join(_ path: String, _ key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }

  private mutating func report(
    _ node: ConfigurationNode, _ path: String, _ what: String, _ why: String, _ next: String
  ) {
    report(node.position, path, what, why, next)
  }

  private mutating func report(
    _ position: ConfigurationNode.Position, _ path: String, _ what: String, _ why: String,
    _ next: String
  ) {
    findings.append(
      ConfigurationDiagnostic(
        at: position, key: Quoted.path(path), what: what, why: why, next: next))
  }
}
