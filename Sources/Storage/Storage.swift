// The contract of every place a repository can lie in.

/// A flat store of immutable objects.
///
/// Calls block and may come from several threads at once. What behaves differently (retry, fault,
/// memory) is a small `Storage` round another.
package protocol Storage: Sendable {
  /// Where this is, for messages; never a secret.
  var location: String { get }

  /// Writes `bytes` under `key`: readers see all or none, and on return they survive a power cut.
  ///
  /// Safe to repeat with the same bytes. Makes no copy of them.
  /// - Throws: ``StorageError``; `.exists` if `key` holds other bytes, which are left untouched.
  func save(_ bytes: Span<UInt8>, as key: StorageKey) throws(StorageError)

  /// Puts `bytes` in the place of what `key` holds: readers see all of one or of the other, and on
  /// return the new ones survive a power cut.
  ///
  /// For repair alone: objects never change, so `bytes` are what the object always should have held.
  func replace(_ key: StorageKey, with bytes: Span<UInt8>) throws(StorageError)

  /// Fills `buffer` with the bytes at `offset` of the object.
  ///
  /// - Throws: ``StorageError``; `.missing`, or `.short` if the object ends before the buffer does.
  func read(_ key: StorageKey, at offset: Int, into buffer: inout MutableSpan<UInt8>)
    throws(StorageError)

  /// The object's length in bytes.
  /// - Throws: ``StorageError``; `.missing`.
  func byteCount(of key: StorageKey) throws(StorageError) -> Int

  /// Every object in `folder`, in order of key. A listing that fails half way is an error, never a
  /// short list; leftovers of interrupted writes are not objects and not listed.
  func list(_ folder: StorageFolder) throws(StorageError) -> [StoredObject]

  /// Removes the object, durably; an object that is not there is no error.
  func delete(_ key: StorageKey) throws(StorageError)
}

extension Storage {
  /// All bytes of the object; more than `limit` are refused, so that a hostile storage cannot exhaust
  /// memory.
  package func load(_ key: StorageKey, limit: Int) throws(StorageError) -> [UInt8] {
    let count = try byteCount(of: key)
    guard count <= limit else {
      throw StorageError(
        code: .failed, what: "cannot read \(key)",
        why: "it has \(count) bytes, and no such object has more than \(limit)",
        next: "the object was not written by lifeboat; run 'lifeboat check' and remove it by hand")
    }
    var bytes = [UInt8](repeating: 0, count: count)
    var span = bytes.mutableSpan
    try read(key, at: 0, into: &span)
    return bytes
  }

  /// Whether the object exists.
  package func contains(_ key: StorageKey) throws(StorageError) -> Bool {
    do { _ = try byteCount(of: key) } catch {
      if error.code == .missing { return false }
      throw error
    }
    return true
  }

  package func save(_ bytes: [UInt8], as key: StorageKey) throws(StorageError) {
    try save(bytes.span, as: key)
  }
}
