// Owns snapshots for these tests: made from a real database, kept in memory, and edited to be wrong.

import Capture
import Format
import Foundation
import Postgres
import Programs
import Replay
import Repository
import Sodium
import Storage
import TestSupport
import Testing
import Workers

/// A repository in memory with one snapshot of one database called `app`.
struct DatabaseSnapshot {
  static let source = "app"

  let storage: MemoryStorage
  let repository: Repository
  let reader: BlobReader
  let root: CatalogRoot

  var catalog: CatalogReader { get throws { try CatalogReader(reader, root: root) } }

  private init(storage: MemoryStorage, repository: Repository, root: CatalogRoot) {
    self.storage = storage
    self.repository = repository
    self.root = root
    reader = repository.makeReader()
  }

  /// An empty repository whose catalog `body` writes.
  init(_ body: (inout CatalogWriter, ContentWriter) throws -> Void) throws {
    let (storage, repository) = try Self.makeRepository()
    try self.init(storage: storage, repository: repository, body)
  }

  /// Captures the database behind `target` as a backup does.
  static func capture(_ target: ConnectionTarget) throws -> DatabaseSnapshot {
    let (storage, repository) = try makeRepository()
    return try DatabaseSnapshot(storage: storage, repository: repository) { catalog, content in
      let capture = DatabaseCapture(
        DatabaseSource(name: source, target: target), repository: repository,
        writer: content.writer, cancellation: Cancellation(), progress: Progress(), parent: nil)
      try capture.begin()
      _ = try capture.capture(into: &catalog)
      capture.end()
    }
  }

  private static func makeRepository() throws -> (MemoryStorage, Repository) {
    let storage = MemoryStorage()
    let passphrase = try Secret(copying: Array("correct horse".utf8).span)
    _ = try KeyRing.create(
      in: storage, passphrase: passphrase, hash: .minimal, label: "test", withRecoveryKey: false,
      created: Timestamp(microseconds: 0), packByteCount: 1 << 20, tableRangeBlocks: 16)
    return (
      storage, try Repository.open(storage, with: .passphrase(passphrase), scratch: "/tmp")
    )
  }

  private init(
    storage: MemoryStorage, repository: Repository,
    _ body: (inout CatalogWriter, ContentWriter) throws -> Void
  ) throws {
    let writer = try repository.makeWriter()
    var catalog = try CatalogWriter(writer, keys: repository.keys)
    try body(&catalog, try ContentWriter(writer))
    let root = try catalog.finish()
    try writer.finish()
    self.init(storage: storage, repository: repository, root: root)
  }

  /// The same snapshot with some entries changed, or with nil left out.
  func edited(_ change: (CatalogKey, CatalogEntry) throws -> CatalogEntry?) throws
    -> DatabaseSnapshot
  {
    let old = try catalog
    return try DatabaseSnapshot(storage: storage, repository: repository) { catalog, _ in
      try old.forEach { key, entry in
        if let changed = try change(key, entry) { try catalog.append(key, changed) }
      }
    }
  }

  /// The same snapshot with other properties.
  func editedProperties(_ change: (inout DatabaseProperties) -> Void) throws -> DatabaseSnapshot {
    let old = try catalog
    return try DatabaseSnapshot(storage: storage, repository: repository) { catalog, content in
      try old.forEach { key, entry in
        guard key == DatabasePart.properties.key(in: Self.source), let held = entry.content else {
          return try catalog.append(key, entry)
        }
        let bytes = try reader.bytes(of: held, limit: 1 << 20, using: ChunkDecoder())
        var properties = try JSONDecoder().decode(DatabaseProperties.self, from: Data(bytes))
        change(&properties)
        try catalog.append(key, .stream(try content.json(properties)))
      }
    }
  }

  func replay(
    into target: ConnectionTarget, _ options: DatabaseReplayOptions = DatabaseReplayOptions()
  ) throws -> DatabaseReplayReport {
    try DatabaseReplay(
      reader: reader, catalog: catalog, source: Self.source, into: target, options: options
    ).perform()
  }
}

/// Stores bytes as contents.
struct ContentWriter {
  let writer: BlobWriter
  let encoder: ChunkEncoder

  init(_ writer: BlobWriter) throws {
    self.writer = writer
    encoder = try ChunkEncoder()
  }

  /// Cuts into pieces of `chunk` bytes, wherever rows end.
  func content(_ bytes: [UInt8], chunk: Int = 10_007) throws -> Content {
    var builder = ContentBuilder(writer)
    for start in stride(from: 0, to: bytes.count, by: chunk) {
      let piece = Array(bytes[start..<min(start + chunk, bytes.count)])
      try builder.append(
        try writer.store(piece.span, class: .content, using: encoder), using: encoder)
    }
    return try builder.finish(using: encoder)
  }

  func json(_ value: some Encodable) throws -> Content {
    try content(Array(try JSONEncoder().encode(value)))
  }
}

/// Runs one of PostgreSQL's programs on a target and returns what it writes.
func run(_ program: PostgresProgram, _ arguments: [String], on target: ConnectionTarget) throws
  -> [UInt8]
{
  let found = try PostgresPrograms.find(
    program, atLeastMajor: try Connection(target).serverMajor)
  return try target.withChildAccess { access in
    try Program(
      path: found.path, arguments: arguments + ["--dbname=\(access.connectionString)"],
      environment: access.environment
    ).run(outputLimit: 256 << 20).checked("cannot run \(program)").standardOutput
  }
}

/// The definitions of a database as pg_dump writes them, without what differs by chance.
func schema(_ target: ConnectionTarget) throws -> [String] {
  let text = String(decoding: try run(.pgDump, ["--schema-only"], on: target), as: UTF8.self)
  return text.split(separator: "\n").map(String.init).filter {
    !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict") && !$0.hasPrefix("--")
  }
}

extension DatabaseSnapshot {
  /// The same snapshot with another stream under `part`.
  func replacing(_ part: DatabasePart, with bytes: [UInt8]) throws -> DatabaseSnapshot {
    let old = try catalog
    return try DatabaseSnapshot(storage: storage, repository: repository) { catalog, content in
      try old.forEach { key, entry in
        let isPart = key == part.key(in: Self.source)
        try catalog.append(key, isPart ? .stream(try content.content(bytes)) : entry)
      }
    }
  }

  /// The same snapshot with large objects; `bytes` become the content that `objects` may use.
  func adding(
    _ objects: (Content) -> [(UInt32, LargeObject)], bytes: () -> [UInt8]
  ) throws -> DatabaseSnapshot {
    let old = try catalog
    return try DatabaseSnapshot(storage: storage, repository: repository) { catalog, content in
      let stored = try content.content(bytes(), chunk: 1_700_001)
      try old.forEach { key, entry in
        if key == DatabasePart.properties.key(in: Self.source) {
          for (oid, object) in objects(stored) {
            try catalog.append(
              DatabasePart.largeObjects.key(in: Self.source).appending(number: UInt64(oid)),
              .largeObject(object))
          }
        }
        try catalog.append(key, entry)
      }
    }
  }

  /// The same snapshot with the rows of its only table as these ranges.
  func replacingRanges(_ ranges: [(TableRange.RowFormat, [UInt8], rows: UInt64)]) throws
    -> DatabaseSnapshot
  {
    let old = try catalog
    let rows = DatabasePart.rows.key(in: Self.source)
    var isDone = false
    return try DatabaseSnapshot(storage: storage, repository: repository) { catalog, content in
      try old.forEach { key, entry in
        guard key.isWithin(rows) else { return try catalog.append(key, entry) }
        guard !isDone else { return }
        isDone = true
        let table = CatalogKey(components: key.components.dropLast())
        for (number, range) in ranges.enumerated() {
          try catalog.append(
            try #require(table).appending(number: UInt64(number)),
            .range(
              TableRange(
                rowCount: range.rows, format: range.0, content: try content.content(range.1),
                digest: Digest())))
        }
      }
    }
  }
}

/// The bytes of hexadecimal digits.
func hexadecimal(_ text: String) -> [UInt8] {
  let digits = Array(text.utf8).map { UInt8($0 > 57 ? $0 - 87 : $0 - 48) }
  return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
