// Before anything is restored: is all that the snapshot needs there, and is it recent enough?

import Cluster
import Format
import Inventory
import Postgres
import Repository
import Workers

extension Drill {
  /// A drill never touches the server that was backed up, unless the operator insists.
  func refuseSource() throws {
    guard case .server(let target) = options.scratch, !options.allowSourceServer else { return }
    let identifiers = Set(manifest.databases.compactMap(\.systemIdentifier))
    let server = try NamedServer(target)
    guard let identifier = server.systemIdentifier else {
      findings.notCovered(
        "whether the server named is the source: its system identifier cannot be read")
      return
    }
    guard !identifiers.contains(identifier) else {
      throw DrillError(
        .isSource, what: "cannot drill on \(target.redacted)",
        why: "it is the server that was backed up (system identifier \(identifier))",
        next: "name another server, or none to use a private one")
    }
  }

  /// Checks repository and age; returns a blob of the snapshot, drawn at random.
  func checkBefore(_ now: Timestamp) throws -> BlobID? {
    try findings.check(
      "before.manifest", "The snapshot's manifest is authentic",
      expected: "signed by a key of this repository, and unchanged"
    ) {
      guard let again = try repository.loadSnapshot(snapshot.id) else {
        return Finding(.fail, "the manifest is not in the repository any more")
      }
      guard again.manifest == manifest else { return Finding(.fail, "it reads otherwise now") }
      return .pass("signature and seal verified, key \(again.signer.prefix(8))")
    }
    var sample: BlobID?
    try findings.check(
      "before.blobs", "Everything the snapshot needs is in the repository",
      expected: "every blob in the index, every pack in the storage with its recorded length"
    ) {
      var generator = SystemRandomNumberGenerator()
      let needs = try repository.needs(
        of: snapshot, cancellation: cancellation, using: &generator)
      sample = needs.sample
      let words =
        "\(ReportWords.count(needs.blobCount, "blob")) in \(ReportWords.count(needs.packCount, "pack")), \(ReportWords.bytes(needs.packByteCount))"
      guard needs.problemCount == 0 else {
        return Finding(
          .fail, "\(ReportWords.count(needs.problemCount, "problem")) among \(words)",
          details: needs.problems)
      }
      return .pass(words)
    }
    if let target = options.recoveryPointTarget {
      try findings.check(
        "before.age", "The snapshot is recent enough",
        expected: "at most \(ReportWords.duration(target)) old"
      ) {
        let age = Self.age(of: manifest, at: now)
        guard age >= -60 else {
          return Finding(
            .warnings, "\(ReportWords.duration(-age)) in the future: a clock is wrong")
        }
        return Finding(age <= target ? .pass : .fail, "\(ReportWords.duration(age)) old")
      }
    }
    return sample
  }

  /// Looks for the extensions and the locale that the database needs.
  func checkRequirements(_ database: RecordedDatabase, on server: any ScratchServer) throws {
    try findings.check(
      "before.requirements", "The scratch server has what the database needs", on: database.name,
      expected: "every extension in its recorded version, and the locale"
    ) {
      let properties = try database.properties()
      let connection = try connect(server.maintenance())
      let rows = try connection.query(
        "SELECT name, version FROM pg_catalog.pg_available_extension_versions")
      var versions: [String: Set<String>] = [:]
      for row in rows { versions[row[0] ?? "", default: []].insert(row[1] ?? "") }
      var missing: [String] = []
      var different: [String] = []
      for item in properties.extensions {
        guard let available = versions[item.name] else {
          missing.append("extension \(item.name) is not installed on this machine")
          continue
        }
        if !available.contains(item.version) {
          different.append(
            "extension \(item.name) was \(item.version), and \(available.sorted().joined(separator: ", ")) is there"
          )
        }
      }
      if properties.localeProvider == "c" {
        for locale in Set([properties.collate, properties.ctype]).sorted()
        where try !hasLocale(locale, connection) {
          different.append("the locale \(locale) does not seem to be installed on this machine")
        }
      }
      let words =
        ReportWords.count(properties.extensions.count, "extension")
        + ", locale \(properties.icuLocale ?? properties.collate)"
      guard missing.isEmpty else {
        return Finding(.fail, "something is missing", details: missing + different)
      }
      guard different.isEmpty else {
        return Finding(.warnings, "something differs", details: different)
      }
      return .pass(words)
    }
  }

  /// initdb lists the system's locales as collations; spellings of the character set vary.
  private func hasLocale(_ locale: String, _ connection: Connection) throws -> Bool {
    let plain = Self.plainLocale(locale)
    if ["c", "posix"].contains(plain) { return true }
    let rows = try connection.query(
      "SELECT DISTINCT collcollate FROM pg_catalog.pg_collation WHERE collprovider = 'c'")
    return rows.contains { Self.plainLocale($0[0] ?? "") == plain }
  }

  private static func plainLocale(_ locale: String) -> String {
    locale.lowercased().replacing("-", with: "")
  }

  /// What a private server wrote into its log while databases were restored.
  ///
  /// - Parameters:
  ///   - server: where they were restored.
  ///   - databases: what was restored, as the server calls it.
  /// - Throws: `Cancelled`.
  func checkLog(of server: any ScratchServer, _ databases: [String]) throws {
    guard let log = server.log() else {
      findings.notCovered("the log of the server that was named")
      return
    }
    try findings.check(
      "health.server-log", "The server logged no error during the restore",
      expected: "no ERROR, FATAL or PANIC"
    ) {
      // Two that a restore provokes: it asks whether the database is there before it makes it, and it
      // makes roles that may exist before it alters them (see DatabaseReplay and GlobalsLoader).
      let expected = databases.map { "FATAL:  database \"\($0)\" does not exist" }
      let lines = Self.errorLines(inLog: log).filter { line in
        !(line.contains("ERROR:  role \"") && line.hasSuffix("\" already exists"))
          && !expected.contains { line.hasSuffix($0) }
      }
      return lines.isEmpty
        ? .pass("none in \(ReportWords.bytes(UInt64(log.utf8.count))) of log")
        : Finding(.fail, ReportWords.count(lines.count, "such line"), details: lines)
    }
  }
}
