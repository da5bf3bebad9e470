// What snapshots refer to: each catalog walked once, each blob a bit.

package import Format
package import Workers

/// Marks every blob that the snapshots given to it need, and reports what is missing.
package final class Reachability {
  /// A blob that a snapshot needs and no index run names, or only in packs that are not there.
  package struct Missing: Sendable {
    package var blob: BlobID
    package var snapshot: SnapshotID
    /// The first entry that needs it, for people.
    package var path: String
  }

  private let repository: Repository
  private let reader: BlobReader
  private let decoder: ChunkDecoder
  private let cancellation: Cancellation
  private let waiting: Set<PackID>
  private let absent: Set<PackID>
  private let refusesAbsent: Bool
  private var live: [UInt64]
  private var walked: Set<BlobID> = []
  /// Blobs that were found missing, or without a base that they need.
  private var incomplete: Set<BlobID> = []
  package private(set) var missing: [Missing] = []
  package private(set) var missingCount = 0
  /// Catalog nodes and lists that could not be read, with the reason.
  package private(set) var unreadable: [(snapshot: SnapshotID, reason: String)] = []

  /// Call after ``Repository/loadIndex()``; memory: one bit a blob of the index, 40 bytes a node.
  ///
  /// - Parameters:
  ///   - waiting: packs that are marked for deletion; a copy anywhere else is preferred.
  ///   - absent: packs that are not in the storage; a copy there is none.
  ///   - refusingAbsent: false to take a copy there where there is no other.
  package init(
    _ repository: Repository, waiting: Set<PackID> = [], absent: Set<PackID> = [],
    refusingAbsent: Bool = true, cancellation: Cancellation
  ) throws {
    refusesAbsent = refusingAbsent
    self.waiting = waiting
    self.absent = absent
    self.repository = repository
    self.cancellation = cancellation
    reader = repository.makeReader()
    decoder = try ChunkDecoder()
    live = [UInt64](repeating: 0, count: repository.index.entryCount / 64 + 1)
  }

  /// Marks everything that `snapshot` needs; subtrees that another snapshot had cost one look-up.
  ///
  /// - Throws: only ``Cancelled``; damage is collected.
  package func mark(_ snapshot: Snapshot) throws {
    guard let root = BlobID(hex: snapshot.manifest.catalog.root) else {
      unreadable.append((snapshot.id, "the manifest's catalog root is malformed"))
      return
    }
    try mark(node: root, level: nil, of: snapshot)
  }

  /// Whether the blob at `position` is needed.
  package func isLive(_ position: Int) -> Bool {
    position / 64 < live.count && live[position / 64] & (1 << UInt64(position % 64)) != 0
  }

  private func mark(node id: BlobID, level: Int?, of snapshot: Snapshot) throws {
    try cancellation.check()
    guard walked.insert(id).inserted else { return }
    guard mark(blob: id, of: snapshot, path: { "the catalog" }) else { return }
    let node: CatalogNode
    do {
      var bytes: [UInt8] = []
      try reader.load(id, into: &bytes, using: decoder)
      node = try CatalogNode(bytes)
      if let level, node.level != level { throw FormatError.invalid("catalog level") }
    } catch {
      unreadable.append((snapshot.id, "catalog node \(id): \(error)"))
      return
    }
    switch node {
    case .inner(let level, let children):
      for child in children { try mark(node: child.id, level: Int(level) - 1, of: snapshot) }
    case .leaf(let items):
      for item in items { try mark(item, of: snapshot) }
    }
  }

  private func mark(_ item: CatalogItem, of snapshot: Snapshot) throws {
    let content: Content?
    do { content = try CatalogReader.decode(item).content } catch {
      unreadable.append((snapshot.id, "\(Self.display(item.key)): \(error)"))
      return
    }
    guard let content else { return }
    if case .listed(let lists) = content.chunks {
      for list in lists { mark(blob: list, of: snapshot, path: { Self.display(item.key) }) }
    }
    do {
      try reader.forEachChunk(of: content, using: decoder) { reference in
        mark(blob: reference.id, of: snapshot, path: { Self.display(item.key) })
      }
    } catch let error as Cancelled {
      throw error
    } catch {
      unreadable.append((snapshot.id, "\(Self.display(item.key)): \(error)"))
    }
  }

  @discardableResult
  private func mark(blob id: BlobID, of snapshot: Snapshot, path: () -> String) -> Bool {
    let copies = repository.index.positions(of: id)
    // What is live has live bases: all that a chunk needs is marked at a time.
    if copies.contains(where: { isLive($0) }), !incomplete.contains(id) { return true }
    if let chain = vouchedChain(of: id) {
      // One copy counts; other copies of the same blob are not needed.
      for copy in chain { mark(copy.position) }
      return true
    }
    if markAllCopies(of: id) { return true }
    incomplete.insert(id)
    missingCount += 1
    if missing.count < 1000 {
      missing.append(Missing(blob: unlisted(id), snapshot: snapshot.id, path: path()))
    }
    return false
  }

  private func mark(_ position: Int) { live[position / 64] |= 1 << UInt64(position % 64) }

  /// The copies that are kept where a keeper or owner signed for all of them, of a blob and of the bases of
  /// deltas: the shortest chain of those that are there and not marked, else of those that are there; of
  /// equal ones the newest.
  ///
  /// Chosen together, not one by one: of two blobs that each have a copy which is a delta of the
  /// other, and a whole one, the whole copies must not both go.
  private func vouchedChain(of id: BlobID) -> [BlobCopy]? {
    let chain = repository.index.chain(of: id) { copy in
      copy.isVouched && !absent.contains(copy.location.pack.id)
        && !waiting.contains(copy.location.pack.id)
    }
    if chain != nil || waiting.isEmpty { return chain }
    return repository.index.chain(of: id) {
      $0.isVouched && !absent.contains($0.location.pack.id)
    }
  }

  /// Keeps every copy of a blob and of all bases that any of them has, and says whether one of them
  /// leads to a whole chunk.
  ///
  /// Where there are only writers' words, one may be false, put there to make the true copy look
  /// needless, and only reading would tell.
  private func markAllCopies(of id: BlobID) -> Bool {
    let index = repository.index
    var met: Set<BlobID> = [id]
    var waiting = [id]
    while let id = waiting.popLast() {
      let copies = index.positions(of: id).compactMap { index.copy(at: $0) }
      let there = copies.filter { !absent.contains($0.location.pack.id) }
      // To who looks for damage, a copy that is gone is better than none: the pack is then named.
      for copy in there.isEmpty && !refusesAbsent ? copies : there {
        mark(copy.position)
        if let base = copy.location.entry.base, met.insert(base).inserted { waiting.append(base) }
      }
    }
    if index.chain(of: id, where: { !absent.contains($0.location.pack.id) }) != nil { return true }
    return !refusesAbsent && index.chain(of: id, where: { _ in true }) != nil
  }

  /// The blob that is really missing: `id`, or the base of a delta that is there.
  private func unlisted(_ id: BlobID) -> BlobID {
    var id = id
    for _ in 0...PackFormat.deltaDepthLimit {
      let base = repository.index.positions(of: id).lazy
        .compactMap { self.repository.index.location(at: $0) }
        .last { !self.absent.contains($0.pack.id) }?.entry.base
      guard let base else { return id }
      id = base
    }
    return id
  }

  /// A catalog key as people read it.
  package static func display(_ key: CatalogKey) -> String {
    let parts = key.components.map { String(decoding: $0, as: UTF8.self) }
    switch parts.first {
    case "d": return "database " + parts.dropFirst().joined(separator: "/")
    case "m": return "media " + parts.dropFirst().joined(separator: "/")
    default: return parts.joined(separator: "/")
    }
  }
}
