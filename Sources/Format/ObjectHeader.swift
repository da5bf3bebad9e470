// The 184 bytes that every sealed object begins with: what it is, whose, and how its key is wrapped.

package import Sodium

/// What an object is; part of everything it authenticates.
package enum ObjectKind: UInt8, Sendable {
  case config = 1
  case keySlot = 2
  case pack = 3
  case indexRun = 4
  case snapshot = 5
  case logEntry = 6
  case doom = 7

  /// The word messages use.
  package var name: String {
    switch self {
    case .config: "repository configuration"
    case .keySlot: "key slot"
    case .pack: "pack"
    case .indexRun: "index run"
    case .snapshot: "snapshot"
    case .logEntry: "log entry"
    case .doom: "doom mark"
    }
  }
}

/// Who can unwrap an object's session key.
package enum Recipient: UInt8, Sendable {
  /// Signed, not sealed.
  case everyone = 0
  /// Holders of the index key: writer, keeper, owner.
  case writer = 1
  /// Holders of the keeper's secret key: keeper, owner.
  case keeper = 2
  case owner = 3
}

/// The common header.
///
/// All numbers are little-endian.
///
/// ```
///   0   8  "LIFEBOAT"
///   8   1  kind            9  1  format version (1)
///  10   1  suite (1)      11  1  recipient
///  12   4  key epoch
///  16  32  repository id
///  48  32  ephemeral X25519 public key (keeper, owner), or salt (writer), or zero (everyone)
///  80  24  wrap nonce, 104 48 wrapped session key and tag (keeper, owner), else zero
/// 152  32  key commitment: BLAKE2b-256 keyed by the session key over bytes 0..<152
/// ```
package struct ObjectHeader: Sendable, Equatable {
  package static let byteCount = 184
  package static let magic: [UInt8] = Array("LIFEBOAT".utf8)
  package static let formatVersion: UInt8 = 1
  /// BLAKE2b-256, XChaCha20-Poly1305, X25519 with pre-shared secret, Ed25519, Argon2id.
  package static let suite: UInt8 = 1

  package var kind: ObjectKind
  package var recipient: Recipient
  package var epoch: UInt32
  package var repository: RepositoryID
  package var ephemeral = Digest()
  package var wrap = [UInt8](repeating: 0, count: 72)
  package var commitment = Digest()

  package init(
    kind: ObjectKind, recipient: Recipient, epoch: UInt32, repository: RepositoryID
  ) {
    self.kind = kind
    self.recipient = recipient
    self.epoch = epoch
    self.repository = repository
  }

  /// Bytes 0..<152: what the commitment covers.
  package var committed: [UInt8] {
    var writer = ByteWriter(reserving: Self.byteCount)
    writer.raw(Self.magic)
    writer.u8(kind.rawValue)
    writer.u8(Self.formatVersion)
    writer.u8(Self.suite)
    writer.u8(recipient.rawValue)
    writer.u32(epoch)
    writer.id(repository)
    writer.digest(ephemeral)
    writer.raw(wrap)
    return writer.bytes
  }

  /// All 184 bytes.
  package var encoded: [UInt8] {
    var bytes = committed
    commitment.append(to: &bytes)
    return bytes
  }

  /// Reads a header from the first 184 bytes of `bytes`.
  ///
  /// - Throws: ``FormatError``; a version or suite that is newer says so, whatever else is wrong.
  package init(_ bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    guard try reader.raw(8) == Self.magic else { throw .invalid("magic") }
    let kindByte = try reader.u8()
    let version = try reader.u8()
    let suiteByte = try reader.u8()
    let kind = ObjectKind(rawValue: kindByte)
    guard version <= Self.formatVersion else {
      throw .newer(kind: kind?.name ?? "object", version: version)
    }
    guard version == Self.formatVersion else { throw .invalid("format version") }
    guard suiteByte == Self.suite else { throw .unknownSuite(suiteByte) }
    guard let kind else { throw .invalid("object kind") }
    guard let recipient = Recipient(rawValue: try reader.u8()) else { throw .invalid("recipient") }
    self.kind = kind
    self.recipient = recipient
    epoch = try reader.u32()
    repository = RepositoryID(try reader.digest())
    ephemeral = try reader.digest()
    wrap = try reader.raw(72)
    commitment = try reader.digest()
  }
}
