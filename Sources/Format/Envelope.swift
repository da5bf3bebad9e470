// Documents: a header, the signer, a sealed body, a signature. Manifests, index runs, log entries.

package import Sodium

/// Who signs: a key pair and the owner's word that it may.
package struct Signer: Sendable {
  /// Ed25519 secret key, 64 bytes.
  package var secretKey: Secret
  package var publicKey: Digest
  /// The owner's signature over the public key, its role and the repository.
  package var certificate: [UInt8]
  package var role: Role

  package init(secretKey: Secret, certificate: [UInt8], role: Role) throws(SodiumError) {
    self.secretKey = secretKey
    publicKey = try Ed25519.publicKey(of: secretKey)
    self.certificate = certificate
    self.role = role
  }
}

/// What a machine or person may do.
package enum Role: UInt8, Sendable, CaseIterable {
  case writer = 1
  case keeper = 2
  case owner = 3

  package var name: String {
    switch self {
    case .writer: "writer"
    case .keeper: "keeper"
    case .owner: "owner"
    }
  }
}

/// Certificates: the owner vouches for a signing key.
package enum Certificate {
  private static func message(_ publicKey: Digest, _ role: Role, _ repository: RepositoryID)
    -> [UInt8]
  {
    Array("lifeboat certificate v1".utf8) + [0, role.rawValue] + publicKey.bytes
      + repository.digest.bytes
  }

  /// The owner's 64-byte signature for `publicKey` in `role`.
  package static func issue(
    for publicKey: Digest, role: Role, repository: RepositoryID, owner: Secret
  ) throws(SodiumError) -> [UInt8] {
    try Ed25519.sign(message(publicKey, role, repository), with: owner)
  }

  /// Whether `certificate` is the owner's for this key and role.
  package static func isValid(
    _ certificate: [UInt8], for publicKey: Digest, role: Role, repository: RepositoryID,
    ownerKey: Digest
  ) -> Bool {
    Ed25519.verify(certificate, of: message(publicKey, role, repository), by: ownerKey)
  }
}

/// A parsed document whose signature and certificate hold.
///
/// ```
///   0  184  object header
/// 184   32  signer's Ed25519 public key     216  64  certificate     280  1  signer's role
/// 281    3  zero                            284   8  body length L
/// 292    L  body: nonce, ciphertext, tag (plaintext if the recipient is everyone)
/// 292+L 64  Ed25519 signature over BLAKE2b-256 of "lifeboat signature v1", zero, bytes 0..<292+L
/// ```
/// The body binds bytes 0..<284 as associated data. The object is named by the BLAKE2b-256 of all.
package struct Envelope: Sendable {
  package static let overhead = 292 + 64

  package let header: ObjectHeader
  package let signer: Digest
  package let role: Role
  package let id: DocumentID
  private let prefix: [UInt8]
  private let body: [UInt8]

  /// Seals and signs `plaintext`; returns the object's bytes.
  ///
  /// - Parameter session: nil for a document that everyone may read.
  package static func seal(
    _ plaintext: [UInt8], kind: ObjectKind, repository: RepositoryID, epoch: UInt32,
    session: SessionKey?, signer: Signer
  ) throws(SodiumError) -> [UInt8] {
    var header = ObjectHeader(
      kind: kind, recipient: .everyone, epoch: epoch, repository: repository)
    session?.place(in: &header)
    var writer = ByteWriter(reserving: plaintext.count + 512)
    writer.raw(header.encoded)
    writer.digest(signer.publicKey)
    writer.raw(signer.certificate)
    writer.u8(signer.role.rawValue)
    writer.raw([0, 0, 0])
    let prefix = writer.bytes
    let body: [UInt8]
    if let session {
      body = try AEAD.sealed(plaintext, binding: prefix, key: bodyKey(session.secret))
    } else {
      body = plaintext
    }
    writer.u64(UInt64(body.count))
    writer.raw(body)
    writer.raw(try Ed25519.sign(signedMessage(writer.bytes), with: signer.secretKey))
    return writer.bytes
  }

  /// Parses `bytes` and checks kind, repository, certificate and signature.
  package init(
    _ bytes: [UInt8], expecting kind: ObjectKind, repository: RepositoryID, ownerKey: Digest
  ) throws(FormatError) {
    let header = try ObjectHeader(bytes)
    guard header.kind == kind else { throw .invalid("object kind: \(header.kind.name)") }
    guard header.repository == repository else { throw .invalid("repository id") }
    var reader = ByteReader(bytes, offset: ObjectHeader.byteCount)
    signer = try reader.digest()
    let certificate = try reader.raw(64)
    guard let role = Role(rawValue: try reader.u8()) else { throw .invalid("role") }
    guard try reader.raw(3) == [0, 0, 0] else { throw .invalid("reserved bytes") }
    guard let length = Int(exactly: try reader.u64()), length <= reader.remaining else {
      throw .truncated
    }
    body = try reader.raw(length)
    let signature = try reader.raw(64)
    try reader.end()
    guard
      Certificate.isValid(
        certificate, for: signer, role: role, repository: repository, ownerKey: ownerKey)
    else { throw .forged("certificate of the \(kind.name)'s signer") }
    let signed = Array(bytes[..<(bytes.count - 64)])
    guard Ed25519.verify(signature, of: Self.signedMessage(signed), by: signer) else {
      throw .forged("signature of the \(kind.name)")
    }
    self.header = header
    self.role = role
    prefix = Array(bytes[..<284])
    id = DocumentID(of: bytes)
  }

  /// The plaintext, for somebody who unwrapped the session key (nil if everyone may read it).
  package func open(session: Secret?) throws(FormatError) -> [UInt8] {
    guard header.recipient != .everyone else { return body }
    guard let session else { throw .forged(header.kind.name) }
    do throws(SodiumError) {
      return try AEAD.opened(body.span, binding: prefix, key: Self.bodyKey(session))
    } catch {
      throw .forged("body of the \(header.kind.name)")
    }
  }

  private static func bodyKey(_ session: Secret) throws(SodiumError) -> Secret {
    try Blake2b.derive(session, "lifeboat document body v1")
  }

  private static func signedMessage(_ bytes: [UInt8]) -> [UInt8] {
    Array("lifeboat signature v1".utf8) + [0] + Blake2b.hash(bytes).bytes
  }
}
