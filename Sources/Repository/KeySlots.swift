// The key slots of a repository: listed, added, removed, and given another passphrase.

package import Format
package import Sodium
import Storage

/// A key slot as a listing shows it; nothing of it is proven until it is opened.
package struct PlacedKeySlot: Sendable {
  package let id: DocumentID
  package let role: Role
  package let lock: SlotLock
  package let label: String
  package let created: Timestamp

  /// Whether a passphrase opens it, and not a key of 32 random bytes.
  package var hasPassphrase: Bool {
    if case .passphrase = lock { return true }
    return false
  }
}

/// What will open a new slot.
package enum NewLock: Sendable {
  case passphrase(Secret, PassphraseHash = .standard)
  case key(RecoveryKey)
}

extension Repository {
  /// Every slot that can be parsed, oldest first.
  package func keySlots() throws -> [PlacedKeySlot] {
    try list(.keys).compactMap { object -> PlacedKeySlot? in
      guard let id = DocumentID(hex: object.key.name) else { return nil }
      let bytes: [UInt8]
      do throws(StorageError) {
        bytes = try storage.load(object.key, limit: 1 << 20)
      } catch {
        if error.code == .missing { return nil }
        throw RepositoryError.storage("cannot read a key slot", error)
      }
      guard DocumentID(of: bytes) == id, let slot = try? KeySlot(bytes, repository: self.id) else {
        return nil
      }
      return PlacedKeySlot(
        id: id, role: slot.role, lock: slot.lock, label: slot.label, created: slot.created)
    }.sorted { ($0.created, $0.id) < ($1.created, $1.id) }
  }

  /// Adds a slot for `role`; a lesser role gets a signing key of its own.
  ///
  /// The slot is durable on return.
  /// - Throws: ``RepositoryError``, `keyMissing` unless an owner asks.
  package func addKeySlot(
    role: Role, lock: NewLock, label: String, created: Timestamp
  ) throws -> PlacedKeySlot {
    try require(.owner, to: "add a key")
    let secrets =
      role == .owner ? keys.secrets : try keys.secrets.delegated(to: role, repository: id)
    return try saveSlot(secrets, lock: lock, label: label, created: created)
  }

  /// Seals the secrets that are open now under another passphrase, and removes the slot that opened.
  ///
  /// The new slot is durable before the old one goes.
  /// - Throws: ``RepositoryError``; `refused` if it was not a passphrase that opened the repository.
  package func changePassphrase(
    to passphrase: Secret, hash: PassphraseHash = .standard, created: Timestamp
  ) throws -> (added: PlacedKeySlot, removed: PlacedKeySlot) {
    guard let old = try keySlots().first(where: { $0.id == openedBy }), old.hasPassphrase else {
      throw RepositoryError(
        .refused, what: "cannot change the passphrase",
        why: "the repository was not opened with one",
        next: "open it with the passphrase that is to change, or add one with 'lifeboat key add'")
    }
    let added = try saveSlot(
      keys.secrets, lock: .passphrase(passphrase, hash), label: old.label, created: created)
    try deleteSlot(old)
    return (added, old)
  }

  /// The slot whose id begins with `name`.
  package func keySlot(named name: String) throws -> PlacedKeySlot {
    let found = try keySlots().filter { $0.id.hex.hasPrefix(name.lowercased()) }
    guard let only = found.first, found.count == 1, !name.isEmpty else {
      throw RepositoryError(
        .refused, what: "there is no key '\(name)'",
        why: found.isEmpty || name.isEmpty ? "no id begins so" : "\(found.count) ids begin so",
        next: "list them with 'lifeboat key list'")
    }
    return only
  }

  /// Removes a slot; what it opened stays open to who copied it and knows its passphrase.
  ///
  /// - Throws: ``RepositoryError``; `refused` for the last slot of an owner: nobody could read the
  ///   snapshots then.
  package func removeKeySlot(_ slot: PlacedKeySlot) throws {
    try require(.owner, to: "remove a key")
    let owners = try keySlots().filter { $0.role == .owner }
    guard slot.role != .owner || owners.contains(where: { $0.id != slot.id }) else {
      throw RepositoryError(
        .refused, what: "cannot remove key \(slot.id)",
        why: "it is the last of an owner: without it nobody could read a snapshot",
        next: "add another first with 'lifeboat key add'")
    }
    try deleteSlot(slot)
  }

  private func deleteSlot(_ slot: PlacedKeySlot) throws {
    guard let key = StorageKey(.keys, slot.id.hex) else { return }
    do { try storage.delete(key) } catch {
      throw RepositoryError.storage("cannot remove key \(slot.id)", error)
    }
  }

  private func saveSlot(
    _ secrets: RoleSecrets, lock new: NewLock, label: String, created: Timestamp
  ) throws -> PlacedKeySlot {
    let bytes = try KeyRing.seal(
      secrets, lock: new, label: label, created: created, repository: id)
    let slotID = DocumentID(of: bytes)
    guard let key = StorageKey(.keys, slotID.hex) else {
      throw RepositoryError(
        .internalFailure, what: "cannot name a key slot", why: "its name is malformed",
        next: "report this as a bug")
    }
    do { try storage.save(bytes, as: key) } catch {
      throw RepositoryError.storage("cannot store a key slot", error)
    }
    let slot: KeySlot
    do { slot = try KeySlot(bytes, repository: id) } catch {
      throw RepositoryError.damaged("the new key slot", error)
    }
    return PlacedKeySlot(
      id: slotID, role: slot.role, lock: slot.lock, label: slot.label, created: slot.created)
  }

  // MARK: Roles

  /// Refuses what the open key's role cannot or must not do.
  ///
  /// - Parameter what: what is asked for, as in "cannot forget snapshots".
  package func require(_ role: Role, to what: String) throws {
    guard keys.role.rawValue >= role.rawValue else {
      throw RepositoryError.needs(role, to: what, has: keys.role)
    }
  }
}

extension RepositoryError {
  /// A key of `role` is needed.
  static func needs(_ role: Role, to what: String, has: Role) -> RepositoryError {
    RepositoryError(
      .keyMissing, what: "cannot \(what)",
      why: "this takes the \(role.name)'s key, and the one given is a \(has.name)'s",
      next: role == .owner
        ? "open the repository with the owner's passphrase or recovery key"
        : "open the repository with a \(role.name)'s key file ('lifeboat key export --role \(role.name)' makes one), or the owner's passphrase"
    )
  }
}
