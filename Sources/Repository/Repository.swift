// A repository that is open: its storage, its keys, its index.

package import Format
import FoundationEssentials
package import Sodium
package import Storage
import Synchronization

/// How a key slot is unlocked.
package enum Unlock: Sendable {
  case passphrase(Secret)
  /// The 32 bytes of a recovery key.
  case recoveryKey(Secret)
}

/// A doom mark of the storage.
package struct PlacedDoomMark: Sendable {
  package let id: DocumentID
  package let time: Timestamp
  package let graceSeconds: Int64
  package let packs: [PackID]

  /// Whether it is older than `part` of its grace time.
  package func hasWaited(_ part: Double, at now: Timestamp) -> Bool {
    Double(now.microseconds) - Double(time.microseconds) >= part * Double(graceSeconds) * 1e6
  }
}

/// An open repository.
///
/// Thread-safe.
package final class Repository: Sendable {
  package let storage: any Storage
  package let keys: RoleKeys
  /// The key slot that was opened; nil for a copy that shares the keys of another.
  package let openedBy: DocumentID?
  package let config: RepositoryConfig
  package let index: BlobIndex
  /// Doom marks that stood when a writer began: what it stores keeps clear of them.
  let marksAtStart = Mutex<Set<DocumentID>>([])
  /// Packs whose blobs the current run relies on, for who cannot walk a catalog to find them.
  let reusedPacks = Mutex<Set<PackID>>([])
  /// What this client remembers of the repository; nil if it remembers nothing.
  let recollection = Mutex<RepositoryMemory?>(nil)

  /// The largest document that is read: a manifest of very many tables, or an index run.
  static let documentLimit = 64 << 20

  init(
    storage: any Storage, keys: RoleKeys, openedBy: DocumentID?, config: RepositoryConfig,
    scratch: String
  ) throws {
    self.storage = storage
    self.keys = keys
    self.openedBy = openedBy
    self.config = config
    index = try BlobIndex(scratch: scratch)
  }

  /// The same repository read from another storage, with the index already loaded.
  init(sharing other: Repository, storage: any Storage) {
    self.storage = storage
    keys = other.keys
    openedBy = nil
    config = other.config
    index = other.index
  }

  package var id: RepositoryID { keys.repository }
  /// The verification key of what we sign, as ``Snapshot/signer`` has it.
  package var signer: String { keys.signer.publicKey.hex }

  /// How new packs are protected against rot.
  package var parity: ParityScheme { ParityScheme(rawValue: config.parityScheme ?? 0) ?? .none }

  /// Opens the repository in `storage`.
  ///
  /// - Parameter scratch: a private folder for the decrypted index; its files have no names.
  /// - Throws: ``RepositoryError``: `missing`, `newerFormat`, `wrongPassphrase`, `damaged`, `storage`.
  package static func open(_ storage: any Storage, with unlock: Unlock, scratch: String) throws
    -> Repository
  {
    let bytes: [UInt8]
    do { bytes = try storage.load(.config, limit: documentLimit) } catch {
      if error.code == .missing {
        throw RepositoryError(
          .missing, what: "no repository at \(storage.location)", why: "it holds no config object",
          next: "check the path, or make one with 'lifeboat init'")
      }
      throw RepositoryError.storage("cannot open the repository at \(storage.location)", error)
    }
    do {
      let header = try ObjectHeader(bytes)
      guard header.kind == .config else { throw FormatError.invalid("object kind") }
      let (keys, slot) = try KeyRing.unlock(
        storage, repository: header.repository, with: unlock)
      let (envelope, body) = try keys.open(bytes, kind: .config)
      // A stolen writer's or keeper's key must not rewrite what everybody relies on.
      guard envelope.role == .owner else { throw FormatError.forged("repository configuration") }
      let config = try DocumentBody.decode(RepositoryConfig.self, from: body, kind: .config)
      guard config.repository == header.repository.hex,
        (1 << 16...1 << 28).contains(config.packByteCount)
      else { throw FormatError.invalid("repository configuration") }
      // Packs of a scheme that we don't know could be read, but what we write would lack it.
      guard ParityScheme(rawValue: config.parityScheme ?? 0) != nil else {
        throw FormatError.invalid("parity scheme")
      }
      return try Repository(
        storage: storage, keys: keys, openedBy: slot, config: config, scratch: scratch)
    } catch let error as FormatError {
      throw RepositoryError.damaged("the repository at \(storage.location)", error)
    }
  }

  // MARK: Documents

  /// Reads, checks and opens a document; its name must be the hash of its bytes.
  func loadDocument(_ key: StorageKey, kind: ObjectKind) throws -> (
    envelope: Envelope, plaintext: [UInt8]
  ) {
    let bytes: [UInt8]
    do { bytes = try storage.load(key, limit: Self.documentLimit) } catch {
      throw RepositoryError.storage(
        "cannot read \(kind.name) \(key.name.suffix(64).prefix(8))", error)
    }
    do throws(FormatError) {
      guard key.name.hasSuffix(DocumentID(of: bytes).hex) else {
        throw .forged("name of the \(kind.name)")
      }
      return try keys.open(bytes, kind: kind)
    } catch {
      throw RepositoryError.damaged("\(kind.name) \(key.name.suffix(64).prefix(8))", error)
    }
  }

  /// Seals, signs and saves a document; returns its id and length.
  func saveDocument(
    _ plaintext: [UInt8], kind: ObjectKind, for recipient: Recipient, in folder: StorageFolder,
    prefix: String = ""
  ) throws -> (id: DocumentID, byteCount: Int) {
    let bytes = try keys.seal(plaintext, kind: kind, for: recipient)
    let id = DocumentID(of: bytes)
    guard let key = StorageKey(folder, prefix + id.hex) else {
      throw RepositoryError(
        .internalFailure, what: "cannot name a \(kind.name)", why: "its name is malformed",
        next: "report this as a bug")
    }
    do { try storage.save(bytes, as: key) } catch {
      throw RepositoryError.storage("cannot store a \(kind.name)", error)
    }
    return (id, bytes.count)
  }

  func list(_ folder: StorageFolder) throws -> [StoredObject] {
    do { return try storage.list(folder) } catch {
      throw RepositoryError.storage("cannot list \(folder.rawValue)", error)
    }
  }

  // MARK: Index

  /// Loads every index run of the storage that is not loaded yet.
  ///
  /// List snapshots before this: what a manifest refers to is then in some run that is listed.
  package func loadIndex() throws {
    for attempt in 1... {
      let known = Set(index.runIDs)
      var vanished = false
      for object in try list(.index) {
        guard let id = DocumentID(hex: object.key.name), !known.contains(id) else { continue }
        do {
          let (envelope, plaintext) = try loadDocument(object.key, kind: .indexRun)
          try addToIndex(plaintext, id: id, signer: envelope.signer, role: envelope.role)
        } catch let error as RepositoryError {
          // A merge may have replaced it after we listed it: look again.
          if error.isStorage, attempt < 5, !(try exists(object.key)) {
            vanished = true
            continue
          }
          throw error
        }
      }
      if !vanished { return }
    }
  }

  private func exists(_ key: StorageKey) throws -> Bool {
    do { return try storage.contains(key) } catch {
      throw RepositoryError.storage("cannot read \(key)", error)
    }
  }

  private func addToIndex(_ plaintext: [UInt8], id: DocumentID, signer: Digest, role: Role) throws {
    do { try index.add(plaintext, id: id, signer: signer, role: role) } catch let error
      as FormatError
    {
      throw RepositoryError.damaged("index run \(id)", error)
    }
  }

  /// Writes an index run of `packs` and loads it; returns its length in bytes.
  func addIndexRun(_ packs: [StoredPack], replacing: [DocumentID]) throws -> Int {
    var entries: [IndexEntry] = []
    for (ordinal, pack) in packs.enumerated() {
      for (slot, entry) in pack.entries.enumerated() {
        entries.append(
          IndexEntry(packOrdinal: UInt32(ordinal), slot: UInt32(slot), entry: entry))
      }
    }
    return try addIndexRun(packs.map(\.record), entries, replacing: replacing)
  }

  /// Writes an index run of these entries and loads it; returns its length in bytes.
  func addIndexRun(_ packs: [PackRecord], _ entries: [IndexEntry], replacing: [DocumentID]) throws
    -> Int
  {
    let plaintext = IndexRun.encode(packs: packs, entries: entries, replacing: replacing)
    let (id, byteCount) = try saveDocument(plaintext, kind: .indexRun, for: .writer, in: .index)
    try addToIndex(
      plaintext, id: id, signer: keys.signer.publicKey, role: keys.signer.role)
    return byteCount
  }

  // MARK: Reading and writing blobs

  /// A writer for one run; call ``loadIndex()`` before, or everything is stored anew.
  package func makeWriter(deltas policy: DeltaPolicy = DeltaPolicy()) throws -> BlobWriter {
    let marks = try doomMarks()
    marksAtStart.withLock { $0 = Set(marks.map(\.id)) }
    reusedPacks.withLock { $0 = [] }
    var unfit = Set(marks.flatMap(\.packs))
    // What a damaged repository lost is stored again, as far as the sources still have it.
    var present: [String: Int] = [:]
    for object in try list(.packs) { present[object.key.name] = object.byteCount }
    for (id, record) in index.packs() where present[id.hex] != Int(record.byteCount) {
      unfit.insert(id)
    }
    return BlobWriter(repository: self, doomed: unfit, policy: policy)
  }

  /// A reader; it shares caches among threads.
  package func makeReader() -> BlobReader { BlobReader(repository: self) }

  /// The packs that prune has marked, each mark with its own id.
  ///
  /// A mark that a writer signed is none: writers delete nothing.
  package func doomMarks() throws -> [PlacedDoomMark] {
    try list(.doomed).compactMap { object -> PlacedDoomMark? in
      guard let id = DocumentID(hex: object.key.name) else { return nil }
      let (envelope, body): (Envelope, [UInt8])
      do { (envelope, body) = try loadDocument(object.key, kind: .doom) } catch let error
        as RepositoryError
      {
        // Another prune may have finished with it since the listing.
        if error.isStorage, !(try exists(object.key)) { return nil }
        throw error
      }
      guard envelope.role != .writer else { return nil }
      do {
        let mark = try DocumentBody.decode(DoomMark.self, from: body, kind: .doom)
        return PlacedDoomMark(
          id: id, time: mark.time, graceSeconds: mark.graceSeconds,
          packs: mark.packs.compactMap { PackID(hex: $0) })
      } catch let error as FormatError {
        throw RepositoryError.damaged("doom mark \(id)", error)
      }
    }
  }
}

extension Repository {
  /// Bytes of all packs and index runs as the storage lists them.
  package func storedByteCount() throws -> UInt64 {
    try [StorageFolder.packs, .index, .snapshots].reduce(0) { total, folder in
      try list(folder).reduce(total) { $0 + UInt64($1.byteCount) }
    }
  }
}
