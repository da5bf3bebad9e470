// Definitions: the copy dumped again by pg_dump and compared, object by object, with the archive.

import Format
import Postgres
import Programs
import Repository
import Workers

extension Drill {
  /// The schema in the snapshot as text; nil if it cannot be read, which the check then says.
  func recordedSchema(_ database: RecordedDatabase, _ copy: Copy) throws -> SchemaText {
    let decoder = try ChunkDecoder()
    var pending: [ChunkReference] = []
    try reader.forEachChunk(of: try database.archive(), using: decoder) { pending.append($0) }
    var next = 0
    return try schemaText(copy) {
      guard next < pending.count else { return nil }
      defer { next += 1 }
      var chunk: [UInt8] = []
      try self.reader.load(pending[next], into: &chunk, using: decoder)
      return chunk
    }
  }

  /// Compares what pg_dump says of the copy with what it said of the source.
  func checkSchema(_ recorded: Result<SchemaText, any Error>, _ copy: Copy, sourceMajor: Int) throws
  {
    try findings.check(
      "equality.schema", "Definitions are equal, as pg_dump writes them", on: copy.source,
      expected: "every object as it was dumped at the source"
    ) {
      let recorded = try recorded.get()
      let actual = try copiedSchema(copy)
      let differences = recorded.differences(in: actual)
      let count = ReportWords.count(recorded.objects.values.reduce(0) { $0 + $1.count }, "object")
      guard !differences.isEmpty else { return .pass("\(count), all equal") }
      let words = "\(differences.count) of \(count) differ"
      // A newer server may word the same definition in another way; that something is gone, never.
      if copy.major != sourceMajor, differences.allSatisfy({ $0.hasPrefix("changed: ") }) {
        return Finding(
          .warnings, "\(words), on PostgreSQL \(copy.major) instead of \(sourceMajor)",
          details: differences)
      }
      return Finding(.fail, words, details: differences)
    }
  }

  private func copiedSchema(_ copy: Copy) throws -> SchemaText {
    let dump = try PostgresPrograms.find(.pgDump, atLeastMajor: copy.major)
    let archive = try copy.target.withChildAccess { access in
      try Program(
        path: dump.path,
        arguments: [
          "--format=custom", "--section=pre-data", "--section=post-data", "--no-password",
          "--lock-wait-timeout=60000", "--dbname=\(access.connectionString)",
        ], environment: access.environment
      ).run(outputLimit: 1 << 30, cancellation: isCancelled)
        .checked("cannot dump the schema of the copy of '\(copy.source)'")
    }.standardOutput
    var rest: [UInt8]? = archive
    return try schemaText(copy) {
      defer { rest = nil }
      return rest
    }
  }

  /// An archive as pg_restore prints it.
  private func schemaText(_ copy: Copy, archive next: () throws -> [UInt8]?) throws -> SchemaText {
    let folder = try PrivateFolder(prefix: "lifeboat-drill", in: FolderLook.temporary)
    defer { try? folder.remove() }
    let path = folder.path + "/archive"
    let file = try GrowingFile(path)
    while let piece = try next() { try file.append(piece) }
    try file.close()
    let restore = try PostgresPrograms.find(.pgRestore, atLeastMajor: copy.major)
    // What no copy gets is left out of both sides: subscriptions, publications, places on disk.
    var arguments = [
      "--file=-", "--section=pre-data", "--section=post-data", "--no-subscriptions",
      "--no-publications", "--no-tablespaces",
    ]
    if !copy.hasRoles { arguments += ["--no-owner", "--no-privileges"] }
    let result = try Program(path: restore.path, arguments: arguments + [path])
      .run(outputLimit: 1 << 30, cancellation: isCancelled)
      .checked("cannot print the schema of '\(copy.source)'")
    return SchemaText(
      String(decoding: result.standardOutput, as: UTF8.self), comparingOwners: copy.hasRoles)
  }
}
