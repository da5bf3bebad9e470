import ArgumentParser
import Format
import Foundation
import Replay
import Repository
import Workers

struct DumpCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dump",
    abstract: "Write a database as plain SQL, or one file, to standard output.",
    discussion: """
      The SQL loads into an empty database with 'psql -v ON_ERROR_STOP=1': nobody is locked in. \
      With --table, only that table's rows as COPY text. With --media, the content of one file.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  @Argument(help: "latest, or the first digits of an id.")
  var snapshot: String

  @Argument(help: "With --media: the file's path beneath the source.")
  var path: String?

  @Option(help: ArgumentHelp("The database source.", valueName: "name"))
  var database: String?

  @Option(help: ArgumentHelp("Only the rows of this table, SCHEMA.TABLE.", valueName: "table"))
  var table: String?

  @Option(help: ArgumentHelp("The media source.", valueName: "name"))
  var media: String?

  func validate() throws {
    guard (database == nil) != (media == nil) else {
      throw ValidationError("give either --database NAME or --media NAME PATH")
    }
    if media != nil, path == nil { throw ValidationError("give the path of a file") }
    if database != nil, path != nil { throw ValidationError("a path is for --media") }
    if table != nil, database == nil { throw ValidationError("--table is for --database") }
  }

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
    try repository.require(.owner, to: "read rows or files")
    let snapshot = try repository.snapshot(
      named: self.snapshot, matching: SnapshotFilter(tags: filter.tag, host: filter.host))
    try repository.loadIndex()
    let reader = repository.makeReader()
    let catalog = try repository.catalog(of: snapshot, reader: reader)
    if let database {
      guard snapshot.manifest.databases.contains(where: { $0.name == database }) else {
        throw UsageError(
          what: "there is no database '\(database)' in snapshot \(snapshot.id)",
          why: "it has \(snapshot.manifest.databases.map(\.name).joined(separator: ", "))",
          next: "list them with 'lifeboat ls \(snapshot.id)'")
      }
      try dumpDatabase(database, reader, catalog, session)
    } else if let media, let path {
      let place = try SourcePath("\(media)/\(path)", in: snapshot)
      try dumpFile(place, CatalogKey.media(media), reader, catalog, session)
    }
  }

  private func dumpDatabase(
    _ name: String, _ reader: BlobReader, _ catalog: CatalogReader, _ session: Session
  ) throws {
    let sql = DatabaseSQL(
      reader: reader, catalog: catalog, source: name, cancellation: session.cancellation)
    guard let table else { return try sql.write { try Terminal.shared.write($0) } }
    let parts = table.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      throw UsageError(
        what: "cannot read --table '\(table)'", why: "it is not SCHEMA.TABLE",
        next: "write for example public.blog_article")
    }
    try sql.writeRows(of: QualifiedName(schema: String(parts[0]), name: String(parts[1]))) {
      try Terminal.shared.write($0)
    }
  }

  private func dumpFile(
    _ place: SourcePath, _ root: CatalogKey, _ reader: BlobReader, _ catalog: CatalogReader,
    _ session: Session
  ) throws {
    var key = place.components.reduce(root) { $0.appending($1) }
    var entry = try catalog.entry(key)
    if case .hardLink(let target)? = entry {
      key = target
      entry = try catalog.entry(key)
    }
    guard let entry else { throw place.notFound() }
    guard case .file(let file) = entry else {
      throw UsageError(
        what: "cannot dump '\(place.text)'", why: "it is not a regular file",
        next: "restore it with 'lifeboat restore --media'")
    }
    let decoder = try ChunkDecoder()
    var output = SparseOutput(extents: file.extents, byteCount: file.byteCount)
    try reader.forEachPiece(of: file.content, using: decoder) { piece in
      try session.cancellation.check()
      try output.write(piece)
    }
    try output.finish()
  }
}

/// Data extents as one stream: the holes between them are written as zeros.
private struct SparseOutput {
  private var extents: ArraySlice<Extent>
  private let byteCount: UInt64
  private var position: UInt64 = 0
  private static let zeros = [UInt8](repeating: 0, count: 1 << 16)

  init(extents: [Extent]?, byteCount: UInt64) {
    self.extents = (extents ?? [Extent(offset: 0, byteCount: byteCount)])[...]
    self.byteCount = byteCount
  }

  mutating func write(_ piece: Span<UInt8>) throws {
    var done = 0
    while done < piece.count, let extent = extents.first {
      try writeZeros(upTo: extent.offset)
      let left = extent.offset + extent.byteCount - position
      let count = Int(min(left, UInt64(piece.count - done)))
      try Terminal.shared.write(piece.extracting(done..<done + count))
      position += UInt64(count)
      done += count
      if position == extent.offset + extent.byteCount { extents.removeFirst() }
    }
  }

  mutating func finish() throws { try writeZeros(upTo: byteCount) }

  private mutating func writeZeros(upTo end: UInt64) throws {
    while position < end {
      let count = Int(min(end - position, UInt64(Self.zeros.count)))
      try Terminal.shared.write(Self.zeros.span.extracting(0..<count))
      position += UInt64(count)
    }
  }
}
