// Owns the way out that needs nothing of ours: a database as plain SQL, which psql loads.

package import Format
import Inventory
import Postgres
import Programs
package import Repository
package import Workers

/// Writes a database of a snapshot, or the rows of one table, as text.
package struct DatabaseSQL {
  private let reader: BlobReader
  private let catalog: CatalogReader
  private let source: String
  private let options: DatabaseReplayOptions
  private let cancellation: Cancellation

  /// Takes what to write; nothing is read yet.
  ///
  /// Of `options` only owners, privileges, publications and tablespaces count here.
  package init(
    reader: BlobReader, catalog: CatalogReader, source: String,
    options: DatabaseReplayOptions = DatabaseReplayOptions(),
    cancellation: Cancellation = Cancellation()
  ) {
    self.reader = reader
    self.catalog = catalog
    self.source = source
    self.options = options
    self.cancellation = cancellation
  }

  /// Writes the whole database, piece by piece; `psql -v ON_ERROR_STOP=1 -f` loads it into an empty one.
  ///
  /// Order: definitions → rows → sequences → large objects → what follows the data. Roles and the
  /// database's own properties are not part of it; the comment on top names the latter.
  /// - Throws: ``ReplayError``: `notText`, before anything is written, if some rows were too large for
  ///   COPY's text; `programMissing`; `damaged`; and what `sink` throws. What was written is then not whole,
  ///   and lacks its last line, `-- end of database`.
  package func write(to sink: (Span<UInt8>) throws -> Void) throws {
    try wrapped("cannot write database '\(source)' as SQL") {
      let contents = try DatabaseContents(reader: reader, catalog: catalog, source: source)
      let tables = contents.tables.filter { $0.summary.excluded == nil }
      for table in tables { try requireText(table.name) }
      let archive = ArchiveRestore(
        file: try ArchiveFile(contents.archive, reader: reader, cancellation: cancellation),
        program: try ArchiveRestore.program(for: contents.header), options: options,
        cancellation: cancellation)
      func write(_ text: String) throws { try sink(Array(text.utf8).span) }

      try write(Self.header(contents))
      if contents.lacksPublicSchema { try write("DROP SCHEMA IF EXISTS public;\n\n") }
      let lists = try ArchiveLists(archive, options, contents)
      try archive.script(.preData, list: lists.definitions, sink)
      try write(Self.sessionSettings)
      for table in tables { try writeTable(table, contents, sink) }
      for value in contents.sequences {
        let name = Connection.quoteLiteral(value.sequence.quoted)
        try write(
          "SELECT pg_catalog.setval(\(name), \(value.lastValue), \(value.isCalled));\n")
      }
      try writeLargeObjects(sink)
      try archive.script(.postData, list: lists.definitions, sink)
      for last in [lists.refreshes, lists.eventTriggers] where !last.isEmpty {
        try archive.script(.postData, list: last, sink)
      }
      try write("\n-- end of database\n")
    }
  }

  /// Writes the rows of `table` as COPY's text format, in the source's encoding, without any frame.
  ///
  /// - Throws: ``ReplayError``: `notInSnapshot`, `notText`, `damaged`; and what `sink` throws.
  package func writeRows(of table: QualifiedName, to sink: (Span<UInt8>) throws -> Void) throws {
    try wrapped("cannot write table \(table) of database '\(source)'") {
      let key = DatabasePart.tables.key(in: source).appending(table.schema).appending(table.name)
      guard case .table(let summary) = try catalog.entry(key) else {
        throw ReplayError(
          .notInSnapshot, what: "cannot write table \(table) of database '\(source)'",
          why: "the snapshot holds no such table",
          next: "list what it holds with 'lifeboat ls'; write names as schema.table")
      }
      if let reason = summary.excluded {
        throw ReplayError(
          .notInSnapshot, what: "cannot write table \(table) of database '\(source)'",
          why: "its rows are not in the snapshot: \(reason)", next: "choose another snapshot")
      }
      try requireText(table)
      try writeLines(ReplayTable(name: table, summary: summary), sink)
    }
  }

  // MARK: Rows

  private func requireText(_ table: QualifiedName) throws {
    var ranges = try RangeWalk(catalog, table, source: source)
    while let range = try ranges.next() {
      try cancellation.check()
      guard range.format == .text else {
        throw ReplayError(
          .notText, what: "cannot write table \(table) as text",
          why:
            "some of its rows are too large for COPY's text format and are held in its binary one",
          next: "restore the database into a server with 'lifeboat restore' and dump it from there")
      }
    }
  }

  private func writeTable(
    _ table: ReplayTable, _ contents: DatabaseContents, _ sink: (Span<UInt8>) throws -> Void
  ) throws {
    let statement = CopyStatement.from(
      table.summary.loadThrough ?? table.name, columns: table.summary.columns, format: .text,
      encoding: contents.properties.encoding)
    try sink(Array("\n\(statement);\n".utf8).span)
    try writeLines(table, sink)
    try sink(Array("\\.\n".utf8).span)
  }

  /// Writes lines and counts them: the escapes of COPY leave no line end inside a row.
  private func writeLines(_ table: ReplayTable, _ sink: (Span<UInt8>) throws -> Void) throws {
    let decoder = try ChunkDecoder()
    var lines: UInt64 = 0
    var last = UInt8(ascii: "\n")
    var ranges = try RangeWalk(catalog, table.name, source: source)
    while let range = try ranges.next() {
      try reader.forEachPiece(of: range.content, using: decoder) { piece in
        try cancellation.check()
        for index in 0..<piece.count where piece[index] == UInt8(ascii: "\n") { lines &+= 1 }
        if piece.count > 0 { last = piece[piece.count - 1] }
        try sink(piece)
      }
    }
    guard lines == table.summary.rowCount, last == UInt8(ascii: "\n") else {
      throw ReplayError(
        .damaged, what: "cannot write table \(table.name)",
        why: "the snapshot says that it has \(table.summary.rowCount) rows, and it has \(lines)",
        next: "run 'lifeboat check --read-data', or choose another snapshot")
    }
  }

  // MARK: Large objects

  private func writeLargeObjects(_ sink: (Span<UInt8>) throws -> Void) throws {
    let decoder = try ChunkDecoder()
    try catalog.forEach(within: DatabasePart.largeObjects.key(in: source)) { key, entry in
      guard case .largeObject(let object) = entry else { return }
      guard let digits = key.components.last,
        let oid = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
      else { throw DatabaseContents.damaged(source, "a large object has a malformed number") }
      try cancellation.check()
      // Archives of pg_dump 16 and older have made it already.
      var statements = [
        "SELECT pg_catalog.lo_create(\(oid)) WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata WHERE oid = \(oid))"
      ]
      if options.restoreOwners {
        statements.append(LargeObjectLoader.setOwner(oid, object.owner))
      }
      if options.restorePrivileges, options.restoreOwners {
        statements += LargeObjectLoader.grants(oid, object, owner: object.owner, role: nil)
      }
      if object.comment != nil {
        statements.append(LargeObjectLoader.setComment(oid, object.comment))
      }
      try sink(Array((statements.joined(separator: ";\n") + ";\n").utf8).span)
      var offset: UInt64 = 0
      try reader.forEachPiece(of: object.content, using: decoder) { piece in
        var start = 0
        while start < piece.count {
          let end = min(start + LargeObjectLoader.pieceByteCount, piece.count)
          let sql = LargeObjectLoader.put(oid, at: offset, piece.extracting(start..<end))
          try sink((sql + Array(";\n".utf8)).span)
          offset += UInt64(end - start)
          start = end
        }
      }
    }
  }

  // MARK: Frame

  private static func header(_ contents: DatabaseContents) -> String {
    let properties = contents.properties
    var lines = [
      "Database '\(properties.name)' of PostgreSQL \(contents.header.serverVersion), written by lifeboat from a snapshot.",
      "",
      "Load it into an empty database made like this (CREATE DATABASE):",
      "  encoding \(properties.encoding), LC_COLLATE \(properties.collate), LC_CTYPE \(properties.ctype)"
        + (properties.icuLocale.map { ", locale \($0)" } ?? ""),
      "  owner \(properties.owner), template template0",
      "with: psql --no-psqlrc -v ON_ERROR_STOP=1 -f FILE DATABASE",
      "",
      "The roles that own objects or have privileges must exist. Subscriptions are left out.",
    ]
    if !properties.settings.isEmpty {
      lines.append("These belong to the database, and are not set by this file:")
      lines += properties.settings.compactMap {
        SettingStatements.alter(
          "DATABASE \(Connection.quoteIdentifier(properties.name))", setting: $0)
      }.map { "  \($0);" }
    }
    // A name with a line end in it must not become a statement.
    return lines.map { "-- \(quotable($0))" }.joined(separator: "\n")
      + "\n\n\\set ON_ERROR_STOP on\n\n"
  }

  /// What rows were written under, so that they read back as they were.
  private static let sessionSettings = """

    SET client_encoding = 'UTF8';
    SET standard_conforming_strings = on;
    SET DateStyle = 'ISO';
    SET IntervalStyle = 'postgres';
    SET TimeZone = 'UTC';
    SET lc_monetary = 'C';
    SET xmloption = content;
    SET statement_timeout = 0;
    SET lock_timeout = 0;
    SET row_security = off;
    SET client_min_messages = warning;
    SELECT pg_catalog.set_config('search_path', '', false);

    """

  /// Errors of the modules below as ours; those of the sink as they are.
  private func wrapped(_ what: String, _ body: () throws -> Void) throws {
    do { try body() } catch {
      if error is PostgresError || error is ProgramError || error is RepositoryError
        || error is Cancelled
      {
        throw ReplayError.wrapping(error, what: what)
      }
      throw error
    }
  }
}
