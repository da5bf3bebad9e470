// The unlocked keys of a role: what it derives, what it can unwrap, how it signs.

package import Format
package import Sodium
import Synchronization

/// Keys in use, derived from ``RoleSecrets``; shared by all threads.
package final class RoleKeys: Sendable {
  package let secrets: RoleSecrets
  package let repository: RepositoryID
  package let signer: Signer
  /// Ids of content chunks.
  private let idKey: Secret
  /// Ids of catalog nodes and chunk lists: of another key, so that a file which happens to equal
  /// one is not taken for it, and its blob not sought where the keeper cannot read.
  private let metadataIDKey: Secret
  /// Row hashes of tables.
  package let rowKey: Secret
  /// Ends of catalog nodes.
  package let boundaryKey: Secret
  private let indexKey: Secret
  private let preShared: Secret
  private let chunkerKey: Secret

  package init(_ secrets: RoleSecrets, repository: RepositoryID) throws(SodiumError) {
    self.secrets = secrets
    self.repository = repository
    signer = try Signer(
      secretKey: try Ed25519.secretKey(seed: secrets.signSeed), certificate: secrets.certificate,
      role: secrets.role)
    idKey = try Blake2b.derive(secrets.writerRoot, "lifeboat blob ids v1")
    metadataIDKey = try Blake2b.derive(secrets.writerRoot, "lifeboat metadata ids v1")
    rowKey = try Blake2b.derive(secrets.writerRoot, "lifeboat row hashes v1")
    boundaryKey = try Blake2b.derive(secrets.writerRoot, "lifeboat catalog boundaries v1")
    indexKey = try Blake2b.derive(secrets.writerRoot, "lifeboat index v1")
    preShared = try Blake2b.derive(secrets.writerRoot, "lifeboat pre-shared v1")
    chunkerKey = try Blake2b.derive(secrets.writerRoot, "lifeboat chunker v1")
  }

  package var role: Role { secrets.role }

  /// The identity of a chunk of `blobClass`.
  package func blobID(of chunk: Span<UInt8>, class blobClass: BlobClass) -> BlobID {
    BlobID(Blake2b.hash(chunk, key: blobClass == .metadata ? metadataIDKey : idKey))
  }

  /// The chunker's secret tables: 4,096 bytes and 16 bytes.
  package func chunkerTables() throws(SodiumError) -> (table: [UInt8], prfKey: [UInt8]) {
    (
      try Blake2b.expand(chunkerKey, "lifeboat chunker table v1", count: 4096),
      try Blake2b.expand(chunkerKey, "lifeboat chunker prf v1", count: 16)
    )
  }

  /// A fresh session for blobs of `blobClass`: metadata is wrapped for the keeper, content for the
  /// owner.
  package func makeSession(for blobClass: BlobClass) throws(SodiumError) -> SessionKey {
    try SessionKey(
      for: RecipientKey(
        recipient: blobClass == .metadata ? .keeper : .owner,
        publicKey: blobClass == .metadata ? secrets.keeperBoxKey : secrets.ownerBoxKey,
        preShared: preShared),
      repository: repository, epoch: secrets.epoch)
  }

  /// Seals and signs a document that `recipient` may read.
  package func seal(_ plaintext: [UInt8], kind: ObjectKind, for recipient: Recipient)
    throws(SodiumError) -> [UInt8]
  {
    let session: SessionKey?
    switch recipient {
    case .everyone: session = nil
    case .writer: session = try SessionKey(indexKey: indexKey)
    case .keeper: session = try makeSession(for: .metadata)
    case .owner: session = try makeSession(for: .content)
    }
    return try Envelope.seal(
      plaintext, kind: kind, repository: repository, epoch: secrets.epoch, session: session,
      signer: signer)
  }

  /// Checks and opens a document.
  package func open(_ bytes: [UInt8], kind: ObjectKind) throws(FormatError) -> (
    envelope: Envelope, plaintext: [UInt8]
  ) {
    let envelope = try Envelope(
      bytes, expecting: kind, repository: repository, ownerKey: secrets.ownerVerifyKey)
    let session = try self.session(of: envelope.header)
    return (envelope, try envelope.open(session: session))
  }

  /// The session key of `header`, if this role may have it.
  ///
  /// - Throws: ``FormatError``; `forged` also if the role lacks the secret key.
  package func session(of header: ObjectHeader) throws(FormatError) -> Secret? {
    switch header.recipient {
    case .everyone: return nil
    case .writer: return try SessionKey.derive(header, indexKey: indexKey)
    case .keeper:
      guard let key = secrets.keeperBoxSecret else { throw .forged(header.kind.name) }
      return try unwrap(header, key, secrets.keeperBoxKey)
    case .owner:
      guard let key = secrets.ownerBoxSecret else { throw .forged(header.kind.name) }
      return try unwrap(header, key, secrets.ownerBoxKey)
    }
  }

  /// Whether this role can open blobs of `blobClass`.
  package func canRead(_ blobClass: BlobClass) -> Bool {
    blobClass == .metadata ? secrets.keeperBoxSecret != nil : secrets.ownerBoxSecret != nil
  }

  // Every pack of a run carries the same wrap; unwrapping costs a scalar multiplication.
  private let sessions = Mutex<[[UInt8]: Secret]>([:])

  private func unwrap(_ header: ObjectHeader, _ secretKey: Secret, _ publicKey: Digest)
    throws(FormatError) -> Secret
  {
    let name = header.committed
    if let known = sessions.withLock({ $0[name] }) {
      // The commitment is not part of the name: check it again, it could have been altered.
      guard Blake2b.hash(name, key: known) == header.commitment else {
        throw .forged("key commitment of the \(header.kind.name)")
      }
      return known
    }
    let session = try SessionKey.unwrap(
      header, secretKey: secretKey, publicKey: publicKey, preShared: preShared)
    sessions.withLock { cache in
      if cache.count >= 64 { cache.removeAll() }
      cache[name] = session
    }
    return session
  }
}
