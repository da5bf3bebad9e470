// A pack read by itself: what its own trailer says it holds.

import Format
import Sodium
import Storage

extension Repository {
  /// The record and the entries of a pack, from its header and trailer; reads all of it.
  func packContents(_ id: PackID, byteCount: Int, reader: BlobReader) throws -> (
    record: PackRecord, entries: [PackEntry]
  ) {
    guard let key = StorageKey(.packs, id.hex), byteCount <= 1 << 28 else {
      throw RepositoryError.damaged("pack \(id)", .invalid("length"))
    }
    let (header, packKey) = try reader.packHeader(id)
    let bytes: [UInt8]
    do { bytes = try storage.load(key, limit: 1 << 28) } catch {
      throw RepositoryError.storage("cannot read pack \(id)", error)
    }
    do throws(FormatError) {
      let (range, count) = try header.locator(key: packKey, byteCount: bytes.count)
      let entries = try PackFormat.entries(
        Array(bytes[range]), count: count, before: range.lowerBound, pack: id,
        repository: self.id, key: packKey)
      let record = PackRecord(
        id: id, checksum: Blake2b.hash(bytes), byteCount: UInt32(bytes.count),
        blobClass: header.blobClass)
      return (record, entries)
    } catch {
      throw RepositoryError.damaged("pack \(id)", error)
    }
  }
}
