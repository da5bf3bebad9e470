// Objects and properties: what the copy's catalogs say against what the source's said.

import Format
import Inventory
import Postgres
import Repository

extension Drill {
  /// Every object of the copy against the list that was made of the source.
  func checkInventory(_ database: RecordedDatabase, _ copy: Copy) throws {
    try findings.check(
      "equality.inventory", "Every object is there, and no other", on: copy.source,
      expected: "the objects of the source, each with the definition it had"
    ) {
      guard let recorded = ObjectInventory(decoding: try database.inventory()) else {
        return Finding(.fail, "the recorded list of objects cannot be read")
      }
      let actual = try ObjectInventory.read(over: try connect(copy.target))
      let items = InventoryDifference(from: recorded, to: actual).items.filter {
        isComparable($0, copy)
      }
      let count = ReportWords.count(recorded.lines.count, "fact")
      guard !items.isEmpty else { return .pass("\(count) about objects, all equal") }
      let words = "\(items.count) of \(count) about objects differ"
      // Another major version may word a definition in another way.
      if copy.major != database.summary.serverMajor, items.allSatisfy({ $0.change == .changed }) {
        return Finding(
          .warnings,
          "\(words), on PostgreSQL \(copy.major) instead of \(database.summary.serverMajor)",
          details: items.map(\.description))
      }
      return Finding(.fail, words, details: items.map(\.description))
    }
  }

  private func isComparable(_ item: InventoryDifference.Item, _ copy: Copy) -> Bool {
    // No copy gets publications; they would only be missed.
    if item.change == .missing {
      if item.kind == "publication" { return false }
      if item.kind == "owner" || item.kind == "comment",
        item.identity.hasPrefix("publication ")
      {
        return false
      }
    }
    if !copy.hasRoles, ["owner", "privileges", "default privileges"].contains(item.kind) {
      return false
    }
    return true
  }

  /// Encoding, locale, settings, owner: what pg_dump leaves out of a database's own archive.
  func checkProperties(_ database: RecordedDatabase, _ copy: Copy) throws {
    try findings.check(
      "equality.properties", "The database's own properties are equal", on: copy.source,
      expected: "encoding, locale, owner, privileges, settings and extensions as recorded"
    ) {
      let recorded = try database.properties()
      let actual = try DatabaseProperties.read(over: try connect(copy.target))
      var wrong: [String] = []
      var different: [String] = []
      func compare<Value: Equatable>(_ name: String, _ path: KeyPath<DatabaseProperties, Value>) {
        guard recorded[keyPath: path] != actual[keyPath: path] else { return }
        wrong.append(
          "\(name): expected \(Self.words(recorded[keyPath: path])), found \(Self.words(actual[keyPath: path]))"
        )
      }
      compare("encoding", \.encoding)
      compare("locale provider", \.localeProvider)
      compare("collation", \.collate)
      compare("character type", \.ctype)
      compare("ICU locale", \.icuLocale)
      compare("ICU rules", \.icuRules)
      compare("connection limit", \.connectionLimit)
      compare("template", \.isTemplate)
      compare("comment", \.comment)
      compare("settings", \.settings)
      if copy.hasRoles {
        compare("owner", \.owner)
        compare("settings of roles", \.roleSettings)
        let (want, have) = (Self.items(recorded.privileges), Self.items(actual.privileges))
        if want != have { wrong.append("privileges: expected \(want), found \(have)") }
      }
      if recorded.collationVersion != actual.collationVersion {
        different.append(
          "collation version: was \(recorded.collationVersion ?? "none"), is \(actual.collationVersion ?? "none") here: strings may sort otherwise"
        )
      }
      for item in recorded.extensions {
        guard let found = actual.extensions.first(where: { $0.name == item.name }) else {
          wrong.append("extension \(item.name) is missing")
          continue
        }
        if found.schema != item.schema {
          wrong.append(
            "extension \(item.name): expected schema \(item.schema), found \(found.schema)")
        }
        if found.version != item.version {
          different.append("extension \(item.name): was \(item.version), is \(found.version) here")
        }
      }
      let words =
        "\(actual.encoding), \(actual.icuLocale ?? actual.collate), \(ReportWords.count(actual.extensions.count, "extension"))"
      guard wrong.isEmpty else {
        return Finding(.fail, "\(wrong.count) differ", details: wrong + different)
      }
      guard different.isEmpty else {
        return Finding(.warnings, words, details: different)
      }
      return .pass(words)
    }
  }

  private static func words(_ value: some Any) -> String {
    if let optional = value as? String? { return optional.map { "'\($0)'" } ?? "none" }
    if let roles = value as? [DatabaseProperties.RoleSettings] {
      return "\(roles.flatMap { role in role.settings.map { "\(role.role): \($0)" } })"
    }
    return "\(value)"
  }

  private static func items(_ privileges: String?) -> [String] {
    (privileges ?? "{}").dropFirst().dropLast().split(separator: ",").map(String.init).sorted()
  }
}
