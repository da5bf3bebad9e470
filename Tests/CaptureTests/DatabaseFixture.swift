// Owns what the database tests share: a repository in memory, and captures into it.

import Capture
import Format
import Inventory
import Postgres
import Repository
import Storage
import TestSupport
import Workers

/// A repository in memory whose table ranges have 4 blocks, so that small tables have several.
final class CaptureRepository: Sendable {
  static let shared = Result { try CaptureRepository() }

  let repository: Repository
  private let scratch: ScratchFolder

  private init() throws {
    scratch = try ScratchFolder()
    let storage = MemoryStorage()
    let key = try RecoveryKey.generate()
    _ = try KeyRing.create(
      in: storage, passphrase: key.secret, label: "test", withRecoveryKey: false,
      created: Timestamp(microseconds: 0), tableRangeBlocks: 4)
    repository = try Repository.open(
      storage, with: .passphrase(key.secret), scratch: scratch.path)
  }
}

/// A capture that was read back from the repository.
struct Captured {
  let summary: DatabaseSummary
  let warnings: [String]
  let statistics: CaptureStatistics
  let catalog: CatalogReader
  let reader: BlobReader

  /// Captures a database as a backup does, with nothing else in the catalog.
  init(
    _ source: DatabaseSource, parent: Captured? = nil, cancellation: Cancellation = Cancellation(),
    progress: Progress = Progress(), whileLocked: () throws -> Void = {}
  ) throws {
    let repository = try CaptureRepository.shared.get().repository
    let writer = try repository.makeWriter()
    do {
      let capture = DatabaseCapture(
        source, repository: repository, writer: writer, cancellation: cancellation,
        progress: progress, parent: parent.map { ($0.catalog, $0.summary) })
      defer { capture.end() }
      try capture.begin()
      try whileLocked()
      var catalog = try CatalogWriter(writer, keys: repository.keys)
      summary = try capture.capture(into: &catalog)
      warnings = capture.warnings
      let root = try catalog.finish()
      try writer.finish()
      statistics = writer.statistics
      reader = repository.makeReader()
      self.catalog = try CatalogReader(reader, root: root)
    } catch {
      writer.abandon()
      throw error
    }
  }

  func key(_ part: DatabasePart) -> CatalogKey { part.key(in: summary.name) }

  /// The bytes of a stream; nil if there is none.
  func stream(_ part: DatabasePart) throws -> [UInt8]? {
    guard case .stream(let content) = try catalog.entry(key(part)) else { return nil }
    return try bytes(content)
  }

  func bytes(_ content: Content) throws -> [UInt8] {
    try reader.bytes(of: content, limit: 1 << 28, using: ChunkDecoder())
  }

  /// Every table's summary by name.
  func tables() throws -> [QualifiedName: TableSummary] {
    var tables: [QualifiedName: TableSummary] = [:]
    try catalog.forEach(within: key(.tables)) { key, entry in
      let parts = key.components.suffix(2).map { String(decoding: $0, as: UTF8.self) }
      if case .table(let table) = entry {
        tables[QualifiedName(schema: parts[0], name: parts[1])] = table
      }
    }
    return tables
  }

  /// The ranges of a table: last key component and entry.
  func ranges(_ name: QualifiedName) throws -> [(number: String, range: TableRange)] {
    var ranges: [(number: String, range: TableRange)] = []
    let within = key(.rows).appending(name.schema).appending(name.name)
    try catalog.forEach(within: within) { key, entry in
      if case .range(let range) = entry {
        ranges.append((String(decoding: key.components.last ?? [], as: UTF8.self), range))
      }
    }
    return ranges
  }

  /// All rows of a table, as COPY wrote them.
  func rows(_ name: QualifiedName) throws -> [UInt8] {
    try ranges(name).flatMap { try bytes($0.range.content) }
  }
}

/// A session that reads as captures do.
func readingConnection(_ target: ConnectionTarget) throws -> Connection {
  let connection = try Connection(target)
  try connection.applyCatalogSettings()
  return connection
}

extension QualifiedName {
  static func table(_ name: String) -> QualifiedName { QualifiedName(schema: "public", name: name) }
}

/// Waits until `condition` holds, for at most a minute.
func waitUntil(_ what: String, _ condition: () throws -> Bool) throws {
  let deadline = ContinuousClock.now + .seconds(60)
  while try !condition() {
    guard ContinuousClock.now < deadline else { throw NeverHappened(what: what) }
    pause()
  }
}

/// What a test waited for in vain.
struct NeverHappened: Error { var what: String }

extension Connection {
  /// Whether somebody waits for a lock on the table.
  func hasWaiter(on table: String) throws -> Bool {
    try query(
      """
      SELECT count(*) > 0 FROM pg_locks
      WHERE NOT granted AND locktype = 'relation' AND relation = $1::regclass
      """, [table])[0, 0] == "t"
  }
}
