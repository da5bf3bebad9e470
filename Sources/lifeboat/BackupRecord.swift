// The result of a backup, as JSON and as text.

import Capture
import Format

/// What `backup --json` ends with.
///
/// Stable: fields are added, never changed.
struct BackupRecord: Encodable {
  struct Bytes: Encodable {
    var read, new, stored: UInt64
    /// Of what is new: stored as deltas, and what those take.
    var delta, deltaStored: UInt64
  }
  struct Database: Encodable {
    var name: String
    var tables: Int
    var rows, bytes: UInt64
    var largeObjects, sequences: Int
    var notIncluded: [String]
  }
  struct Media: Encodable {
    var name: String
    var files, directories, bytes, unreadableCount, changedWhileRead: UInt64
    var unreadable: [String]
    var excludedCount: UInt64
    var excluded: [String]
    /// What else is not as in the tree.
    var notes: [String]
  }
  struct References: Encodable {
    var database, column, media: String
    var values, dangling, carriedForward: UInt64
  }
  var snapshot, time: String
  var parent: String?
  var seconds: Double
  var bytes: Bytes
  var blobsNew, blobsReused, blobsDelta, filesRead, filesUnchanged: UInt64
  var databases: [Database]
  var media: [Media]
  var references: [References]
  var warnings: [String]
  var complete: Bool

  init(_ result: BackupResult, seconds: Double) {
    let manifest = result.manifest
    let statistics = manifest.statistics
    snapshot = result.snapshot.hex
    time = manifest.time.description
    parent = manifest.parent
    self.seconds = (seconds * 1000).rounded() / 1000
    bytes = Bytes(
      read: statistics.bytesRead, new: statistics.bytesNew, stored: statistics.bytesStored,
      delta: statistics.bytesDelta, deltaStored: statistics.bytesDeltaStored)
    blobsNew = statistics.blobsNew
    blobsReused = statistics.blobsReused
    blobsDelta = statistics.blobsDelta
    filesRead = statistics.filesRead
    filesUnchanged = statistics.filesUnchanged
    databases = manifest.databases.map {
      Database(
        name: $0.name, tables: $0.tableCount, rows: $0.rowCount, bytes: $0.byteCount,
        largeObjects: $0.largeObjectCount, sequences: $0.sequenceCount,
        notIncluded: $0.notIncluded)
    }
    media = manifest.media.map {
      Media(
        name: $0.name, files: $0.fileCount, directories: $0.directoryCount, bytes: $0.byteCount,
        unreadableCount: $0.unreadableCount, changedWhileRead: $0.changedWhileReadCount,
        unreadable: $0.unreadable, excludedCount: $0.excludedCount ?? 0,
        excluded: $0.excluded ?? [], notes: $0.notes ?? [])
    }
    references = manifest.references.map {
      References(
        database: $0.database, column: "\($0.table).\($0.column)", media: $0.media,
        values: $0.valueCount, dangling: $0.danglingCount,
        carriedForward: $0.carriedForwardCount)
    }
    warnings = result.warnings
    complete = !result.isPartial
  }

  func show(_ session: Session) throws {
    if session.options.json { return try Terminal.shared.print(JSONText.pretty(self)) }
    for warning in warnings { session.messages.warning(warning) }
    for database in databases {
      for gap in database.notIncluded {
        session.messages.info("not in the snapshot: database \(database.name): \(gap)")
      }
    }
    for source in media {
      for entry in source.unreadable { session.messages.warning("cannot read \(entry)") }
      for note in source.notes { session.messages.warning("\(source.name): \(note)") }
      for entry in source.excluded { session.messages.detail("left out: \(source.name): \(entry)") }
      if source.excludedCount > 0 {
        session.messages.info(
          "\(Display.count(source.excludedCount)) entries of \(source.name) were left out; 'lifeboat ls \(snapshot.prefix(8)) --left-out' lists them"
        )
      }
      if source.changedWhileRead > 0 {
        session.messages.warning(
          "\(Display.count(source.changedWhileRead)) files of \(source.name) changed while they were read; they are marked"
        )
      }
    }
    for reference in references where reference.dangling > 0 {
      session.messages.warning(
        "\(Display.count(reference.dangling)) values of \(reference.database) \(reference.column) name files that are not there"
      )
    }
    guard !session.options.quiet else { return }
    for database in databases {
      try Terminal.shared.print(
        "database \(database.name): \(Display.count(database.tables)) tables, \(Display.count(database.rows)) rows, \(Display.bytes(database.bytes)) as text"
      )
    }
    for source in media {
      try Terminal.shared.print(
        "media \(source.name): \(Display.count(source.files)) files, \(Display.bytes(source.bytes))"
      )
    }
    try Terminal.shared.print(
      "read \(Display.bytes(bytes.read)), new \(Display.bytes(bytes.new)), stored \(Display.bytes(bytes.stored)) in \(Display.duration(seconds: seconds))"
    )
    if blobsDelta > 0 {
      try Terminal.shared.print(
        "of the new, \(Display.bytes(bytes.delta)) are changes to what was there, stored in \(Display.bytes(bytes.deltaStored))"
      )
    }
    try Terminal.shared.print("snapshot \(snapshot.prefix(8)) saved")
  }
}
