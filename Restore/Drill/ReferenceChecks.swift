// Does each file that a row names exist in the same snapshot?

import Files
import Format
import Inventory
import Postgres
import Repository
import Workers

extension Drill {
  /// Resolves every value of the recorded file columns, as the copy has them, against the catalog.
  func checkReferences(_ database: RecordedDatabase, _ copy: Copy) throws {
    for reference in manifest.references where reference.database == copy.source {
      try findings.check(
        "files.references", Self.title(of: reference), on: copy.source,
        expected:
          "\(ReportWords.count(reference.valueCount, "value")), \(ReportWords.number(reference.danglingCount)) of them without a file at the source, too"
      ) {
        guard manifest.media.contains(where: { $0.name == reference.media }) else {
          return Finding(.fail, "the snapshot has no media source '\(reference.media)'")
        }
        return try resolve(reference, on: copy)
      }
    }
  }

  static func title(of reference: ReferenceSummary) -> String {
    "Every file that \(reference.table).\(reference.column) names is in the snapshot"
  }

  private func resolve(_ reference: ReferenceSummary, on copy: Copy) throws -> Finding {
    let connection = try connect(copy.target)
    let lookup = SortedLookup(try repository.catalog(of: snapshot, reader: reader))
    // Listed as paths beneath the media folder, or as they were where they are no such path.
    let known = Set(
      reference.dangling.map {
        MediaReference.key(of: $0.utf8, in: reference.media) ?? CatalogKey(bytes: Array($0.utf8))
      })
    var distinct: UInt64 = 0
    var dangling: UInt64 = 0
    var lost: [String] = []
    var lostCount: UInt64 = 0
    try ReferenceReader.forEachBatch(reference.table, reference.column, over: connection) {
      values in
      try cancellation.check()
      progress.add(bytes: 0, items: values.count)
      distinct += UInt64(values.count)
      var missing: Set<CatalogKey> = []
      var keys: Set<CatalogKey> = []
      for value in values {
        if let key = MediaReference.key(of: value, in: reference.media) {
          keys.insert(key)
        } else {
          missing.insert(CatalogKey(bytes: Array(displayed(value).utf8)))
        }
      }
      // In order, so that each leaf of the catalog is read once.
      for key in keys.sorted() where try lookup.entry(key).map(Self.isFile) != true {
        missing.insert(key)
      }
      for key in missing {
        if known.contains(key) {
          dangling += 1
        } else {
          lostCount += 1
          if lost.count < 1000 { lost.append(displayed(Array(Self.path(key)))) }
        }
      }
    }
    return judge(
      reference, distinct: distinct, dangling: dangling, lost: lost.sorted(),
      lostCount: lostCount)
  }

  private func judge(
    _ reference: ReferenceSummary, distinct: UInt64, dangling: UInt64,
    lost: [String], lostCount: UInt64
  ) -> Finding {
    let words = ReportWords.count(distinct, "value")
    // The manifest lists at most 1,000 dangling values; of those beyond it only the number is known.
    let unlisted =
      reference.danglingCount
      - min(
        reference.danglingCount, UInt64(reference.dangling.count))
    guard lostCount <= unlisted else {
      return Finding(
        .fail, "\(words), \(ReportWords.number(lostCount)) not in the snapshot", details: lost)
    }
    guard distinct == reference.valueCount else {
      return Finding(.fail, "\(words): another number of values than recorded")
    }
    var remarks: [String] = []
    if dangling + lostCount > 0 {
      remarks.append(
        "\(ReportWords.number(dangling + lostCount)) named no file at the source either")
    }
    if reference.carriedForwardCount > 0 {
      remarks.append(
        "\(ReportWords.number(reference.carriedForwardCount)) were gone at the source and come from the snapshot before"
      )
    }
    guard remarks.isEmpty else {
      return Finding(
        .warnings, "\(words); \(remarks.joined(separator: ", "))",
        details: Array(reference.dangling.prefix(DrillCheck.detailLimit)))
    }
    return .pass("\(words), all there")
  }

  /// The part of a key beneath its media source; all of a value that is no path.
  private static func path(_ key: CatalogKey) -> [UInt8] {
    let parts = key.components
    guard parts.count > 2 else { return key.bytes }
    return Array(parts.dropFirst(2).joined(separator: [UInt8(ascii: "/")]))
  }

  private static func isFile(_ entry: CatalogEntry) -> Bool {
    switch entry {
    case .file, .hardLink, .symlink: true
    default: false
    }
  }
}
