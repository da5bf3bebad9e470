// A storage that counts what is read.

import Storage
import Synchronization

/// Passes everything through.
final class CountingStorage: Storage {
  private let base: any Storage
  private let count = Atomic<Int>(0)

  init(_ base: any Storage) { self.base = base }

  /// Calls of `read` since the last reset.
  var reads: Int { count.load(ordering: .relaxed) }
  func reset() { count.store(0, ordering: .relaxed) }

  var location: String { base.location }
  func save(_ bytes: Span<UInt8>, as key: StorageKey) throws(StorageError) {
    try base.save(bytes, as: key)
  }
  func replace(_ key: StorageKey, with bytes: Span<UInt8>) throws(StorageError) {
    try base.replace(key, with: bytes)
  }
  func read(_ key: StorageKey, at offset: Int, into buffer: inout MutableSpan<UInt8>)
    throws(StorageError)
  {
    count.add(1, ordering: .relaxed)
    try base.read(key, at: offset, into: &buffer)
  }
  func byteCount(of key: StorageKey) throws(StorageError) -> Int { try base.byteCount(of: key) }
  func list(_ folder: StorageFolder) throws(StorageError) -> [StoredObject] {
    try base.list(folder)
  }
  func delete(_ key: StorageKey) throws(StorageError) { try base.delete(key) }
}
