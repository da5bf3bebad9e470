// A repository that is known to be damaged: what a drill must be able to notice.

package import Format
import Storage
import Synchronization

/// A storage whose every read passes through to another one, except that single bytes come changed.
private final class FlippedByteStorage: Storage {
  private let base: any Storage
  /// Offsets of the bytes that come with their bits inverted.
  private let flips: [StorageKey: Set<Int>]
  let servedCount = Atomic<Int>(0)

  init(_ base: any Storage, flips: [StorageKey: Set<Int>]) {
    self.base = base
    self.flips = flips
  }

  var location: String { base.location }

  func read(_ key: StorageKey, at offset: Int, into buffer: inout MutableSpan<UInt8>)
    throws(StorageError)
  {
    try base.read(key, at: offset, into: &buffer)
    for flip in flips[key] ?? [] where flip >= offset && flip - offset < buffer.count {
      buffer[flip - offset] ^= 0xFF
      servedCount.wrappingAdd(1, ordering: .relaxed)
    }
  }

  func byteCount(of key: StorageKey) throws(StorageError) -> Int { try base.byteCount(of: key) }
  func list(_ folder: StorageFolder) throws(StorageError) -> [StoredObject] {
    try base.list(folder)
  }

  func save(_ bytes: Span<UInt8>, as key: StorageKey) throws(StorageError) { throw Self.refusal }
  func replace(_ key: StorageKey, with bytes: Span<UInt8>) throws(StorageError) {
    throw Self.refusal
  }
  func delete(_ key: StorageKey) throws(StorageError) { throw Self.refusal }

  private static var refusal: StorageError {
    StorageError(
      code: .readOnly, what: "cannot write to a repository that is damaged on purpose",
      why: "it serves a negative control only", next: "report this as a bug")
  }
}

/// What came of loading a blob with one of its bytes changed.
package struct NegativeControl: Sendable {
  /// The pack, and the changed byte in it.
  package var place: String
  /// How often the changed byte was really handed to the reader.
  package var servedCount: Int
  /// Why the reader refused the blob; nil if it took it, which must never be.
  package var refusal: String?
}

extension Repository {
  /// Loads `blob` twice by the path that every restore takes.
  ///
  /// Once from the storage as it is, and once from one that changes a byte inside the blob. Nothing is
  /// written.
  /// - Throws: ``RepositoryError`` if the blob cannot be loaded even undamaged.
  package func negativeControl(
    on blob: BlobID, using generator: inout some RandomNumberGenerator
  ) throws -> NegativeControl {
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    try makeReader().load(blob, into: &chunk, using: decoder)

    // A reader tries every copy that the index knows, so all of them must be damaged.
    var flips: [StorageKey: Set<Int>] = [:]
    var places: [String] = []
    for location in index.locations(of: blob) {
      guard let key = StorageKey(.packs, location.pack.id.hex) else { continue }
      let inside = Int.random(
        in: 0..<max(1, Int(location.entry.sealedByteCount)), using: &generator)
      flips[key, default: []].insert(Int(location.entry.offset) + inside)
      places.append("byte \(Int(location.entry.offset) + inside) of pack \(location.pack.id)")
    }
    let damaged = FlippedByteStorage(storage, flips: flips)
    // A repository of its own, so that no cache of this one can answer; the index is shared.
    let copy = Repository(sharing: self, storage: damaged)
    var control = NegativeControl(
      place: places.joined(separator: ", "), servedCount: 0, refusal: nil)
    do { try copy.makeReader().load(blob, into: &chunk, using: decoder) } catch let error
      as RepositoryError
    {
      // Only damage noticed is a refusal; a storage that fails proves nothing.
      guard error.code == .damaged else { throw error }
      control.refusal = error.why
    }
    control.servedCount = damaged.servedCount.load(ordering: .relaxed)
    return control
  }
}
