// A backup that reused what a prune marked meanwhile: the marked packs come back before the commit.

import Format
import FoundationEssentials
import Sodium
import Workers

extension Repository {
  /// After this share of the default grace time a marked pack may be gone before we commit.
  private static let rescueLimitSeconds: Int64 = 12 * 3600

  /// Brings back every pack that the catalog `manifest` needs and that was marked since `writer`
  /// began, by naming it in a new index run: prune then finds it needed and takes its mark off.
  ///
  /// - Throws: ``RepositoryError`` `busy` if a mark is too old for that to be safe, or a pack is gone:
  ///   nothing is committed, and the next run stores again what is missing.
  func rescueDoomed(for manifest: Manifest, writer: BlobWriter) throws {
    let marks = try doomMarks()
    let fresh = Set(marks.flatMap(\.packs)).subtracting(writer.doomed)
    guard !fresh.isEmpty else { return }
    let reachability = try Reachability(self, cancellation: Cancellation())
    try reachability.mark(Snapshot(id: SnapshotID(.init()), manifest: manifest, signer: ""))
    var needed: Set<PackID> = []
    for position in 0..<index.entryCount where reachability.isLive(position) {
      guard let pack = index.location(at: position)?.pack.id, fresh.contains(pack) else { continue }
      needed.insert(pack)
    }
    guard !needed.isEmpty else { return }
    let now = Timestamp(Date())
    let oldest = marks.filter { !needed.isDisjoint(with: $0.packs) }.map(\.time).min() ?? now
    guard now.microseconds - oldest.microseconds < Self.rescueLimitSeconds * 1_000_000 else {
      throw RepositoryError(
        .busy, what: "cannot commit the snapshot",
        why: "a prune marked \(needed.count) packs that it reuses more than 12 hours ago",
        next: "run the backup again; what it stored is reused")
    }
    try relist(needed.sorted())
  }
}
