// Storing chunks: identify, deduplicate, encode, seal, read back, pack; then index runs.

package import Format
import Sodium
import Storage
import Synchronization
import Workers
import Zstd

/// What one worker thread needs to encode chunks: contexts and buffers that are reused.
package final class ChunkEncoder {
  fileprivate let compressor: ZstdEncoder
  fileprivate let decompressor: ZstdDecoder
  fileprivate var compressed = SharedBuffer(byteCount: 1 << 20)
  fileprivate var opened = SharedBuffer(byteCount: 1 << 20)
  fileprivate var plain = SharedBuffer(byteCount: 1 << 20)

  /// - Parameter level: Zstandard level, 1 to 19.
  package init(level: Int32 = 3) throws {
    compressor = try ZstdEncoder(level: level)
    decompressor = try ZstdDecoder()
  }
}

/// The writing side of a repository during one run.
///
/// Thread-safe; each thread brings its own ``ChunkEncoder``. Nothing becomes part of a snapshot
/// until ``finish()`` has returned and a manifest names it; after a crash what was stored is found
/// again through the index runs that were written, or reclaimed by prune.
package final class BlobWriter: Sendable {
  private struct State {
    /// Blobs of this run that are not yet in ``BlobIndex``: being encoded, packed or unindexed.
    var fresh: Set<BlobID> = []
    var packs: [StoredPack] = []
    var entryCount = 0
    /// Why some chunk was not stored: others were told that it is, so nothing may be committed.
    var failure: (any Error)?
    var statistics = CaptureStatistics()
  }
  private let state = Mutex(State())
  private let repository: Repository
  private let packer = Mutex<Packer?>(nil)
  /// Packs that were marked when the run began: nothing in them is reused.
  let doomed: Set<PackID>
  private let makePacker:
    @Sendable (@escaping @Sendable (StoredPack) throws -> Void) throws -> Packer

  /// Whether commit will ask what was reused: who reads catalogs finds out there.
  private let notesReuse: Bool

  init(repository: Repository, doomed: Set<PackID>) {
    self.repository = repository
    notesReuse = !repository.keys.canRead(.metadata)
    self.doomed = doomed
    makePacker = { stored in
      try Packer(
        storage: repository.storage, keys: repository.keys,
        packByteCount: repository.config.packByteCount, parity: repository.parity,
        stored: stored)
    }
  }

  /// What was stored so far; `bytesStored` counts packs and index runs that are durable.
  package var statistics: CaptureStatistics { state.withLock { $0.statistics } }

  /// Adds to the counts that only the source knows.
  package func count(_ change: (inout CaptureStatistics) -> Void) {
    state.withLock { change(&$0.statistics) }
  }

  /// Stores `chunk` unless the repository has it.
  ///
  /// Returns once the chunk is sealed in a pack in memory; it is durable after ``finish()``. What
  /// was sealed is opened, decoded and compared with `chunk` first, so that a fault of memory or
  /// compressor ends the run, not the recovery.
  package func store(_ chunk: Span<UInt8>, class blobClass: BlobClass, using encoder: ChunkEncoder)
    throws -> ChunkReference
  {
    let id = repository.keys.blobID(of: chunk, class: blobClass)
    let reference = ChunkReference(id: id, byteCount: UInt32(chunk.count))
    let isNew = try state.withLock { state in
      if let failure = state.failure { throw failure }
      if state.fresh.contains(id) {
        state.statistics.blobsReused += 1
        return false
      }
      let pack = repository.index.reusablePack(
        of: id, signer: repository.keys.signer.publicKey, notIn: doomed)
      if let pack {
        state.statistics.blobsReused += 1
        if notesReuse { repository.reusedPacks.withLock { _ = $0.insert(pack) } }
        return false
      }
      state.fresh.insert(id)
      state.statistics.blobsNew += 1
      state.statistics.bytesNew += UInt64(chunk.count)
      return true
    }
    guard isNew else { return reference }
    do { try encode(chunk, id, class: blobClass, using: encoder) } catch {
      state.withLock { if $0.failure == nil { $0.failure = error } }
      throw error
    }
    return reference
  }

  /// Compresses, seals and reads back a chunk that the repository has not.
  private func encode(
    _ chunk: Span<UInt8>, _ id: BlobID, class blobClass: BlobClass, using encoder: ChunkEncoder
  ) throws {
    let compressed = try compress(chunk, using: encoder)
    let packer = try currentPacker()
    let reservation = try packer.reserve(
      id, class: blobClass, encoding: compressed == nil ? .raw : .zstd,
      plainByteCount: chunk.count, encodedByteCount: compressed ?? chunk.count, base: nil)
    let context = PackFormat.blobContext(
      repository: repository.keys.repository, pack: reservation.packID, slot: reservation.slot,
      class: blobClass, entry: reservation.entry)
    if let compressed {
      try encoder.compressed.withBytes(at: 0, count: compressed) { encoded in
        try seal(encoded, into: reservation, context)
      }
    } else {
      try seal(chunk, into: reservation, context)
    }
    try readBack(reservation, context, expecting: chunk, using: encoder)
    packer.complete(reservation)
  }

  /// Makes everything durable: packs first, then index runs.
  ///
  /// - Throws: also what an earlier ``store(_:class:using:)`` threw: the run cannot be committed.
  package func finish() throws {
    if let failure = state.withLock({ $0.failure }) { throw failure }
    let packer = self.packer.withLock { packer in
      defer { packer = nil }
      return packer
    }
    try packer?.finish()
    try writeIndexRun()
  }

  /// Gives up: what is complete is made durable, with an index run, for the next run to reuse.
  package func abandon() {
    let packer = self.packer.withLock { packer in
      defer { packer = nil }
      return packer
    }
    packer?.abandon()
    // Reuse is a convenience; the error that brought us here is the one to report.
    try? writeIndexRun()
  }

  // MARK: Encoding

  /// Compresses into the encoder's buffer; nil if that saves less than 3 %.
  private func compress(_ chunk: Span<UInt8>, using encoder: ChunkEncoder) throws -> Int? {
    guard chunk.count >= 64 else { return nil }
    let bound = ZstdEncoder.bound(chunk.count)
    encoder.compressed = SharedBuffer.reuse(encoder.compressed, atLeast: bound)
    let count = try encoder.compressed.withRegion(at: 0, count: bound) { output in
      try encoder.compressor.compress(chunk, into: &output)
    }
    return count <= chunk.count - chunk.count / 32 ? count : nil
  }

  private func seal(
    _ encoded: Span<UInt8>, into reservation: PackReservation, _ context: [UInt8]
  ) throws {
    try reservation.withRegion { (region: inout MutableSpan<UInt8>) throws(SodiumError) in
      let nonce = Random.bytes(AEAD.nonceByteCount)
      for i in 0..<AEAD.nonceByteCount { region[i] = nonce[i] }
      let count = region.count
      var body = region._mutatingExtracting(AEAD.nonceByteCount..<count)
      try AEAD.seal(
        encoded, binding: context, nonce: nonce.span, key: reservation.key, into: &body)
    }
  }

  private func readBack(
    _ reservation: PackReservation, _ context: [UInt8], expecting chunk: Span<UInt8>,
    using encoder: ChunkEncoder
  ) throws {
    let encodedCount = Int(reservation.entry.sealedByteCount) - PackFormat.sealOverhead
    encoder.opened = SharedBuffer.reuse(encoder.opened, atLeast: encodedCount)
    try encoder.opened.withRegion(at: 0, count: encodedCount) { opened in
      try reservation.withBytes { sealed in
        try AEAD.open(
          sealed.extracting(AEAD.nonceByteCount..<sealed.count), binding: context,
          nonce: sealed.extracting(0..<AEAD.nonceByteCount), key: reservation.key, into: &opened)
      }
    }
    let equal: Bool
    if reservation.entry.encoding == .raw {
      equal = encoder.opened.withBytes(at: 0, count: encodedCount) { Bytes.equal($0, chunk) }
    } else {
      encoder.plain = SharedBuffer.reuse(encoder.plain, atLeast: chunk.count)
      try encoder.plain.withRegion(at: 0, count: chunk.count) { plain in
        try encoder.opened.withBytes(at: 0, count: encodedCount) { encoded in
          try encoder.decompressor.decompress(encoded, into: &plain)
        }
      }
      equal = encoder.plain.withBytes(at: 0, count: chunk.count) { Bytes.equal($0, chunk) }
    }
    guard equal else {
      throw RepositoryError(
        .damaged, what: "cannot store a chunk",
        why: "what was encoded does not decode to what was read",
        next: "test this machine's memory; nothing wrong was stored")
    }
  }

  // MARK: Packs and index runs

  private func currentPacker() throws -> Packer {
    try packer.withLock { packer in
      if let packer { return packer }
      let made = try makePacker { [weak self] pack in try self?.didStore(pack) }
      packer = made
      return made
    }
  }

  /// Called by the writing thread: the pack is durable, so an index run may name it.
  private func didStore(_ pack: StoredPack) throws {
    let isFull = state.withLock { state in
      state.packs.append(pack)
      state.entryCount += pack.entries.count
      state.statistics.bytesStored += UInt64(pack.record.byteCount)
      return state.entryCount >= IndexRun.maximumEntryCount
    }
    if isFull { try writeIndexRun() }
  }

  private func writeIndexRun() throws {
    let packs = state.withLock { state in
      defer {
        state.packs = []
        state.entryCount = 0
      }
      return state.packs
    }
    guard !packs.isEmpty else { return }
    let byteCount = try repository.addIndexRun(packs, replacing: [])
    state.withLock { state in
      state.statistics.bytesStored += UInt64(byteCount)
      for pack in packs { for entry in pack.entries { state.fresh.remove(entry.id) } }
    }
  }
}
