// An index run: which pack holds which blob, sorted by blob id, read in place.

package import Sodium

/// A pack as an index run lists it.
package struct PackRecord: Hashable, Sendable {
  package var id: PackID
  /// BLAKE2b-256 of the whole pack, so that it can be checked without any key.
  package var checksum: Digest
  package var byteCount: UInt32
  package var blobClass: BlobClass

  /// Stands for the checksum of a pack that was damaged before it was listed: nothing hashes to it.
  package static let unknownChecksum = Digest()

  package init(id: PackID, checksum: Digest, byteCount: UInt32, blobClass: BlobClass) {
    self.id = id
    self.checksum = checksum
    self.byteCount = byteCount
    self.blobClass = blobClass
  }
}

/// A blob as an index run lists it.
package struct IndexEntry: Hashable, Sendable {
  /// Position in the run's pack table.
  package var packOrdinal: UInt32
  /// Position in the pack's trailer: part of what the blob's sealing binds.
  ///
  /// At most 65,535.
  package var slot: UInt32
  package var entry: PackEntry

  package init(packOrdinal: UInt32, slot: UInt32, entry: PackEntry) {
    self.packOrdinal = packOrdinal
    self.slot = slot
    self.entry = entry
  }
}

/// The plaintext of an index run.
///
/// All numbers are little-endian.
///
/// ```
/// 0 4 body version (1)   4 4 packs P   8 4 entries E   12 4 deltas D   16 4 replaced runs R
/// 20       P × 72  pack id 32, checksum 32, length 4, class 1, zero 3
///          E × 48  blob id 32, pack ordinal 3, offset 4, sealed length 3, plain length 3,
///                  encoding 1, slot in its pack 2     sorted by blob id, then pack ordinal
///          D × 36  entry ordinal 4, base blob id 32   sorted by ordinal
///          R × 32  ids of runs that this one replaces
/// ```
package struct IndexRun: Sendable {
  package static let entryByteCount = 48
  package static let packByteCount = 72
  private static let headByteCount = 20
  /// The most entries a writer puts in one run: about 10 MiB of plaintext.
  package static let maximumEntryCount = 200_000

  package let packCount: Int
  package let entryCount: Int
  package let deltaCount: Int
  package let replacedCount: Int

  private var entriesStart: Int { Self.headByteCount + packCount * Self.packByteCount }
  private var deltasStart: Int { entriesStart + entryCount * Self.entryByteCount }
  private var replacedStart: Int { deltasStart + deltaCount * 36 }

  /// Encodes a run.
  ///
  /// Entries are sorted here.
  package static func encode(packs: [PackRecord], entries: [IndexEntry], replacing: [DocumentID])
    -> [UInt8]
  {
    let sorted = entries.sorted {
      ($0.entry.id, $0.packOrdinal, $0.entry.offset) < (
        $1.entry.id, $1.packOrdinal, $1.entry.offset
      )
    }
    let deltas = sorted.enumerated().filter { $0.element.entry.base != nil }
    var writer = ByteWriter(
      reserving: headByteCount + packs.count * packByteCount + sorted.count * entryByteCount)
    writer.u32(1)
    writer.u32(UInt32(packs.count))
    writer.u32(UInt32(sorted.count))
    writer.u32(UInt32(deltas.count))
    writer.u32(UInt32(replacing.count))
    for pack in packs {
      writer.id(pack.id)
      writer.digest(pack.checksum)
      writer.u32(pack.byteCount)
      writer.u8(pack.blobClass.rawValue)
      writer.raw([0, 0, 0])
    }
    for item in sorted {
      writer.id(item.entry.id)
      writer.u24(item.packOrdinal)
      writer.u32(item.entry.offset)
      writer.u24(item.entry.sealedByteCount)
      writer.u24(item.entry.plainByteCount)
      writer.u8(item.entry.encoding.rawValue)
      writer.u16(UInt16(truncatingIfNeeded: item.slot))
    }
    for (ordinal, item) in deltas {
      writer.u32(UInt32(ordinal))
      if let base = item.entry.base { writer.id(base) }
    }
    for id in replacing { writer.id(id) }
    return writer.bytes
  }

  /// Reads the head of a run and checks that the tables fill `bytes` exactly and are in order.
  package init(checking bytes: Span<UInt8>) throws(FormatError) {
    guard bytes.count >= Self.headByteCount else { throw .truncated }
    guard bytes.little(4, at: 0) == 1 else { throw .invalid("index run version") }
    packCount = Int(bytes.little(4, at: 4))
    entryCount = Int(bytes.little(4, at: 8))
    deltaCount = Int(bytes.little(4, at: 12))
    replacedCount = Int(bytes.little(4, at: 16))
    guard bytes.count == replacedStart + replacedCount * 32 else { throw .truncated }
    var previous: BlobID?
    for i in 0..<entryCount {
      let at = entriesStart + i * Self.entryByteCount
      guard let digest = Digest(bytes, at: at) else { throw .truncated }
      let id = BlobID(digest)
      if let previous, id < previous { throw .invalid("order of the index run") }
      previous = id
      guard bytes.little(3, at: at + 32) < packCount else { throw .invalid("pack ordinal") }
      guard BlobEncoding(rawValue: bytes[at + 45]) != nil else { throw .invalid("blob encoding") }
    }
    for i in 0..<packCount {
      guard BlobClass(rawValue: bytes[Self.headByteCount + i * Self.packByteCount + 68]) != nil
      else { throw .invalid("blob class") }
    }
  }

  /// The pack at `ordinal`, from the run's `bytes`.
  package func pack(_ ordinal: Int, in bytes: Span<UInt8>) -> PackRecord? {
    guard (0..<packCount).contains(ordinal) else { return nil }
    let at = Self.headByteCount + ordinal * Self.packByteCount
    guard let id = Digest(bytes, at: at), let checksum = Digest(bytes, at: at + 32),
      let blobClass = BlobClass(rawValue: bytes[at + 68])
    else { return nil }
    return PackRecord(
      id: PackID(id), checksum: checksum, byteCount: UInt32(bytes.little(4, at: at + 64)),
      blobClass: blobClass)
  }

  /// The blob id at `ordinal`, from the run's `bytes`.
  package func id(_ ordinal: Int, in bytes: Span<UInt8>) -> BlobID? {
    guard (0..<entryCount).contains(ordinal) else { return nil }
    return Digest(bytes, at: entriesStart + ordinal * Self.entryByteCount).map { BlobID($0) }
  }

  /// The entry at `ordinal`, from the run's `bytes`.
  package func entry(_ ordinal: Int, in bytes: Span<UInt8>) -> IndexEntry? {
    guard (0..<entryCount).contains(ordinal) else { return nil }
    let at = entriesStart + ordinal * Self.entryByteCount
    guard let id = Digest(bytes, at: at), let encoding = BlobEncoding(rawValue: bytes[at + 45])
    else { return nil }
    var base: BlobID?
    if encoding == .delta {
      guard let found = deltaBase(of: ordinal, in: bytes) else { return nil }
      base = found
    }
    return IndexEntry(
      packOrdinal: UInt32(bytes.little(3, at: at + 32)),
      slot: UInt32(bytes.little(2, at: at + 46)),
      entry: PackEntry(
        id: BlobID(id), encoding: encoding, offset: UInt32(bytes.little(4, at: at + 35)),
        sealedByteCount: UInt32(bytes.little(3, at: at + 39)),
        plainByteCount: UInt32(bytes.little(3, at: at + 42)), base: base))
  }

  /// The runs that this one replaces.
  package func replaced(in bytes: Span<UInt8>) -> [DocumentID] {
    (0..<replacedCount).compactMap { Digest(bytes, at: replacedStart + $0 * 32) }.map {
      DocumentID($0)
    }
  }

  private func deltaBase(of ordinal: Int, in bytes: Span<UInt8>) -> BlobID? {
    var low = 0
    var high = deltaCount
    while low < high {
      let middle = (low + high) / 2
      let at = deltasStart + middle * 36
      let found = Int(bytes.little(4, at: at))
      if found == ordinal { return Digest(bytes, at: at + 4).map { BlobID($0) } }
      if found < ordinal { low = middle + 1 } else { high = middle }
    }
    return nil
  }
}

extension Span where Element == UInt8 {
  /// `count` bytes at `offset` as a little-endian number; 0 past the end.
  package func little(_ count: Int, at offset: Int) -> UInt64 {
    guard offset >= 0, offset <= self.count - count else { return 0 }
    var value: UInt64 = 0
    for i in 0..<count { value |= UInt64(self[offset + i]) << UInt64(8 * i) }
    return value
  }
}
