// Owns the copying of large objects: batches over several sessions, delivered in order of their oids.

import Format
import Inventory
import Postgres
import Repository
import Synchronization
import Workers

/// A large object that was copied.
struct CopiedObject: Sendable {
  var oid: UInt32
  var object: LargeObject
}

extension RowCopier {
  /// Objects read in one go: few enough to hold their entries, enough to make a round trip cheap.
  private static let batchCount = 1_000

  /// Copies every large object and hands them to `deliver` in order, on one thread at a time.
  func copyLargeObjects(deliver: @escaping @Sendable ([CopiedObject]) throws -> Void) throws {
    let what = "cannot read the large objects of the database \(source.name)"
    let batches = try sourceWork(what, cancellation) {
      try LargeObjectReader.batches(of: Self.batchCount, over: snapshot.connection)
    }
    guard !batches.isEmpty else { return }
    let next = Mutex(batches[...])
    try orderedParallel(
      workers: sessions.count, window: sessions.count * 2, cancellation: cancellation,
      next: { next.withLock { $0.popFirst() } },
      work: { batch, worker in
        let session = sessions[worker]
        return try sourceWork(what, cancellation) {
          guard session.isLeader else { return try copy(batch, what, with: session) }
          return try snapshot.gate.withLock { _ in try copy(batch, what, with: session) }
        }
      },
      deliver: deliver)
  }

  private func copy(_ batch: ClosedRange<UInt32>, _ what: String, with session: CopySession) throws
    -> [CopiedObject]
  {
    let objects = try LargeObjectReader.descriptions(in: batch, over: session.connection)
    let storer = session.storer
    storer.discard()
    var copied: [CopiedObject] = []
    var position: UInt64 = 0
    func end() throws {
      let object = objects[copied.count]
      let content = try storer.finish()
      progress.add(bytes: Int(clamping: content.byteCount), items: 1)
      copied.append(
        CopiedObject(
          oid: object.oid,
          object: LargeObject(
            owner: object.owner, privileges: object.privileges, comment: object.comment,
            content: content)))
      position = 0
    }
    try LargeObjectReader.forEachPage(in: batch, over: session.connection) { oid, offset, data in
      while copied.count < objects.count, objects[copied.count].oid < oid { try end() }
      guard copied.count < objects.count, objects[copied.count].oid == oid, offset >= position
      else {
        throw CaptureError(
          .inconsistent, what: what,
          why: "pg_largeobject holds bytes of \(oid) that belong to no object",
          next: "check the source with pg_amcheck; lo_unlink(\(oid)) removes them")
      }
      // What was never written reads as zeros (inv_api.c, inv_read).
      try storer.add(zeros: offset - position)
      try storer.add(data)
      position = offset + UInt64(data.count)
    }
    while copied.count < objects.count { try end() }
    return copied
  }
}
