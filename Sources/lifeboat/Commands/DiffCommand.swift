import ArgumentParser
import Format
import Repository
import Workers

struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff", abstract: "Show what changed between two snapshots.",
    discussion: """
      Files are marked + added, - removed, M changed content, U changed metadata only. Of \
      databases, tables whose rows differ are named with their row counts.
      """)

  @OptionGroup var global: GlobalOptions

  @Argument(help: "The older snapshot: latest, or the first digits of an id.")
  var older: String

  @Argument(help: "The newer snapshot.")
  var newer: String

  struct Change: Encodable {
    var change, source, path: String
    var rowsBefore, rowsAfter, bytesBefore, bytesAfter: UInt64?
  }

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
    let old = try repository.snapshot(named: older)
    let new = try repository.snapshot(named: newer)
    try repository.loadIndex()
    let reader = repository.makeReader()
    var changes: [Change] = []
    var counts: [String: Int] = [:]
    try CatalogDifference.forEach(
      from: try repository.catalog(of: old, reader: reader),
      to: try repository.catalog(of: new, reader: reader)
    ) { difference in
      try session.cancellation.check()
      guard let change = Self.describe(difference) else { return }
      counts[change.change, default: 0] += 1
      if global.json { changes.append(change) } else { try Self.show(change) }
    }
    if global.json { return try Terminal.shared.print(JSONText.pretty(changes)) }
    let summary = [
      ("added", "added"), ("removed", "removed"), ("modified", "modified"),
      ("metadata", "with other metadata"),
    ]
    .compactMap { word, text in counts[word].map { "\(Display.count($0)) \(text)" } }
    session.messages.info(summary.isEmpty ? "no difference" : summary.joined(separator: ", "))
  }

  /// Rows of ranges show as their table; parts without a name of their own are left out.
  private static func describe(_ difference: CatalogChange) -> Change? {
    let parts = difference.key.components
    guard parts.count >= 2 else { return nil }
    let source = Display.name(parts[1])
    var word = difference.kind.rawValue
    switch (parts[0], difference.old, difference.new) {
    case (Array("m".utf8), let old, let new):
      if difference.kind == .changed {
        word =
          old?.content == new?.content && old?.isSameKind(as: new) == true ? "metadata" : "modified"
      }
      return Change(
        change: word, source: source,
        path: parts.dropFirst(2).map(Display.name).joined(separator: "/"),
        bytesBefore: old?.fileByteCount, bytesAfter: new?.fileByteCount)
    case (_, .table(let before)?, .table(let after)?):
      return Change(
        change: "modified", source: source, path: tableName(parts), rowsBefore: before.rowCount,
        rowsAfter: after.rowCount, bytesBefore: before.byteCount, bytesAfter: after.byteCount)
    case (_, .table(let before)?, nil):
      return Change(
        change: word, source: source, path: tableName(parts), rowsBefore: before.rowCount,
        bytesBefore: before.byteCount)
    case (_, nil, .table(let after)?):
      return Change(
        change: word, source: source, path: tableName(parts), rowsAfter: after.rowCount,
        bytesAfter: after.byteCount)
    case (_, .largeObject?, _), (_, _, .largeObject?):
      return Change(
        change: word == "changed" ? "modified" : word, source: source,
        path: "large object \(Int(Display.name(parts[parts.count - 1]), radix: 16) ?? 0)")
    default: return nil
    }
  }

  private static func tableName(_ parts: [[UInt8]]) -> String {
    parts.suffix(2).map(Display.name).joined(separator: ".")
  }

  private static func show(_ change: Change) throws {
    let mark =
      ["added": "+", "removed": "-", "modified": "M", "metadata": "U"][change.change] ?? "?"
    var line = "\(mark) \(change.source)/\(change.path)"
    switch (change.rowsBefore, change.rowsAfter) {
    case (let before?, let after?):
      line += "  \(Display.count(before)) -> \(Display.count(after)) rows"
    case (let before?, nil): line += "  \(Display.count(before)) rows"
    case (nil, let after?): line += "  \(Display.count(after)) rows"
    case (nil, nil): break
    }
    try Terminal.shared.print(line)
  }
}

extension CatalogEntry {
  fileprivate var fileByteCount: UInt64? {
    if case .file(let file) = self { return file.byteCount }
    return nil
  }

  fileprivate func isSameKind(as other: CatalogEntry?) -> Bool {
    switch (self, other) {
    case (.directory, .directory?), (.file, .file?), (.fifo, .fifo?), (.socket, .socket?): true
    case (.symlink(_, let a), .symlink(_, let b)?): a == b
    case (.hardLink(let a), .hardLink(let b)?): a == b
    default: false
    }
  }
}
