import ArgumentParser
import Format
import Repository

struct SnapshotsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "snapshots", abstract: "List the snapshots.")

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  func run() throws {
    let session = try Session(global)
    let repository = try session.openRepository()
    let snapshots = try repository.snapshots(
      matching: SnapshotFilter(tags: filter.tag, host: filter.host))
    if global.json {
      try Terminal.shared.print(JSONText.pretty(snapshots.map(SnapshotRecord.init)))
      return
    }
    guard !snapshots.isEmpty else {
      session.messages.info("no snapshots")
      return
    }
    let rows = snapshots.map { snapshot in
      let manifest = snapshot.manifest
      let rowCount = manifest.databases.reduce(UInt64(0)) { $0 + $1.rowCount }
      let files = manifest.media.reduce(UInt64(0)) { $0 + $1.fileCount }
      let sources = manifest.databases.map(\.name) + manifest.media.map(\.name)
      return [
        snapshot.id.description, Display.time(manifest.time), manifest.host,
        sources.joined(separator: ","), Display.count(rowCount), Display.count(files),
        Display.bytes(manifest.statistics.bytesStored), manifest.tags.joined(separator: ","),
      ]
    }
    for line in Display.table(
      ["id", "time", "host", "sources", "rows", "files", "added", "tags"], rows)
    {
      try Terminal.shared.print(line)
    }
  }
}

/// A snapshot as `--json` prints it.
///
/// Stable: fields are added, never changed.
struct SnapshotRecord: Encodable {
  struct Database: Encodable {
    var name, database, serverVersion: String
    var tables: Int
    var rows, bytes: UInt64
  }
  struct Media: Encodable {
    var name, path: String
    var files, bytes, unreadable: UInt64
  }
  var id, time, host: String
  var tags: [String]
  var databases: [Database]
  var media: [Media]
  var parent: String?
  var bytesRead, bytesNew, bytesStored: UInt64

  init(_ snapshot: Snapshot) {
    let manifest = snapshot.manifest
    id = snapshot.id.hex
    time = manifest.time.description
    host = manifest.host
    tags = manifest.tags
    parent = manifest.parent
    databases = manifest.databases.map {
      Database(
        name: $0.name, database: $0.database, serverVersion: $0.serverVersion,
        tables: $0.tableCount, rows: $0.rowCount, bytes: $0.byteCount)
    }
    media = manifest.media.map {
      Media(
        name: $0.name, path: $0.path, files: $0.fileCount, bytes: $0.byteCount,
        unreadable: $0.unreadableCount)
    }
    bytesRead = manifest.statistics.bytesRead
    bytesNew = manifest.statistics.bytesNew
    bytesStored = manifest.statistics.bytesStored
  }
}
