// Owns how the loading of rows is divided: which tables are loaded whole, and which in parts.

import Format
import Repository

/// A part of the work of loading rows: one transaction of one session.
struct LoadTask: Sendable {
  let table: ReplayTable
  /// The ranges of the table that this task loads; nil for all.
  let part: RangeBounds?
  /// Bytes of rows, by which the largest task is begun first.
  let byteCount: UInt64

  var isPart: Bool { part != nil }
}

/// Neighbouring ranges of one table, as keys of the catalog.
struct RangeBounds: Sendable {
  let first: CatalogKey
  /// The key behind the last; nil for the end of the table.
  let end: CatalogKey?
}

/// Divides tables among sessions.
///
/// A whole table is best: it is truncated and filled in one transaction, which writes no log where
/// `wal_level` is `minimal`, and its rows arrive frozen. But a table with more than its share of the
/// bytes would keep one session busy when all others are done, so such a table is cut into parts that
/// several sessions load at once.
struct LoadPlan {
  /// Largest first.
  private(set) var tasks: [LoadTask] = []
  /// Tables that are loaded in parts.
  private(set) var divided: [ReplayTable] = []

  /// - Parameters:
  ///   - connections: sessions that will take tasks.
  ///   - smallestPart: bytes below which a part is not worth a transaction of its own.
  init(
    _ tables: [ReplayTable], connections: Int, smallestPart: UInt64, catalog: CatalogReader,
    source: String
  ) throws {
    let total = tables.reduce(UInt64(0)) { $0 &+ $1.summary.byteCount }
    let share = total / UInt64(max(1, connections))
    for table in tables {
      let byteCount = table.summary.byteCount
      let isDivisible =
        connections > 1 && byteCount > share && byteCount / 2 >= smallestPart
        && table.summary.loadThrough == nil && !table.summary.isExtensionConfiguration
      let cuts =
        isDivisible
        ? try Self.cuts(
          of: table, into: max(smallestPart, byteCount / UInt64(connections * 4)), catalog, source)
        : []
      guard cuts.count > 1 else {
        tasks.append(LoadTask(table: table, part: nil, byteCount: byteCount))
        continue
      }
      divided.append(table)
      for (number, cut) in cuts.enumerated() {
        let end = number + 1 < cuts.count ? cuts[number + 1].first : nil
        tasks.append(
          LoadTask(
            table: table, part: RangeBounds(first: cut.first, end: end), byteCount: cut.byteCount))
      }
    }
    tasks.sort { ($1.byteCount, $0.table.name) < ($0.byteCount, $1.table.name) }
  }

  /// Where parts of about `partSize` bytes begin, and how many bytes each has.
  private static func cuts(
    of table: ReplayTable, into partSize: UInt64, _ catalog: CatalogReader, _ source: String
  ) throws -> [(first: CatalogKey, byteCount: UInt64)] {
    var cuts: [(first: CatalogKey, byteCount: UInt64)] = []
    var ranges = try RangeWalk(catalog, table.name, source: source)
    while let (key, range) = try ranges.nextWithKey() {
      if let last = cuts.indices.last, cuts[last].byteCount < partSize {
        cuts[last].byteCount &+= range.content.byteCount
      } else {
        cuts.append((key, range.content.byteCount))
      }
    }
    return cuts
  }
}
