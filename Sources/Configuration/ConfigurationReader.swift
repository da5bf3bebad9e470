// Reads typed values from a checked tree and reports what is wrong with their meaning.

import Foundation

/// Fills a `Configuration`; where the form of a value was already refused, it keeps the default.
struct ConfigurationReader {
  private(set) var configuration = Configuration()
  private(set) var findings: [ConfigurationDiagnostic] = []

  init(_ root: ConfigurationNode) {
    configuration.repository = root["repository"]?.text
    configuration.key = root["key"].flatMap(keySource)
    readMedia(root["media"])
    readDatabases(root["databases"], root)
    readBackup(root["backup"])
    readRetention(root["retention"])
    readDrill(root["drill"])
    readSchedule(root["schedule"], root)
    readTimeZone(root["time-zone"])
    configuration.log.format =
      root["log"]?["format"]?.text.flatMap(Configuration.Log.Format.init) ?? .text
    configuration.log.level =
      root["log"]?["level"]?.text.flatMap(Configuration.Log.Level.init) ?? .info
    warnOfNesting(root)
  }

  // MARK: Sources

  private func keySource(_ node: ConfigurationNode) -> Configuration.KeySource? {
    guard let entry = node.entries.first else { return nil }
    switch entry.key {
    case "passphrase-file": return entry.value.text.map { .passphraseFile($0) }
    case "passphrase-command": return .passphraseCommand(entry.value.items.compactMap(\.text))
    case "systemd-credential": return entry.value.text.map { .systemdCredential($0) }
    case "file-descriptor":
      return entry.value.integer.flatMap { Int32(exactly: $0) }.map { .fileDescriptor($0) }
    case "recovery-key-file": return entry.value.text.map { .recoveryKeyFile($0) }
    default: return nil
    }
  }

  private mutating func readMedia(_ node: ConfigurationNode?) {
    var seen: [String: String] = [:]
    for entry in node?.entries ?? [] {
      var media = Configuration.Media(name: entry.key, path: entry.value["path"]?.text ?? "")
      media.excludes = entry.value["exclude"]?.items.compactMap(\.text) ?? []
      media.largestByteCount = entry.value["exclude-larger-than"]?.text.flatMap(ByteCountText.parse)
      media.honoursIgnoreFiles = entry.value["ignore-files"]?.boolean ?? true
      media.staysOnOneFilesystem = entry.value["one-file-system"]?.boolean ?? true
      let path = Self.withoutTrailingSlash(media.path)
      if let other = seen[path], let position = entry.value["path"]?.position {
        report(
          .warning, position, "media.\(entry.key).path", "two media sources read one directory",
          "'\(Quoted.short(other))' has the same path", "keep one of the two")
      }
      seen[path] = entry.key
      configuration.media.append(media)
    }
  }

  private mutating func readDatabases(_ node: ConfigurationNode?, _ root: ConfigurationNode) {
    let mediaNames = configuration.media.map(\.name)
    for entry in node?.entries ?? [] {
      let path = "databases.\(entry.key)"
      let connection = entry.value["connection"]
      var database = Configuration.Database(name: entry.key, connection: connection?.text ?? "")
      if let connection { warnOfSecret(in: connection, "\(path).connection") }
      database.fileReferences =
        entry.value["file-references"]?.items.compactMap { $0.text.flatMap(FileName.reference) }
        ?? []
      database.excludedTables =
        entry.value["exclude-tables"]?.items.compactMap { $0.text.flatMap(FileName.table) } ?? []
      if let media = entry.value["media"], let name = media.text {
        database.media = name
        if TextKind.isName(name), !mediaNames.contains(name) {
          report(
            .error, media.position, "\(path).media", "unknown media source '\(Quoted.short(name))'",
            mediaNames.isEmpty
              ? "the file has no media source"
              : "the media sources are \(mediaNames.map { "'\($0)'" }.joined(separator: ", "))",
            Suggestion.closest(to: name, among: mediaNames).map { "did you mean '\($0)'?" }
              ?? "add it under 'media', or name one that is there")
        }
      } else if let references = entry.value["file-references"] {
        database.media = mediaNames.first
        if mediaNames.count != 1 {
          report(
            .error, references.position, "\(path).file-references",
            "file references of '\(entry.key)' have no media source to resolve in",
            mediaNames.isEmpty
              ? "the file has no media source" : "the file has \(mediaNames.count) media sources",
            mediaNames.isEmpty
              ? "add the directory under 'media'"
              : "add 'media: \(mediaNames[0])' (or another of them) to the database")
        }
      }
      configuration.databases.append(database)
    }
  }

  private mutating func warnOfSecret(in node: ConfigurationNode, _ path: String) {
    guard let text = node.text, ConnectionText.holdsSecret(text) else { return }
    report(
      .warning, node.position, path, "'\(Quoted.path(path))' holds a password",
      "whoever reads or copies this file has it",
      "use peer authentication, passfile=PATH (mode 0600), or service=NAME of pg_service.conf")
  }

  /// A repository inside a media source would be backed up into itself, and grow with each backup.
  private mutating func warnOfNesting(_ root: ConfigurationNode) {
    guard let repository = configuration.repository, let position = root["repository"]?.position
    else { return }
    for media in configuration.media where media.path.hasPrefix("/") {
      let folder = Self.withoutTrailingSlash(media.path)
      guard (Self.withoutTrailingSlash(repository) + "/").hasPrefix(folder + "/") else { continue }
      report(
        .warning, position, "repository",
        "the repository lies inside media source '\(Quoted.short(media.name))'",
        "each backup would store the backups before it",
        "move the repository, or exclude its folder in 'media.\(Quoted.short(media.name)).exclude'")
    }
  }

  private static func withoutTrailingSlash(_ path: String) -> String {
    var path = path[...]
    while path.last == "/" { path = path.dropLast() }
    return String(path)
  }

  // MARK: Settings

  private mutating func readBackup(_ node: ConfigurationNode?) {
    configuration.backup.connections = node?["connections"]?.integer ?? 2
    configuration.backup.tags = node?["tags"]?.items.compactMap(\.text) ?? []
    if let timeout = duration(node?["lock-timeout"], "backup.lock-timeout") {
      configuration.backup.lockTimeout = timeout
    }
  }

  private mutating func readRetention(_ node: ConfigurationNode?) {
    guard let node else { return }
    var retention = Configuration.Retention()
    retention.keepLast = node["keep-last"]?.integer
    retention.keepHourly = node["keep-hourly"]?.integer
    retention.keepDaily = node["keep-daily"]?.integer
    retention.keepWeekly = node["keep-weekly"]?.integer
    retention.keepMonthly = node["keep-monthly"]?.integer
    retention.keepYearly = node["keep-yearly"]?.integer
    retention.keepWithin = duration(node["keep-within"], "retention.keep-within")
    retention.keepTags = node["keep-tags"]?.items.compactMap(\.text) ?? []
    configuration.retention = retention
  }

  private mutating func readDrill(_ node: ConfigurationNode?) {
    if let scratch = node?["scratch"], let text = scratch.text, text != "private" {
      configuration.drill.scratch = .server(text)
      warnOfSecret(in: scratch, "drill.scratch")
    }
    configuration.drill.rpo = duration(node?["rpo"], "drill.rpo")
    configuration.drill.rto = duration(node?["rto"], "drill.rto")
  }

  private mutating func duration(
    _ node: ConfigurationNode?, _ path: String, allowsZero: Bool = false
  ) -> Duration? {
    guard let node, let duration = node.text.flatMap(DurationText.parse) else { return nil }
    if duration == .zero, !allowsZero {
      report(
        .error, node.position, path, "'\(path)' is zero", "no time at all can satisfy it",
        "write a longer span, or remove the key")
    }
    return duration
  }

  // MARK: Schedule

  private mutating func readSchedule(_ node: ConfigurationNode?, _ root: ConfigurationNode) {
    for entry in node?.entries ?? [] {
      guard let kind = JobKind(rawValue: entry.key) else { continue }
      let path = "schedule.\(entry.key)"
      if let cron = entry.value["cron"] { readCron(cron, kind, entry.value, path) }
      if kind == .forget, root["retention"] == nil {
        report(
          .error, entry.keyPosition, path, "'schedule.forget' has no policy to apply",
          "the file has no 'retention'", "add 'retention:' with, say, 'keep-daily: 7'")
      }
      if kind == .backup, configuration.databases.isEmpty, configuration.media.isEmpty {
        report(
          .error, entry.keyPosition, path, "'schedule.backup' has nothing to back up",
          "the file has neither 'databases' nor 'media'", "add a source, or remove the job")
      }
    }
    configuration.schedule.checkReadsData = node?["check"]?["read-data"]?.boolean ?? false
    configuration.schedule.forgetPrunes = node?["forget"]?["prune"]?.boolean ?? false
  }

  private mutating func readCron(
    _ cron: ConfigurationNode, _ kind: JobKind, _ job: ConfigurationNode, _ path: String
  ) {
    guard let text = cron.text, TextKind.cron.accepts(text) else { return }
    do throws(CronExpressionError) {
      let expression = try CronExpression(text)
      if !expression.canOccur {
        report(
          .error, cron.position, "\(path).cron", "'\(path).cron' never occurs",
          "no month that it names has such a day", "choose a day that the month has")
      }
      var timing = Configuration.Schedule.Timing(cron: expression)
      timing.jitter = duration(job["jitter"], "\(path).jitter", allowsZero: true) ?? .zero
      if let jitter = job["jitter"], timing.jitter > .seconds(86_400) {
        report(
          .error, jitter.position, "\(path).jitter", "'\(path).jitter' is too long",
          "runs would be late by more than a day", "write at most 1d")
      }
      timing.catchesUp = job["catch-up"]?.boolean ?? true
      configuration.schedule.timings[kind] = timing
    } catch {
      report(
        .error, cron.position, "\(path).cron", "'\(path).cron' is not a cron expression",
        error.why, error.next)
    }
  }

  private mutating func readTimeZone(_ node: ConfigurationNode?) {
    guard let node, let name = node.text, name != "local" else { return }
    if let zone = TimeZone(identifier: name) {
      configuration.timeZone = zone
    } else if TextKind.timeZone.accepts(name) {
      report(
        .error, node.position, "time-zone", "unknown time zone '\(Quoted.short(name))'",
        "this machine's zone database (package tzdata) does not have it",
        Suggestion.closest(to: name, among: TimeZone.knownTimeZoneIdentifiers)
          .map { "did you mean '\($0)'?" } ?? "write \(TextKind.timeZone.expects)")
    }
  }

  private mutating func report(
    _ severity: ConfigurationDiagnostic.Severity, _ position: ConfigurationNode.Position,
    _ path: String, _ what: String, _ why: String, _ next: String
  ) {
    findings.append(
      ConfigurationDiagnostic(
        severity, at: position, key: Quoted.path(path), what: what, why: why, next: next))
  }
}

/// Names of tables and columns as the file spells them.
private enum FileName {
  static func reference(_ text: String) -> Configuration.FileReference? {
    guard var parts = parts(of: text), parts.count == 2 || parts.count == 3 else { return nil }
    let column = parts.removeLast()
    return table(parts).map { .init(table: $0, column: column) }
  }

  static func table(_ text: String) -> Configuration.TableName? { parts(of: text).flatMap(table) }

  private static func table(_ parts: [String]) -> Configuration.TableName? {
    switch parts.count {
    case 1: .init(table: parts[0])
    case 2: .init(schema: parts[0], table: parts[1])
    default: nil
    }
  }

  /// Splits at dots outside double quotes; inside, a doubled quote stands for itself.
  private static func parts(of text: String) -> [String]? {
    var parts = [""]
    var isQuoted = false
    var closedQuote = false
    for character in text {
      if character == "\"" {
        if !isQuoted, closedQuote { parts[parts.count - 1].append("\"") }
        closedQuote = isQuoted
        isQuoted.toggle()
      } else if character == ".", !isQuoted {
        parts.append("")
        closedQuote = false
      } else {
        parts[parts.count - 1].append(character)
        closedQuote = false
      }
    }
    return isQuoted || parts.contains("") ? nil : parts
  }
}
