// Owns the suspicion: a capture that succeeded and found far less than the one before.

import Format
import Repository

/// Compares a capture with that of the parent snapshot.
struct CollapseCheck {
  /// A table with fewer rows may be empty at times: queues and sessions are.
  private static let notableRowCount: UInt64 = 1_000
  private static let limit = 20

  private var rows: [CatalogKey: UInt64] = [:]
  private let rowCount: UInt64
  private let name: String

  /// Reads the row counts of the tables in the parent snapshot's catalog.
  init(_ name: String, parent: CatalogReader, _ summary: DatabaseSummary) throws {
    self.name = name
    rowCount = summary.rowCount
    var found: [CatalogKey: UInt64] = [:]
    try parent.forEach(within: DatabasePart.tables.key(in: name)) { key, entry in
      if case .table(let table) = entry, table.excluded == nil, table.rowCount > 0 {
        found[key] = table.rowCount
      }
    }
    rows = found
  }

  /// What looks like a loss at the source, in words; empty if nothing does.
  func warnings(_ tables: [(key: CatalogKey, table: TableSummary)]) -> [String] {
    var before = rows
    var warnings: [String] = []
    var total: UInt64 = 0
    for (key, table) in tables {
      let count = before.removeValue(forKey: key)
      total += table.rowCount
      if let count, count >= Self.notableRowCount, table.rowCount == 0, table.excluded == nil {
        warnings.append("\(name): \(Self.title(key)) is empty; it had \(count) rows before")
      }
    }
    for (key, count) in before.sorted(by: { $0.key < $1.key }) {
      warnings.append("\(name): \(Self.title(key)) is gone; it had \(count) rows before")
    }
    if warnings.count > Self.limit {
      let more = warnings.count - Self.limit
      warnings = Array(warnings.prefix(Self.limit))
      warnings.append("\(name): \(more) more tables are empty or gone")
    }
    if rowCount >= Self.notableRowCount, total <= rowCount / 10 {
      warnings.insert(
        "\(name): \(total) rows are left of \(rowCount) before; check that this is the right "
          + "database and that nothing was deleted by mistake", at: 0)
    }
    return warnings
  }

  private static func title(_ key: CatalogKey) -> String {
    "the table "
      + key.components.suffix(2).map { String(decoding: $0, as: UTF8.self) }
      .joined(separator: ".")
  }
}
