// Loading chunks: find, read, authenticate, decode, identify; nothing else ever leaves here.

package import Format
import Sodium
import Storage
import Synchronization
import Workers
import Zstd

/// What one thread needs to decode blobs: a context and buffers that are reused.
package final class ChunkDecoder {
  fileprivate let decompressor: ZstdDecoder
  fileprivate var sealed = SharedBuffer(byteCount: 1 << 20)
  fileprivate var opened = SharedBuffer(byteCount: 1 << 20)
  /// The chunk before in a chain of deltas; empty as long as there are none.
  fileprivate var base: [UInt8] = []

  package init() throws { decompressor = try ZstdDecoder() }
}

/// The reading side of a repository.
///
/// Thread-safe; each thread brings its own ``ChunkDecoder``.
package final class BlobReader: Sendable {
  private let repository: Repository
  // Secrets take locked pages: only as many pack keys as a restore moves among at a time.
  private let packKeys = Mutex<[PackID: Secret]>([:])
  private static let packKeyLimit = 128
  /// Damaged copies of one blob and its bases after which it is given up.
  private static let attemptLimit = 256

  init(repository: Repository) { self.repository = repository }

  /// Loads the chunk `id` into `chunk`, replacing what it held.
  ///
  /// On return `chunk` is exactly what was stored: its keyed hash is `id`. Each place that the
  /// index knows, of it and of the bases of deltas, is tried before this fails. Memory: two chunks,
  /// however many deltas there are.
  /// - Throws: ``RepositoryError``; `damaged` names pack and offset.
  package func load(_ id: BlobID, into chunk: inout [UInt8], using decoder: ChunkDecoder) throws {
    var failure: (any Error)?
    var damaged: Set<Int> = []
    while damaged.count < Self.attemptLimit,
      let chain = repository.index.chain(of: id, where: { !damaged.contains($0.position) })
    {
      // Each blob of a chain is authentic, so comparing the id of what comes out last is enough;
      // only to find which of them is wrong all are compared.
      if failure == nil, chain.count > 1,
        load(chain, comparingAll: false, into: &chunk, using: decoder) == nil
      {
        return
      }
      guard let failed = load(chain, comparingAll: true, into: &chunk, using: decoder) else {
        return
      }
      failure = failure ?? failed.error
      damaged.insert(failed.copy.position)
    }
    if let failure { throw failure }
    let isKnown = !repository.index.positions(of: id).isEmpty
    throw RepositoryError(
      .damaged, what: "cannot load blob \(id)",
      why: isKnown
        ? "its deltas never end, or no index run names a base of theirs" : "no index run names it",
      next: "run 'lifeboat check' to list what is missing and the snapshots it touches")
  }

  /// Loads the chunk that a catalog names, whose length must be as the catalog says.
  package func load(
    _ reference: ChunkReference, into chunk: inout [UInt8], using decoder: ChunkDecoder
  ) throws {
    try load(reference.id, into: &chunk, using: decoder)
    guard chunk.count == Int(reference.byteCount) else {
      throw RepositoryError(
        .damaged, what: "cannot load blob \(reference.id)",
        why: "it has \(chunk.count) bytes where the catalog says \(reference.byteCount)",
        next: "run 'lifeboat check --read-data'")
    }
  }

  /// Decodes a chain of deltas from its whole chunk on; returns the copy that failed, and why.
  private func load(
    _ chain: [BlobCopy], comparingAll: Bool, into chunk: inout [UInt8], using decoder: ChunkDecoder
  ) -> (copy: BlobCopy, error: any Error)? {
    for (step, copy) in chain.reversed().enumerated() {
      let isLast = step == chain.count - 1
      do {
        if step > 0 { swap(&chunk, &decoder.base) }
        var base: [UInt8] = []
        swap(&base, &decoder.base)
        defer { swap(&base, &decoder.base) }
        try load(
          copy.location, base: base, comparing: comparingAll || isLast, into: &chunk,
          using: decoder)
      } catch {
        return (copy, error)
      }
    }
    return nil
  }

  /// Loads the blob at one place, and proves that it is the chunk it claims to be.
  func load(_ location: BlobLocation, into chunk: inout [UInt8], using decoder: ChunkDecoder) throws
  {
    var base: [UInt8] = []
    if let id = location.entry.base { try load(id, into: &base, using: decoder) }
    try load(location, base: base, comparing: true, into: &chunk, using: decoder)
  }

  private func load(
    _ location: BlobLocation, base: [UInt8], comparing: Bool, into chunk: inout [UInt8],
    using decoder: ChunkDecoder
  ) throws {
    let encodedCount = try authenticate(location, using: decoder)
    try decode(location, encodedCount, base: base, into: &chunk, using: decoder)
    guard
      !comparing
        || repository.keys.blobID(of: chunk.span, class: location.pack.blobClass)
          == location.entry.id
    else { throw damaged(location, "its content is not what its id says") }
  }

  /// Reads and opens the blob at one place into the decoder's buffer; returns the encoded length.
  @discardableResult
  func authenticate(_ location: BlobLocation, using decoder: ChunkDecoder) throws -> Int {
    let entry = location.entry
    guard repository.keys.canRead(location.pack.blobClass) else {
      throw RepositoryError(
        .keyMissing, what: "cannot read blob \(entry.id)",
        why: "a \(repository.keys.role.name)'s key does not open \(location.pack.blobClass)",
        next: "use the owner's passphrase or recovery key")
    }
    guard entry.sealedByteCount >= PackFormat.sealOverhead else {
      throw damaged(location, "the index gives it no room for a tag")
    }
    let key = try packKey(location)
    let count = Int(entry.sealedByteCount)
    decoder.sealed = SharedBuffer.reuse(decoder.sealed, atLeast: count)
    try decoder.sealed.withRegion(at: 0, count: count) { try read(location, into: &$0) }
    try open(location, key: key, using: decoder)
    return count - PackFormat.sealOverhead
  }

  // MARK: Steps

  private func read(_ location: BlobLocation, into buffer: inout MutableSpan<UInt8>) throws {
    guard let key = StorageKey(.packs, location.pack.id.hex) else { return }
    do { try repository.storage.read(key, at: Int(location.entry.offset), into: &buffer) } catch {
      throw RepositoryError.storage(
        "cannot load blob \(location.entry.id) of pack \(location.pack.id)", error)
    }
  }

  private func open(_ location: BlobLocation, key: Secret, using decoder: ChunkDecoder) throws {
    let encodedCount = Int(location.entry.sealedByteCount) - PackFormat.sealOverhead
    let context = PackFormat.blobContext(
      repository: repository.id, pack: location.pack.id, slot: location.slot,
      class: location.pack.blobClass, entry: location.entry)
    decoder.opened = SharedBuffer.reuse(decoder.opened, atLeast: encodedCount)
    do {
      try decoder.opened.withRegion(at: 0, count: encodedCount) { opened in
        try decoder.sealed.withBytes(at: 0, count: Int(location.entry.sealedByteCount)) { sealed in
          try AEAD.open(
            sealed.extracting(AEAD.nonceByteCount..<sealed.count), binding: context,
            nonce: sealed.extracting(0..<AEAD.nonceByteCount), key: key, into: &opened)
        }
      }
    } catch {
      throw damaged(location, "fails authentication")
    }
  }

  private func decode(
    _ location: BlobLocation, _ encodedCount: Int, base: [UInt8], into chunk: inout [UInt8],
    using decoder: ChunkDecoder
  ) throws {
    let plainCount = Int(location.entry.plainByteCount)
    if chunk.count > plainCount {
      chunk.removeLast(chunk.count - plainCount)
    } else if chunk.count < plainCount {
      chunk.append(contentsOf: repeatElement(0, count: plainCount - chunk.count))
    }
    var output = chunk.mutableSpan
    switch location.entry.encoding {
    case .raw:
      guard encodedCount == plainCount else { throw damaged(location, "has the wrong length") }
      decoder.opened.withBytes(at: 0, count: encodedCount) { Bytes.copy($0, into: &output) }
    case .zstd, .delta:
      do {
        try decoder.opened.withBytes(at: 0, count: encodedCount) { encoded in
          try decoder.decompressor.decompress(
            encoded, prefix: location.entry.encoding == .delta ? base.span : nil, into: &output)
        }
      } catch {
        throw damaged(location, "does not decompress to its recorded length")
      }
    }
  }

  /// The key of the pack, from its header: unwrapped once, then cached.
  func packKey(_ location: BlobLocation) throws -> Secret {
    let id = location.pack.id
    if let key = packKeys.withLock({ $0[id] }) { return key }
    let (header, key) = try packHeader(id)
    guard header.blobClass == location.pack.blobClass else {
      throw damaged(location, "the pack is of another class")
    }
    packKeys.withLock { cache in
      if cache.count >= Self.packKeyLimit { cache.removeAll() }
      cache[id] = key
    }
    return key
  }

  /// Reads and opens the header of a pack.
  func packHeader(_ id: PackID) throws -> (PackFormat.Header, Secret) {
    guard let key = StorageKey(.packs, id.hex) else {
      throw RepositoryError.damaged("pack \(id)", .invalid("pack id"))
    }
    var bytes = [UInt8](repeating: 0, count: PackFormat.headerByteCount)
    var span = bytes.mutableSpan
    do { try repository.storage.read(key, at: 0, into: &span) } catch {
      throw RepositoryError.storage("cannot read pack \(id)", error)
    }
    do throws(FormatError) {
      let header = try PackFormat.Header(bytes, expecting: id, repository: repository.id)
      return (header, try repository.packKey(header))
    } catch {
      throw RepositoryError.damaged("pack \(id)", error)
    }
  }

  private func damaged(_ location: BlobLocation, _ why: String) -> RepositoryError {
    RepositoryError(
      .damaged, what: "cannot load blob \(location.entry.id)",
      why: "pack \(location.pack.id) at byte \(location.entry.offset): \(why)",
      next: "run 'lifeboat check --read-data' to list all damage and the snapshots it touches")
  }
}
