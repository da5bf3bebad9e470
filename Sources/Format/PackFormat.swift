// A pack as bytes: header, sealed blobs, padding, sealed trailer that names the blobs.

package import Sodium

/// One blob as the trailer of its pack names it.
package struct PackEntry: Hashable, Sendable {
  package var id: BlobID
  package var encoding: BlobEncoding
  /// From the start of the pack to the blob's nonce, in bytes.
  package var offset: UInt32
  /// Nonce, ciphertext and tag, in bytes.
  package var sealedByteCount: UInt32
  /// The chunk's length in bytes.
  package var plainByteCount: UInt32
  /// The blob whose plaintext is the prefix; only with ``BlobEncoding/delta``.
  package var base: BlobID?

  package init(
    id: BlobID, encoding: BlobEncoding, offset: UInt32, sealedByteCount: UInt32,
    plainByteCount: UInt32, base: BlobID?
  ) {
    self.id = id
    self.encoding = encoding
    self.offset = offset
    self.sealedByteCount = sealedByteCount
    self.plainByteCount = plainByteCount
    self.base = base
  }
}

/// The layout of a pack and what each of its parts binds.
///
/// ```
///   0  184  object header (kind pack; recipient keeper for metadata, owner for content)
/// 184   32  pack id
/// 216   56  sealed locator: nonce, 16 bytes, tag
/// 272  240  zero
/// 512       sealed blobs, one after the other: nonce 24, ciphertext, tag 16
///           padding: random bytes
///           sealed trailer: nonce 24, entries, tag 16
///           parity, see ``ParityLayout``; without it the trailer ends the pack
/// ```
/// The locator holds the trailer's offset and sealed length, the number of entries (4 bytes each)
/// and the parity scheme (1 byte) with 3 zero bytes: so neither the trailer's length nor the number
/// of blobs shows. A pack is exactly as long as the repository's pack size; the last one of a run may
/// be shorter, its length rounded up as PADMÉ does (Nikitin et al., PETS 2019).
package enum PackFormat {
  package static let headerByteCount = 512
  package static let sealOverhead = 24 + 16
  /// No chunk is longer, sealed or not: an index run holds lengths of three bytes.
  package static let maximumPlainByteCount: UInt32 = (1 << 24) - 1
  /// No chain of deltas is longer; a reader refuses one that is, or that comes back to itself.
  package static let deltaDepthLimit = 64
  private static let locatorRange = 216..<272

  /// Bytes that one entry takes in the trailer.
  package static func trailerByteCount(of entry: PackEntry) -> Int {
    48 + (entry.base == nil ? 0 : 32)
  }

  /// The key of one pack within a session.
  package static func packKey(session: Secret, pack: PackID) throws(SodiumError) -> Secret {
    try Blake2b.derive(session, "lifeboat pack v1", info: pack.digest.bytes)
  }

  /// What the sealing of a blob binds: it opens only in this repository, pack and slot, as this id,
  /// encoding and length.
  package static func blobContext(
    repository: RepositoryID, pack: PackID, slot: UInt32, class blobClass: BlobClass,
    entry: PackEntry
  ) -> [UInt8] {
    var writer = ByteWriter(reserving: 176)
    writer.raw(Array("lifeboat blob v1".utf8))
    writer.id(repository)
    writer.id(pack)
    writer.u32(slot)
    writer.u8(blobClass.rawValue)
    writer.id(entry.id)
    writer.u8(entry.encoding.rawValue)
    writer.u32(entry.plainByteCount)
    if let base = entry.base { writer.id(base) }
    return writer.bytes
  }

  /// The 512 header bytes of a finished pack.
  package static func header(
    _ object: ObjectHeader, pack: PackID, trailerOffset: UInt32, trailerByteCount: UInt32,
    entryCount: UInt32, parity: ParityScheme = .none, key: Secret
  ) throws(SodiumError) -> [UInt8] {
    var writer = ByteWriter(reserving: headerByteCount)
    writer.raw(object.encoded)
    writer.id(pack)
    let bound = writer.bytes
    var locator = ByteWriter(reserving: 16)
    locator.u32(trailerOffset)
    locator.u32(trailerByteCount)
    locator.u32(entryCount)
    locator.raw([parity.rawValue, 0, 0, 0])
    writer.raw(try AEAD.sealed(locator.bytes, binding: bound, key: key))
    writer.raw([UInt8](repeating: 0, count: headerByteCount - writer.bytes.count))
    return writer.bytes
  }

  /// `entries` sealed as a trailer.
  package static func trailer(
    _ entries: [PackEntry], pack: PackID, repository: RepositoryID, key: Secret
  ) throws(SodiumError) -> [UInt8] {
    var writer = ByteWriter(reserving: entries.count * 48)
    for entry in entries {
      writer.id(entry.id)
      writer.u32(entry.offset)
      writer.u32(entry.sealedByteCount)
      writer.u32(entry.plainByteCount)
      writer.u8(entry.encoding.rawValue)
      writer.raw([0, 0, 0])
      if let base = entry.base { writer.id(base) }
    }
    return try AEAD.sealed(
      writer.bytes, binding: trailerContext(pack, repository, entries.count), key: key)
  }

  private static func trailerContext(_ pack: PackID, _ repository: RepositoryID, _ count: Int)
    -> [UInt8]
  {
    var writer = ByteWriter(reserving: 96)
    writer.raw(Array("lifeboat trailer v1".utf8))
    writer.id(repository)
    writer.id(pack)
    writer.u32(UInt32(truncatingIfNeeded: count))
    return writer.bytes
  }

  /// What the header of a pack says; the locator is read once the session key is known.
  package struct Header: Sendable {
    package let object: ObjectHeader
    package let pack: PackID
    private let bound: [UInt8]
    private let sealedLocator: [UInt8]

    /// Parses the first 512 bytes of a pack.
    package init(_ bytes: [UInt8], expecting pack: PackID, repository: RepositoryID)
      throws(FormatError)
    {
      guard bytes.count >= headerByteCount else { throw .truncated }
      object = try ObjectHeader(bytes)
      guard object.kind == .pack else { throw .invalid("object kind: \(object.kind.name)") }
      guard object.repository == repository else { throw .invalid("repository id") }
      guard object.recipient == .keeper || object.recipient == .owner else {
        throw .invalid("recipient")
      }
      var reader = ByteReader(bytes, offset: ObjectHeader.byteCount)
      self.pack = PackID(try reader.digest())
      guard self.pack == pack else { throw .invalid("pack id") }
      guard bytes[locatorRange.upperBound..<headerByteCount].allSatisfy({ $0 == 0 }) else {
        throw .invalid("reserved bytes")
      }
      bound = Array(bytes[..<locatorRange.lowerBound])
      sealedLocator = Array(bytes[locatorRange])
    }

    /// Metadata or content, by who can open the pack.
    package var blobClass: BlobClass { object.recipient == .keeper ? .metadata : .content }

    /// Where the trailer lies in a pack of `byteCount` bytes, and how many entries it has.
    package func locator(key: Secret, byteCount: Int) throws(FormatError) -> (
      trailer: Range<Int>, entryCount: Int
    ) {
      let plain: [UInt8]
      do throws(SodiumError) {
        plain = try AEAD.opened(sealedLocator.span, binding: bound, key: key)
      } catch { throw .forged("locator of the pack") }
      var reader = ByteReader(plain)
      let offset = Int(try reader.u32())
      let length = Int(try reader.u32())
      let count = Int(try reader.u32())
      guard let scheme = ParityScheme(rawValue: try reader.u8()) else {
        throw .invalid("parity scheme")
      }
      guard try reader.raw(3) == [0, 0, 0] else { throw .invalid("reserved bytes") }
      guard let end = PackFormat.dataByteCount(ofPack: byteCount, scheme),
        offset >= headerByteCount, length >= sealOverhead, offset + length == end
      else { throw .invalid("trailer position") }
      return (offset..<offset + length, count)
    }
  }

  /// The entries of a sealed trailer, each checked to lie between header and trailer.
  package static func entries(
    _ sealed: [UInt8], count: Int, before trailerOffset: Int, pack: PackID,
    repository: RepositoryID, key: Secret
  ) throws(FormatError) -> [PackEntry] {
    let plain: [UInt8]
    do throws(SodiumError) {
      plain = try AEAD.opened(
        sealed.span, binding: trailerContext(pack, repository, count), key: key)
    } catch { throw .forged("trailer of the pack") }
    var reader = ByteReader(plain)
    var entries: [PackEntry] = []
    while reader.remaining > 0 {
      let id = BlobID(try reader.digest())
      let offset = try reader.u32()
      let sealedLength = try reader.u32()
      let plainLength = try reader.u32()
      guard let encoding = BlobEncoding(rawValue: try reader.u8()) else {
        throw .invalid("blob encoding")
      }
      guard try reader.raw(3) == [0, 0, 0] else { throw .invalid("reserved bytes") }
      let base = encoding == .delta ? BlobID(try reader.digest()) : nil
      guard Int(offset) >= headerByteCount, Int(sealedLength) >= sealOverhead,
        Int(offset) + Int(sealedLength) <= trailerOffset
      else { throw .invalid("blob position") }
      // As in an index run; and a hostile length must not make a reader take 4 GiB.
      guard plainLength <= maximumPlainByteCount else { throw .invalid("blob length") }
      entries.append(
        PackEntry(
          id: id, encoding: encoding, offset: offset, sealedByteCount: sealedLength,
          plainByteCount: plainLength, base: base))
    }
    guard entries.count == count else { throw .invalid("entry count") }
    return entries
  }

  /// Where the trailer of a pack of `byteCount` bytes ends; nil if it is too short for the scheme.
  package static func dataByteCount(ofPack byteCount: Int, _ scheme: ParityScheme) -> Int? {
    switch scheme {
    case .none: byteCount
    case .fiveShards: ParityLayout(byteCount: byteCount)?.dataByteCount
    }
  }

  /// The shortest pack whose header, blobs and trailer have `dataByteCount` bytes.
  package static func byteCount(holding dataByteCount: Int, _ scheme: ParityScheme) -> Int {
    switch scheme {
    case .none: dataByteCount
    case .fiveShards: ParityLayout.byteCount(holding: dataByteCount)
    }
  }

  /// The length that PADMÉ rounds `byteCount` up to: at most 12 % more, leaking O(log log n) bits.
  package static func padded(_ byteCount: Int) -> Int {
    guard byteCount > 1 else { return byteCount }
    let e = Int.bitWidth - 1 - byteCount.leadingZeroBitCount
    let s = Int.bitWidth - e.leadingZeroBitCount
    let mask = (1 << max(0, e - s)) - 1
    return (byteCount + mask) & ~mask
  }
}
