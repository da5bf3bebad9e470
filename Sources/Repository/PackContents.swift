// A pack read by itself: what its own trailer says it holds.

import Format
import Sodium
import Storage

/// A pack as its own header and trailer describe it.
struct PackContents {
  var record: PackRecord
  /// In order of their slots.
  var entries: [PackEntry]
  var key: Secret
}

extension Repository {
  /// The record and the entries of a pack, from its header and trailer; reads all of it.
  func packContents(_ id: PackID, byteCount: Int) throws -> PackContents {
    guard let key = StorageKey(.packs, id.hex), byteCount <= Self.packLimit else {
      throw RepositoryError.damaged("pack \(id)", .invalid("length"))
    }
    let bytes: [UInt8]
    do { bytes = try storage.load(key, limit: Self.packLimit) } catch {
      throw RepositoryError.storage("cannot read pack \(id)", error)
    }
    do throws(FormatError) { return try packContents(of: bytes, id) } catch {
      throw RepositoryError.damaged("pack \(id)", error)
    }
  }

  /// No pack is longer.
  static let packLimit = 1 << 28

  /// What `bytes`, a whole pack, say of themselves.
  func packContents(of bytes: [UInt8], _ id: PackID) throws(FormatError) -> PackContents {
    let header = try PackFormat.Header(
      Array(bytes.prefix(PackFormat.headerByteCount)), expecting: id, repository: self.id)
    let key = try packKey(header)
    let (range, count) = try header.locator(key: key, byteCount: bytes.count)
    let entries = try PackFormat.entries(
      Array(bytes[range]), count: count, before: range.lowerBound, pack: id, repository: self.id,
      key: key)
    let record = PackRecord(
      id: id, checksum: Blake2b.hash(bytes), byteCount: UInt32(bytes.count),
      blobClass: header.blobClass)
    return PackContents(record: record, entries: entries, key: key)
  }

  /// The key of the pack that `header` begins.
  func packKey(_ header: PackFormat.Header) throws(FormatError) -> Secret {
    guard let session = try keys.session(of: header.object) else { throw .invalid("recipient") }
    do throws(SodiumError) {
      return try PackFormat.packKey(session: session, pack: header.pack)
    } catch { throw .forged("pack") }
  }

  /// Whether the blob in `slot` of `pack`, whose bytes are given, is what was sealed.
  func isAuthentic(_ slot: Int, of pack: PackContents, in bytes: Span<UInt8>) -> Bool {
    let entry = pack.entries[slot]
    let range = Int(entry.offset)..<Int(entry.offset) + Int(entry.sealedByteCount)
    guard range.upperBound <= bytes.count else { return false }
    let context = PackFormat.blobContext(
      repository: id, pack: pack.record.id, slot: UInt32(slot), class: pack.record.blobClass,
      entry: entry)
    let sealed = bytes.extracting(range)
    return (try? AEAD.opened(sealed, binding: context, key: pack.key)) != nil
  }
}
