// Moving what is needed out of packs that are mostly dead.

import Format
import Workers

extension Repository {
  /// Stores the live blobs of the packs to repack again, elsewhere.
  ///
  /// A delta stays one, from the same base, if that base stays or moves before it.
  func repack(_ plan: PrunePlan, cancellation: Cancellation) throws {
    let packs = Set(plan.repack)
    let reachability = try Reachability(
      self, waiting: plan.unfit, absent: plan.absent, cancellation: cancellation)
    for snapshot in try snapshots() { try reachability.mark(snapshot) }
    // A copy in a pack that goes in the same prune is none: without this, what two interrupted
    // prunes had stored twice would be "moved" to a pack that is deleted next.
    let writer = BlobWriter(
      repository: self, doomed: packs.union(plan.unfit).union(plan.doom).union(plan.delete),
      policy: DeltaPolicy(depthLimit: DeltaPolicy.greatestDepthLimit))
    let encoder = try ChunkEncoder()
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    var moved: Set<Int> = []
    func move(_ copy: BlobCopy) throws {
      guard packs.contains(copy.location.pack.id), moved.insert(copy.position).inserted else {
        return
      }
      try cancellation.check()
      do { try writer.reader.load(copy.location, into: &chunk, using: decoder) } catch {
        // A writer's word may be false; another copy may be true.
        try writer.reader.load(copy.location.entry.id, into: &chunk, using: decoder)
      }
      _ = try writer.store(
        chunk.span, class: copy.location.pack.blobClass,
        after: copy.location.entry.base.map { [$0] } ?? [],
        using: encoder)
    }
    do {
      for position in 0..<index.entryCount where reachability.isLive(position) {
        guard let location = index.location(at: position), packs.contains(location.pack.id) else {
          continue
        }
        // What is live has a live chain: its whole chunk moves first.
        let chain = index.chain(of: location.entry.id) { reachability.isLive($0.position) }
        for copy in (chain ?? []).reversed() { try move(copy) }
        if let copy = index.copy(at: position) { try move(copy) }
      }
    } catch {
      writer.abandon()
      throw error
    }
    try writer.finish()
  }
}
