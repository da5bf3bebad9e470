// Owns the archive of definitions: a private copy of it, its table of contents, and pg_restore's runs.

import Format
import Foundation
import Postgres
import Programs
import Repository
import Workers

/// The archive as a file that only we can read, removed with its owner.
///
/// A file, because parallel jobs of pg_restore each open it. It holds definitions, which may contain the
/// passwords of user mappings, so the folder has mode 0700 and the file 0600.
final class ArchiveFile {
  let path: String
  private let folder: PrivateFolder
  private var listCount = 0

  /// - Throws: ``ReplayError`` if the file cannot be written; what reading throws.
  init(_ archive: Content, reader: BlobReader, cancellation: Cancellation) throws {
    let wanted = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
    folder = try PrivateFolder(
      prefix: "lifeboat-replay", in: wanted.hasPrefix("/") ? wanted : "/tmp")
    path = folder.path + "/archive"
    let decoder = try ChunkDecoder()
    guard
      FileManager.default.createFile(
        atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
      let file = FileHandle(forWritingAtPath: path)
    else { throw Self.failure(path, "the file cannot be created") }
    defer { try? file.close() }
    var chunk: [UInt8] = []
    try reader.forEachChunk(of: archive, using: decoder) { reference in
      try cancellation.check()
      try reader.load(reference, into: &chunk, using: decoder)
      do { try file.write(contentsOf: Data(chunk)) } catch {
        throw Self.failure(path, error.localizedDescription)
      }
    }
  }

  /// Writes a list of entries for `--use-list` beside the archive and returns its path.
  func writeList(_ entries: [ArchiveEntry]) throws -> String {
    listCount += 1
    let path = folder.path + "/list-\(listCount)"
    // pg_restore reads the number and ignores what follows a semicolon.
    let text = entries.map { "\($0.number);\n" }.joined()
    guard
      FileManager.default.createFile(
        atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { throw Self.failure(path, "the file cannot be created") }
    return path
  }

  private static func failure(_ path: String, _ why: String) -> ReplayError {
    ReplayError(
      .restoreFailed, what: "cannot write \(path)", why: why,
      next: "make room there, or set TMPDIR to another folder")
  }
}

/// One line of an archive's table of contents.
package struct ArchiveEntry: Sendable {
  /// pg_dump's number of it within the archive.
  var number: Int
  /// Kind, schema (`-` for none), tag and owner with single spaces between, as listed.
  var text: String
  var dependencies: [Int] = []

  /// Reads what `pg_restore --list --verbose` prints.
  package static func entries(of listing: String) -> [ArchiveEntry] {
    var result: [ArchiveEntry] = []
    for line in listing.split(separator: "\n") {
      if line.hasPrefix(";") {
        let words = line.dropFirst().split(whereSeparator: \.isWhitespace)
        guard words.starts(with: ["depends", "on:"]), !result.isEmpty else { continue }
        result[result.count - 1].dependencies = words.dropFirst(2).compactMap { Int($0) }
        continue
      }
      // "215; 1259 16385 TABLE public orders alice"
      guard let semicolon = line.firstIndex(of: ";"), let number = Int(line[..<semicolon])
      else { continue }
      let rest = line[line.index(after: semicolon)...].drop { $0 == " " }
        .split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
      guard rest.count == 3 else { continue }
      result.append(ArchiveEntry(number: number, text: String(rest[2])))
    }
    return result
  }

  /// Fills a materialized view (`REFRESH`), in spite of its name.
  var isRefresh: Bool { text.hasPrefix("MATERIALIZED VIEW DATA ") }
}

/// Runs pg_restore on an archive.
struct ArchiveRestore {
  let file: ArchiveFile
  let program: (path: String, major: Int)
  let options: DatabaseReplayOptions
  let cancellation: Cancellation
  /// See ``ReplayConnector/defersDurability``.
  var defersDurability = false

  /// A pg_restore that can read the archive and knows the server.
  ///
  /// - Throws: ``ReplayError`` `programMissing` or `versionTooOld`.
  static func program(for header: ArchiveHeader) throws -> (path: String, major: Int) {
    try PostgresPrograms.find(
      .pgRestore, atLeastMajor: max(header.programMajor ?? 0, header.serverMajor ?? 0, 10))
  }

  /// The table of contents.
  func entries() throws -> [ArchiveEntry] {
    let result = try Program(
      path: program.path, arguments: ["--list", "--verbose", file.path]
    ).run(outputLimit: 1 << 30, cancellation: isCancelled)
      .checked("cannot list the archive of definitions")
    return ArchiveEntry.entries(of: String(decoding: result.standardOutput, as: UTF8.self))
  }

  /// Restores one section, or those of its entries that are in `list`, into `target`.
  ///
  /// - Returns: what pg_restore said although it succeeded, line by line.
  /// - Throws: ``ReplayError`` with pg_restore's own words at its first error.
  func restore(
    _ section: Section, list: [ArchiveEntry]?, into target: ConnectionTarget
  ) throws -> [String] {
    let listPath = try list.map { try file.writeList($0) }
    return try target.withChildAccess { access in
      var environment = access.environment
      // A default of the role or the server must not turn the restore down or time it out.
      let inherited = ProcessInfo.processInfo.environment["PGOPTIONS"] ?? ""
      environment["PGOPTIONS"] =
        inherited
        + " -c default_transaction_read_only=off -c statement_timeout=0 -c lock_timeout=0"
        + (defersDurability ? " -c synchronous_commit=off" : "")
      environment["PGAPPNAME"] = "lifeboat"
      var arguments = common(section, listPath)
      arguments += [
        "--dbname=\(access.connectionString)", "--no-password", "--exit-on-error",
      ]
      if section == .postData, options.connections > 1 {
        arguments.append("--jobs=\(options.connections)")
      }
      let result = try Program(
        path: program.path, arguments: arguments + [file.path], environment: environment
      ).run(outputLimit: 1 << 20, cancellation: isCancelled)
      let said = result.standardError.split(separator: "\n").map { quotable(String($0)) }
      guard result.isSuccess else {
        let words = Self.cause(in: said)
        throw ReplayError(
          .restoreFailed, what: "cannot restore \(section.words)",
          why: words.isEmpty ? "pg_restore ended with status \(result.exitStatus)" : words,
          next: "remove the cause that pg_restore names, then restore again")
      }
      return said.filter { !$0.isEmpty }
    }
  }

  /// The first error among pg_restore's lines, with what explains it, and without rows or secrets.
  ///
  /// Of the command that failed only the beginning is shown: it may hold the password of a user mapping. A
  /// DETAIL that shows values (`Key (a)=(1) is duplicated.`) is a row.
  static func cause(in lines: [String]) -> String {
    var words: [String] = []
    for line in lines.drop(while: { !$0.contains("error:") }) where !line.isEmpty {
      if line.hasPrefix("Command was:") {
        let command = line.prefix(160)
        let options = command.firstRange(of: " OPTIONS")?.lowerBound ?? command.endIndex
        words.append(String(command[..<options]))
        break
      }
      if line.hasPrefix("DETAIL:"), line.contains("=(") { continue }
      words.append(line)
      if words.count == 8 { break }
    }
    return words.joined(separator: " | ")
  }

  /// Lends the SQL of one section to `body`.
  func script(_ section: Section, _ body: (Span<UInt8>) throws -> Void) throws {
    let result = try Program(
      path: program.path, arguments: common(section, nil) + ["--file=-", file.path]
    ).stream(cancellation: isCancelled, body)
    _ = try result.checked("cannot write \(section.words) as SQL")
  }

  /// A part of an archive that holds definitions.
  enum Section: String {
    case preData = "pre-data"
    case postData = "post-data"

    var words: String {
      switch self {
      case .preData: "the definitions of types, functions and tables"
      case .postData: "indexes, constraints, triggers and what else follows the data"
      }
    }
  }

  private func common(_ section: Section, _ list: String?) -> [String] {
    var arguments = ["--section=\(section.rawValue)", "--no-subscriptions"]
    if !options.restoreOwners { arguments.append("--no-owner") }
    if !options.restorePrivileges { arguments.append("--no-privileges") }
    if !options.restorePublications { arguments.append("--no-publications") }
    if !options.restoreTablespaces { arguments.append("--no-tablespaces") }
    if let role = options.role { arguments.append("--role=\(role)") }
    if let list { arguments.append("--use-list=\(list)") }
    return arguments
  }

  private var isCancelled: () -> Bool { { [cancellation] in cancellation.isCancelled } }
}
