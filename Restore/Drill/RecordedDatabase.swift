// What a snapshot recorded of one database: the expected side of every comparison.

import Format
import FoundationEssentials
import Postgres
import Repository

/// Reads the parts of one database in a snapshot, each when it is asked for: damage in one part
/// fails the checks that need it, and no others.
struct RecordedDatabase {
  let summary: DatabaseSummary
  let reader: BlobReader
  let catalog: CatalogReader

  /// The name of the source in the snapshot.
  var name: String { summary.name }

  private static let streamLimit = 256 << 20

  func properties() throws -> DatabaseProperties {
    try JSONDecoder().decode(DatabaseProperties.self, from: Data(try bytes(of: .properties)))
  }

  func sequences() throws -> [SequenceValue] {
    try JSONDecoder().decode([SequenceValue].self, from: Data(try bytes(of: .sequences)))
  }

  func inventory() throws -> [UInt8] { try bytes(of: .inventory) }

  /// The pg_dump archive; not read.
  func archive() throws -> Content { try stream(.archive) }

  /// Every table in order of name, those without rows in the snapshot included.
  func tables() throws -> [(name: QualifiedName, summary: TableSummary)] {
    var tables: [(name: QualifiedName, summary: TableSummary)] = []
    try catalog.forEach(within: DatabasePart.tables.key(in: name)) { key, entry in
      guard case .table(let summary) = entry, let table = Self.qualifiedName(key) else { return }
      tables.append((table, summary))
    }
    return tables
  }

  private static func qualifiedName(_ key: CatalogKey) -> QualifiedName? {
    let parts = key.components.suffix(2).map { String(decoding: $0, as: UTF8.self) }
    guard parts.count == 2 else { return nil }
    return QualifiedName(schema: parts[0], name: parts[1])
  }

  private func stream(_ part: DatabasePart) throws -> Content {
    guard case .stream(let content) = try catalog.entry(part.key(in: name)) else {
      throw RepositoryError(
        .damaged, what: "cannot read database '\(name)' of the snapshot",
        why: "it has no \(part.rawValue)", next: "choose another snapshot, and run 'lifeboat check'"
      )
    }
    return content
  }

  private func bytes(of part: DatabasePart) throws -> [UInt8] {
    try reader.bytes(
      of: try stream(part), limit: Self.streamLimit, using: try ChunkDecoder())
  }
}

/// A database that was brought back: the actual side.
struct Copy: Sendable {
  /// The name of the source in the snapshot.
  var source: String
  var target: ConnectionTarget
  /// The server's major version.
  var major: Int
  /// Owners and privileges were restored, so that they must be equal.
  var hasRoles: Bool
}
