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
  /// Marked packs that a snapshot needs after all: they lose their mark.
  ///
  /// Those that are in no index run come back into one; then nothing else is done, because what
  /// they lead to is not known yet.
  package var rescue: [PackID] = []
  /// Packs that no index run names: leftovers of interrupted runs.
  package var unindexed: [PackID] = []
  /// Index runs that will be written as few.
  package var mergedRunCount = 0
  package var liveByteCount: UInt64 = 0
  package var totalByteCount: UInt64 = 0

  /// Marks that are taken away, once their packs are deleted or have another.
  fileprivate var finishedMarks: [DocumentID] = []
  /// What is left of marks after a rescue.
  fileprivate var remainingMarks: [DoomMark] = []
  /// Packs among `rescue` that no index run names.
  fileprivate var relist: [PackID] = []
  /// Marked packs, and packs that are named by an index run but not there, or not of the length that it
  /// says: nothing is reused there.
  var unfit: Set<PackID> = []
  var absent: Set<PackID> = []

  /// Whether performing it would change nothing.
  package var isEmpty: Bool {
    delete.isEmpty && doom.isEmpty && repack.isEmpty && rescue.isEmpty && mergedRunCount == 0
      && finishedMarks.isEmpty
  }
}

/// How a prune decides.
package struct PruneOptions: Sendable {
  /// How long a pack stays marked before it is deleted.
  ///
  /// A backup that runs longer than half of it and needs a marked pack refuses to commit; 0 is for
  /// when nothing else runs.
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
    try require(.keeper, to: "prune")
    let snapshots = try self.snapshots()
    try loadIndex()
    let marks = try doomMarks()
    let indexed = index.packs()
    var present: [PackID: Int] = [:]
    for object in try list(.packs) {
      if let id = PackID(hex: object.key.name) { present[id] = object.byteCount }
    }
    var plan = PrunePlan()
    plan.totalByteCount = present.values.reduce(0) { $0 + UInt64($1) }
    // A pack of another length is as good as none: what it held may be cut off.
    plan.absent = Set(indexed.values.filter { present[$0.id] != Int($0.byteCount) }.map(\.id))
    let marked = Set(marks.flatMap(\.packs)).intersection(present.keys)
    plan.unfit = marked.union(plan.absent)

    let reachability = try Reachability(
      self, waiting: marked, absent: plan.absent, cancellation: cancellation)
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
    plan.liveByteCount = liveBytes.values.reduce(0, +)
    if reachability.missingCount > 0 {
      plan.relist = try findUnlisted(reachability, marks, present)
      plan.rescue = plan.relist
      planMarks(marks, rescued: Set(plan.rescue), delete: false, options, &plan)
      return plan
    }
    plan.rescue = marked.filter { liveBytes[$0] != nil }.sorted()
    planMarks(marks, rescued: Set(plan.rescue), delete: true, options, &plan)
    plan.delete = plan.delete.filter { present[$0] != nil }
    plan.deleteByteCount = plan.delete.reduce(0) { $0 + UInt64(present[$1] ?? 0) }

    for (pack, byteCount) in present.sorted(by: { $0.key < $1.key }) where !marked.contains(pack) {
      let live = liveBytes[pack] ?? 0
      let all = blobBytes[pack] ?? 0
      if live == 0 {
        if indexed[pack] == nil { plan.unindexed.append(pack) }
        plan.doom.append(pack)
        plan.doomByteCount += UInt64(byteCount)
      } else if let record = indexed[pack], keys.canRead(record.blobClass),
        Double(all - min(live, all)) > options.deadShare * Double(max(all, 1))
      {
        plan.repack.append(pack)
        plan.repackByteCount += live
      }
    }
    let leaving = plan.delete + (options.graceSeconds > 0 ? [] : plan.doom + plan.repack)
    plan.mergedRunCount = mergedRuns(without: plan.absent.union(leaving)).count
    return plan
  }

  /// The runs that a prune replaces if `packs` go; none if that is not worth it.
  ///
  /// A writer's run is never passed on under a keeper's or owner's signature, for nobody has read what it
  /// names: it stays as it is until all its packs are gone.
  private func mergedRuns(without packs: Set<PackID>) -> [DocumentID] {
    let runs = index.runs()
    let vouched = runs.filter(\.isVouched)
    let over = runs.filter { run in
      !run.isVouched && run.packs.allSatisfy { packs.contains($0.id) }
    }
    let isWorthIt =
      vouched.count > Self.runLimit || !over.isEmpty
      || vouched.contains { $0.packs.contains { packs.contains($0.id) } }
    return isWorthIt ? (vouched + over).map(\.id).sorted() : []
  }

  /// Sorts marks into those that are over and those that wait; packs of the former are deleted.
  private func planMarks(
    _ marks: [PlacedDoomMark], rescued: Set<PackID>, delete: Bool, _ options: PruneOptions,
    _ plan: inout PrunePlan
  ) {
    var waiting: Set<PackID> = []
    var over: Set<PackID> = []
    for mark in marks {
      let age = Double(options.now.microseconds) - Double(mark.time.microseconds)
      let isOver = age >= Double(options.graceSeconds) * 1e6
      if isOver && delete {
        over.formUnion(mark.packs)
        plan.finishedMarks.append(mark.id)
      } else {
        waiting.formUnion(mark.packs)
        guard mark.packs.contains(where: { rescued.contains($0) }) else { continue }
        plan.finishedMarks.append(mark.id)
        let left = mark.packs.filter { !rescued.contains($0) }
        if !left.isEmpty {
          plan.remainingMarks.append(
            DoomMark(time: mark.time, graceSeconds: mark.graceSeconds, packs: left.map(\.hex)))
        }
      }
    }
    plan.delete = over.subtracting(rescued).subtracting(waiting).sorted()
  }

  /// The marked packs that hold what a snapshot needs and no index run names: an index run was lost.
  private func findUnlisted(
    _ reachability: Reachability, _ marks: [PlacedDoomMark], _ present: [PackID: Int]
  ) throws -> [PackID] {
    let wanted = Set(reachability.missing.map(\.blob))
    var found: Set<BlobID> = []
    var packs: [PackID] = []
    for pack in Set(marks.flatMap(\.packs)).sorted() {
      guard let byteCount = present[pack], found.count < wanted.count,
        let contents = try? packContents(pack, byteCount: byteCount)
      else { continue }
      let hits = contents.entries.map(\.id).filter { wanted.contains($0) }
      if !hits.isEmpty {
        packs.append(pack)
        found.formUnion(hits)
      }
    }
    guard found.count == wanted.count, reachability.missingCount == reachability.missing.count
    else {
      throw RepositoryError(
        .damaged, what: "cannot prune",
        why:
          "\(reachability.missingCount - found.count) blobs that snapshots need are in no pack that is both there and in the index",
        next: "run 'lifeboat check', forget the damaged snapshots, then prune")
    }
    return packs
  }

  /// Performs `plan`: new packs, new index, old index away, marks, and only then deletions.
  ///
  /// Marked packs stay in the index until they are deleted: a snapshot that was written meanwhile and
  /// needs one can be restored all the time, and the next prune takes the mark away. A crash anywhere
  /// leaves every snapshot whole; the next prune finishes the work.
  /// - Returns: bytes freed.
  package func performPrune(
    _ plan: PrunePlan, _ options: PruneOptions, cancellation: Cancellation
  ) throws -> UInt64 {
    if !plan.repack.isEmpty { try repack(plan, cancellation: cancellation) }
    if !plan.relist.isEmpty { try relist(plan.relist) }
    let leaving = plan.doom + plan.repack
    let deletable = plan.delete + (options.graceSeconds > 0 ? [] : leaving)
    if plan.mergedRunCount > 0 {
      try rewriteIndex(without: Set(deletable).union(plan.absent))
    }
    var marks = plan.remainingMarks
    if !leaving.isEmpty, options.graceSeconds > 0 {
      marks.append(
        DoomMark(
          time: options.now, graceSeconds: options.graceSeconds, packs: leaving.map(\.hex).sorted())
      )
    }
    for mark in marks {
      _ = try saveDocument(
        try DocumentBody.encode(mark), kind: .doom, for: .writer, in: .doomed)
    }
    var freed: UInt64 = 0
    for pack in deletable.sorted() {
      try cancellation.check()
      guard let key = StorageKey(.packs, pack.hex) else { continue }
      do {
        freed += UInt64((try? storage.byteCount(of: key)) ?? 0)
        try storage.delete(key)
      } catch { throw RepositoryError.storage("cannot delete pack \(pack)", error) }
    }
    for mark in plan.finishedMarks {
      guard let key = StorageKey(.doomed, mark.hex) else { continue }
      do { try storage.delete(key) } catch {
        throw RepositoryError.storage("cannot delete a doom mark", error)
      }
    }
    return freed
  }

  /// Writes an index run for packs that no run names, from their own trailers.
  ///
  /// It goes out under our signature, so each blob is read first: what is not what its id says is
  /// left out.
  func relist(_ packs: [PackID]) throws {
    let reader = makeReader()
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    var records: [PackRecord] = []
    var sound: [IndexEntry] = []
    for pack in packs {
      guard let key = StorageKey(.packs, pack.hex) else { continue }
      let byteCount: Int
      do { byteCount = try storage.byteCount(of: key) } catch {
        throw RepositoryError.storage("cannot read pack \(pack)", error)
      }
      let contents = try packContents(pack, byteCount: byteCount)
      for (slot, entry) in contents.entries.enumerated() {
        let place = BlobLocation(pack: contents.record, slot: UInt32(slot), entry: entry)
        do { try reader.load(place, into: &chunk, using: decoder) } catch { continue }
        sound.append(
          IndexEntry(packOrdinal: UInt32(records.count), slot: UInt32(slot), entry: entry))
      }
      records.append(contents.record)
    }
    _ = try addIndexRun(records, sound, replacing: [])
  }

  /// Writes what keepers and owners signed for as few runs, leaving `packs` out, then removes the
  /// runs it replaces.
  private func rewriteIndex(without packs: Set<PackID>) throws {
    let old = mergedRuns(without: packs)
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
    for position in 0..<count where index.isVouched(position) {
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
