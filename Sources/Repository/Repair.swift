// Mending a repository: whole new objects under names that already say what they must hold.

import Format
import Sodium
import Storage
package import Workers

extension Repository {
  /// Finds what is damaged, by reading every object, and what mends it; changes nothing.
  ///
  /// A pack is mended only into bytes with the checksum that the index recorded; one that no index run
  /// names, only into bytes of which every seal opens. A document is fetched only if it hashes to its
  /// name. So no step can make anything but what once was written.
  /// - Parameter other: a copy of this repository, opened; its index is loaded here as far as it can be.
  /// - Throws: ``RepositoryError``: `refused` if `other` is another repository; `storage` where
  ///   something cannot be read for another reason than damage. Nothing is changed then.
  package func planRepair(
    from other: Repository?, _ options: RepairOptions, workers: Int, cancellation: Cancellation,
    progress: Progress
  ) throws -> RepairPlan {
    if let other, other.id != id {
      throw RepositoryError(
        .refused, what: "cannot repair from \(other.storage.location)",
        why: "it is repository \(other.id), not a copy of \(id)",
        next: "name a copy of this repository")
    }
    var plan = RepairPlan()
    progress.begin("reading documents")
    let snapshots = try planDocuments(&plan, other, options, cancellation)
    let indexIsWhole = try planIndex(&plan, snapshots, other, cancellation)
    try planIndexedPacks(&plan, other, workers, cancellation, progress)
    try planUnlistedPacks(&plan, snapshots, other, indexIsWhole, cancellation, progress)
    // Objects go last, when what they said stands elsewhere.
    plan.steps =
      plan.steps.filter { $0.action != .remove } + plan.steps.filter { $0.action == .remove }
    var report = CheckReport()
    report.findings = plan.losses
    try attribute(&report, snapshots, cancellation)
    plan.losses = report.findings
    return plan
  }

  // MARK: Documents

  /// Every document and key slot; returns the snapshots that can be read, here or in the copy.
  private func planDocuments(
    _ plan: inout RepairPlan, _ other: Repository?, _ options: RepairOptions,
    _ cancellation: Cancellation
  ) throws -> [Snapshot] {
    var snapshots: [Snapshot] = []
    for folder in [StorageFolder.keys, .index, .snapshots, .log, .doomed] {
      for object in try list(folder) {
        try cancellation.check()
        guard let id = DocumentID(hex: object.key.name.suffix(64)) else { continue }
        guard let reason = try damage(of: object.key, id) else {
          if folder == .snapshots, let snapshot = try? loadSnapshot(id) {
            snapshots.append(snapshot)
          }
          continue
        }
        if other?.copy(of: object.key, hashingTo: id.digest) != nil {
          plan.steps.append(
            .init(action: .fetch, object: object.key, reason: reason, checksum: id.digest))
          if folder == .snapshots, let snapshot = try? other?.loadSnapshot(id) {
            snapshots.append(snapshot)
          }
          continue
        }
        // A run that cannot be read names nothing, and what it named is listed anew; a lost mark only
        // means that its packs are marked again.
        if folder == .index || folder == .doomed || options.removesLost {
          plan.steps.append(.init(action: .remove, object: object.key, reason: reason))
        }
        if folder != .index && folder != .doomed {
          plan.losses.append(
            .init(
              code: Self.code(of: folder), what: "\(object.key): \(reason)",
              snapshots: folder == .snapshots ? [id.description] : [], paths: []))
        }
      }
    }
    return snapshots.sorted { ($0.manifest.time, $0.id) < ($1.manifest.time, $1.id) }
  }

  private static func code(of folder: StorageFolder) -> String {
    switch folder {
    case .keys: "key-slot"
    case .snapshots: "manifest"
    case .log: "log"
    case .index: "index"
    case .doomed: "doom-mark"
    case .packs: "pack-damaged"
    }
  }

  /// What is wrong with a document or key slot; nil if nothing is, or it is of a later version.
  ///
  /// - Throws: ``RepositoryError`` where it cannot be read for another reason than damage.
  private func damage(of key: StorageKey, _ id: DocumentID) throws -> String? {
    let bytes: [UInt8]
    do { bytes = try storage.load(key, limit: Self.documentLimit) } catch {
      switch error.code {
      case .missing: return nil
      case .short: return error.why
      case .failed where !error.isTransient: return error.why
      default: throw RepositoryError.storage("cannot read \(key)", error)
      }
    }
    guard DocumentID(of: bytes) == id else {
      return "its bytes are not those that its name stands for"
    }
    do throws(FormatError) {
      if key.folder == .keys {
        _ = try KeySlot(bytes, repository: self.id)
      } else if let kind = key.folder?.documentKind {
        _ = try keys.open(bytes, kind: kind)
      }
    } catch {
      // Of a later version, or sealed for somebody else: not ours to judge.
      if case .newer = error { return nil }
      if key.folder != .index, !keys.canRead(.metadata) { return nil }
      return "\(error)"
    }
    return nil
  }

  /// The bytes of `key` if this repository has them undamaged.
  func copy(of key: StorageKey, hashingTo checksum: Digest) -> [UInt8]? {
    guard let bytes = try? storage.load(key, limit: Self.packLimit),
      Blake2b.hash(bytes) == checksum
    else { return nil }
    return bytes
  }

  // MARK: The index

  /// Loads all runs that can be read, here or in the copy, and plans to fetch those that are gone.
  ///
  /// - Returns: false if some run is gone or cannot be read, so that packs may be in none.
  private func planIndex(
    _ plan: inout RepairPlan, _ snapshots: [Snapshot], _ other: Repository?,
    _ cancellation: Cancellation
  ) throws -> Bool {
    let damaged = Set(
      plan.steps.filter { $0.action == .remove && $0.object.folder == .index }.map(\.object.name))
    let unusable = Set(plan.steps.filter { $0.object.folder == .index }.map(\.object))
    for object in try list(.index) where !unusable.contains(object.key) {
      try cancellation.check()
      guard let run = DocumentID(hex: object.key.name), !index.runIDs.contains(run) else {
        continue
      }
      try add(run, object.key, from: self)
    }
    for step in plan.steps where step.action == .fetch && step.object.folder == .index {
      guard let run = DocumentID(hex: step.object.name), let other else { continue }
      try add(run, step.object, from: other)
    }
    var isWhole = damaged.isEmpty
    let wanted = Set(snapshots.flatMap(\.manifest.indexRuns)).sorted()
    let present = Set(index.runIDs).union(index.replacedRuns())
    for name in wanted {
      guard let run = DocumentID(hex: name), let key = StorageKey(.index, name),
        !present.contains(run), !damaged.contains(name)
      else { continue }
      guard let other, other.copy(of: key, hashingTo: run.digest) != nil else {
        isWhole = false
        plan.steps.append(.init(action: .relist, object: key, reason: "it is gone"))
        continue
      }
      plan.steps.append(
        .init(action: .fetch, object: key, reason: "it is gone", checksum: run.digest))
      try add(run, key, from: other)
    }
    return isWhole
  }

  private func add(_ run: DocumentID, _ key: StorageKey, from source: Repository) throws {
    let (envelope, plaintext) = try source.loadDocument(key, kind: .indexRun)
    do {
      try index.add(plaintext, id: run, signer: envelope.signer, role: envelope.role)
    } catch let error as FormatError {
      throw RepositoryError.damaged("index run \(run)", error)
    }
  }
}

extension StorageFolder {
  /// The kind of the documents in it; nil for packs and key slots.
  fileprivate var documentKind: ObjectKind? {
    switch self {
    case .index: .indexRun
    case .snapshots: .snapshot
    case .log: .logEntry
    case .doomed: .doom
    case .packs, .keys: nil
    }
  }
}
