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

      A restore of media that was stopped is finished with --overwrite always: what is equal \
      already is not written again. --delete also removes what the snapshot has not, beneath what \
      is restored, except what the snapshot says it left out or could not read; with --dry-run it \
      is listed only. --verify reads back and compares what was restored. What could not be set or \
      was not in the snapshot is listed and ends with 3.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  @Argument(help: "latest, or the first digits of an id.")
  var snapshot: String

  @Argument(
    help:
      "With --media: only this path beneath the source, or what matches this pattern, as in .gitignore; repeatable."
  )
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

  @Flag(
    help:
      "Replace the database that --into names: restore beside it, then exchange the names in one transaction. The old one is kept under another name; sessions on it are ended."
  )
  var swap = false

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

  @Flag(help: "With --overwrite always: remove what the snapshot does not have.")
  var delete = false

  @Flag(help: "Read back what was restored and compare it with the snapshot.")
  var verify = false

  @Flag(help: "Make no device nodes.")
  var noDevices = false

  @Flag(help: "Leave set-user-id and set-group-id bits away.")
  var noSetId = false

  @Flag(help: "Take user and group ids as they are, not by the names they had.")
  var numericOwners = false

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
    if swap, database == nil || !table.isEmpty {
      throw ValidationError("--swap is for a whole --database")
    }
    if database != nil, !paths.isEmpty || overwrite != nil {
      throw ValidationError("paths and --overwrite are for --media")
    }
    if database != nil, delete || verify || noDevices || noSetId || numericOwners {
      throw ValidationError(
        "--delete, --verify, --no-devices, --no-set-id and --numeric-owners are for --media")
    }
    if delete, overwrite != .always {
      throw ValidationError("--delete goes with --overwrite always")
    }
    if verify, overwrite == .never || overwrite == .ifNewer {
      throw ValidationError(
        "--verify goes with an empty target or --overwrite always: files that are kept may differ")
    }
  }

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
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
    /// The name under which --swap kept the database that was there.
    var kept: String?
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
    var target = try ConnectionOption.target(into, of: "--into", session)
    let swap =
      self.swap
      ? try DatabaseSwap(
        of: target, stamp: Self.stamp(Date()), cancellation: session.cancellation) : nil
    try swap?.preflight()
    if dryRun {
      let ending = swap.map { ", and keep the one that is there as \($0.kept)" } ?? ""
      return try Terminal.shared.print(
        "would restore database \(name) of snapshot \(snapshot.id) (\(Display.count(summary.tableCount)) tables, \(Display.count(summary.rowCount)) rows) into \(target.redacted)\(ending)"
      )
    }
    if let swap { target = swap.restoredTarget }
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
    try swap?.perform()
    display.end()
    let result = DatabaseResult(
      snapshot: snapshot.id.hex, database: name, tables: report.tableCount,
      rows: report.rowCount, bytes: report.byteCount, largeObjects: report.largeObjectCount,
      createdDatabase: report.createdDatabase, kept: swap?.kept,
      phases: report.phases.map { .init(name: $0.name, seconds: $0.duration.inSeconds) },
      warnings: report.warnings)
    if global.json { return try Terminal.shared.print(JSONText.pretty(result)) }
    for warning in result.warnings { session.messages.warning(warning) }
    guard !global.quiet else { return }
    let seconds = result.phases.reduce(0) { $0 + $1.seconds }
    try Terminal.shared.print(
      "restored database \(name): \(Display.count(result.tables)) tables, \(Display.count(result.rows)) rows, \(Display.count(result.largeObjects)) large objects in \(Display.duration(seconds: seconds))"
    )
    if let kept = result.kept {
      try Terminal.shared.print(
        "the database that was there is kept as \(kept); drop it when nothing needs it")
    }
  }

  /// A time as part of a database's name: `20260131T120000Z`.
  private static func stamp(_ time: Date) -> String {
    time.formatted(
      .iso8601.year().month().day().dateSeparator(.omitted).time(includingFractionalSeconds: false)
        .timeSeparator(.omitted).timeZone(separator: .omitted))
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

  func noSource(_ name: String, _ kind: String, _ names: [String], _ snapshot: Snapshot)
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
