import ArgumentParser
import Format
import Foundation
import Postgres
import Replay
import Repository
import Workers

struct RestoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Bring a database or a media directory back.",
    discussion: """
      A database goes into one that does not exist yet or is empty; a media directory into a \
      folder that does not exist yet or is empty, unless --overwrite says otherwise. Roles that \
      own objects must exist, or come first with --globals, or are left out with --no-owner.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  @Argument(help: "latest, or the first digits of an id.")
  var snapshot: String

  @Argument(help: "With --media: only this path beneath the source; repeatable.")
  var paths: [String] = []

  @Option(help: ArgumentHelp("The database source to restore.", valueName: "name"))
  var database: String?

  @Option(help: ArgumentHelp("The media source to restore.", valueName: "name"))
  var media: String?

  @Option(
    help: ArgumentHelp(
      "Where to: a libpq URI or keyword string for a database, a folder for media.",
      valueName: "target"))
  var into: String

  @Flag(help: "Make the recorded roles and tablespaces first.")
  var globals = false

  @Flag(help: "Give every object to the role that restores.")
  var noOwner = false

  @Flag(help: "Grant nothing.")
  var noPrivileges = false

  @Option(help: ArgumentHelp("Restore as this role.", valueName: "role"))
  var role: String?

  @Option(help: ArgumentHelp("Only this table, as SCHEMA.TABLE; repeatable.", valueName: "table"))
  var table: [String] = []

  @Option(help: ArgumentHelp("Connections that load rows at once.", valueName: "n"))
  var connections: Int = 2

  @Option(
    help: ArgumentHelp(
      "What happens to files that are there: never, if-newer or always.", valueName: "policy"))
  var overwrite: OverwritePolicy?

  @Flag(help: "Restore what can be restored, list the rest, and end with 3.")
  var keepGoing = false

  @Flag(help: "Show what would be restored; change nothing.")
  var dryRun = false

  enum OverwritePolicy: String, ExpressibleByArgument, CaseIterable {
    case never
    case ifNewer = "if-newer"
    case always
  }

  func validate() throws {
    guard (database == nil) != (media == nil) else {
      throw ValidationError("give either --database NAME or --media NAME")
    }
    guard (1...64).contains(connections) else {
      throw ValidationError("--connections takes 1 to 64")
    }
    if database != nil, !paths.isEmpty || overwrite != nil {
      throw ValidationError("paths and --overwrite are for --media")
    }
  }

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
    try repository.require(.owner, to: "restore")
    let snapshot = try repository.snapshot(
      named: self.snapshot, matching: SnapshotFilter(tags: filter.tag, host: filter.host))
    try repository.loadIndex()
    let reader = repository.makeReader()
    let catalog = try repository.catalog(of: snapshot, reader: reader)
    if let database {
      try restoreDatabase(database, snapshot, reader, catalog, session)
    } else if let media {
      try restoreMedia(media, snapshot, repository, catalog, session)
    }
  }

  // MARK: Database

  struct DatabaseResult: Encodable {
    struct Phase: Encodable {
      var name: String
      var seconds: Double
    }
    var snapshot, database: String
    var tables: Int
    var rows, bytes: UInt64
    var largeObjects: Int
    var createdDatabase: Bool
    var phases: [Phase]
    var warnings: [String]
  }

  private func restoreDatabase(
    _ name: String, _ snapshot: Snapshot, _ reader: BlobReader, _ catalog: CatalogReader,
    _ session: Session
  ) throws {
    guard let summary = snapshot.manifest.databases.first(where: { $0.name == name }) else {
      throw noSource(name, "database", snapshot.manifest.databases.map(\.name), snapshot)
    }
    let target = try ConnectionOption.target(into, of: "--into", session)
    if dryRun {
      return try Terminal.shared.print(
        "would restore database \(name) of snapshot \(snapshot.id) (\(Display.count(summary.tableCount)) tables, \(Display.count(summary.rowCount)) rows) into \(target.redacted)"
      )
    }
    var options = DatabaseReplayOptions(
      connections: connections, restoreOwners: !noOwner, restorePrivileges: !noPrivileges,
      role: role, globals: globals)
    if !table.isEmpty { options.tables = try table.map(Self.qualifiedName) }
    let display = ProgressDisplay(session)
    defer { display.end() }
    let report = try DatabaseReplay(
      reader: reader, catalog: catalog, source: name, into: target, options: options,
      cancellation: session.cancellation, progress: session.progress
    ).perform()
    display.end()
    let result = DatabaseResult(
      snapshot: snapshot.id.hex, database: name, tables: report.tableCount,
      rows: report.rowCount, bytes: report.byteCount, largeObjects: report.largeObjectCount,
      createdDatabase: report.createdDatabase,
      phases: report.phases.map { .init(name: $0.name, seconds: $0.duration.inSeconds) },
      warnings: report.warnings)
    if global.json { return try Terminal.shared.print(JSONText.pretty(result)) }
    for warning in result.warnings { session.messages.warning(warning) }
    guard !global.quiet else { return }
    let seconds = result.phases.reduce(0) { $0 + $1.seconds }
    try Terminal.shared.print(
      "restored database \(name): \(Display.count(result.tables)) tables, \(Display.count(result.rows)) rows, \(Display.count(result.largeObjects)) large objects in \(Display.duration(seconds: seconds))"
    )
  }

  private static func qualifiedName(_ text: String) throws -> QualifiedName {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else {
      throw UsageError(
        what: "cannot read --table '\(text)'", why: "it is not SCHEMA.TABLE",
        next: "write for example public.blog_article")
    }
    return QualifiedName(schema: String(parts[0]), name: String(parts[1]))
  }

  // MARK: Media

  struct MediaResult: Encodable {
    var snapshot, media, into: String
    var files, directories, hardLinks, others, bytes: UInt64
    /// Files that were there and equal, or were left as the policy says.
    var unchanged, kept: UInt64
    /// Owners, attributes and the like that could not be set.
    var notSet: [String]
    /// Entries that the snapshot lacks because they could not be read at the source.
    var notCaptured: [String]
    var errors: [String]
    var complete: Bool
  }

  private func restoreMedia(
    _ name: String, _ snapshot: Snapshot, _ repository: Repository, _ catalog: CatalogReader,
    _ session: Session
  ) throws {
    guard let summary = snapshot.manifest.media.first(where: { $0.name == name }) else {
      throw noSource(name, "media source", snapshot.manifest.media.map(\.name), snapshot)
    }
    if dryRun {
      return try Terminal.shared.print(
        "would restore media \(name) of snapshot \(snapshot.id) (\(Display.count(summary.fileCount)) files, \(Display.bytes(summary.byteCount))) into \(into)"
      )
    }
    var options = MediaReplayOptions()
    options.workers = max(1, ProcessInfo.processInfo.activeProcessorCount)
    options.keepGoing = keepGoing
    options.include = paths.map { Array($0.utf8) }
    switch overwrite {
    case nil: break
    case .never: options.overwrite = .never
    case .ifNewer: options.overwrite = .ifNewer
    case .always: options.overwrite = .always
    }
    let display = ProgressDisplay(session)
    defer { display.end() }
    let report = try MediaReplay(
      repository: repository, catalog: catalog, summary: summary,
      into: URL(fileURLWithPath: into).path, options: options,
      cancellation: session.cancellation, progress: session.progress
    ).perform()
    display.end()
    let result = MediaResult(
      snapshot: snapshot.id.hex, media: name, into: into, files: report.fileCount,
      directories: report.directoryCount, hardLinks: report.hardLinkCount,
      others: report.otherCount, bytes: report.byteCount, unchanged: report.unchangedCount,
      kept: report.keptCount, notSet: report.notSet, notCaptured: report.notCaptured,
      errors: report.errors, complete: report.isComplete)
    if global.json {
      try Terminal.shared.print(JSONText.pretty(result))
    } else {
      for item in result.notSet { session.messages.warning("could not set \(item)") }
      for item in result.notCaptured { session.messages.warning("not in the snapshot: \(item)") }
      for error in result.errors { session.messages.warning("not restored: \(error)") }
      if !global.quiet {
        try Terminal.shared.print(
          "restored media \(name): \(Display.count(result.files)) files, \(Display.bytes(result.bytes)) into \(into)"
        )
      }
    }
    if !result.errors.isEmpty { throw ExitStatus.partly }
  }

  private func noSource(_ name: String, _ kind: String, _ names: [String], _ snapshot: Snapshot)
    -> UsageError
  {
    UsageError(
      what: "there is no \(kind) '\(name)' in snapshot \(snapshot.id)",
      why: names.isEmpty ? "it has none" : "it has \(names.joined(separator: ", "))",
      next: "list them with 'lifeboat ls \(snapshot.id)'")
  }
}

extension Duration {
  /// Seconds to the millisecond.
  var inSeconds: Double {
    let parts = components
    let value = Double(parts.seconds) + Double(parts.attoseconds) / 1e18
    return (value * 1000).rounded() / 1000
  }
}
