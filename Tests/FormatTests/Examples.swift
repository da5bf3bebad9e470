// Structures with every field used, for the suites of this target.

import Format
import Sodium

func digest(_ seed: UInt8) -> Digest { Blake2b.hash([seed]) }
func blob(_ seed: UInt8) -> BlobID { BlobID(digest(seed)) }

/// The keys of an example repository, made once.
struct ExampleKeys {
  let repository = RepositoryID(digest(1))
  let secrets: RoleSecrets
  let signer: Signer
  let preShared: Secret
  let indexKey: Secret

  init() throws {
    secrets = try RoleSecrets.generate(repository: repository, epoch: 3)
    signer = try Signer(
      secretKey: try Ed25519.secretKey(seed: secrets.signSeed), certificate: secrets.certificate,
      role: .owner)
    preShared = try Secret(randomByteCount: 32)
    indexKey = try Secret(randomByteCount: 32)
  }

  func session(_ recipient: Recipient) throws -> SessionKey? {
    switch recipient {
    case .everyone: nil
    case .writer: try SessionKey(indexKey: indexKey)
    case .keeper, .owner:
      try SessionKey(
        for: RecipientKey(
          recipient: recipient,
          publicKey: recipient == .keeper ? secrets.keeperBoxKey : secrets.ownerBoxKey,
          preShared: preShared), repository: repository, epoch: 3)
    }
  }

  /// The session key of `header` as its recipient finds it.
  func unwrap(_ header: ObjectHeader) throws(FormatError) -> Secret? {
    switch header.recipient {
    case .everyone: return nil
    case .writer: return try SessionKey.derive(header, indexKey: indexKey)
    case .keeper, .owner:
      let isKeeper = header.recipient == .keeper
      guard let secret = isKeeper ? secrets.keeperBoxSecret : secrets.ownerBoxSecret else {
        throw .forged("no key")
      }
      return try SessionKey.unwrap(
        header, secretKey: secret,
        publicKey: isKeeper ? secrets.keeperBoxKey : secrets.ownerBoxKey, preShared: preShared)
    }
  }
}

enum Examples {
  static let metadata = FileMetadata(
    mode: 0o4751, userID: 1000, groupID: .max, modified: FileTime(seconds: -5, nanoseconds: 7),
    changed: FileTime(seconds: .max, nanoseconds: 999_999_999), inode: .max, flags: 0x10,
    attributes: [
      ExtendedAttribute(name: Array("user.x".utf8), value: [0, 255]),
      ExtendedAttribute(name: [], value: []),
    ])
  static let direct = Content(
    byteCount: 300,
    chunks: .direct([
      ChunkReference(id: blob(1), byteCount: 100), ChunkReference(id: blob(2), byteCount: 200),
    ]))
  static let listed = Content(byteCount: 1 << 40, chunks: .listed([blob(3), blob(4)]))

  /// One or more of each tag, with and without what is optional.
  static let entries: [CatalogEntry] = [
    .directory(metadata),
    .file(FileEntry(metadata: metadata, byteCount: 300, content: direct)),
    .file(
      FileEntry(
        metadata: metadata, byteCount: 1 << 40, content: listed, changedWhileRead: true,
        carriedForward: true)),
    .file(
      FileEntry(
        metadata: metadata, byteCount: 10_000, content: direct,
        extents: [Extent(offset: 0, byteCount: 100), Extent(offset: 9_800, byteCount: 200)])),
    .file(FileEntry(metadata: metadata, byteCount: 5, content: .empty, extents: [])),
    .symlink(metadata, target: [0xff, 0x2f]),
    .hardLink(target: CatalogKey.media("files").appending("a")),
    .fifo(metadata), .socket(metadata),
    .characterDevice(metadata, major: 1, minor: .max),
    .blockDevice(metadata, major: 8, minor: 0),
    .unreadable(reason: "permission denied: naïve"),
    .stream(direct), .stream(.empty),
    .largeObject(LargeObject(owner: "o", privileges: "{o=rw/o}", comment: nil, content: direct)),
    .largeObject(LargeObject(owner: "", privileges: nil, comment: "c", content: .empty)),
    .range(TableRange(rowCount: .max, format: .text, content: direct, digest: digest(5))),
    .range(TableRange(rowCount: 0, format: .binary, content: listed, digest: digest(6))),
    .table(
      TableSummary(
        columns: ["id", "naïve name", ""], rowCount: 7, byteCount: 8, digest: digest(7),
        isExtensionConfiguration: true, loadThrough: QualifiedName(schema: "s", name: "root"),
        excluded: "told so")),
    .table(TableSummary(columns: [], rowCount: 0, byteCount: 0, digest: Digest())),
  ]

  static let packs = [
    PackRecord(
      id: PackID(digest(20)), checksum: digest(21), byteCount: .max, blobClass: .content),
    PackRecord(id: PackID(digest(22)), checksum: digest(23), byteCount: 512, blobClass: .metadata),
  ]
  /// Twenty blobs in two packs, every third a delta, some ids twice.
  static let indexEntries: [IndexEntry] = (0..<20).map { (i: Int) -> IndexEntry in
    let encodings: [BlobEncoding] = [.delta, .zstd, .raw]
    let base: BlobID? = i % 3 == 0 ? blob(UInt8(90 + i)) : nil
    let entry = PackEntry(
      id: blob(UInt8(30 + i % 17)), encoding: encodings[i % 3], offset: UInt32(512 + i * 1000),
      sealedByteCount: 0xff_ffff, plainByteCount: UInt32(i), base: base)
    let slot: UInt32 = i == 19 ? 65_534 : UInt32(i)
    return IndexEntry(packOrdinal: UInt32(i % 2), slot: slot, entry: entry)
  }
}

/// Calls `body` with `bytes` cut to each shorter length.
func cuts(_ bytes: [UInt8], _ body: (Int, [UInt8]) throws -> Void) rethrows {
  for length in 0..<bytes.count { try body(length, Array(bytes[..<length])) }
}

/// Calls `body` with `bytes` with each byte changed, in its lowest, highest and all bits.
func flips(_ bytes: [UInt8], _ body: (Int, [UInt8]) throws -> Void) rethrows {
  var other = bytes
  for i in bytes.indices {
    for mask in [1, 0x80, 0xff] as [UInt8] {
      other[i] = bytes[i] ^ mask
      try body(i, other)
    }
    other[i] = bytes[i]
  }
}

/// A run with its bytes, because spans may not stand in expectations.
struct Run {
  let bytes: [UInt8]
  let run: IndexRun

  init(_ bytes: [UInt8]) throws(FormatError) {
    self.bytes = bytes
    run = try IndexRun(checking: bytes.span)
  }

  func entry(_ ordinal: Int) -> IndexEntry? { run.entry(ordinal, in: bytes.span) }
  func id(_ ordinal: Int) -> BlobID? { run.id(ordinal, in: bytes.span) }
  func pack(_ ordinal: Int) -> PackRecord? { run.pack(ordinal, in: bytes.span) }
  var replaced: [DocumentID] { run.replaced(in: bytes.span) }
  var entries: [IndexEntry?] { (0..<run.entryCount).map { entry($0) } }
}

/// The first 32 bytes as a digest.
func takeDigest(_ bytes: [UInt8]) -> Digest? { Digest(bytes.span) }

func secret(_ bytes: [UInt8]) throws -> Secret { try Secret(copying: bytes.span) }

func opened(_ sealed: [UInt8], binding associated: [UInt8], key: Secret) throws -> [UInt8] {
  try AEAD.opened(sealed.span, binding: associated, key: key)
}
