// Owns the reading of what a snapshot holds of one database, rows and large objects excepted.

import Format
import FoundationEssentials
import Inventory
import Repository

/// A table of the snapshot.
struct ReplayTable: Sendable {
  var name: QualifiedName
  var summary: TableSummary
}

/// The parts of one database that fit in memory.
///
/// Rows, large objects and the archive are only pointed to.
struct DatabaseContents {
  var source: String
  var properties: DatabaseProperties
  var tables: [ReplayTable]
  var sequences: [SequenceValue]
  var archive: Content
  var globals: Content?
  var header: ArchiveHeader
  /// The source had dropped `public`, which every new database has and which pg_dump never drops.
  var lacksPublicSchema = false

  /// The server's major version at capture.
  var serverMajor: Int { header.serverMajor ?? 0 }

  /// Properties of a database with 100,000 settings would be smaller.
  private static let propertiesLimit = 64 << 20
  private static let sequencesLimit = 256 << 20
  private static let inventoryLimit = 1 << 30

  /// - Throws: ``ReplayError`` with code `notInSnapshot` if there is no such source; what reading throws.
  init(reader: BlobReader, catalog: CatalogReader, source: String) throws {
    let decoder = try ChunkDecoder()
    func stream(_ part: DatabasePart) throws -> Content? {
      guard case .stream(let content) = try catalog.entry(part.key(in: source)) else { return nil }
      return content
    }
    guard let properties = try stream(.properties) else {
      throw ReplayError(
        .notInSnapshot, what: "cannot restore database '\(source)'",
        why: "the snapshot holds no database source of that name",
        next: "list what it holds with 'lifeboat ls'")
    }
    guard let archive = try stream(.archive) else {
      throw Self.damaged(source, "its archive of definitions is missing")
    }
    self.source = source
    self.archive = archive
    globals = try stream(.globals)
    self.properties = try Self.json(
      DatabaseProperties.self, .properties, source,
      try reader.bytes(of: properties, limit: Self.propertiesLimit, using: decoder))
    guard self.properties.version == 1 else {
      throw ReplayError(
        .damaged, what: "cannot restore database '\(source)'",
        why:
          "its properties are of version \(self.properties.version), which this program does not know",
        next: "install a newer lifeboat")
    }
    sequences = []
    if let content = try stream(.sequences) {
      sequences = try Self.json(
        [SequenceValue].self, .sequences, source,
        try reader.bytes(of: content, limit: Self.sequencesLimit, using: decoder))
    }
    var tables: [ReplayTable] = []
    try catalog.forEach(within: DatabasePart.tables.key(in: source)) { key, entry in
      guard case .table(let summary) = entry else { return }
      let parts = key.components
      guard parts.count == 5 else { throw Self.damaged(source, "a table has a malformed key") }
      tables.append(
        ReplayTable(
          name: QualifiedName(
            schema: String(decoding: parts[3], as: UTF8.self),
            name: String(decoding: parts[4], as: UTF8.self)),
          summary: summary))
    }
    self.tables = tables
    header = try Self.header(of: archive, source, reader, decoder)
    if let content = try stream(.inventory), content.byteCount > 0 {
      let bytes = try reader.bytes(of: content, limit: Self.inventoryLimit, using: decoder)
      guard let inventory = ObjectInventory(decoding: bytes) else {
        throw Self.damaged(source, "its inventory cannot be read")
      }
      lacksPublicSchema = !inventory.lines.contains {
        $0.kind == "schema" && $0.identity == "public"
      }
    }
  }

  /// Rows of a table lie beneath this key.
  static func rowsKey(_ table: QualifiedName, in source: String) -> CatalogKey {
    DatabasePart.rows.key(in: source).appending(table.schema).appending(table.name)
  }

  private static func header(
    of archive: Content, _ source: String, _ reader: BlobReader, _ decoder: ChunkDecoder
  ) throws -> ArchiveHeader {
    // The first chunk is enough: a header has a few hundred bytes, a chunk more unless it is the last.
    struct Enough: Error {}
    var first: [UInt8] = []
    do {
      try reader.forEachChunk(of: archive, using: decoder) { reference in
        try reader.load(reference, into: &first, using: decoder)
        throw Enough()
      }
    } catch is Enough {}
    do throws(ArchiveHeader.Malformed) {
      let header = try ArchiveHeader(first)
      // Without them no version could be checked.
      guard header.serverMajor != nil, header.programMajor != nil else { throw .implausible }
      return header
    } catch {
      throw damaged(source, "its archive of definitions is not one of pg_dump's: \(error)")
    }
  }

  private static func json<Value: Decodable>(
    _ type: Value.Type, _ part: DatabasePart, _ source: String, _ bytes: [UInt8]
  ) throws -> Value {
    do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
      throw damaged(source, "its \(part.rawValue) cannot be read")
    }
  }

  static func damaged(_ source: String, _ why: String) -> ReplayError {
    ReplayError(
      .damaged, what: "cannot restore database '\(source)'", why: why,
      next: "run 'lifeboat check --read-data', or choose another snapshot")
  }
}
