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
  private var live: [UInt64]
  private var walked: Set<BlobID> = []
  package private(set) var missing: [Missing] = []
  package private(set) var missingCount = 0
  /// Catalog nodes and lists that could not be read, with the reason.
  package private(set) var unreadable: [(snapshot: SnapshotID, reason: String)] = []

  /// Call after ``Repository/loadIndex()``; memory: one bit a blob of the index, 40 bytes a node.
  ///
  /// - Parameters:
  ///   - waiting: packs that are marked for deletion; a copy anywhere else is preferred.
  ///   - absent: packs that are not in the storage; a copy there is none.
  package init(
    _ repository: Repository, waiting: Set<PackID> = [], absent: Set<PackID> = [],
    cancellation: Cancellation
  ) throws {
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
    var id = id
    // Bases of deltas are as needed as what they are the base of.
    for _ in 0..<65 {
      guard let position = choose(repository.index.positions(of: id)) else {
        missingCount += 1
        if missing.count < 1000 {
          missing.append(Missing(blob: id, snapshot: snapshot.id, path: path()))
        }
        return false
      }
      if isLive(position) { return true }
      // One copy counts; other copies of the same blob are not needed.
      live[position / 64] |= 1 << UInt64(position % 64)
      guard let base = repository.index.location(at: position)?.entry.base else { return true }
      id = base
    }
    return true
  }

  /// The copy that is kept: the newest that is there and not marked, else the newest that is there.
  private func choose(_ positions: [Int]) -> Int? {
    if absent.isEmpty && (positions.count == 1 || waiting.isEmpty) { return positions.last }
    var fallback: Int?
    for position in positions.reversed() {
      guard let pack = repository.index.location(at: position)?.pack.id, !absent.contains(pack)
      else { continue }
      if !waiting.contains(pack) { return position }
      fallback = fallback ?? position
    }
    return fallback
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
