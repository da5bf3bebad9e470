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
  private var deltaEncoder: DeltaEncoder?

  private let level: Int32

  /// - Parameter level: Zstandard level of chunks that nothing like was there before, 1 to 19.
  package init(level: Int32 = 3) throws {
    self.level = level
    compressor = try ZstdEncoder(level: level)
    decompressor = try ZstdDecoder()
  }

  /// Compresses `chunk` into ``compressed``; returns the encoded length.
  fileprivate func compress(_ chunk: Span<UInt8>, level: Int32? = nil) throws -> Int {
    let bound = ZstdEncoder.bound(chunk.count)
    compressed = SharedBuffer.reuse(compressed, atLeast: bound)
    compressor.setLevel(level ?? self.level)
    return try compressed.withRegion(at: 0, count: bound) { output in
      try compressor.compress(chunk, into: &output)
    }
  }

  /// What encodes deltas, made on first use.
  func delta() throws -> DeltaEncoder {
    if let deltaEncoder { return deltaEncoder }
    let made = try DeltaEncoder()
    deltaEncoder = made
    return made
  }
}

/// The writing side of a repository during one run.
///
/// Thread-safe; each thread brings its own ``ChunkEncoder``. Nothing becomes part of a snapshot
/// until ``finish()`` has returned and a manifest names it; after a crash what was stored is found
/// again through the index runs that were written, or reclaimed by prune.
package final class BlobWriter: Sendable {
  private struct FreshBlob {
    /// Deltas to a whole chunk; nil as long as it is being encoded.
    var depth: Int?
  }
  private struct State {
    /// Blobs of this run that are not yet in ``BlobIndex``: being encoded, packed or unindexed.
    var fresh: [BlobID: FreshBlob] = [:]
    var packs: [StoredPack] = []
    var entryCount = 0
    /// Why some chunk was not stored: others were told that it is, so nothing may be committed.
    var failure: (any Error)?
    var statistics = CaptureStatistics()
  }
  private let state = Mutex(State())
  let repository: Repository
  let policy: DeltaPolicy
  /// Loads bases of deltas.
  let reader: BlobReader
  private let packer = Mutex<Packer?>(nil)
  /// Packs that were marked when the run began: nothing in them is reused.
  let doomed: Set<PackID>
  private let makePacker:
    @Sendable (@escaping @Sendable (StoredPack) throws -> Void) throws -> Packer

  /// Whether commit will ask what was reused: who reads catalogs finds out there.
  private let notesReuse: Bool

  init(repository: Repository, doomed: Set<PackID>, policy: DeltaPolicy) {
    self.repository = repository
    notesReuse = !repository.keys.canRead(.metadata)
    self.doomed = doomed
    self.policy = policy
    reader = repository.makeReader()
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
  /// - Parameter predecessors: chunks that this one may be an edition of, the likeliest first. It is
  ///   stored as a delta from one if the repository has that, our key reads it, and the difference is
  ///   small.
  package func store(
    _ chunk: Span<UInt8>, class blobClass: BlobClass, after predecessors: [BlobID] = [],
    using encoder: ChunkEncoder
  ) throws -> ChunkReference {
    let id = repository.keys.blobID(of: chunk, class: blobClass)
    let reference = ChunkReference(id: id, byteCount: UInt32(chunk.count))
    let isNew = try state.withLock { state in
      if let failure = state.failure { throw failure }
      if state.fresh[id] != nil {
        state.statistics.blobsReused += 1
        return false
      }
      let packs = repository.index.reusablePacks(
        of: id, signer: repository.keys.signer.publicKey, notIn: doomed)
      if let packs {
        state.statistics.blobsReused += 1
        if notesReuse { repository.reusedPacks.withLock { $0.formUnion(packs) } }
        return false
      }
      state.fresh[id] = FreshBlob()
      state.statistics.blobsNew += 1
      state.statistics.bytesNew += UInt64(chunk.count)
      return true
    }
    guard isNew else { return reference }
    do {
      try encode(chunk, id, class: blobClass, after: predecessors, using: encoder)
    } catch {
      state.withLock { if $0.failure == nil { $0.failure = error } }
      throw error
    }
    return reference
  }

  /// Deltas from a blob of this run to a whole chunk; nil if it is not of this run, or being encoded.
  func freshDepth(of id: BlobID) -> Int? { state.withLock { $0.fresh[id]?.depth } }

  /// Compresses, seals and reads back a chunk that the repository has not.
  private func encode(
    _ chunk: Span<UInt8>, _ id: BlobID, class blobClass: BlobClass, after predecessors: [BlobID],
    using encoder: ChunkEncoder
  ) throws {
    let (encoded, depth) = try encoded(
      chunk, id, class: blobClass, after: predecessors, using: encoder)
    let packer = try currentPacker()
    var base: BlobID?
    var byteCount = chunk.count
    var buffer: SharedBuffer?
    switch encoded {
    case .raw: break
    case .zstd(let count): (byteCount, buffer) = (count, encoder.compressed)
    case .delta(let count, let from):
      (byteCount, buffer, base) = (count, try encoder.delta().output, from)
    }
    let reservation = try packer.reserve(
      id, class: blobClass, encoding: encoded.encoding,
      plainByteCount: chunk.count, encodedByteCount: byteCount, base: base)
    let context = PackFormat.blobContext(
      repository: repository.keys.repository, pack: reservation.packID, slot: reservation.slot,
      class: blobClass, entry: reservation.entry)
    if let buffer {
      try buffer.withBytes(at: 0, count: byteCount) { bytes in
        try seal(bytes, into: reservation, context)
      }
    } else {
      try seal(chunk, into: reservation, context)
    }
    try readBack(reservation, context, expecting: chunk, using: encoder)
    packer.complete(reservation)
    state.withLock { state in
      // Not there any more if an index run has taken it over already.
      state.fresh[id]?.depth = depth
      if base != nil {
        state.statistics.blobsDelta += 1
        state.statistics.bytesDelta += UInt64(chunk.count)
        state.statistics.bytesDeltaStored += UInt64(reservation.entry.sealedByteCount)
      }
    }
  }

  /// The shortest form of a chunk: as a delta if that pays, compressed, or as it is.
  private func encoded(
    _ chunk: Span<UInt8>, _ id: BlobID, class blobClass: BlobClass, after predecessors: [BlobID],
    using encoder: ChunkEncoder
  ) throws -> (chunk: EncodedChunk, depth: Int) {
    let delta = try encodeDelta(
      chunk, id, from: predecessors, class: blobClass, using: encoder)
    if let delta, DeltaPolicy.isSmall(delta.byteCount, for: chunk.count) {
      return (.delta(delta.byteCount, base: delta.base), delta.depth)
    }
    // What is new among what was there is little, and worth more effort than a first backup.
    let compressed = try compress(
      chunk, level: delta == nil ? nil : DeltaPolicy.levelOfNews, using: encoder)
    if let delta, DeltaPolicy.pays(delta.byteCount, insteadOf: compressed ?? chunk.count) {
      return (.delta(delta.byteCount, base: delta.base), delta.depth)
    }
    return (compressed.map { .zstd($0) } ?? .raw, 0)
  }

  /// Makes everything durable: packs first, then index runs.
  ///
  /// - Throws: also what an earlier ``store(_:class:after:using:)`` threw: the run cannot be committed.
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
  private func compress(_ chunk: Span<UInt8>, level: Int32?, using encoder: ChunkEncoder) throws
    -> Int?
  {
    guard chunk.count >= 64 else { return nil }
    let count = try encoder.compress(chunk, level: level)
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
      let isDelta = reservation.entry.encoding == .delta
      let base = isDelta ? try encoder.delta().base : []
      try encoder.plain.withRegion(at: 0, count: chunk.count) { plain in
        try encoder.opened.withBytes(at: 0, count: encodedCount) { encoded in
          try encoder.decompressor.decompress(
            encoded, prefix: isDelta ? base.span : nil, into: &plain)
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
      for pack in packs { for entry in pack.entries { state.fresh[entry.id] = nil } }
    }
  }
}
