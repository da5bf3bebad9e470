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
  /// No chain of deltas that we write is longer; a longer one, or a cycle, is hostile.
  private static let deltaDepthLimit = 64

  init(repository: Repository) { self.repository = repository }

  /// Loads the chunk `id` into `chunk`, replacing what it held.
  ///
  /// On return `chunk` is exactly what was stored: its keyed hash is `id`. Each place that the
  /// index knows is tried before this fails.
  /// - Throws: ``RepositoryError``; `damaged` names pack and offset.
  package func load(_ id: BlobID, into chunk: inout [UInt8], using decoder: ChunkDecoder) throws {
    try load(id, into: &chunk, using: decoder, depth: 0)
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

  private func load(
    _ id: BlobID, into chunk: inout [UInt8], using decoder: ChunkDecoder, depth: Int
  ) throws {
    let locations = repository.index.locations(of: id)
    guard !locations.isEmpty else {
      throw RepositoryError(
        .damaged, what: "cannot load blob \(id)", why: "no index run names it",
        next: "run 'lifeboat check' to list what is missing and the snapshots it touches")
    }
    var failure: (any Error)?
    for location in locations {
      do {
        try load(location, into: &chunk, using: decoder, depth: depth)
        return
      } catch {
        failure = failure ?? error
      }
    }
    if let failure { throw failure }
  }

  /// Loads the blob at one place, and proves that it is the chunk it claims to be.
  func load(
    _ location: BlobLocation, into chunk: inout [UInt8], using decoder: ChunkDecoder,
    depth: Int = 0
  ) throws {
    let entry = location.entry
    guard repository.keys.canRead(location.pack.blobClass) else {
      throw RepositoryError(
        .keyMissing, what: "cannot read blob \(entry.id)",
        why: "a \(repository.keys.role.name)'s key does not open \(location.pack.blobClass)",
        next: "use the owner's passphrase or recovery key")
    }
    var base: [UInt8] = []
    if let baseID = entry.base {
      guard depth < Self.deltaDepthLimit else { throw damaged(location, "its deltas never end") }
      try load(baseID, into: &base, using: decoder, depth: depth + 1)
    }
    guard entry.sealedByteCount >= PackFormat.sealOverhead else {
      throw damaged(location, "the index gives it no room for a tag")
    }
    let key = try packKey(location)
    let count = Int(entry.sealedByteCount)
    decoder.sealed = SharedBuffer.reuse(decoder.sealed, atLeast: count)
    try decoder.sealed.withRegion(at: 0, count: count) { try read(location, into: &$0) }
    try open(location, key: key, using: decoder)
    try decode(location, base: base, into: &chunk, using: decoder)
    guard repository.keys.blobID(of: chunk.span, class: location.pack.blobClass) == entry.id else {
      throw damaged(location, "its content is not what its id says")
    }
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
    _ location: BlobLocation, base: [UInt8], into chunk: inout [UInt8],
    using decoder: ChunkDecoder
  ) throws {
    let encodedCount = Int(location.entry.sealedByteCount) - PackFormat.sealOverhead
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
