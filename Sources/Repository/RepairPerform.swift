// Carrying a repair out: each step durable before the next, and each safe to do again.

import Format
import Sodium
import Storage
package import Workers

extension Repository {
  /// Performs `plan`, in an order in which a crash leaves only what running it again finishes.
  ///
  /// Whole objects take the place of damaged ones of the same name; then the new index run; only then
  /// do damaged objects go. Every object is proven again before it is written.
  /// - Returns: bytes written as mended or fetched objects.
  package func performRepair(
    _ plan: RepairPlan, from other: Repository?, cancellation: Cancellation, progress: Progress
  ) throws -> UInt64 {
    progress.begin("repairing", totalBytes: plan.steps.reduce(0) { $0 + UInt64($1.byteCount) })
    var written: UInt64 = 0
    for step in plan.steps {
      try cancellation.check()
      switch step.action {
      case .mend: written += try mend(step)
      case .fetch: written += try fetch(step, from: other)
      case .relist, .remove: continue
      }
      progress.add(bytes: step.byteCount, items: 1)
    }
    let known = index.replacedRuns()
    let gone = plan.steps.filter { $0.object.folder == .index && $0.action != .fetch }
      .compactMap { DocumentID(hex: $0.object.name) }.filter { !known.contains($0) }
    try relist(
      plan.steps.filter { $0.action == .relist && $0.object.folder == .packs }.map(\.object),
      replacing: gone, cancellation: cancellation)
    for step in plan.steps where step.action == .remove {
      do { try storage.delete(step.object) } catch {
        throw RepositoryError.storage("cannot remove \(step.object)", error)
      }
    }
    return written
  }

  private func mend(_ step: RepairPlan.Step) throws -> UInt64 {
    guard var bytes = try loadAsFarAsPossible(step.object) else { throw Self.changed(step) }
    if Blake2b.hash(bytes) == step.checksum { return 0 }
    guard Self.mend(&bytes, toByteCount: step.byteCount), Blake2b.hash(bytes) == step.checksum
    else { throw Self.changed(step) }
    return try replace(step, with: bytes)
  }

  private func fetch(_ step: RepairPlan.Step, from other: Repository?) throws -> UInt64 {
    guard let checksum = step.checksum,
      let bytes = other?.copy(of: step.object, hashingTo: checksum)
    else { throw Self.changed(step) }
    return try replace(step, with: bytes)
  }

  private func replace(_ step: RepairPlan.Step, with bytes: [UInt8]) throws -> UInt64 {
    do { try storage.replace(step.object, with: bytes.span) } catch {
      throw RepositoryError.storage("cannot repair \(step.object)", error)
    }
    return UInt64(bytes.count)
  }

  private static func changed(_ step: RepairPlan.Step) -> RepositoryError {
    RepositoryError(
      .busy, what: "cannot repair \(step.object)",
      why: "it is not as it was when the repair was planned",
      next: "run 'lifeboat repair' again; what was repaired so far stays so")
  }

  /// Writes index runs of what is good in `packs`, the first instead of the runs `gone`.
  private func relist(
    _ packs: [StorageKey], replacing gone: [DocumentID], cancellation: Cancellation
  ) throws {
    var replacing = gone
    var records: [PackRecord] = []
    var entries: [IndexEntry] = []
    func flush() throws {
      guard !records.isEmpty || !replacing.isEmpty else { return }
      _ = try addIndexRun(records, entries, replacing: replacing)
      replacing = []
      records = []
      entries = []
    }
    for pack in packs {
      try cancellation.check()
      guard let (record, listed) = try listing(of: pack) else { continue }
      if entries.count + listed.count > IndexRun.maximumEntryCount { try flush() }
      for (slot, entry) in listed {
        entries.append(
          IndexEntry(packOrdinal: UInt32(records.count), slot: UInt32(slot), entry: entry))
      }
      records.append(record)
    }
    try flush()
  }
}
