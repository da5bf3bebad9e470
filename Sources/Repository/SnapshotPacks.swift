// The packs that a snapshot needs: what a restore will read, looked up before it begins.

package import Format
import Storage
package import Workers

/// What a snapshot needs of its repository, and what of it is not there.
package struct SnapshotNeeds: Sendable {
  package var blobCount = 0
  package var packCount = 0
  package var packByteCount: UInt64 = 0
  /// Bytes of the chunks as they were before compression.
  package var plainByteCount: UInt64 = 0
  /// One line each, at most 100: blobs in no index run, packs that are gone or of another length,
  /// catalog nodes that cannot be read, index runs that the manifest names and that are gone.
  package var problems: [String] = []
  package var problemCount = 0
  /// A blob of rows or files among those needed, drawn at random; of the catalog if there is none.
  package var sample: BlobID?

  fileprivate mutating func add(_ problem: String) {
    problemCount += 1
    if problems.count < 100 { problems.append(problem) }
  }
}

extension Repository {
  /// Looks up every blob that `snapshot` needs.
  ///
  /// Walks its catalog; each blob must be in the index, and its pack in the storage with the length that
  /// the index says. Reads metadata only. Call after ``loadIndex()``.
  /// - Throws: ``Cancelled``; ``RepositoryError`` if the storage cannot be listed. Damage is
  ///   collected.
  package func needs(
    of snapshot: Snapshot, cancellation: Cancellation,
    using generator: inout some RandomNumberGenerator
  ) throws -> SnapshotNeeds {
    var needs = SnapshotNeeds()
    let known = Set(index.runIDs).union(index.replacedRuns())
    for run in snapshot.manifest.indexRuns {
      if let id = DocumentID(hex: run), known.contains(id) { continue }
      needs.add("index run \(run.prefix(8)), which the snapshot was written with, is gone")
    }
    let reachability = try Reachability(
      self, absent: try absentPacks(), refusingAbsent: false, cancellation: cancellation)
    try reachability.mark(snapshot)
    for item in reachability.unreadable { needs.add(item.reason) }
    for item in reachability.missing {
      needs.add("blob \(item.blob), needed by \(item.path), is in no index run")
    }
    // Those beyond what is listed still count.
    needs.problemCount += reachability.missingCount - reachability.missing.count

    var present: [PackID: Int] = [:]
    for object in try list(.packs) {
      if let id = PackID(hex: object.key.name) { present[id] = object.byteCount }
    }
    var seen: Set<PackID> = []
    var contentSeen = 0
    for position in 0..<index.entryCount where reachability.isLive(position) {
      if position % 4096 == 0 { try cancellation.check() }
      guard let location = index.location(at: position) else { continue }
      needs.blobCount += 1
      needs.plainByteCount &+= UInt64(location.entry.plainByteCount)
      if location.pack.blobClass == .content {
        // Reservoir sampling: each of the blobs is as likely as any other.
        contentSeen += 1
        if Int.random(in: 0..<contentSeen, using: &generator) == 0 {
          needs.sample = location.entry.id
        }
      } else if contentSeen == 0, needs.sample == nil {
        needs.sample = location.entry.id
      }
      guard seen.insert(location.pack.id).inserted else { continue }
      needs.packCount += 1
      needs.packByteCount &+= UInt64(location.pack.byteCount)
      if let byteCount = present[location.pack.id] {
        if byteCount != Int(location.pack.byteCount) {
          needs.add(
            "pack \(location.pack.id) has \(byteCount) bytes where the index says \(location.pack.byteCount)"
          )
        }
      } else {
        needs.add("pack \(location.pack.id) is gone")
      }
    }
    return needs
  }
}
