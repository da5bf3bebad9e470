// Snapshots: listing, finding one by name, committing a new one.

package import Format
import Sodium
import Storage
import Synchronization
import Workers

/// A manifest that was read and checked.
package struct Snapshot: Sendable {
  package let id: SnapshotID
  package let manifest: Manifest
  /// Whose key signed it.
  package let signer: String
  /// What that key may do.
  package let role: Role

  package init(id: SnapshotID, manifest: Manifest, signer: String, role: Role = .owner) {
    self.id = id
    self.manifest = manifest
    self.signer = signer
    self.role = role
  }
}

/// What a snapshot must match to be considered.
package struct SnapshotFilter: Sendable {
  /// Every tag must be present.
  package var tags: [String]
  package var host: String?

  package init(tags: [String] = [], host: String? = nil) {
    self.tags = tags
    self.host = host
  }

  package func matches(_ manifest: Manifest) -> Bool {
    tags.allSatisfy { manifest.tags.contains($0) } && (host == nil || manifest.host == host)
  }
}

extension Repository {
  /// Every snapshot, oldest first.
  ///
  /// A manifest that cannot be read is an error: a list that leaves one out would let prune delete
  /// what it needs.
  package func snapshots(matching filter: SnapshotFilter = SnapshotFilter()) throws -> [Snapshot] {
    try require(.keeper, to: "read snapshots")
    var result: [Snapshot] = []
    for object in try list(.snapshots) {
      guard let id = SnapshotID(hex: object.key.name) else { continue }
      if let snapshot = try loadSnapshot(id), filter.matches(snapshot.manifest) {
        result.append(snapshot)
      }
    }
    return result.sorted { ($0.manifest.time, $0.id) < ($1.manifest.time, $1.id) }
  }

  /// The snapshot `id`; nil if it was forgotten between listing and reading.
  package func loadSnapshot(_ id: SnapshotID) throws -> Snapshot? {
    try require(.keeper, to: "read snapshots")
    guard let key = StorageKey(.snapshots, id.hex) else { return nil }
    do {
      let (envelope, body) = try loadDocument(key, kind: .snapshot)
      let manifest: Manifest
      do {
        manifest = try DocumentBody.decode(Manifest.self, from: body, kind: .snapshot)
      } catch let error as FormatError {
        throw RepositoryError.damaged("snapshot \(id)", error)
      }
      return Snapshot(id: id, manifest: manifest, signer: envelope.signer.hex, role: envelope.role)
    } catch let error as RepositoryError {
      if error.isStorage, let present = try? storage.contains(key), !present { return nil }
      throw error
    }
  }

  /// The snapshot that `name` means: `latest`, or the first digits of an id.
  ///
  /// - Throws: ``RepositoryError``: `snapshotMissing`, or `snapshotAmbiguous` naming the candidates.
  package func snapshot(named name: String, matching filter: SnapshotFilter = SnapshotFilter())
    throws -> Snapshot
  {
    let all = try snapshots(matching: filter)
    if name == "latest" {
      guard let last = all.last else {
        throw RepositoryError(
          .snapshotMissing, what: "there is no snapshot",
          why: filter.tags.isEmpty && filter.host == nil
            ? "the repository is empty" : "none has these tags and this host",
          next: "make one with 'lifeboat backup'")
      }
      return last
    }
    let wanted = name.lowercased()
    let found = all.filter { $0.id.hex.hasPrefix(wanted) }
    if let only = found.first, found.count == 1, !wanted.isEmpty { return only }
    if found.isEmpty || wanted.isEmpty {
      throw RepositoryError(
        .snapshotMissing, what: "there is no snapshot '\(name)'",
        why: "no id begins so", next: "list them with 'lifeboat snapshots'")
    }
    let candidates = found.prefix(5).map { String($0.id.hex.prefix(wanted.count + 4)) }
    throw RepositoryError(
      .snapshotAmbiguous, what: "'\(name)' means \(found.count) snapshots",
      why: "\(candidates.joined(separator: ", "))\(found.count > 5 ? ", …" : "") begin so",
      next: "give more digits")
  }

  /// Commits a snapshot: from here on it exists, or not at all.
  ///
  /// Call after ``BlobWriter/finish()`` only. `previous` and `sequence` of `manifest` are set here
  /// from the newest manifest by the same signer, `indexRuns` from the index. Who cannot read manifests
  /// goes by what this client remembers of its own; without a memory its chain begins anew.
  /// - Throws: ``RepositoryError``; `busy` if a prune may soon delete what the snapshot needs.
  package func commit(_ manifest: Manifest) throws -> Snapshot {
    var manifest = manifest
    let signer = keys.signer.publicKey.hex
    if keys.canRead(.metadata) {
      let all = try snapshots()
      try refuseDoomed(manifest, among: all)
      let own = all.filter { $0.signer == signer }
      let newest = own.max { $0.manifest.sequence < $1.manifest.sequence }
      manifest.sequence = (newest?.manifest.sequence ?? 0) + 1
      manifest.previous = newest?.id.hex
    } else {
      try refuseReusedDoomed(at: manifest.finished)
      let last = recollection.withLock { $0?.chains[signer] }
      manifest.sequence = (last?.sequence ?? 0) + 1
      manifest.previous = last?.snapshot
    }
    manifest.indexRuns = index.runIDs.map(\.hex)
    let body = try DocumentBody.encode(manifest)
    let (id, _) = try saveDocument(body, kind: .snapshot, for: .keeper, in: .snapshots)
    let link = RepositoryMemory.Link(sequence: manifest.sequence, snapshot: id.hex)
    recollection.withLock { memory in
      var changed = memory ?? RepositoryMemory()
      changed.chains[signer] = link
      memory = changed
    }
    return Snapshot(id: id, manifest: manifest, signer: signer, role: keys.role)
  }
}

extension Repository {
  /// Refuses a snapshot that needs packs which a prune marked so long ago that the next may delete
  /// them before it sees this manifest.
  ///
  /// Marks younger than half their grace time are harmless: whoever deletes after the other half
  /// finds the manifest first. So the catalog is walked only for runs of many hours, or if the parent,
  /// whose contents were taken over, was forgotten meanwhile.
  private func refuseDoomed(_ manifest: Manifest, among snapshots: [Snapshot]) throws {
    let known = marksAtStart.withLock { $0 }
    let hasParent =
      manifest.parent.map { parent in snapshots.contains { $0.id.hex == parent } } ?? true
    let suspect = try doomMarks().filter {
      $0.hasWaited(0.5, at: manifest.finished) && (!hasParent || !known.contains($0.id))
    }
    // With a forgotten parent, what it needed may even be deleted.
    guard !suspect.isEmpty || !hasParent else { return }
    try loadIndex()
    var present: Set<PackID> = []
    for object in try list(.packs) {
      if let id = PackID(hex: object.key.name) { present.insert(id) }
    }
    let absent = Set(index.packs().keys).subtracting(present).union(suspect.flatMap(\.packs))
    let reachability = try Reachability(self, absent: absent, cancellation: Cancellation())
    try reachability.mark(
      Snapshot(id: SnapshotID(Digest()), manifest: manifest, signer: keys.signer.publicKey.hex))
    guard reachability.missingCount == 0, reachability.unreadable.isEmpty else {
      throw RepositoryError.overtakenByPrune
    }
  }

  /// The same for a writer: it reads no catalog, but every chunk of its run went through
  /// ``BlobWriter``, which noted the packs of those that were there already.
  private func refuseReusedDoomed(at now: Timestamp) throws {
    let known = marksAtStart.withLock { $0 }
    let reused = reusedPacks.withLock { $0 }
    guard !reused.isEmpty else { return }
    let suspect = try doomMarks().filter { $0.hasWaited(0.5, at: now) && !known.contains($0.id) }
    let present = Set(try list(.packs).map(\.key.name))
    guard reused.isDisjoint(with: suspect.flatMap(\.packs)),
      reused.allSatisfy({ present.contains($0.hex) })
    else { throw RepositoryError.overtakenByPrune }
  }
}

extension RepositoryError {
  fileprivate static var overtakenByPrune: RepositoryError {
    RepositoryError(
      .busy, what: "cannot commit the snapshot",
      why:
        "a prune marked packs that it needs more than half of the grace time ago, and may be deleting them",
      next: "back up again; give prune a --grace of more than twice the longest backup")
  }
}

extension Repository {
  /// The catalog of `snapshot`.
  package func catalog(of snapshot: Snapshot, reader: BlobReader) throws -> CatalogReader {
    try CatalogReader(reader, root: snapshot.manifest.catalog)
  }
}
