// Packs being filled: regions are reserved under a lock, sealed by many threads, written by one.

import Format
import Foundation
import Sodium
import Storage
import Synchronization
import Workers

/// A pack in memory.
///
/// `pending` counts reservations whose bytes are not yet there.
final class OpenPack: @unchecked Sendable {  // fields are guarded by Packer.state
  let id: PackID
  let blobClass: BlobClass
  let key: Secret
  let buffer: SharedBuffer
  var fill = PackFormat.headerByteCount
  var trailerByteCount = PackFormat.sealOverhead
  var entries: [PackEntry] = []
  var pending = 0
  var isClosed = false

  init(id: PackID, blobClass: BlobClass, key: Secret, buffer: SharedBuffer) {
    self.id = id
    self.blobClass = blobClass
    self.key = key
    self.buffer = buffer
  }
}

/// A place in a pack that belongs to one blob and, until it is sealed, to one thread.
struct PackReservation: Sendable {
  let pack: OpenPack
  let slot: UInt32
  let entry: PackEntry

  var packID: PackID { pack.id }
  var key: Secret { pack.key }

  /// Lends the blob's region of the pack for writing.
  func withRegion<E: Error>(_ body: (inout MutableSpan<UInt8>) throws(E) -> Void) throws(E) {
    try pack.buffer.withRegion(
      at: Int(entry.offset), count: Int(entry.sealedByteCount), body)
  }

  /// Lends the blob's region for reading back.
  func withBytes<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try pack.buffer.withBytes(at: Int(entry.offset), count: Int(entry.sealedByteCount), body)
  }
}

/// A pack that is durable in the storage, and what it holds.
struct StoredPack: Sendable {
  var record: PackRecord
  var entries: [PackEntry]
}

/// Fills packs of one run and writes them.
///
/// Two packs of a class may be open at once: a blob that does not fit in the first goes to the
/// second, so little of a full pack is padding. Memory: `bufferCount` buffers of a pack each, of
/// which only touched pages are resident; `reserve` waits when all are in use.
final class Packer: Sendable {
  private struct State {
    var open: [BlobClass: [OpenPack]] = [:]
    var freeBuffers: [SharedBuffer] = []
    var buffersMade = 0
    var queue: [OpenPack] = []
    /// Closed, but some blob in them is still being sealed.
    var incomplete: [OpenPack] = []
    var writing = 0
    var ended = false
    var failure: (any Error)?
  }
  private let state = Mutex(State())
  private let condition = NSCondition()
  private let threads = ThreadGroup()
  private let storage: any Storage
  private let keys: RoleKeys
  private let packByteCount: Int
  private let parity: ParityScheme
  /// Room for header, blobs and trailer in a full pack.
  private let dataByteCount: Int
  private let bufferCount: Int
  private let sessions: [BlobClass: SessionKey]
  private let stored: @Sendable (StoredPack) throws -> Void

  /// The most blobs a pack holds: a slot is 16 bits in an index run.
  private static let maximumEntryCount = 65_535

  /// Starts the thread that writes.
  ///
  /// - Parameter stored: called by that thread once a pack is durable.
  init(
    storage: any Storage, keys: RoleKeys, packByteCount: Int, parity: ParityScheme,
    bufferCount: Int = 4, stored: @escaping @Sendable (StoredPack) throws -> Void
  ) throws {
    self.storage = storage
    self.keys = keys
    self.packByteCount = packByteCount
    self.parity = parity
    dataByteCount = PackFormat.dataByteCount(ofPack: packByteCount, parity) ?? 0
    self.bufferCount = bufferCount
    self.stored = stored
    sessions = [
      .metadata: try keys.makeSession(for: .metadata),
      .content: try keys.makeSession(for: .content),
    ]
    threads.start(name: "pack writer") { [self] in writeQueuedPacks() }
  }

  /// The largest blob, sealed, that fits in a pack.
  var maximumSealedByteCount: Int {
    dataByteCount - PackFormat.headerByteCount - PackFormat.sealOverhead - 80
  }

  /// Reserves the place of a blob; waits while all buffers are in use.
  ///
  /// The caller seals into ``PackReservation/withRegion(_:)``, then calls ``complete(_:)``.
  func reserve(
    _ id: BlobID, class blobClass: BlobClass, encoding: BlobEncoding, plainByteCount: Int,
    encodedByteCount: Int, base: BlobID?
  ) throws -> PackReservation {
    let sealed = encodedByteCount + PackFormat.sealOverhead
    guard sealed <= maximumSealedByteCount, sealed < 1 << 24, plainByteCount < 1 << 24 else {
      throw RepositoryError(
        .internalFailure, what: "cannot store a chunk", why: "it has \(plainByteCount) bytes",
        next: "report this as a bug")
    }
    while true {
      if let failure = state.withLock({ $0.failure }) { throw failure }
      let reservation = try state.withLock { state -> PackReservation? in
        for pack in state.open[blobClass] ?? [] {
          if let place = place(
            in: pack, id, encoding, plainByteCount: plainByteCount, sealedByteCount: sealed, base)
          {
            return place
          }
        }
        if let open = state.open[blobClass], open.count >= 2 {
          // Neither has room: the fuller one is done.
          let full = open.max { $0.fill < $1.fill } ?? open[0]
          close(full, in: &state)
        }
        guard let buffer = takeBuffer(&state) else { return nil }
        let pack = try openPack(blobClass, buffer)
        state.open[blobClass, default: []].append(pack)
        return place(
          in: pack, id, encoding, plainByteCount: plainByteCount, sealedByteCount: sealed, base)
      }
      if let reservation { return reservation }
      waitForBuffer()
    }
  }

  /// Declares that the blob's region holds its sealed bytes.
  func complete(_ reservation: PackReservation) {
    state.withLock { state in
      reservation.pack.pending -= 1
      enqueueIfReady(reservation.pack, in: &state)
    }
    signal()
  }

  /// Closes what is open, waits until all is durable, and ends the thread.
  ///
  /// - Throws: the first failure of a write or of `stored`.
  func finish() throws {
    state.withLock { state in
      for pack in state.open.values.flatMap({ $0 }) { close(pack, in: &state) }
      state.ended = true
    }
    signal()
    threads.wait()
    try state.withLock { state in
      if let failure = state.failure { throw failure }
      guard state.incomplete.isEmpty else {
        throw RepositoryError(
          .internalFailure, what: "cannot store a pack", why: "a blob in it was never sealed",
          next: "report this as a bug")
      }
    }
  }

  /// Ends a run that failed: writes what is complete, for the next run to reuse, and drops packs in
  /// which a blob was reserved and never sealed.
  func abandon() {
    // The error that brought us here is the one to report.
    try? finish()
  }

  // MARK: Under the lock

  private func place(
    in pack: OpenPack, _ id: BlobID, _ encoding: BlobEncoding, plainByteCount: Int,
    sealedByteCount: Int, _ base: BlobID?
  ) -> PackReservation? {
    let entry = PackEntry(
      id: id, encoding: encoding, offset: UInt32(pack.fill),
      sealedByteCount: UInt32(sealedByteCount), plainByteCount: UInt32(plainByteCount), base: base)
    let trailer = pack.trailerByteCount + PackFormat.trailerByteCount(of: entry)
    guard pack.fill + sealedByteCount + trailer <= dataByteCount,
      pack.entries.count < Self.maximumEntryCount
    else { return nil }
    pack.entries.append(entry)
    pack.fill += sealedByteCount
    pack.trailerByteCount = trailer
    pack.pending += 1
    return PackReservation(pack: pack, slot: UInt32(pack.entries.count - 1), entry: entry)
  }

  private func close(_ pack: OpenPack, in state: inout State) {
    state.open[pack.blobClass]?.removeAll { $0 === pack }
    pack.isClosed = true
    enqueueIfReady(pack, in: &state)
  }

  private func enqueueIfReady(_ pack: OpenPack, in state: inout State) {
    guard pack.isClosed else { return }
    state.incomplete.removeAll { $0 === pack }
    if pack.pending == 0 { state.queue.append(pack) } else { state.incomplete.append(pack) }
  }

  private func takeBuffer(_ state: inout State) -> SharedBuffer? {
    if let buffer = state.freeBuffers.popLast() { return buffer }
    guard state.buffersMade < bufferCount else { return nil }
    state.buffersMade += 1
    return SharedBuffer(byteCount: packByteCount)
  }

  private func openPack(_ blobClass: BlobClass, _ buffer: SharedBuffer) throws -> OpenPack {
    guard let session = sessions[blobClass] else { throw SodiumError.wrongLength }
    let id = PackID.random()
    let key = try PackFormat.packKey(session: session.secret, pack: id)
    return OpenPack(id: id, blobClass: blobClass, key: key, buffer: buffer)
  }

  // MARK: Waiting

  private func signal() {
    condition.lock()
    condition.broadcast()
    condition.unlock()
  }

  /// Returns once a buffer may be free.
  ///
  /// What holds one is open, and then another is closed above, or closed, and then it is written
  /// without our help.
  private func waitForBuffer() {
    condition.lock()
    defer { condition.unlock() }
    let mustWait = state.withLock { state in
      state.failure == nil && state.freeBuffers.isEmpty && state.buffersMade >= bufferCount
    }
    if mustWait { condition.wait() }
  }

  // MARK: The writing thread

  private func writeQueuedPacks() {
    while true {
      condition.lock()
      var next: OpenPack?
      while true {
        let (pack, done) = state.withLock { state -> (OpenPack?, Bool) in
          if state.failure != nil { return (nil, state.ended) }
          if !state.queue.isEmpty { return (state.queue.removeFirst(), false) }
          let open = state.open.values.contains { !$0.isEmpty }
          return (nil, state.ended && !open)
        }
        if let pack {
          next = pack
          break
        }
        if done { break }
        condition.wait()
      }
      condition.unlock()
      guard let pack = next else { return }
      do {
        try stored(try write(pack))
        state.withLock { $0.freeBuffers.append(pack.buffer) }
      } catch {
        state.withLock { if $0.failure == nil { $0.failure = error } }
      }
      signal()
    }
  }

  /// Adds padding, trailer, header and parity, and saves the pack.
  private func write(_ pack: OpenPack) throws -> StoredPack {
    let trailer = try PackFormat.trailer(
      pack.entries, pack: pack.id, repository: keys.repository, key: pack.key)
    let needed = pack.fill + trailer.count
    // A pack closed because the next blob did not fit is padded to the full length, so its length
    // tells nothing; what ends a run early is rounded up.
    let isFull = dataByteCount - needed < packByteCount / 8
    let least = PackFormat.byteCount(holding: needed, parity)
    let byteCount = isFull ? packByteCount : min(PackFormat.padded(least), packByteCount)
    guard let dataEnd = PackFormat.dataByteCount(ofPack: byteCount, parity) else {
      throw FormatError.invalid("pack length")
    }
    let trailerOffset = dataEnd - trailer.count
    pack.buffer.withRegion(at: pack.fill, count: trailerOffset - pack.fill) { Random.fill(&$0) }
    pack.buffer.withRegion(at: trailerOffset, count: trailer.count) { region in
      for i in 0..<trailer.count { region[i] = trailer[i] }
    }
    var object = ObjectHeader(
      kind: .pack, recipient: .owner, epoch: keys.secrets.epoch, repository: keys.repository)
    sessions[pack.blobClass]?.place(in: &object)
    let header = try PackFormat.header(
      object, pack: pack.id, trailerOffset: UInt32(trailerOffset),
      trailerByteCount: UInt32(trailer.count), entryCount: UInt32(pack.entries.count),
      parity: parity, key: pack.key)
    pack.buffer.withRegion(at: 0, count: header.count) { region in
      for i in 0..<header.count { region[i] = header[i] }
    }
    if parity == .fiveShards {
      try pack.buffer.withRegion(at: 0, count: byteCount) { try PackParity.add(to: &$0) }
    }
    guard let key = StorageKey(.packs, pack.id.hex) else {
      throw RepositoryError(
        .internalFailure, what: "cannot name a pack", why: "its id is malformed",
        next: "report this as a bug")
    }
    let checksum = try pack.buffer.withBytes(at: 0, count: byteCount) { bytes in
      do throws(StorageError) { try storage.save(bytes, as: key) } catch {
        throw RepositoryError.storage("cannot store a pack", error)
      }
      return Blake2b.hash(bytes)
    }
    return StoredPack(
      record: PackRecord(
        id: pack.id, checksum: checksum, byteCount: UInt32(byteCount), blobClass: pack.blobClass),
      entries: pack.entries)
  }
}
