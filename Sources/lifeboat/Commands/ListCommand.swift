import ArgumentParser
import Format
import Repository
import Sodium

struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ls", abstract: "List what a snapshot holds.",
    discussion: """
      Without a path: the databases and media sources. A path begins with the name of a source: \
      'uploads/2026' lists a directory, 'app' the tables of a database.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  @Argument(help: "latest, or the first digits of an id.")
  var snapshot: String

  @Argument(help: "SOURCE or SOURCE/PATH.")
  var path: String?

  @Flag(help: "List everything beneath, not one level.")
  var recursive = false

  @Flag(
    help:
      "List what the snapshot lacks: left out on purpose, unreadable, or not as it was, and why.")
  var leftOut = false

  func validate() throws {
    if leftOut, path != nil || recursive {
      throw ValidationError("--left-out lists all of a snapshot; it takes no path")
    }
  }

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
    let snapshot = try repository.snapshot(
      named: self.snapshot, matching: SnapshotFilter(tags: filter.tag, host: filter.host))
    if leftOut { return try listLeftOut(snapshot) }
    guard let path else { return try listSources(snapshot) }
    try repository.loadIndex()
    let catalog = try repository.catalog(of: snapshot, reader: repository.makeReader())
    let place = try SourcePath(path, in: snapshot)
    switch place.source {
    case .media(let name): try listMedia(name, place, catalog)
    case .database(let name): try listTables(name, place, catalog)
    }
  }

  private func listSources(_ snapshot: Snapshot) throws {
    if global.json {
      return try Terminal.shared.print(JSONText.pretty(SnapshotRecord(snapshot)))
    }
    for database in snapshot.manifest.databases {
      try Terminal.shared.print(
        "database \(database.name): \(Display.count(database.tableCount)) tables, \(Display.count(database.rowCount)) rows, \(Display.bytes(database.byteCount)) as text, PostgreSQL \(database.serverVersion)"
      )
    }
    for media in snapshot.manifest.media {
      try Terminal.shared.print(
        "media \(media.name): \(Display.count(media.fileCount)) files, \(Display.bytes(media.byteCount)), from \(media.path)"
      )
    }
  }

  private func listLeftOut(_ snapshot: Snapshot) throws {
    struct Item: Encodable {
      var source, kind, entry: String
    }
    var items: [Item] = []
    func add(_ source: String, _ kind: String, _ lines: [String], of count: UInt64?) {
      items += lines.map { Item(source: source, kind: kind, entry: $0) }
      guard let count, count > UInt64(lines.count) else { return }
      items.append(
        Item(
          source: source, kind: kind,
          entry: "… and \(Display.count(count - UInt64(lines.count))) more"))
    }
    for database in snapshot.manifest.databases {
      add(database.name, "not-included", database.notIncluded, of: nil)
    }
    for media in snapshot.manifest.media {
      add(media.name, "excluded", media.excluded ?? [], of: media.excludedCount)
      add(media.name, "unreadable", media.unreadable, of: media.unreadableCount)
      add(media.name, "note", media.notes ?? [], of: nil)
    }
    if global.json { return try Terminal.shared.print(JSONText.pretty(items)) }
    for item in items {
      try Terminal.shared.print("\(item.source): \(item.kind): \(item.entry)")
    }
  }

  private func listMedia(_ name: String, _ place: SourcePath, _ catalog: CatalogReader) throws {
    let root = place.components.reduce(CatalogKey.media(name)) { $0.appending($1) }
    let depth = root.components.count
    var records: [EntryRecord] = []
    var found = false
    try catalog.forEach(within: root) { key, entry in
      found = true
      let components = key.components
      if components.count == depth, case .directory = entry { return }
      guard recursive || components.count <= depth + 1 else { return }
      let record = EntryRecord(path: components.dropFirst(2).map { $0 }, entry)
      if global.json { records.append(record) } else { try Terminal.shared.print(record.line) }
    }
    guard found else { throw place.notFound() }
    if global.json { try Terminal.shared.print(JSONText.pretty(records)) }
  }

  private func listTables(_ name: String, _ place: SourcePath, _ catalog: CatalogReader) throws {
    struct Table: Encodable {
      var schema, table: String
      var rows, bytes: UInt64
      var digest: String
    }
    var tables: [Table] = []
    let wanted = place.components.map { String(decoding: $0, as: UTF8.self) }
    try catalog.forEach(within: DatabasePart.tables.key(in: name)) { key, entry in
      guard case .table(let table) = entry else { return }
      let names = key.components.suffix(2).map { String(decoding: $0, as: UTF8.self) }
      guard names.count == 2, names.starts(with: wanted) else { return }
      tables.append(
        Table(
          schema: names[0], table: names[1], rows: table.rowCount, bytes: table.byteCount,
          digest: table.digest.hex))
    }
    guard !tables.isEmpty || wanted.isEmpty else { throw place.notFound() }
    if global.json { return try Terminal.shared.print(JSONText.pretty(tables)) }
    let rows = tables.map {
      [Display.count($0.rows), Display.bytes($0.bytes), "\($0.schema).\($0.table)"]
    }
    for line in Display.table(["rows", "bytes", "table"], rows) { try Terminal.shared.print(line) }
  }
}

/// A file-system entry as `ls` prints it.
struct EntryRecord: Encodable {
  var path, type: String
  var bytes: UInt64?
  var mode: String?
  var modified: String?
  var target: String?
  var note: String?

  init(path: [[UInt8]], _ entry: CatalogEntry) {
    self.path = path.map(Display.name).joined(separator: "/")
    var metadata: FileMetadata?
    switch entry {
    case .directory(let data): (type, metadata) = ("directory", data)
    case .file(let file):
      (type, metadata, bytes) = ("file", file.metadata, file.byteCount)
      if file.changedWhileRead { note = "changed while it was read" }
      if file.carriedForward { note = "carried forward from the snapshot before" }
    case .symlink(let data, let to): (type, metadata, target) = ("symlink", data, Display.name(to))
    case .hardLink(let to):
      (type, target) = (
        "hardlink", to.components.dropFirst(2).map(Display.name).joined(separator: "/")
      )
    case .fifo(let data): (type, metadata) = ("fifo", data)
    case .socket(let data): (type, metadata) = ("socket", data)
    case .characterDevice(let data, _, _): (type, metadata) = ("character-device", data)
    case .blockDevice(let data, _, _): (type, metadata) = ("block-device", data)
    case .unreadable(let reason): (type, note) = ("unreadable", reason)
    default: type = "other"
    }
    mode = metadata.map { String($0.mode, radix: 8) }
    modified = metadata.map {
      Timestamp(
        microseconds: $0.modified.seconds.multipliedReportingOverflow(by: 1_000_000).partialValue
          &+ Int64($0.modified.nanoseconds / 1000)
      ).description
    }
  }

  var line: String {
    let size = bytes.map { String($0) } ?? "-"
    let pad = String(repeating: " ", count: max(0, 12 - size.count))
    let kind = type.prefix(1) == "d" ? "d" : type == "symlink" ? "l" : type == "file" ? "-" : "?"
    var text = "\(kind) \(mode ?? "-")\t\(pad)\(size)  \(modified?.prefix(19) ?? "-")  \(path)"
    if let target { text += " -> \(target)" }
    if let note { text += "  (\(note))" }
    return text
  }
}
