// Reclaiming what no snapshot needs: a plan first, then marks, and deletion only after a grace time.

package import Format
import FoundationEssentials
import Storage
package import Workers

/// What a prune would do.
package struct PrunePlan: Sendable {
  /// Packs whose mark is older than the grace time and that still nothing needs.
  package var delete: [PackID] = []
  package var deleteByteCount: UInt64 = 0
  /// Packs that nothing needs: marked now, deleted by a prune after the grace time.
  package var doom: [PackID] = []
  package var doomByteCount: UInt64 = 0
  /// Packs whose few live blobs move to new packs first.
  package var repack: [PackID] = []
  package var repackByteCount: UInt64 = 0
  /// Marked packs that a snapshot needs after all: they come back into the index.
  package var rescue: [PackID] = []
  /// Packs that no index run names: leftovers of interrupted runs.
  package var unindexed: [PackID] = []
  /// Index runs that will be written as few.
  package var mergedRunCount = 0
  package var liveByteCount: UInt64 = 0
  package var totalByteCount: UInt64 = 0

  fileprivate var expiredMarks: [DocumentID] = []
  fileprivate var pendingMarks: [DocumentID] = []
  fileprivate var stillDoomed: Set<PackID> = []
  fileprivate var needsNewIndex = false

  /// Whether performing it would change nothing.
  package var isEmpty: Bool {
    delete.isEmpty && doom.isEmpty && repack.isEmpty && rescue.isEmpty && !needsNewIndex
      && expiredMarks.isEmpty
  }
}

/// How a prune decides.
package struct PruneOptions: Sendable {
  /// How long a pack stays marked before it is deleted. A backup that runs longer than half of it
  /// and reused a marked pack refuses to commit; 0 is for when nothing else runs.
  package var graceSeconds: Int64 = 24 * 3600
  /// A pack is repacked once more than this share of its blob bytes is dead.
  package var deadShare = 0.5
  package var now: Timestamp

  package init(now: Timestamp) { self.now = now }
}

extension Repository {
  /// How many runs there may be before a prune merges them.
  private static let runLimit = 8

  /// Computes what a prune would do; changes nothing.
  ///
  /// - Throws: ``RepositoryError`` also if any snapshot is damaged: what it needs is then unknown,
  ///   and nothing may be deleted.
  package func planPrune(_ options: PruneOptions, cancellation: Cancellation) throws -> PrunePlan {
    let snapshots = try self.snapshots()
    try loadIndex()
    let marks = try doomMarks()
    let reachability = try Reachability(self, cancellation: cancellation)
    for snapshot in snapshots { try reachability.mark(snapshot) }
    if let damage = reachability.unreadable.first {
      throw RepositoryError(
        .damaged, what: "cannot prune", why: "snapshot \(damage.snapshot): \(damage.reason)",
        next: "run 'lifeboat check', forget the damaged snapshot, then prune")
    }

    var liveBytes: [PackID: UInt64] = [:]
    var blobBytes: [PackID: UInt64] = [:]
    for position in 0..<index.entryCount {
      guard let location = index.location(at: position) else { continue }
      blobBytes[location.pack.id, default: 0] += UInt64(location.entry.sealedByteCount)
      if reachability.isLive(position) {
        liveBytes[location.pack.id, default: 0] += UInt64(location.entry.sealedByteCount)
      }
    }
    let indexed = index.packs()
    var present: [PackID: Int] = [:]
    for object in try list(.packs) {
      if let id = PackID(hex: object.key.name) { present[id] = object.byteCount }
    }

    var plan = PrunePlan()
    plan.totalByteCount = present.values.reduce(0) { $0 + UInt64($1) }
    plan.liveByteCount = liveBytes.values.reduce(0, +)
    if reachability.missingCount > 0 {
      try planRescue(of: reachability.missing.map(\.blob), marks, present, into: &plan)
    }
    let rescued = Set(plan.rescue)
    var marked: Set<PackID> = []
    for mark in marks {
      let age = options.now.microseconds - mark.time.microseconds
      let isExpired = age >= options.graceSeconds * 1_000_000
      if isExpired { plan.expiredMarks.append(mark.id) } else { plan.pendingMarks.append(mark.id) }
      for pack in mark.packs where present[pack] != nil && liveBytes[pack] == nil {
        guard !rescued.contains(pack) else { continue }
        marked.insert(pack)
        if isExpired {
          plan.delete.append(pack)
          plan.deleteByteCount += UInt64(present[pack] ?? 0)
        } else {
          plan.stillDoomed.insert(pack)
        }
      }
    }
    for (pack, byteCount) in present.sorted(by: { $0.key < $1.key }) where !marked.contains(pack) {
      if rescued.contains(pack) { continue }
      guard let record = indexed[pack] else {
        plan.unindexed.append(pack)
        plan.doom.append(pack)
        plan.doomByteCount += UInt64(byteCount)
        continue
      }
      let live = liveBytes[pack] ?? 0
      let all = blobBytes[pack] ?? 0
      if live == 0 {
        plan.doom.append(pack)
        plan.doomByteCount += UInt64(byteCount)
      } else if Double(all - min(live, all)) > options.deadShare * Double(max(all, 1)),
        keys.canRead(record.blobClass)
      {
        plan.repack.append(pack)
        plan.repackByteCount += live
      }
    }
    let runs = index.runIDs.count
    let gone = Set(indexed.keys).subtracting(present.keys)
    plan.needsNewIndex =
      runs > Self.runLimit || !gone.isEmpty
      || plan.doom.contains { indexed[$0] != nil } || plan.delete.contains { indexed[$0] != nil }
    plan.mergedRunCount = plan.needsNewIndex || !plan.repack.isEmpty ? runs : 0
    return plan
  }

  /// A blob that a snapshot needs may lie in a pack that is marked and so in no run any more.
  private func planRescue(
    of blobs: [BlobID], _ marks: [(id: DocumentID, time: Timestamp, packs: [PackID])],
    _ present: [PackID: Int], into plan: inout PrunePlan
  ) throws {
    let wanted = Set(blobs)
    let reader = makeReader()
    var found: Set<BlobID> = []
    for pack in Set(marks.flatMap(\.packs)).sorted() {
      guard let byteCount = present[pack], found.count < wanted.count,
        let (_, entries) = try? packContents(pack, byteCount: byteCount, reader: reader)
      else { continue }
      let hits = entries.map(\.id).filter { wanted.contains($0) }
      if !hits.isEmpty {
        plan.rescue.append(pack)
        found.formUnion(hits)
      }
    }
    guard found.count == wanted.count else {
      throw RepositoryError(
        .damaged, what: "cannot prune",
        why: "\(wanted.count - found.count) blobs that snapshots need are in no index run",
        next: "run 'lifeboat check', forget the damaged snapshots, then prune")
    }
  }

  /// Performs `plan`: new packs, new index, old index away, marks, and only then deletions.
  ///
  /// A crash anywhere leaves every snapshot whole; the next prune finishes the work.
  /// - Returns: bytes freed.
  package func performPrune(
    _ plan: PrunePlan, _ options: PruneOptions, cancellation: Cancellation
  ) throws -> UInt64 {
    var leaving = Set(plan.doom)
    if !plan.repack.isEmpty {
      try repack(Set(plan.repack), cancellation: cancellation)
      leaving.formUnion(plan.repack)
    }
    if !plan.rescue.isEmpty { try relist(plan.rescue) }
    if plan.needsNewIndex || !plan.repack.isEmpty {
      try rewriteIndex(without: leaving.union(plan.delete).union(plan.stillDoomed))
    }
    if !leaving.isEmpty, options.graceSeconds > 0 {
      let mark = DoomMark(time: options.now, packs: leaving.map(\.hex).sorted())
      _ = try saveDocument(
        try DocumentBody.encode(mark), kind: .doom, for: .writer, in: .doomed)
    }
    var deletable = plan.delete
    if options.graceSeconds <= 0 { deletable += leaving }
    var freed: UInt64 = 0
    for pack in deletable.sorted() {
      try cancellation.check()
      guard let key = StorageKey(.packs, pack.hex) else { continue }
      do {
        freed += UInt64((try? storage.byteCount(of: key)) ?? 0)
        try storage.delete(key)
      } catch { throw RepositoryError.storage("cannot delete pack \(pack)", error) }
    }
    for mark in plan.expiredMarks {
      guard let key = StorageKey(.doomed, mark.hex) else { continue }
      do { try storage.delete(key) } catch {
        throw RepositoryError.storage("cannot delete a doom mark", error)
      }
    }
    return freed
  }

  /// Stores the live blobs of `packs` again, elsewhere.
  private func repack(_ packs: Set<PackID>, cancellation: Cancellation) throws {
    let reachability = try Reachability(self, cancellation: cancellation)
    for snapshot in try snapshots() { try reachability.mark(snapshot) }
    let writer = BlobWriter(repository: self, doomed: packs)
    let reader = makeReader()
    let encoder = try ChunkEncoder()
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    for position in 0..<index.entryCount where reachability.isLive(position) {
      guard let location = index.location(at: position), packs.contains(location.pack.id) else {
        continue
      }
      do {
        try cancellation.check()
        try reader.load(location, into: &chunk, using: decoder)
        _ = try writer.store(chunk.span, class: location.pack.blobClass, using: encoder)
      } catch {
        writer.abandon()
        throw error
      }
    }
    try writer.finish()
  }

  /// Writes an index run for packs that no run names, from their own trailers.
  func relist(_ packs: [PackID]) throws {
    let reader = makeReader()
    var stored: [StoredPack] = []
    for pack in packs {
      guard let key = StorageKey(.packs, pack.hex) else { continue }
      let byteCount: Int
      do { byteCount = try storage.byteCount(of: key) } catch {
        throw RepositoryError.storage("cannot read pack \(pack)", error)
      }
      let (record, entries) = try packContents(pack, byteCount: byteCount, reader: reader)
      stored.append(StoredPack(record: record, entries: entries))
    }
    _ = try addIndexRun(stored, replacing: [])
  }

  /// Writes the whole index as few runs, leaving `packs` out, then removes the runs it replaces.
  private func rewriteIndex(without packs: Set<PackID>) throws {
    let old = index.runIDs
    let replacing = Set(old).union(index.replacedRuns()).sorted()
    var ordinals: [PackID: UInt32] = [:]
    var records: [PackRecord] = []
    var entries: [IndexEntry] = []
    var written = 0
    func flush() throws {
      _ = try addIndexRun(records, entries, replacing: written == 0 ? replacing : [])
      written += 1
      ordinals = [:]
      records = []
      entries = []
    }
    let count = index.entryCount
    for position in 0..<count {
      guard let location = index.location(at: position), !packs.contains(location.pack.id) else {
        continue
      }
      let ordinal: UInt32
      if let known = ordinals[location.pack.id] {
        ordinal = known
      } else {
        ordinal = UInt32(records.count)
        ordinals[location.pack.id] = ordinal
        records.append(location.pack)
      }
      entries.append(
        IndexEntry(packOrdinal: ordinal, slot: location.slot, entry: location.entry))
      if entries.count >= IndexRun.maximumEntryCount { try flush() }
    }
    if !entries.isEmpty || written == 0 { try flush() }
    for run in old {
      guard let key = StorageKey(.index, run.hex) else { continue }
      do { try storage.delete(key) } catch {
        throw RepositoryError.storage("cannot delete an index run", error)
      }
    }
  }
}
