// What one backup takes: sources, references between them, and how it is labelled.

package import Format
package import Repository

/// A column whose values name files of a media source.
package struct ReferenceColumn: Sendable {
  /// Names of sources.
  package var database: String
  package var media: String
  /// Nil schema: `public`, as Django leaves it.
  package var table: QualifiedName
  package var column: String

  package init(database: String, media: String, table: QualifiedName, column: String) {
    self.database = database
    self.media = media
    self.table = table
    self.column = column
  }
}

/// One application, as a backup takes it.
package struct BackupPlan: Sendable {
  package var databases: [DatabaseSource]
  package var media: [MediaSource]
  package var references: [ReferenceColumn]
  package var tags: [String]
  package var host: String
  package var user: String
  package var program: String
  /// Threads that read, cut, compress and seal.
  package var workers: Int
  /// A folder for files that have no names.
  package var scratch: String
  /// When chunks are stored as deltas.
  package var deltas = DeltaPolicy()

  package init(
    databases: [DatabaseSource], media: [MediaSource], references: [ReferenceColumn],
    tags: [String], host: String, user: String, program: String, workers: Int, scratch: String
  ) {
    self.databases = databases
    self.media = media
    self.references = references
    self.tags = tags
    self.host = host
    self.user = user
    self.program = program
    self.workers = workers
    self.scratch = scratch
  }
}

/// A snapshot that was committed, and what its operator should know.
package struct BackupResult: Sendable {
  package var snapshot: SnapshotID
  package var manifest: Manifest
  /// Things that look wrong but do not make the snapshot less than its sources were.
  package var warnings: [String]

  /// Whether some entry of a source could not be read.
  package var isPartial: Bool { manifest.media.contains { $0.unreadableCount > 0 } }
}
