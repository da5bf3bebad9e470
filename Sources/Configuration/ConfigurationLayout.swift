// The one description of the configuration file: every key, its type and its meaning.

/// The shape of the whole file, from which parser and JSON schema both work.
enum ConfigurationLayout {
  static let root = ConfigurationShape.section(
    .init(
      thing: "the configuration",
      keys: [
        .init(
          "repository", .text(.repository),
          "The folder that holds the repository, as an absolute path."),
        .init("key", .section(key), "Where the passphrase or key is read from; never the secret."),
        .init(
          "databases", .named(thing: "database", .section(database)),
          "The PostgreSQL databases to back up, by name."),
        .init(
          "media", .named(thing: "media source", .section(media)),
          "The directories of files to back up, by name."),
        .init("backup", .section(backup), "How a backup is taken."),
        .init(
          "retention", .section(retention),
          "Which snapshots 'forget' keeps; a snapshot that any rule keeps is kept."),
        .init("drill", .section(drill), "What a drill restores into and what it must achieve."),
        .init("schedule", .section(schedule), "When 'lifeboat run' starts each job."),
        .init(
          "time-zone", .text(.timeZone),
          "The zone of the cron expressions: local (the default), UTC, or a zone's name."),
        .init("log", .section(log), "How events are written."),
      ]))

  private static let key = ConfigurationShape.Section(
    thing: "a key source", rule: .exactlyOne,
    keys: [
      .init(
        "passphrase-file", .text(.path), "A file whose first line is the passphrase, mode 0600."),
      .init(
        "passphrase-command", .list(.text(.argument)),
        "A program and its arguments, run without a shell, that prints the passphrase."),
      .init(
        "systemd-credential", .text(.credential),
        "The name of a credential that systemd passes (LoadCredential=)."),
      .init(
        "file-descriptor", .integer(0...1023),
        "A file descriptor left open by the parent process."),
      .init(
        "recovery-key-file", .text(.path), "A file that holds the recovery key that init printed."),
    ])

  private static let database = ConfigurationShape.Section(
    thing: "a database",
    keys: [
      .init(
        "connection", .text(.connection), required: true,
        "A libpq URI or keyword string; for a service of pg_service.conf write service=NAME."),
      .init(
        "file-references", .list(.text(.column)),
        "Columns whose values are paths inside a media source: table.column, spelt as stored."),
      .init(
        "media", .text(.mediaName),
        "The media source in which file-references resolve; needed when there are several."),
      .init(
        "exclude-tables", .list(.text(.table)),
        "Tables whose rows are left out; the snapshot states them and a drill knows it."),
    ])

  private static let media = ConfigurationShape.Section(
    thing: "a media source",
    keys: [
      .init("path", .text(.path), required: true, "The directory, as an absolute path."),
      .init(
        "exclude", .list(.text(.exclude)),
        "Patterns in the manner of gitignore; put them in quotes."),
      .init(
        "exclude-larger-than", .text(.byteCount),
        "Leave out files that are longer, such as 500M or 2G (default: no limit)."),
      .init(
        "ignore-files", .boolean,
        "Whether .lifeboatignore files of root or of the user who backs up count (default: true)."),
      .init(
        "one-file-system", .boolean,
        "Whether filesystems mounted beneath the directory are left out (default: true)."),
    ])

  private static let backup = ConfigurationShape.Section(
    thing: "the backup settings",
    keys: [
      .init(
        "connections", .integer(1...64), "Connections at once to one database server (default: 2)."),
      .init("tags", .list(.text(.tag)), "Tags of every snapshot taken with this file."),
      .init(
        "lock-timeout", .text(.duration),
        "How long a backup waits for its table locks before it gives up (default: 60s)."),
    ])

  private static let retention = ConfigurationShape.Section(
    thing: "the retention policy", rule: .atLeastOne,
    keys: [
      .init("keep-last", .integer(1...100_000), "Keep this many of the newest snapshots."),
      .init("keep-hourly", .integer(1...100_000), "Keep the newest of each of this many hours."),
      .init("keep-daily", .integer(1...100_000), "Keep the newest of each of this many days."),
      .init("keep-weekly", .integer(1...100_000), "Keep the newest of each of this many weeks."),
      .init("keep-monthly", .integer(1...100_000), "Keep the newest of each of this many months."),
      .init("keep-yearly", .integer(1...100_000), "Keep the newest of each of this many years."),
      .init(
        "keep-within", .text(.duration),
        "Keep all snapshots at most this much older than the newest."),
      .init(
        "keep-tags", .list(.text(.tag)), "Keep all snapshots that carry one of these tags."),
    ])

  private static let drill = ConfigurationShape.Section(
    thing: "the drill settings",
    keys: [
      .init(
        "scratch", .text(.scratch),
        "Where a drill restores: private (the default: a server of its own), or a server's URI."),
      .init("rpo", .text(.duration), "The loss promised at most; older data fails a drill."),
      .init("rto", .text(.duration), "The downtime promised at most; a longer restore fails it."),
    ])

  private static let schedule = ConfigurationShape.Section(
    thing: "the schedule",
    keys: [
      .init("backup", .section(job("backup", [])), "When to back up."),
      .init(
        "check",
        .section(
          job(
            "check",
            [
              .init(
                "read-data", .boolean, "Whether to read and authenticate all data (default: false)."
              )
            ])), "When to check the repository."),
      .init("drill", .section(job("drill", [])), "When to prove that a snapshot comes back."),
      .init(
        "forget",
        .section(
          job(
            "forget",
            [
              .init("prune", .boolean, "Whether to prune afterwards (default: false).")
            ])), "When to apply the retention policy."),
    ])

  private static func job(
    _ name: String, _ own: [ConfigurationShape.Key]
  ) -> ConfigurationShape.Section {
    .init(
      thing: "the \(name) schedule",
      keys: [
        .init(
          "cron", .text(.cron), required: true,
          "Minute, hour, day of month, month, weekday; or @hourly, @daily, @weekly, @monthly."),
        .init(
          "jitter", .text(.duration),
          "Start late by a part of this, so that many hosts do not start at once (default: 0s)."),
        .init(
          "catch-up", .boolean, "Whether a missed time is made up for, once (default: true)."),
      ] + own)
  }

  private static let log = ConfigurationShape.Section(
    thing: "the log settings",
    keys: [
      .init(
        "format", .choice(Configuration.Log.Format.allCases.map(\.rawValue)),
        "How events are written (default: text)."),
      .init(
        "level", .choice(Configuration.Log.Level.allCases.map(\.rawValue)),
        "The least grave event that is written (default: info)."),
    ])

  /// Where in the file a key of this name belongs: `key`, `databases.NAME`, or the top level as "".
  static func sections(with keyName: String) -> [String] {
    var found: [String] = []
    func search(_ shape: ConfigurationShape, _ path: String) {
      switch shape {
      case .section(let section):
        if section.keys.contains(where: { $0.name == keyName }) { found.append(path) }
        for key in section.keys {
          search(key.shape, path.isEmpty ? key.name : "\(path).\(key.name)")
        }
      case .named(_, let inner): search(inner, "\(path).NAME")
      case .list(let inner): search(inner, path)
      case .text, .integer, .boolean, .choice: break
      }
    }
    search(root, "")
    return found
  }
}
