import ArgumentParser
import Capture
import Configuration
import Files
import Format
import Foundation
import Postgres
import Repository
import Workers

struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Take a snapshot of databases and media.",
    discussion: """
      Sources come from the options, or, if there are none, from the configuration. A database is \
      named by a libpq URI or keyword string; libpq's variables, service file and passfile work. \
      Media directories are read without what their patterns, size limit, CACHEDIR.TAG and \
      .lifeboatignore files leave out; the snapshot lists it. A .lifeboatignore file has patterns \
      as a .gitignore file has, for its directory and below, and counts only if it belongs to root \
      or to the user who backs up and nobody else may write it. \
      Entries that could not be read are listed and end with status 3; anything else that goes \
      wrong leaves no snapshot, and what was stored is reused by the next run.
      """)

  @OptionGroup var global: GlobalOptions

  @Option(
    help: ArgumentHelp(
      "A database, as NAME=URI or NAME=KEYWORDS; repeatable.", valueName: "name=connection"))
  var database: [NamedValue] = []

  @Option(help: ArgumentHelp("A directory, as NAME=PATH; repeatable.", valueName: "name=path"))
  var media: [NamedValue] = []

  @Option(
    help: ArgumentHelp(
      "Leave out what matches, as gitignore does; repeatable, for every media directory.",
      valueName: "pattern"))
  var exclude: [String] = []

  @Option(
    help: ArgumentHelp(
      "Leave out files of media directories that are longer, such as 500M or 2G.",
      valueName: "size"))
  var excludeLargerThan: String?

  @Flag(help: "Do not heed .lifeboatignore files in media directories.")
  var noIgnoreFiles = false

  @Option(
    help: ArgumentHelp(
      "A column whose values name media files, as DATABASE.TABLE.COLUMN or DATABASE.SCHEMA.TABLE.COLUMN; repeatable.",
      valueName: "column"))
  var fileReference: [String] = []

  @Option(help: ArgumentHelp("A label of the snapshot; repeatable.", valueName: "tag"))
  var tag: [String] = []

  @Option(help: ArgumentHelp("Connections at once to one database.", valueName: "n"))
  var connections: Int?

  @Option(
    help: ArgumentHelp(
      "Store changes as deltas in chains of at most this many; 0: store all whole. Longer chains make a repository smaller and a restore slower. Default: \(DeltaPolicy.standardDepthLimit).",
      valueName: "n"))
  var deltaDepth: Int?

  func validate() throws {
    if let connections, !(1...64).contains(connections) {
      throw ValidationError("--connections takes 1 to 64")
    }
    if let deltaDepth, !(0...DeltaPolicy.greatestDepthLimit).contains(deltaDepth) {
      throw ValidationError("--delta-depth takes 0 to \(DeltaPolicy.greatestDepthLimit)")
    }
  }

  func run() throws {
    try NamedValue.checkUnique(database + media)
    let largest = try excludeLargerThan.map { text in
      guard let count = ByteCountText.parse(text) else {
        throw UsageError(
          what: "cannot read --exclude-larger-than '\(text)'", why: "it is not a byte count",
          next: "write 512K, 100M, 2G or 1T")
      }
      return count
    }
    let session = try Session(global)
    var job = try BackupJob(session)
    if !database.isEmpty || !media.isEmpty {
      try job.replaceSources(
        databases: database, media: media, excludes: exclude, references: fileReference,
        connections: connections, configuration: session.configuration)
    } else {
      if let connections {
        job.plan.databases = job.plan.databases.map { source in
          var source = source
          source.connections = connections
          return source
        }
      }
      if !fileReference.isEmpty { try job.addReferences(fileReference) }
    }
    if let deltaDepth { job.plan.deltas = DeltaPolicy(depthLimit: deltaDepth) }
    let areNamed = !database.isEmpty || !media.isEmpty
    job.plan.media = job.plan.media.map { source in
      var source = source
      if !areNamed { source.excludes += exclude }
      source.largestByteCount = largest ?? source.largestByteCount
      if noIgnoreFiles { source.honoursIgnoreFiles = false }
      return source
    }
    job.plan.tags += tag
    try job.run()
  }
}

/// A backup, as the command and the scheduler run it.
struct BackupJob {
  let session: Session
  var plan: BackupPlan

  /// The plan of the configuration.
  init(_ session: Session) throws {
    self.session = session
    let configuration = session.configuration
    var databases: [DatabaseSource] = []
    var references: [ReferenceColumn] = []
    for database in configuration.databases {
      databases.append(
        DatabaseSource(
          name: database.name, target: try ConnectionTarget(database.connection),
          connections: configuration.backup.connections,
          lockTimeout: configuration.backup.lockTimeout,
          excludedTables: database.excludedTables.map { "\($0.schema ?? "public").\($0.table)" }))
      for reference in database.fileReferences {
        guard let media = database.media else { continue }
        references.append(
          ReferenceColumn(
            database: database.name, media: media,
            table: QualifiedName(
              schema: reference.table.schema ?? "public", name: reference.table.table),
            column: reference.column))
      }
    }
    plan = BackupPlan(
      databases: databases,
      media: configuration.media.map {
        MediaSource(
          name: $0.name, path: $0.path, excludes: $0.excludes,
          oneFileSystem: $0.staysOnOneFilesystem, honoursIgnoreFiles: $0.honoursIgnoreFiles,
          largestByteCount: $0.largestByteCount)
      }, references: references, tags: configuration.backup.tags, host: Host.name,
      user: NSUserName(), program: About.name,
      workers: max(1, ProcessInfo.processInfo.activeProcessorCount),
      scratch: try session.scratchFolder())
  }

  mutating func replaceSources(
    databases: [NamedValue], media: [NamedValue], excludes: [String], references: [String],
    connections: Int?, configuration: Configuration
  ) throws {
    plan.databases = try databases.map {
      DatabaseSource(
        name: $0.name,
        target: try ConnectionOption.target($0.value, of: "--database \($0.name)", session),
        connections: connections ?? configuration.backup.connections,
        lockTimeout: configuration.backup.lockTimeout)
    }
    plan.media = media.map {
      MediaSource(
        name: $0.name, path: URL(fileURLWithPath: $0.value).standardizedFileURL.path,
        excludes: excludes)
    }
    plan.references = []
    try addReferences(references)
  }

  /// Reads DATABASE[.SCHEMA].TABLE.COLUMN; the values resolve in the only media source.
  mutating func addReferences(_ texts: [String]) throws {
    for text in texts {
      let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 3 || parts.count == 4, !parts.contains(""),
        plan.databases.contains(where: { $0.name == parts[0] })
      else {
        throw UsageError(
          what: "cannot read --file-reference '\(text)'",
          why: "it is not DATABASE.TABLE.COLUMN of a database that is backed up",
          next: "write for example app.blog_article.cover")
      }
      guard let media = plan.media.first, plan.media.count == 1 else {
        throw UsageError(
          what: "cannot tell where '\(text)' points to",
          why: "there are \(plan.media.count) media sources",
          next: "name the media source in the configuration file")
      }
      plan.references.append(
        ReferenceColumn(
          database: parts[0], media: media.name,
          table: QualifiedName(
            schema: parts.count == 4 ? parts[1] : "public", name: parts[parts.count - 2]),
          column: parts[parts.count - 1]))
    }
  }

  /// - Throws: ``ExitStatus/partly`` after a snapshot that lacks entries was reported.
  func run() throws {
    guard !plan.databases.isEmpty || !plan.media.isEmpty else {
      throw UsageError(
        what: "there is nothing to back up",
        why: "no --database and no --media is given, and the configuration names none",
        next: "give --database NAME=URI or --media NAME=PATH")
    }
    let started = Date()
    let repository = try session.openRepository()
    let display = ProgressDisplay(session)
    defer { display.end() }
    let result: BackupResult
    do {
      result = try Backup(
        plan, repository: repository, cancellation: session.cancellation,
        progress: session.progress
      ).perform()
    } catch {
      display.end()
      if !session.cancellation.isCancelled {
        session.record(
          .backup, in: repository, outcome: "fail",
          details: ["error": String("\(error)".split(separator: "\n").first ?? "")])
      }
      throw error
    }
    display.end()
    let seconds = Date().timeIntervalSince(started)
    session.record(
      .backup, in: repository, outcome: result.isPartial ? "warnings" : "pass",
      snapshots: [result.snapshot],
      details: [
        "bytes-stored": String(result.manifest.statistics.bytesStored),
        "sources": result.manifest.sourceNames.joined(separator: ","),
      ])
    try BackupRecord(result, seconds: seconds).show(session)
    if result.isPartial { throw ExitStatus.partly }
  }
}
