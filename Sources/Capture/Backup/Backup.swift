// One backup from beginning to commit: databases first, media after, references between, one manifest.

import Format
import FoundationEssentials
package import Repository
package import Workers

/// Takes a snapshot.
///
/// Databases come before media, because an application writes a file before the row that names it:
/// every reference that a row makes then exists by the time its directory is read. Nothing is part
/// of a snapshot until the manifest is written; an error before leaves only packs that the next
/// run reuses.
package struct Backup {
  private let plan: BackupPlan
  private let repository: Repository
  private let cancellation: Cancellation
  private let progress: Progress

  package init(
    _ plan: BackupPlan, repository: Repository, cancellation: Cancellation, progress: Progress
  ) {
    self.plan = plan
    self.repository = repository
    self.cancellation = cancellation
    self.progress = progress
  }

  /// Captures every source and commits.
  package func perform() throws -> BackupResult {
    let started = Timestamp(Date())
    // Snapshots before the index: what a manifest refers to is then in some run that is listed.
    let parent = try findParent()
    try repository.loadIndex()
    let writer = try repository.makeWriter(deltas: plan.deltas)
    do {
      return try capture(into: writer, parent: parent, started: started)
    } catch {
      writer.abandon()
      throw error
    }
  }

  /// The newest snapshot of this host that has a source in common; nil for who cannot read any.
  private func findParent() throws -> Snapshot? {
    guard repository.keys.canRead(.metadata) else { return nil }
    let names = Set(plan.databases.map { "d" + $0.name } + plan.media.map { "m" + $0.name })
    let signer = repository.signer
    return try repository.snapshots(matching: SnapshotFilter(host: plan.host)).last { snapshot in
      // What another writer says of a file is not taken over unread.
      guard snapshot.role != .writer || snapshot.signer == signer else { return false }
      let theirs =
        snapshot.manifest.databases.map { "d" + $0.name }
        + snapshot.manifest.media.map { "m" + $0.name }
      return !names.isDisjoint(with: theirs)
    }
  }

  private func capture(into writer: BlobWriter, parent: Snapshot?, started: Timestamp) throws
    -> BackupResult
  {
    var catalog = try CatalogWriter(writer, keys: repository.keys)
    var warnings: [String] = []
    let spools = try captureDatabases(
      into: &catalog, writer: writer, parent: parent, warnings: &warnings)
    let media = try captureMedia(
      into: &catalog, writer: writer, parent: parent, spools: spools.spools)
    progress.begin("finishing")
    let root = try catalog.finish()
    try writer.finish()
    try cancellation.check()
    let manifest = Manifest(
      time: started, finished: Timestamp(Date()),
      host: plan.host, user: plan.user, program: plan.program, tags: plan.tags, sequence: 0,
      previous: nil, parent: parent?.id.hex, catalog: root, indexRuns: [],
      databases: spools.databases, media: media.summaries, references: media.references,
      statistics: writer.statistics)
    let snapshot = try repository.commit(manifest)
    return BackupResult(
      snapshot: snapshot.id, manifest: snapshot.manifest, warnings: warnings)
  }

  // MARK: Databases

  private func captureDatabases(
    into catalog: inout CatalogWriter, writer: BlobWriter, parent: Snapshot?,
    warnings: inout [String]
  ) throws -> (databases: [DatabaseSummary], spools: [ReferenceSpool?]) {
    let sources = plan.databases.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    let captures = try sources.map { source in
      DatabaseCapture(
        source, repository: repository, writer: writer, cancellation: cancellation,
        progress: progress, parent: try parentDatabase(source.name, of: parent))
    }
    defer { for capture in captures { capture.end() } }
    // All snapshots are taken before any row is read: one moment for the whole application, as
    // near as servers that know nothing of each other allow.
    for capture in captures { try capture.begin() }

    var spools = [ReferenceSpool?](repeating: nil, count: plan.references.count)
    var summaries: [DatabaseSummary] = []
    for (source, capture) in zip(sources, captures) {
      for (i, reference) in plan.references.enumerated() where reference.database == source.name {
        let spool = try ReferenceSpool(media: reference.media, scratch: plan.scratch)
        try capture.referenceValues(table: reference.table, column: reference.column) { value in
          try spool.append(value)
        }
        try spool.finish()
        spools[i] = spool
      }
      summaries.append(try capture.capture(into: &catalog))
      warnings += capture.warnings
      capture.end()
    }
    return (summaries, spools)
  }

  private func parentDatabase(_ name: String, of parent: Snapshot?) throws -> (
    CatalogReader, DatabaseSummary
  )? {
    guard let parent, let summary = parent.manifest.databases.first(where: { $0.name == name })
    else { return nil }
    return (try repository.catalog(of: parent, reader: repository.makeReader()), summary)
  }

  // MARK: Media

  private func captureMedia(
    into catalog: inout CatalogWriter, writer: BlobWriter, parent: Snapshot?,
    spools: [ReferenceSpool?]
  ) throws -> (summaries: [MediaSummary], references: [ReferenceSummary]) {
    var summaries: [MediaSummary] = []
    var references: [ReferenceSummary] = []
    for source in plan.media.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      let hasParent = parent?.manifest.media.contains { $0.name == source.name } ?? false
      let mediaParent =
        hasParent
        ? try parent.map {
          MediaParent(
            catalog: try repository.catalog(of: $0, reader: repository.makeReader()),
            started: $0.manifest.time)
        } : nil
      let concerned = plan.references.indices.filter { plan.references[$0].media == source.name }
      progress.begin("files of \(source.name)")
      let merged = MergedReferences(concerned.compactMap { spools[$0] })
      var missing: [CatalogKey: Bool] = [:]
      let capture = MediaCapture(
        source, repository: repository, writer: writer, parent: mediaParent,
        cancellation: cancellation, progress: progress, workers: plan.workers)
      summaries.append(
        try capture.capture(
          into: &catalog, required: { merged.next() },
          onMissing: { key, isCarriedForward in missing[key] = isCarriedForward }))
      references += concerned.map { summary(of: plan.references[$0], spools[$0], missing) }
    }
    return (summaries, references)
  }

  private func summary(
    of reference: ReferenceColumn, _ spool: ReferenceSpool?, _ missing: [CatalogKey: Bool]
  ) -> ReferenceSummary {
    var summary = ReferenceSummary(
      database: reference.database, table: reference.table, column: reference.column,
      media: reference.media, valueCount: spool?.valueCount ?? 0,
      dangling: spool?.impossible ?? [], danglingCount: spool?.impossibleCount ?? 0,
      carriedForwardCount: 0)
    guard !missing.isEmpty, let reader = spool?.makeReader() else { return summary }
    while let key = reader.next() {
      guard let isCarriedForward = missing[key] else { continue }
      if isCarriedForward {
        summary.carriedForwardCount += 1
      } else {
        summary.danglingCount += 1
        if summary.dangling.count < 1000 {
          let path = key.components.dropFirst(2).joined(separator: [UInt8(ascii: "/")])
          summary.dangling.append(String(decoding: Array(path), as: UTF8.self))
        }
      }
    }
    return summary
  }
}
