// A snapshot's manifest: the signed, sealed root from which all else is reached.

import FoundationEssentials

/// What one snapshot is.
///
/// The body of the document is this as JSON, keys sorted, UTF-8.
package struct Manifest: Codable, Hashable, Sendable {
  /// Version of this JSON; a reader refuses a later one.
  package var version: Int
  /// When the capture began, by the clock of the host: nothing in the snapshot is older than this
  /// says.
  ///
  /// Each database's own moment stands in its summary.
  package var time: Timestamp
  /// When everything was stored and the manifest was written.
  package var finished: Timestamp
  package var host: String
  package var user: String
  /// Name and version of the program that wrote it.
  package var program: String
  package var tags: [String]
  /// Position in the chain of this writer's manifests, from 1.
  package var sequence: UInt64
  /// The manifest before it in the chain; nil for the first.
  package var previous: String?
  /// The snapshot whose catalog told what had not changed; nil if there was none.
  package var parent: String?
  package var catalog: CatalogRoot
  /// Every index run that was live when this was written.
  package var indexRuns: [String]
  package var databases: [DatabaseSummary]
  package var media: [MediaSummary]
  package var references: [ReferenceSummary]
  package var statistics: CaptureStatistics

  package init(
    version: Int = 1, time: Timestamp, finished: Timestamp, host: String, user: String,
    program: String, tags: [String], sequence: UInt64, previous: String?, parent: String?,
    catalog: CatalogRoot, indexRuns: [String], databases: [DatabaseSummary],
    media: [MediaSummary], references: [ReferenceSummary], statistics: CaptureStatistics
  ) {
    self.version = version
    self.time = time
    self.finished = finished
    self.host = host
    self.user = user
    self.program = program
    self.tags = tags
    self.sequence = sequence
    self.previous = previous
    self.parent = parent
    self.catalog = catalog
    self.indexRuns = indexRuns
    self.databases = databases
    self.media = media
    self.references = references
    self.statistics = statistics
  }
}

/// The root node of a catalog.
package struct CatalogRoot: Codable, Hashable, Sendable {
  /// Blob id of the root node, hexadecimal.
  package var root: String
  package var entryCount: UInt64

  package init(root: String, entryCount: UInt64) {
    self.root = root
    self.entryCount = entryCount
  }
}

/// One database in a snapshot.
package struct DatabaseSummary: Codable, Hashable, Sendable {
  /// The name of the source in this snapshot.
  package var name: String
  /// The database's name on its server.
  package var database: String
  /// `server_version` as the server writes it.
  package var serverVersion: String
  package var serverMajor: Int
  /// `pg_control_system()`'s identifier; nil where the role may not read it.
  package var systemIdentifier: String?
  /// Write-ahead log position at the moment of the snapshot, as PostgreSQL writes it.
  package var logPosition: String?
  /// `pg_current_snapshot()` of the one moment all rows are of.
  package var transactionSnapshot: String?
  /// The server's clock at that moment.
  package var time: Timestamp
  package var tableCount: Int
  package var rowCount: UInt64
  /// Bytes of all rows as COPY text.
  package var byteCount: UInt64
  package var largeObjectCount: Int
  package var sequenceCount: Int
  /// Digest over all table digests, in key order.
  package var digest: String
  /// What is in the database but not in the snapshot, in words.
  package var notIncluded: [String]

  package init(
    name: String, database: String, serverVersion: String, serverMajor: Int,
    systemIdentifier: String?, logPosition: String?, transactionSnapshot: String?,
    time: Timestamp, tableCount: Int, rowCount: UInt64, byteCount: UInt64, largeObjectCount: Int,
    sequenceCount: Int, digest: String, notIncluded: [String]
  ) {
    self.name = name
    self.database = database
    self.serverVersion = serverVersion
    self.serverMajor = serverMajor
    self.systemIdentifier = systemIdentifier
    self.logPosition = logPosition
    self.transactionSnapshot = transactionSnapshot
    self.time = time
    self.tableCount = tableCount
    self.rowCount = rowCount
    self.byteCount = byteCount
    self.largeObjectCount = largeObjectCount
    self.sequenceCount = sequenceCount
    self.digest = digest
    self.notIncluded = notIncluded
  }
}

/// One media tree in a snapshot.
package struct MediaSummary: Codable, Hashable, Sendable {
  package var name: String
  /// Where the tree was, for display; bytes that are not UTF-8 are shown escaped.
  package var path: String
  package var fileCount: UInt64
  package var directoryCount: UInt64
  package var otherCount: UInt64
  /// Sum of the files' lengths in bytes.
  package var byteCount: UInt64
  /// Entries that could not be read, each with its reason; at most 1,000 are listed here.
  package var unreadable: [String]
  package var unreadableCount: UInt64
  /// Files that changed while they were read.
  package var changedWhileReadCount: UInt64
  /// What was left out on purpose, each with its reason, a directory for all it holds; at most 1,000
  /// are listed here.
  ///
  /// Nil, as the two that follow, in a snapshot of a program that did not record it.
  package var excluded: [String]?
  package var excludedCount: UInt64?
  /// What else is not as in the tree, in words; at most 1,000.
  package var notes: [String]?
  /// Names of the user and group ids that occur, as this host knew them.
  package var users: [String: String]
  package var groups: [String: String]

  package init(
    name: String, path: String, fileCount: UInt64 = 0, directoryCount: UInt64 = 0,
    otherCount: UInt64 = 0, byteCount: UInt64 = 0, unreadable: [String] = [],
    unreadableCount: UInt64 = 0, changedWhileReadCount: UInt64 = 0,
    excluded: [String]? = nil, excludedCount: UInt64? = nil, notes: [String]? = nil,
    users: [String: String] = [:], groups: [String: String] = [:]
  ) {
    self.name = name
    self.path = path
    self.fileCount = fileCount
    self.directoryCount = directoryCount
    self.otherCount = otherCount
    self.byteCount = byteCount
    self.unreadable = unreadable
    self.unreadableCount = unreadableCount
    self.changedWhileReadCount = changedWhileReadCount
    self.excluded = excluded
    self.excludedCount = excludedCount
    self.notes = notes
    self.users = users
    self.groups = groups
  }
}

/// A column whose values name media files, and how its values resolved at capture.
package struct ReferenceSummary: Codable, Hashable, Sendable {
  package var database: String
  package var table: QualifiedName
  package var column: String
  package var media: String
  /// Values that are neither NULL nor empty.
  package var valueCount: UInt64
  /// Values that named no file at the source either; at most 1,000 are listed.
  package var dangling: [String]
  package var danglingCount: UInt64
  /// Values whose file was gone and was taken over from the parent snapshot.
  package var carriedForwardCount: UInt64

  package init(
    database: String, table: QualifiedName, column: String, media: String, valueCount: UInt64,
    dangling: [String], danglingCount: UInt64, carriedForwardCount: UInt64
  ) {
    self.database = database
    self.table = table
    self.column = column
    self.media = media
    self.valueCount = valueCount
    self.dangling = dangling
    self.danglingCount = danglingCount
    self.carriedForwardCount = carriedForwardCount
  }
}

/// What a capture read and stored, in bytes and counts.
package struct CaptureStatistics: Codable, Hashable, Sendable {
  /// Bytes read from the sources: rows, large objects, DDL, file contents.
  package var bytesRead: UInt64
  /// Plaintext bytes of blobs that the repository did not have.
  package var bytesNew: UInt64
  /// Bytes that the repository grew by: packs and index runs.
  package var bytesStored: UInt64
  package var blobsNew: UInt64
  package var blobsReused: UInt64
  /// Files whose content was taken over from the parent without being read.
  package var filesUnchanged: UInt64
  package var filesRead: UInt64
  /// New blobs that were stored as deltas, their plaintext bytes, and the bytes that they took.
  package var blobsDelta: UInt64
  package var bytesDelta: UInt64
  package var bytesDeltaStored: UInt64

  package init(
    bytesRead: UInt64 = 0, bytesNew: UInt64 = 0, bytesStored: UInt64 = 0, blobsNew: UInt64 = 0,
    blobsReused: UInt64 = 0, filesUnchanged: UInt64 = 0, filesRead: UInt64 = 0,
    blobsDelta: UInt64 = 0, bytesDelta: UInt64 = 0, bytesDeltaStored: UInt64 = 0
  ) {
    self.bytesRead = bytesRead
    self.bytesNew = bytesNew
    self.bytesStored = bytesStored
    self.blobsNew = blobsNew
    self.blobsReused = blobsReused
    self.filesUnchanged = filesUnchanged
    self.filesRead = filesRead
    self.blobsDelta = blobsDelta
    self.bytesDelta = bytesDelta
    self.bytesDeltaStored = bytesDeltaStored
  }

  /// Manifests from before there were deltas do not count them.
  package init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    bytesRead = try values.decode(UInt64.self, forKey: .bytesRead)
    bytesNew = try values.decode(UInt64.self, forKey: .bytesNew)
    bytesStored = try values.decode(UInt64.self, forKey: .bytesStored)
    blobsNew = try values.decode(UInt64.self, forKey: .blobsNew)
    blobsReused = try values.decode(UInt64.self, forKey: .blobsReused)
    filesUnchanged = try values.decode(UInt64.self, forKey: .filesUnchanged)
    filesRead = try values.decode(UInt64.self, forKey: .filesRead)
    blobsDelta = try values.decodeIfPresent(UInt64.self, forKey: .blobsDelta) ?? 0
    bytesDelta = try values.decodeIfPresent(UInt64.self, forKey: .bytesDelta) ?? 0
    bytesDeltaStored = try values.decodeIfPresent(UInt64.self, forKey: .bytesDeltaStored) ?? 0
  }
}

extension Manifest {
  /// Names of the databases, then of the media directories.
  package var sourceNames: [String] { databases.map(\.name) + media.map(\.name) }
}
