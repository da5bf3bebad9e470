// Owns the choice among an archive's entries: everything, or some tables with what they need.

import Format
import Postgres

/// Which entries of the archive are restored, and which tables' rows.
struct ArchiveLists {
  /// Entries for both sections, without those below; nil for all of the archive.
  var definitions: [ArchiveEntry]?
  /// What fills materialized views, restored by itself so that its time is known.
  var refreshes: [ArchiveEntry] = []
  /// Event triggers and their comments, restored after everything: one that forbids definitions would
  /// forbid the filling of materialized views, one on logins may lock out whoever comes next.
  var eventTriggers: [ArchiveEntry] = []
  var warnings: [String] = []
  private var wanted: Set<QualifiedName>?

  /// - Throws: ``ReplayError`` `notInSnapshot` if a wanted table is not in the archive.
  init(_ archive: ArchiveRestore, _ options: DatabaseReplayOptions, _ contents: DatabaseContents)
    throws
  {
    let entries = try archive.entries()
    refreshes = entries.filter(\.isRefresh)
    eventTriggers = entries.filter(\.isEventTrigger)
    guard let tables = options.tables else {
      // A list costs pg_restore nothing, but without one it is one thing less to go wrong.
      if !refreshes.isEmpty || !eventTriggers.isEmpty {
        definitions = entries.filter { !$0.isRefresh && !$0.isEventTrigger }
      }
      if options.restorePublications {
        warnings += entries.compactMap(\.subscription).map {
          "subscription \($0) was not restored: the copy would take part in the replication of the original"
        }
      }
      return
    }
    eventTriggers = []
    var selection = TableSelection(
      entries, known: contents.tables.map(\.name) + tables)
    let missing = selection.select(tables)
    guard missing.isEmpty else {
      throw ReplayError(
        .notInSnapshot, what: "cannot restore tables of database '\(contents.source)'",
        why: "the snapshot holds no \(missing.map(\.description).joined(separator: ", "))",
        next: "list what it holds with 'lifeboat ls'; write names as schema.table")
    }
    refreshes = []
    definitions = entries.filter {
      selection.numbers.contains($0.number) && !$0.isRefresh && !$0.isEventTrigger
    }
    wanted = Set(selection.tables)
    warnings = selection.leftOut.map {
      "left out, because it needs a table that was not asked for: \($0)"
    }
  }

  /// Whether the rows of `table` are wanted.
  func loads(_ table: QualifiedName) -> Bool { wanted?.contains(table) ?? true }
}

/// Finds the entries that some tables consist of, and those they depend on.
struct TableSelection {
  private let entries: [ArchiveEntry]
  private let positions: [Int: Int]
  private let names: [Int: QualifiedName]
  private let attached: [(parent: Int, leaf: Int, number: Int)]
  /// Numbers of the selected entries.
  private(set) var numbers: Set<Int> = []
  /// The wanted tables, with the partitions of those that are partitioned.
  private(set) var tables: [QualifiedName] = []
  /// Foreign keys and the like that lead to tables which are not selected.
  private(set) var leftOut: [String] = []

  /// - Parameters:
  ///   - entries: the whole table of contents.
  ///   - known: names that tables may have; a listing alone does not tell where one with spaces ends.
  init(_ entries: [ArchiveEntry], known: [QualifiedName]) {
    self.entries = entries
    let known = Set(known)
    var names: [Int: QualifiedName] = [:]
    for entry in entries where Self.isTable(entry) {
      names[entry.number] = Self.name(of: entry, among: known)
    }
    self.names = names
    positions = Dictionary(
      entries.enumerated().map { ($1.number, $0) }, uniquingKeysWith: { first, _ in first })
    var attached: [(Int, Int, Int)] = []
    let kinds = Dictionary(
      entries.map { ($0.number, $0.text) }, uniquingKeysWith: { first, _ in first })
    for entry in entries where entry.text.hasPrefix("TABLE ATTACH ") {
      // "TABLE ATTACH public leaf owner" depends on both tables; the leaf has its name and owner.
      let leafText = "TABLE " + entry.text.dropFirst("TABLE ATTACH ".count)
      guard let leaf = entry.dependencies.first(where: { kinds[$0] == leafText }),
        let parent = entry.dependencies.first(where: {
          $0 != leaf && kinds[$0]?.hasPrefix("TABLE ") == true
        })
      else { continue }
      attached.append((parent, leaf, entry.number))
    }
    self.attached = attached.map { (parent: $0.0, leaf: $0.1, number: $0.2) }
  }

  /// Selects `wanted` and what belongs to them; returns those that the archive does not hold.
  mutating func select(_ wanted: [QualifiedName]) -> [QualifiedName] {
    var missing: [QualifiedName] = []
    var roots: Set<Int> = []
    for name in wanted {
      guard let entry = entries.first(where: { names[$0.number] == name }) else {
        missing.append(name)
        continue
      }
      roots.insert(entry.number)
      tables.append(name)
    }
    guard missing.isEmpty else { return missing }
    // Partitions, and theirs.
    var grew = true
    while grew {
      grew = false
      for link in attached where roots.contains(link.parent) && !roots.contains(link.leaf) {
        roots.insert(link.leaf)
        if let name = names[link.leaf] { tables.append(name) }
        grew = true
      }
    }
    for root in roots { addWithNeeds(root) }
    addBelongings()
    return []
  }

  /// Adds what stands on selected tables only: defaults, indexes, constraints, triggers, privileges.
  private mutating func addBelongings() {
    var grew = true
    while grew {
      grew = false
      for entry in entries where !numbers.contains(entry.number) && Self.isBelonging(entry) {
        guard entry.dependencies.contains(where: { numbers.contains($0) && isOwnKind($0) })
        else { continue }
        let isForeign = entry.dependencies.contains {
          !numbers.contains($0) && isTable($0)
        }
        if isForeign {
          if !leftOut.contains(entry.text) { leftOut.append(entry.text) }
          continue
        }
        addWithNeeds(entry.number)
        grew = true
      }
    }
  }

  private mutating func addWithNeeds(_ number: Int) {
    var waiting = [number]
    while let next = waiting.popLast() {
      guard let position = positions[next], numbers.insert(next).inserted else { continue }
      waiting += entries[position].dependencies
    }
  }

  private func isTable(_ number: Int) -> Bool {
    positions[number].map { Self.isTable(entries[$0]) } ?? false
  }

  private static func isTable(_ entry: ArchiveEntry) -> Bool {
    entry.text.hasPrefix("TABLE ") && !entry.text.hasPrefix("TABLE ATTACH ")
  }

  /// Not a schema, type or function: what depends on those belongs to more than the tables.
  private func isOwnKind(_ number: Int) -> Bool {
    guard let position = positions[number] else { return false }
    let text = entries[position].text
    return ["TABLE ", "SEQUENCE ", "INDEX ", "CONSTRAINT ", "TRIGGER ", "DEFAULT "].contains {
      text.hasPrefix($0)
    }
  }

  private static func isBelonging(_ entry: ArchiveEntry) -> Bool {
    [
      "TABLE ATTACH ", "DEFAULT ", "SEQUENCE OWNED BY ", "SEQUENCE ", "INDEX ", "INDEX ATTACH ",
      "CONSTRAINT ",
      "CHECK CONSTRAINT ", "FK CONSTRAINT ", "TRIGGER ", "POLICY ", "ROW SECURITY ", "STATISTICS ",
      "COMMENT ", "ACL ", "SECURITY LABEL ", "RULE ",
    ].contains { entry.text.hasPrefix($0) }
  }

  /// The longest known name that "TABLE schema name owner" can be cut into.
  private static func name(of entry: ArchiveEntry, among known: Set<QualifiedName>)
    -> QualifiedName?
  {
    let words = entry.text.split(separator: " ", omittingEmptySubsequences: false)
    var longest: (count: Int, name: QualifiedName)?
    for end in 3..<max(3, words.count) {
      for middle in 2..<end {
        let name = QualifiedName(
          schema: words[1..<middle].joined(separator: " "),
          name: words[middle..<end].joined(separator: " "))
        if known.contains(name), end > longest?.count ?? 0 { longest = (end, name) }
      }
    }
    return longest?.name
  }
}
