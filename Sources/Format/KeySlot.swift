// A key slot: a role's secrets, sealed under a passphrase, a recovery key or a key file.

package import Sodium

/// How the key that opens a slot is made.
package enum SlotLock: Hashable, Sendable {
  /// Argon2id of a passphrase.
  case passphrase(PassphraseHashParameters, salt: [UInt8])
  /// BLAKE2b-256 keyed by a 32-byte random key that a person keeps on paper or in a file.
  case recoveryKey(salt: [UInt8])

  /// Parameters of ``PassphraseHash``, hashable.
  package struct PassphraseHashParameters: Hashable, Sendable {
    package var passes: UInt32
    package var memoryKibibytes: UInt32
    package init(passes: UInt32, memoryKibibytes: UInt32) {
      self.passes = passes
      self.memoryKibibytes = memoryKibibytes
    }
  }
}

/// A slot as bytes.
///
/// ```
///   0  184  object header (kind key slot, recipient everyone; commitment keyed by the slot's key)
/// 184    1  lock: 1 passphrase, 2 recovery key      185  1  role     186  2  zero
/// 188    4  Argon2id passes     192  4  Argon2id memory in KiB (both 0 for a recovery key)
/// 196   16  salt
/// 212    8  created, microseconds since 1970
/// 220    2  label length N      222  N  label, UTF-8
///           sealed role secrets: nonce 24, ciphertext, tag 16; binds everything before
/// ```
package struct KeySlot: Sendable {
  package let header: ObjectHeader
  package let lock: SlotLock
  package let role: Role
  package let created: Timestamp
  package let label: String
  private let prefix: [UInt8]
  private let sealed: [UInt8]

  /// Parses a slot; nothing is authenticated until it is opened.
  package init(_ bytes: [UInt8], repository: RepositoryID?) throws(FormatError) {
    header = try ObjectHeader(bytes)
    guard header.kind == .keySlot else { throw .invalid("object kind: \(header.kind.name)") }
    if let repository, header.repository != repository { throw .invalid("repository id") }
    var reader = ByteReader(bytes, offset: ObjectHeader.byteCount)
    let lockByte = try reader.u8()
    guard let role = Role(rawValue: try reader.u8()) else { throw .invalid("role") }
    guard try reader.u16() == 0 else { throw .invalid("reserved bytes") }
    let passes = try reader.u32()
    let memory = try reader.u32()
    let salt = try reader.raw(16)
    switch lockByte {
    case 1: lock = .passphrase(.init(passes: passes, memoryKibibytes: memory), salt: salt)
    case 2: lock = .recoveryKey(salt: salt)
    default: throw .invalid("lock of the key slot")
    }
    self.role = role
    created = Timestamp(microseconds: try reader.i64())
    let labelBytes = try reader.raw(Int(try reader.u16()))
    guard let label = String(validating: labelBytes, as: UTF8.self) else { throw .invalid("label") }
    self.label = label
    prefix = Array(bytes[..<reader.offset])
    sealed = Array(bytes[reader.offset...])
  }

  /// Seals `secrets` (a ``RoleSecrets`` as bytes) under `key`, which ``unlockKey`` made for `lock`.
  package static func seal(
    _ secrets: [UInt8], role: Role, lock: SlotLock, key: Secret, label: String,
    created: Timestamp, repository: RepositoryID, epoch: UInt32
  ) throws(SodiumError) -> [UInt8] {
    var header = ObjectHeader(
      kind: .keySlot, recipient: .everyone, epoch: epoch, repository: repository)
    header.commitment = Blake2b.hash(header.committed, key: key)
    var writer = ByteWriter(reserving: 1024)
    writer.raw(header.encoded)
    let (lockByte, passes, memory, salt): (UInt8, UInt32, UInt32, [UInt8])
    switch lock {
    case .passphrase(let hash, let s):
      (lockByte, passes, memory, salt) = (1, hash.passes, hash.memoryKibibytes, s)
    case .recoveryKey(let s): (lockByte, passes, memory, salt) = (2, 0, 0, s)
    }
    // A label is cut between characters: half of one would make the slot unreadable.
    var text: [UInt8] = []
    for character in label {
      guard text.count + character.utf8.count <= 1024 else { break }
      text += Array(character.utf8)
    }
    writer.u8(lockByte)
    writer.u8(role.rawValue)
    writer.u16(0)
    writer.u32(passes)
    writer.u32(memory)
    writer.raw(salt)
    writer.i64(created.microseconds)
    writer.u16(UInt16(text.count))
    writer.raw(text)
    writer.raw(try AEAD.sealed(secrets, binding: writer.bytes, key: key))
    return writer.bytes
  }

  /// The key that opens a slot with `lock`, from what a person gives.
  package static func unlockKey(_ secret: Secret, lock: SlotLock) throws(SodiumError) -> Secret {
    switch lock {
    case .passphrase(let hash, let salt):
      let stretched = try PassphraseHash(
        passes: hash.passes, memoryKibibytes: hash.memoryKibibytes
      ).key(from: secret, salt: salt)
      return try Blake2b.derive(stretched, "lifeboat passphrase slot v1")
    case .recoveryKey(let salt):
      return try Blake2b.derive(secret, "lifeboat recovery slot v1", info: salt)
    }
  }

  /// The role's secrets as bytes; the caller wipes them.
  ///
  /// - Throws: `forged` if `key` is not the slot's, or the slot was altered.
  package func open(key: Secret) throws(FormatError) -> [UInt8] {
    guard Blake2b.hash(header.committed, key: key) == header.commitment else {
      throw .forged("key slot")
    }
    do throws(SodiumError) {
      return try AEAD.opened(sealed.span, binding: prefix, key: key)
    } catch { throw .forged("key slot") }
  }
}
