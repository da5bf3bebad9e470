// Owns the description of a database to capture.

import Format
import Inventory
package import Postgres

/// A database to capture.
package struct DatabaseSource: Sendable {
  /// Its name in snapshots.
  package var name: String
  package var target: ConnectionTarget
  /// How many connections read rows at the same time, at least 1.
  ///
  /// pg_dump takes one more while it runs, when only one of these is open.
  package var connections: Int
  /// How long one lock on a table is waited for.
  package var lockTimeout: Duration
  /// Tables whose rows are left out, as `schema.table`, in which `*` stands for any text.
  ///
  /// A partitioned table means all of its partitions.
  package var excludedTables: [String]
  /// Whether roles and tablespaces of the whole server are stored too.
  package var storeGlobals: Bool

  package init(
    name: String, target: ConnectionTarget, connections: Int = 2,
    lockTimeout: Duration = .seconds(60), excludedTables: [String] = [], storeGlobals: Bool = true
  ) {
    self.name = name
    self.target = target
    self.connections = max(1, connections)
    self.lockTimeout = lockTimeout
    self.excludedTables = excludedTables
    self.storeGlobals = storeGlobals
  }

  /// In milliseconds, at least 1: 0 would mean for ever to PostgreSQL.
  var lockTimeoutMilliseconds: Int64 {
    let parts = lockTimeout.components
    let (scaled, overflow) = parts.seconds.multipliedReportingOverflow(by: 1_000)
    // PostgreSQL's own limit is 2³¹ − 1 ms, 24 days.
    guard !overflow else { return Int64(Int32.max) }
    return min(max(scaled + parts.attoseconds / 1_000_000_000_000_000, 1), Int64(Int32.max))
  }

  /// The pattern that leaves a table out; nil if none does.
  func exclusion(of table: TableDescription) -> String? {
    excludedTables.first { fits(table, $0) }
  }

  /// Whether `pattern` means the table, or the partitioned table that it belongs to.
  func fits(_ table: TableDescription, _ pattern: String) -> Bool {
    [table.name, table.partitionRoot].contains { name in
      name.map { Self.matches("\($0)", pattern) } ?? false
    }
  }

  /// Whether `text` fits `pattern`, in which `*` stands for any bytes.
  package static func matches(_ text: String, _ pattern: String) -> Bool {
    let text = Array(text.utf8)
    let pattern = Array(pattern.utf8)
    // The usual two-pointer walk: on a mismatch, the last star takes one byte more.
    var at = 0
    var place = 0
    var star: (pattern: Int, text: Int)?
    while at < text.count {
      if place < pattern.count, pattern[place] == UInt8(ascii: "*") {
        star = (place, at)
        place += 1
      } else if place < pattern.count, pattern[place] == text[at] {
        at += 1
        place += 1
      } else if let last = star {
        star = (last.pattern, last.text + 1)
        at = last.text + 1
        place = last.pattern + 1
      } else {
        return false
      }
    }
    return pattern[place...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
