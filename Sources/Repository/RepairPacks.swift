// Mending packs: by their parity, from a copy, or at least into the index as far as they are good.

import Format
import Sodium
import Storage
import Synchronization
import Workers

/// What is the matter with one pack.
private enum PackVerdict: Sendable {
  case sound
  case mend(reason: String)
  case fetch(reason: String)
  case lost([CheckReport.Finding])
}

extension Repository {
  // MARK: Packs that the index names

  func planIndexedPacks(
    _ plan: inout RepairPlan, _ other: Repository?, _ workers: Int, _ cancellation: Cancellation,
    _ progress: Progress
  ) throws {
    let records = index.packs().values.sorted { $0.id < $1.id }
    // Its packs' checksums are of use; where its own index is damaged, we go without.
    try? other?.loadIndex()
    progress.begin(
      "reading packs", totalBytes: records.reduce(0) { $0 + UInt64($1.byteCount) })
    let pending = Pending(records)
    let found = Found()
    let reader = makeReader()
    try orderedParallel(
      workers: workers, window: workers, cancellation: cancellation, next: { pending.next() },
      work: { record, _ in
        let verdict = try self.judge(record, other, reader)
        progress.add(bytes: Int(record.byteCount), items: 1)
        return (record, verdict)
      },
      deliver: { record, verdict in found.add(record, verdict) })
    plan.packCount += records.count
    plan.readByteCount += records.reduce(0) { $0 + UInt64($1.byteCount) }
    for (record, verdict) in found.all {
      guard let key = StorageKey(.packs, record.id.hex) else { continue }
      func add(_ action: RepairPlan.Step.Action, _ reason: String) {
        plan.steps.append(
          .init(
            action: action, object: key, reason: reason, checksum: checksum(of: record, other),
            byteCount: Int(record.byteCount)))
      }
      switch verdict {
      case .sound: continue
      case .mend(let reason): add(.mend, reason)
      case .fetch(let reason):
        add(.fetch, reason)
        if record.checksum == PackRecord.unknownChecksum { add(.relist, reason) }
      case .lost(let findings): plan.losses += findings
      }
    }
  }

  /// Reads one pack and tries what would mend it.
  private func judge(_ record: PackRecord, _ other: Repository?, _ reader: BlobReader) throws
    -> PackVerdict
  {
    guard let key = StorageKey(.packs, record.id.hex), record.byteCount <= Self.packLimit else {
      return .lost([Self.damage(record.id, "pack-damaged", "its recorded length is no pack's")])
    }
    let reason: String
    if var bytes = try loadAsFarAsPossible(key) {
      let count = bytes.count
      if count == Int(record.byteCount), Blake2b.hash(bytes) == record.checksum { return .sound }
      reason =
        count == Int(record.byteCount)
        ? "its bytes are not those that were written"
        : "it has \(count) bytes where \(record.byteCount) were written"
      if Self.mend(&bytes, toByteCount: Int(record.byteCount)),
        Blake2b.hash(bytes) == record.checksum
      {
        return .mend(reason: reason)
      }
    } else {
      reason = "it is gone"
    }
    if let checksum = checksum(of: record, other),
      other?.copy(of: key, hashingTo: checksum) != nil
    {
      return .fetch(reason: reason)
    }
    // Not more than can be told: which blobs of it are damaged.
    let isThere = reason != "it is gone"
    let blobs = isThere ? checkData(of: record, reader: reader).filter { $0.blob != nil } : []
    if !blobs.isEmpty { return .lost(blobs) }
    return .lost([
      Self.damage(
        record.id, isThere ? "pack-damaged" : "pack-missing", "\(reason), beyond its parity")
    ])
  }

  /// What a pack must hash to: what its record says, or, if that was written when the pack was damaged
  /// already, what the copy knows.
  private func checksum(of record: PackRecord, _ other: Repository?) -> Digest? {
    if record.checksum != PackRecord.unknownChecksum { return record.checksum }
    return other?.index.packs()[record.id].map(\.checksum)
  }

  private static func damage(_ pack: PackID, _ code: String, _ what: String)
    -> CheckReport.Finding
  {
    .init(code: code, what: "pack \(pack.hex): \(what)", snapshots: [], paths: [], pack: pack)
  }

  /// The bytes of a pack, nil if it is not there.
  ///
  /// Parts that the disk refuses to give come as zeros.
  func loadAsFarAsPossible(_ key: StorageKey) throws -> [UInt8]? {
    do throws(StorageError) {
      return try storage.load(key, limit: Self.packLimit)
    } catch {
      if error.code == .missing { return nil }
      guard error.code == .failed, !error.isTransient else {
        throw RepositoryError.storage("cannot read \(key)", error)
      }
    }
    do throws(StorageError) {
      var bytes = [UInt8](repeating: 0, count: min(try storage.byteCount(of: key), Self.packLimit))
      for start in stride(from: 0, to: bytes.count, by: 4096) {
        var piece = [UInt8](repeating: 0, count: min(4096, bytes.count - start))
        var span = piece.mutableSpan
        do throws(StorageError) { try storage.read(key, at: start, into: &span) } catch {
          continue
        }
        bytes.replaceSubrange(start..<start + piece.count, with: piece)
      }
      return bytes
    } catch {
      throw RepositoryError.storage("cannot read \(key)", error)
    }
  }

  /// Mends `bytes` as a pack of `byteCount` bytes, adding zeros or cutting first.
  ///
  /// - Returns: whether every damaged cell was computed; what came of it is still to be proven.
  static func mend(_ bytes: inout [UInt8], toByteCount byteCount: Int) -> Bool {
    if bytes.count > byteCount { bytes.removeLast(bytes.count - byteCount) }
    if bytes.count < byteCount {
      bytes.append(contentsOf: repeatElement(0, count: byteCount - bytes.count))
    }
    var span = bytes.mutableSpan
    return PackParity.mend(&span)?.isMended ?? false
  }

  // MARK: Packs that no readable index run names

  func planUnlistedPacks(
    _ plan: inout RepairPlan, _ snapshots: [Snapshot], _ other: Repository?, _ indexIsWhole: Bool,
    _ cancellation: Cancellation, _ progress: Progress
  ) throws {
    let indexed = index.packs()
    let unlisted = try list(.packs).filter { object in
      PackID(hex: object.key.name).map { indexed[$0] == nil } ?? false
    }
    if indexIsWhole {
      // Leftovers of interrupted runs, unless snapshots miss something.
      let needed = try Reachability(self, cancellation: cancellation)
      for snapshot in snapshots { try needed.mark(snapshot) }
      guard needed.missingCount > 0 || !needed.unreadable.isEmpty else { return }
    }
    progress.begin(
      "reading packs without index", totalBytes: unlisted.reduce(0) { $0 + UInt64($1.byteCount) })
    // A copy may know what they should hash to.
    let known = other?.index.packs() ?? [:]
    for object in unlisted {
      try cancellation.check()
      guard let pack = PackID(hex: object.key.name) else { continue }
      try planUnlisted(pack, object.key, known[pack], other, &plan)
      plan.packCount += 1
      plan.readByteCount += UInt64(object.byteCount)
      progress.add(bytes: object.byteCount, items: 1)
    }
    if let other {
      try planMissingBlobs(
        &plan, snapshots, other, present: Set(unlisted.map(\.key)), cancellation)
    }
  }

  /// Plans to fetch the packs of the copy that hold what snapshots need and no pack here has.
  private func planMissingBlobs(
    _ plan: inout RepairPlan, _ snapshots: [Snapshot], _ other: Repository,
    present: Set<StorageKey>, _ cancellation: Cancellation
  ) throws {
    let lost = Set(plan.losses.compactMap(\.pack))
    // By the copy's catalogs: here they may be among what is missing.
    let needed = try Reachability(other, cancellation: cancellation)
    for snapshot in snapshots { try needed.mark(snapshot) }
    var packs: [PackID: PackRecord] = [:]
    for position in 0..<other.index.entryCount where needed.isLive(position) {
      guard let location = other.index.location(at: position), packs[location.pack.id] == nil,
        index.locations(of: location.entry.id).allSatisfy({ lost.contains($0.pack.id) })
      else { continue }
      packs[location.pack.id] = location.pack
    }
    for record in packs.values.sorted(by: { $0.id < $1.id }) {
      guard let key = StorageKey(.packs, record.id.hex), !present.contains(key),
        other.copy(of: key, hashingTo: record.checksum) != nil
      else { continue }
      let reason = "snapshots need it, and it is gone with the index run that named it"
      plan.steps.append(
        .init(
          action: .fetch, object: key, reason: reason, checksum: record.checksum,
          byteCount: Int(record.byteCount)))
      plan.steps.append(.init(action: .relist, object: key, reason: reason))
    }
  }

  private func planUnlisted(
    _ pack: PackID, _ key: StorageKey, _ known: PackRecord?, _ other: Repository?,
    _ plan: inout RepairPlan
  ) throws {
    guard let found = try loadAsFarAsPossible(key) else { return }
    let reason = "no readable index run names it"
    let relist = RepairPlan.Step(action: .relist, object: key, reason: reason)
    let asItIs = authenticated(found, pack)
    if let asItIs, asItIs.isWhole {
      plan.steps.append(relist)
      return
    }
    for byteCount in Set([found.count, config.packByteCount, Int(known?.byteCount ?? 0)])
    where byteCount > 0 && byteCount <= Self.packLimit {
      var bytes = found
      guard Self.mend(&bytes, toByteCount: byteCount),
        authenticated(bytes, pack)?.isWhole == true
      else { continue }
      plan.steps.append(
        .init(
          action: .mend, object: key, reason: "it is damaged, and \(reason)",
          checksum: Blake2b.hash(bytes), byteCount: byteCount))
      plan.steps.append(relist)
      return
    }
    if let known, other?.copy(of: key, hashingTo: known.checksum) != nil {
      plan.steps.append(
        .init(
          action: .fetch, object: key, reason: "it is damaged, and \(reason)",
          checksum: known.checksum, byteCount: Int(known.byteCount)))
      plan.steps.append(relist)
      return
    }
    guard let asItIs else {
      plan.losses.append(
        Self.damage(
          pack, "pack-damaged",
          "no index run names it, and neither it nor its parity says what is in it"))
      return
    }
    plan.steps.append(relist)
    plan.losses.append(
      Self.damage(
        pack, "pack-damaged",
        "\(asItIs.contents.entries.count - asItIs.good.count) of its blobs are damaged, beyond its parity"
      ))
  }

  /// What a pack says of itself, and the slots whose blobs are as they were sealed.
  private func authenticated(_ bytes: [UInt8], _ pack: PackID) -> (
    contents: PackContents, good: [Int], isWhole: Bool
  )? {
    guard let contents = try? packContents(of: bytes, pack) else { return nil }
    let span = bytes.span
    let good = contents.entries.indices.filter { isAuthentic($0, of: contents, in: span) }
    return (contents, good, good.count == contents.entries.count)
  }

  /// The index entries of a pack whose blobs are good, for a new run.
  ///
  /// The run goes out under our signature, so what can be read by itself must also be what its id says. A
  /// delta cannot, since its base may be in a pack that is not listed yet: of it the seal is checked.
  func listing(of key: StorageKey) throws -> (record: PackRecord, entries: [(Int, PackEntry)])? {
    guard let pack = PackID(hex: key.name), let bytes = try loadAsFarAsPossible(key),
      let found = authenticated(bytes, pack)
    else { return nil }
    var record = found.contents.record
    if !found.isWhole { record.checksum = PackRecord.unknownChecksum }
    let reader = makeReader()
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    let sound = found.good.filter { slot in
      let entry = found.contents.entries[slot]
      let place = BlobLocation(pack: found.contents.record, slot: UInt32(slot), entry: entry)
      return entry.encoding == .delta
        || (try? reader.load(place, into: &chunk, using: decoder)) != nil
    }
    return (record, sound.map { ($0, found.contents.entries[$0]) })
  }
}

/// Verdicts as they come.
private final class Found: Sendable {
  private let verdicts = Mutex<[(PackRecord, PackVerdict)]>([])

  func add(_ record: PackRecord, _ verdict: PackVerdict) {
    verdicts.withLock { $0.append((record, verdict)) }
  }

  var all: [(PackRecord, PackVerdict)] { verdicts.withLock { $0 } }
}
