// What each role holds, as the plaintext of a key slot; and what is derived from it.

package import Sodium

/// The secrets of a role: a writer's are among a keeper's, and a keeper's among an owner's.
package struct RoleSecrets: Sendable {
  package let role: Role
  package let epoch: UInt32
  /// Ids, chunker, index, row hashes and the pre-shared part of wraps are derived from it.
  ///
  /// Writer.
  package let writerRoot: Secret
  /// Ed25519 seed of this role's signing key, and the owner's certificate for it.
  package let signSeed: Secret
  package let certificate: [UInt8]
  /// The owner's Ed25519 verification key: what certificates and `config` are checked against.
  package let ownerVerifyKey: Digest
  package let keeperBoxKey: Digest
  package let ownerBoxKey: Digest
  /// X25519 secret key that metadata is sealed to.
  ///
  /// Keeper.
  package let keeperBoxSecret: Secret?
  /// X25519 secret key that content is sealed to, and the Ed25519 seed that certifies.
  ///
  /// Owner.
  package let ownerBoxSecret: Secret?
  package let ownerSignSeed: Secret?

  /// Draws everything for a new repository: the owner's secrets, which include all others.
  package static func generate(repository: RepositoryID, epoch: UInt32) throws(SodiumError)
    -> RoleSecrets
  {
    let ownerSignSeed = try Secret(randomByteCount: 32)
    let ownerSign = try Ed25519.secretKey(seed: ownerSignSeed)
    let keeperBox = try X25519.makeSecretKey()
    let ownerBox = try X25519.makeSecretKey()
    let signSeed = try Secret(randomByteCount: 32)
    let sign = try Ed25519.secretKey(seed: signSeed)
    return RoleSecrets(
      role: .owner, epoch: epoch, writerRoot: try Secret(randomByteCount: 32), signSeed: signSeed,
      certificate: try Certificate.issue(
        for: try Ed25519.publicKey(of: sign), role: .owner, repository: repository,
        owner: ownerSign),
      ownerVerifyKey: try Ed25519.publicKey(of: ownerSign),
      keeperBoxKey: try X25519.publicKey(of: keeperBox),
      ownerBoxKey: try X25519.publicKey(of: ownerBox), keeperBoxSecret: keeperBox,
      ownerBoxSecret: ownerBox, ownerSignSeed: ownerSignSeed)
  }

  /// The secrets that a lesser `role` gets, with a signing key of its own; owner only.
  package func delegated(to role: Role, repository: RepositoryID) throws(SodiumError)
    -> RoleSecrets
  {
    guard let ownerSignSeed, let keeperBoxSecret else { throw .wrongLength }
    let seed = try Secret(randomByteCount: 32)
    let certificate = try Certificate.issue(
      for: try Ed25519.publicKey(of: try Ed25519.secretKey(seed: seed)), role: role,
      repository: repository, owner: try Ed25519.secretKey(seed: ownerSignSeed))
    return RoleSecrets(
      role: role, epoch: epoch, writerRoot: writerRoot, signSeed: seed, certificate: certificate,
      ownerVerifyKey: ownerVerifyKey, keeperBoxKey: keeperBoxKey, ownerBoxKey: ownerBoxKey,
      keeperBoxSecret: role == .writer ? nil : keeperBoxSecret,
      ownerBoxSecret: role == .owner ? ownerBoxSecret : nil,
      ownerSignSeed: role == .owner ? self.ownerSignSeed : nil)
  }

  /// Version 1, role, epoch, then each 32-byte field in order of declaration (certificate 64).
  ///
  /// The array holds secrets: seal it, then ``wipe(_:)`` it.
  package func encode() -> [UInt8] {
    var writer = ByteWriter(reserving: 400)
    writer.u8(1)
    writer.u8(role.rawValue)
    writer.u32(epoch)
    func secret(_ value: Secret) { value.withBytes { s in for i in 0..<32 { writer.u8(s[i]) } } }
    secret(writerRoot)
    secret(signSeed)
    writer.raw(certificate)
    writer.digest(ownerVerifyKey)
    writer.digest(keeperBoxKey)
    writer.digest(ownerBoxKey)
    if let keeperBoxSecret { secret(keeperBoxSecret) }
    if let ownerBoxSecret { secret(ownerBoxSecret) }
    if let ownerSignSeed { secret(ownerSignSeed) }
    return writer.bytes
  }

  /// Reads what ``encode()`` wrote.
  package init(decoding bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    let version = try reader.u8()
    guard version == 1 else { throw .newer(kind: "role secrets", version: version) }
    guard let role = Role(rawValue: try reader.u8()) else { throw .invalid("role") }
    self.role = role
    epoch = try reader.u32()
    writerRoot = try reader.secret()
    signSeed = try reader.secret()
    certificate = try reader.raw(64)
    ownerVerifyKey = try reader.digest()
    keeperBoxKey = try reader.digest()
    ownerBoxKey = try reader.digest()
    keeperBoxSecret = role == .writer ? nil : try reader.secret()
    ownerBoxSecret = role == .owner ? try reader.secret() : nil
    ownerSignSeed = role == .owner ? try reader.secret() : nil
    try reader.end()
  }

  private init(
    role: Role, epoch: UInt32, writerRoot: Secret, signSeed: Secret, certificate: [UInt8],
    ownerVerifyKey: Digest, keeperBoxKey: Digest, ownerBoxKey: Digest, keeperBoxSecret: Secret?,
    ownerBoxSecret: Secret?, ownerSignSeed: Secret?
  ) {
    self.role = role
    self.epoch = epoch
    self.writerRoot = writerRoot
    self.signSeed = signSeed
    self.certificate = certificate
    self.ownerVerifyKey = ownerVerifyKey
    self.keeperBoxKey = keeperBoxKey
    self.ownerBoxKey = ownerBoxKey
    self.keeperBoxSecret = keeperBoxSecret
    self.ownerBoxSecret = ownerBoxSecret
    self.ownerSignSeed = ownerSignSeed
  }
}

extension ByteReader {
  fileprivate mutating func secret() throws(FormatError) -> Secret {
    var bytes = try raw(32)
    defer { wipe(&bytes) }
    do throws(SodiumError) { return try Secret(copying: bytes.span) } catch {
      throw .invalid("secret")
    }
  }
}
