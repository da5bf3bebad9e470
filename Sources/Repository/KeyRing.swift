// Key slots of a repository: making them, and finding the one that a secret opens.

package import Format
package import Sodium
package import Storage

/// What `init` returns.
package struct CreatedRepository: Sendable {
  package let id: RepositoryID
  /// The recovery key as people write it down; nil if none was asked for.
  package let recoveryKey: RecoveryKey?
}

/// Creates repositories and unlocks their key slots.
package enum KeyRing {
  /// Writes a new repository: key slots first, `config` last, which is what makes it one.
  ///
  /// - Throws: ``RepositoryError``; `exists` if `storage` holds a config object already.
  package static func create(
    in storage: any Storage, passphrase: Secret, hash: PassphraseHash = .standard,
    label: String, withRecoveryKey: Bool, created: Timestamp,
    packByteCount: Int = 32 << 20, chunkerProfile: UInt8 = 1, tableRangeBlocks: UInt32 = 256,
    parity: ParityScheme = .fiveShards
  ) throws -> CreatedRepository {
    do {
      guard !(try storage.contains(.config)) else {
        throw RepositoryError(
          .exists, what: "cannot create a repository at \(storage.location)",
          why: "there is one already", next: "use it as it is, or choose another place")
      }
    } catch let error as StorageError {
      throw RepositoryError.storage("cannot create a repository", error)
    }
    let id = RepositoryID.random()
    let secrets = try RoleSecrets.generate(repository: id, epoch: 1)
    var slots = [
      try seal(
        secrets, lock: .passphrase(passphrase, hash), label: label, created: created,
        repository: id)
    ]
    let recoveryKey = withRecoveryKey ? try RecoveryKey.generate() : nil
    if let recoveryKey {
      slots.append(
        try seal(
          secrets, lock: .key(recoveryKey), label: "recovery key", created: created,
          repository: id))
    }
    let config = RepositoryConfig(
      repository: id.hex, created: created, packByteCount: packByteCount,
      chunkerProfile: chunkerProfile, tableRangeBlocks: tableRangeBlocks,
      parityScheme: parity.rawValue,
      epochs: [
        .init(
          number: 1, ownerBox: secrets.ownerBoxKey.hex, keeperBox: secrets.keeperBoxKey.hex,
          ownerSign: secrets.ownerVerifyKey.hex)
      ])
    let keys = try RoleKeys(secrets, repository: id)
    let sealedConfig = try keys.seal(
      try DocumentBody.encode(config), kind: .config, for: .everyone)
    do throws(StorageError) {
      for slot in slots {
        guard let key = StorageKey(.keys, DocumentID(of: slot).hex) else { continue }
        try storage.save(slot, as: key)
      }
      try storage.save(sealedConfig, as: .config)
    } catch {
      throw RepositoryError.storage("cannot create a repository", error)
    }
    return CreatedRepository(id: id, recoveryKey: recoveryKey)
  }

  /// Seals a role's secrets into the bytes of a new slot.
  static func seal(
    _ secrets: RoleSecrets, lock new: NewLock, label: String, created: Timestamp,
    repository: RepositoryID
  ) throws(SodiumError) -> [UInt8] {
    var plain = secrets.encode()
    defer { wipe(&plain) }
    let lock: SlotLock
    let secret: Secret
    switch new {
    case .passphrase(let passphrase, let hash):
      lock = .passphrase(
        .init(passes: hash.passes, memoryKibibytes: hash.memoryKibibytes), salt: Random.bytes(16))
      secret = passphrase
    case .key(let key):
      lock = .recoveryKey(salt: Random.bytes(16))
      secret = key.secret
    }
    return try KeySlot.seal(
      plain, role: secrets.role, lock: lock, key: try KeySlot.unlockKey(secret, lock: lock),
      label: label, created: created, repository: repository, epoch: secrets.epoch)
  }

  /// The keys inside the first slot that `unlock` opens, and which one it was.
  ///
  /// - Throws: ``RepositoryError``; `wrongPassphrase` if no slot opens.
  static func unlock(_ storage: any Storage, repository: RepositoryID, with unlock: Unlock) throws
    -> (keys: RoleKeys, slot: DocumentID)
  {
    let objects: [StoredObject]
    do { objects = try storage.list(.keys) } catch {
      throw RepositoryError.storage("cannot read the key slots", error)
    }
    var tried = 0
    for object in objects {
      let bytes: [UInt8]
      do { bytes = try storage.load(object.key, limit: 1 << 20) } catch {
        throw RepositoryError.storage("cannot read a key slot", error)
      }
      // A slot of another or newer kind is not ours to open; it may not stop us either.
      guard let slot = try? KeySlot(bytes, repository: repository) else { continue }
      let key: Secret
      switch (slot.lock, unlock) {
      case (.passphrase, .passphrase(let secret)), (.recoveryKey, .recoveryKey(let secret)):
        tried += 1
        do { key = try KeySlot.unlockKey(secret, lock: slot.lock) } catch {
          if error == .outOfMemory {
            throw RepositoryError(
              .refused, what: "cannot hash the passphrase",
              why: "the key slot asks for more memory than there is",
              next: "free memory and try again")
          }
          continue
        }
      default: continue
      }
      guard var plain = try? slot.open(key: key) else { continue }
      defer { wipe(&plain) }
      let secrets = try RoleSecrets(decoding: plain)
      // What listings show of a slot is what it opens.
      guard secrets.role == slot.role else { throw FormatError.forged("key slot") }
      return (try RoleKeys(secrets, repository: repository), DocumentID(of: bytes))
    }
    if tried == 0 {
      throw RepositoryError(
        .wrongPassphrase, what: "cannot unlock the repository at \(storage.location)",
        why: "it has no key slot of this kind",
        next: "give the passphrase, or the recovery key if that is what you have")
    }
    throw RepositoryError(
      .wrongPassphrase, what: "cannot unlock the repository at \(storage.location)",
      why: "no key slot opens with this \(unlock.word)",
      next: "check the \(unlock.word) and that this is the right repository")
  }
}

extension Unlock {
  fileprivate var word: String {
    switch self {
    case .passphrase: "passphrase"
    case .recoveryKey: "recovery key or key file"
    }
  }
}
