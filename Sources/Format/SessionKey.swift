// Session keys: how one is made for a recipient, and how the recipient gets it back.

package import Sodium

/// The key a recipient is reached by, as the sealing side knows it.
package struct RecipientKey: Sendable {
  package var recipient: Recipient
  /// X25519 public key (keeper, owner).
  package var publicKey: Digest
  /// Shared by all roles of a repository and mixed into each wrap: a recorded wrap stays closed to
  /// somebody who one day breaks X25519 but has no role file.
  package var preShared: Secret

  package init(recipient: Recipient, publicKey: Digest, preShared: Secret) {
    self.recipient = recipient
    self.publicKey = publicKey
    self.preShared = preShared
  }
}

/// A random 32-byte key of one run or one document, and the header fields that carry it.
package struct SessionKey: Sendable {
  package let secret: Secret
  private let ephemeral: Digest
  private let wrap: [UInt8]
  private let recipient: Recipient

  /// Draws a session key and wraps it for `key`.
  ///
  /// KEK = keyed BLAKE2b-256 (key: pre-shared secret) of "lifeboat wrap v1", the X25519 shared
  /// secret, both public keys, repository id and epoch. One ephemeral key pair a session.
  package init(for key: RecipientKey, repository: RepositoryID, epoch: UInt32)
    throws(SodiumError)
  {
    let ephemeralSecret = try X25519.makeSecretKey()
    ephemeral = try X25519.publicKey(of: ephemeralSecret)
    let shared = try X25519.sharedSecret(ephemeralSecret, key.publicKey)
    let kek = try Self.keyEncryptionKey(
      shared: shared, ephemeral: ephemeral, recipient: key.publicKey, preShared: key.preShared,
      repository: repository, epoch: epoch)
    let session = try Secret(randomByteCount: 32)
    var plain = session.withBytes { span in (0..<32).map { span[$0] } }
    defer { wipe(&plain) }
    wrap = try AEAD.sealed(plain, binding: Self.wrapContext(key.recipient), key: kek)
    secret = session
    recipient = key.recipient
  }

  /// Derives the session key of a document that every role reads, from the index key and a salt.
  package init(indexKey: Secret, salt: Digest = Random.digest()) throws(SodiumError) {
    secret = try Blake2b.derive(indexKey, "lifeboat index session v1", info: salt.bytes)
    ephemeral = salt
    wrap = [UInt8](repeating: 0, count: 72)
    recipient = .writer
  }

  /// Writes recipient, wrap and commitment into `header`.
  package func place(in header: inout ObjectHeader) {
    header.recipient = recipient
    header.ephemeral = ephemeral
    header.wrap = wrap
    header.commitment = Self.commitment(of: header, key: secret)
  }

  /// What a header must carry under `key`: checked before anything is decrypted, because
  /// XChaCha20-Poly1305 does not commit to its key.
  private static func commitment(of header: ObjectHeader, key: Secret) -> Digest {
    Blake2b.hash(header.committed, key: key)
  }

  /// The session key inside `header`, for somebody who holds `secretKey`.
  ///
  /// - Throws: `forged` if the wrap or the commitment does not authenticate.
  package static func unwrap(
    _ header: ObjectHeader, secretKey: Secret, publicKey: Digest, preShared: Secret
  ) throws(FormatError) -> Secret {
    do throws(SodiumError) {
      let shared = try X25519.sharedSecret(secretKey, header.ephemeral)
      let kek = try keyEncryptionKey(
        shared: shared, ephemeral: header.ephemeral, recipient: publicKey, preShared: preShared,
        repository: header.repository, epoch: header.epoch)
      var plain = try AEAD.opened(
        header.wrap.span, binding: wrapContext(header.recipient), key: kek)
      defer { wipe(&plain) }
      let session = try Secret(copying: plain.span)
      guard commitment(of: header, key: session) == header.commitment else { throw .forged }
      return session
    } catch {
      throw .forged("wrapped key of the \(header.kind.name)")
    }
  }

  /// The session key inside `header`, for somebody who holds the index key.
  package static func derive(_ header: ObjectHeader, indexKey: Secret) throws(FormatError) -> Secret
  {
    do throws(SodiumError) {
      let session = try Blake2b.derive(
        indexKey, "lifeboat index session v1", info: header.ephemeral.bytes)
      guard commitment(of: header, key: session) == header.commitment else { throw .forged }
      return session
    } catch {
      throw .forged("key of the \(header.kind.name)")
    }
  }

  private static func wrapContext(_ recipient: Recipient) -> [UInt8] {
    Array("lifeboat wrap v1".utf8) + [recipient.rawValue]
  }

  private static func keyEncryptionKey(
    shared: Secret, ephemeral: Digest, recipient: Digest, preShared: Secret,
    repository: RepositoryID, epoch: UInt32
  ) throws(SodiumError) -> Secret {
    var info = shared.withBytes { span in (0..<32).map { span[$0] } }
    defer { wipe(&info) }
    ephemeral.append(to: &info)
    recipient.append(to: &info)
    repository.digest.append(to: &info)
    for shift in [0, 8, 16, 24] as [UInt32] {
      info.append(UInt8(truncatingIfNeeded: epoch >> shift))
    }
    return try Blake2b.derive(preShared, "lifeboat wrap v1", info: info)
  }
}
