// A storage in memory, for tests and for what must never touch a disk.

import Synchronization

/// Objects in a dictionary; gone with the process.
package final class MemoryStorage: Storage {
  private let objects = Mutex<[StorageKey: [UInt8]]>([:])

  package init() {}

  package var location: String { "memory" }

  package func save(_ bytes: Span<UInt8>, as key: StorageKey) throws(StorageError) {
    var copy: [UInt8] = []
    copy.reserveCapacity(bytes.count)
    for i in 0..<bytes.count { copy.append(bytes[i]) }
    let held = objects.withLock { objects in
      if let held = objects[key] { return held == copy }
      objects[key] = copy
      return true
    }
    guard held else {
      throw StorageError(
        code: .exists, what: "cannot write \(key)", why: "it holds other bytes",
        next: "run 'lifeboat check'")
    }
  }

  package func replace(_ key: StorageKey, with bytes: Span<UInt8>) throws(StorageError) {
    var copy: [UInt8] = []
    for i in 0..<bytes.count { copy.append(bytes[i]) }
    objects.withLock { $0[key] = copy }
  }

  package func read(_ key: StorageKey, at offset: Int, into buffer: inout MutableSpan<UInt8>)
    throws(StorageError)
  {
    guard let object = objects.withLock({ $0[key] }) else { throw Self.missing(key) }
    guard offset >= 0, offset <= object.count - buffer.count else {
      throw StorageError(
        code: .short, what: "cannot read \(key)", why: "it has only \(object.count) bytes",
        next: "run 'lifeboat check'")
    }
    for i in 0..<buffer.count { buffer[i] = object[offset + i] }
  }

  package func byteCount(of key: StorageKey) throws(StorageError) -> Int {
    guard let count = objects.withLock({ $0[key]?.count }) else { throw Self.missing(key) }
    return count
  }

  package func list(_ folder: StorageFolder) throws(StorageError) -> [StoredObject] {
    objects.withLock { objects in
      objects.filter { $0.key.folder == folder }
        .map { StoredObject(key: $0.key, byteCount: $0.value.count) }
    }.sorted { $0.key < $1.key }
  }

  package func delete(_ key: StorageKey) throws(StorageError) {
    objects.withLock { _ = $0.removeValue(forKey: key) }
  }

  /// Replaces an object behind the repository's back, as rot or an attacker would.
  package func tamper(_ key: StorageKey, _ change: (inout [UInt8]) -> Void) {
    objects.withLock { if var bytes = $0[key] { change(&bytes); $0[key] = bytes } }
  }

  private static func missing(_ key: StorageKey) -> StorageError {
    StorageError(
      code: .missing, what: "cannot read \(key)", why: "there is no such object",
      next: "run 'lifeboat check'")
  }
}
