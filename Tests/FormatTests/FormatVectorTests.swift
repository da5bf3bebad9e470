// What another program wrote from the format's document: read, and written the same.

import Format
import Sodium
import Testing

@Suite struct `The format's vectors` {
  let vectors: Vectors
  let owner: RoleSecrets
  let repository: RepositoryID

  init() throws {
    vectors = try Vectors()
    owner = try RoleSecrets(decoding: try vectors.bytes("secrets-3"))
    repository = RepositoryID(try Self.digest(try vectors.bytes("repository")))
  }

  private static func digest(_ bytes: [UInt8]) throws -> Digest {
    try #require(takeDigest(bytes))
  }

  private func secret(_ name: String) throws -> Secret {
    try FormatTests.secret(try vectors.bytes(name))
  }

  @Test(arguments: [1, 2, 3])
  func `of role secrets and certificates are what we read and write`(role: Int) throws {
    let bytes = try vectors.bytes("secrets-\(role)")
    let secrets = try RoleSecrets(decoding: bytes)
    #expect(secrets.encode() == bytes)
    #expect(Int(secrets.role.rawValue) == role)
    #expect(secrets.certificate == (try vectors.bytes("certificate-\(role)")))
    let seed = try #require(owner.ownerSignSeed)
    let signer = try Self.digest(try vectors.bytes("signer"))
    #expect(
      try Certificate.issue(
        for: signer, role: secrets.role, repository: repository,
        owner: try Ed25519.secretKey(seed: seed)) == secrets.certificate)
    #expect(
      Certificate.isValid(
        secrets.certificate, for: signer, role: secrets.role, repository: repository,
        ownerKey: owner.ownerVerifyKey))
  }

  @Test func `of key slots open with their passphrase and recovery key`() throws {
    let slots = vectors.objects.filter { $0.key.hasPrefix("keys/") }
    #expect(slots.count == 2)
    for (path, bytes) in slots {
      #expect(path == "keys/" + DocumentID(of: bytes).hex)
      let slot = try KeySlot(bytes, repository: repository)
      let secret =
        if case .passphrase = slot.lock {
          try FormatTests.secret(Array("correct horse battery staple".utf8))
        } else { try secret("recovery-key") }
      #expect(
        try slot.open(key: try KeySlot.unlockKey(secret, lock: slot.lock))
          == (try vectors.bytes("secrets-3")))
      #expect(slot.created == Timestamp(microseconds: 1_700_000_000_000_000))
      #expect(["naïve label", "recovery key"].contains(slot.label))
    }
  }

  private func session(_ header: ObjectHeader) throws -> Secret? {
    switch header.recipient {
    case .everyone: nil
    case .writer: try SessionKey.derive(header, indexKey: try secret("index-key"))
    case .keeper:
      try SessionKey.unwrap(
        header, secretKey: try #require(owner.keeperBoxSecret), publicKey: owner.keeperBoxKey,
        preShared: try secret("pre-shared-key"))
    case .owner:
      try SessionKey.unwrap(
        header, secretKey: try #require(owner.ownerBoxSecret), publicKey: owner.ownerBoxKey,
        preShared: try secret("pre-shared-key"))
    }
  }

  private func open(_ folder: String, _ kind: ObjectKind) throws -> [UInt8] {
    let bytes = try vectors.object(in: folder)
    let envelope = try Envelope(
      bytes, expecting: kind, repository: repository, ownerKey: owner.ownerVerifyKey)
    return try envelope.open(session: try session(envelope.header))
  }

  @Test func `of documents authenticate, open and parse`() throws {
    let config = try DocumentBody.decode(
      RepositoryConfig.self, from: try open("config", .config), kind: .config)
    #expect(config.repository == repository.hex)
    #expect(config.epochs[0].ownerSign == owner.ownerVerifyKey.hex)
    #expect(config.created == Timestamp(microseconds: 1_700_000_000_000_001))
    #expect(try open("index/", .indexRun) == (try vectors.bytes("index-run")))
    let manifest = try DocumentBody.decode(
      Manifest.self, from: try open("snapshots/", .snapshot), kind: .snapshot)
    #expect(manifest.host == "naïve")
    #expect(manifest.databases[0].rowCount == 2000)
    let entry = try DocumentBody.decode(
      LogEntry.self, from: try open("log/", .logEntry), kind: .logEntry)
    #expect(entry.event == .backup)
    let mark = try DocumentBody.decode(
      DoomMark.self, from: try open("doomed/", .doom), kind: .doom)
    #expect(mark.graceSeconds == 86_400)
  }

  @Test func `of packs open, and each blob authenticates`() throws {
    let packs = vectors.objects.filter { $0.key.hasPrefix("packs/") }
    #expect(packs.count == 2)
    for (path, bytes) in packs {
      let id = try #require(PackID(hex: path.suffix(64)))
      let header = try PackFormat.Header(bytes, expecting: id, repository: repository)
      let session = try #require(try session(header.object))
      let key = try PackFormat.packKey(session: session, pack: id)
      let (range, count) = try header.locator(key: key, byteCount: bytes.count)
      #expect(count == 4)
      let entries = try PackFormat.entries(
        Array(bytes[range]), count: count, before: range.lowerBound, pack: id,
        repository: repository, key: key)
      for (slot, entry) in entries.enumerated() {
        let context = PackFormat.blobContext(
          repository: repository, pack: id, slot: UInt32(slot), class: header.blobClass,
          entry: entry)
        let at = Int(entry.offset)
        let sealed = Array(bytes[at..<at + Int(entry.sealedByteCount)])
        let opened = try opened(sealed, binding: context, key: key)
        if entry.encoding == .raw { #expect(opened.count == Int(entry.plainByteCount)) }
      }
    }
  }

  @Test func `of an index run are what we write`() throws {
    let bytes = try vectors.bytes("index-run")
    let run = try Run(bytes)
    let packs = (0..<run.run.packCount).compactMap { run.pack($0) }
    let entries = run.entries.compactMap { $0 }
    #expect(entries.count == 8)
    #expect(entries.count { $0.entry.base != nil } == 2)
    let written = IndexRun.encode(packs: packs, entries: entries, replacing: run.replaced)
    #expect(written == bytes)
  }

  @Test func `of catalog entries are what we read and write`() throws {
    let lines = try vectors.all("entry")
    #expect(lines.count == 17)
    var tags: Set<UInt8> = []
    for line in lines {
      let value = try #require(hexBytes(line[1]))
      #expect(try CatalogEntry(value).encoded == value)
      tags.insert(value[0])
    }
    #expect(tags == [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19])
  }

  @Test func `of catalog nodes are what we read and write`() throws {
    let boundary = try secret("edge-key")
    let leaf = try vectors.bytes("leaf-node")
    guard case .leaf(let items) = try CatalogNode(leaf) else {
      Issue.record("not a leaf")
      return
    }
    var builder = CatalogNodeBuilder(level: 0, boundaryKey: boundary)
    for item in items { _ = builder.append(item.key, value: item.value) }
    #expect(builder.finish() == leaf)
    let inner = try vectors.bytes("inner-node")
    guard case .inner(1, let children) = try CatalogNode(inner) else {
      Issue.record("not an inner node of level 1")
      return
    }
    var upper = CatalogNodeBuilder(level: 1, boundaryKey: boundary)
    for child in children { _ = upper.append(child) }
    #expect(upper.finish() == inner)
    #expect(children.reduce(0) { $0 + $1.entryCount } == 17)
  }

  @Test func `of the ends of nodes are where we end them`() throws {
    let expected = try vectors.all("node-ends")[0].compactMap { Int($0) }
    var builder = CatalogNodeBuilder(level: 0, boundaryKey: try secret("edge-key"))
    var found: [Int] = []
    for i in 0..<20_000 {
      let digits = String(i)
      let key = CatalogKey(
        bytes: Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8))
      if builder.append(key, value: [UInt8](repeating: 0, count: i % 200)) {
        found.append(builder.count)
        _ = builder.finish()
      }
    }
    #expect(found + [builder.count] == expected)
  }

  @Test func `of rows have the digest that we sum`() throws {
    let hasher = try RowHasher(
      key: try secret("row-key"), table: QualifiedName(schema: "public", name: "root"),
      columns: ["id", "naïve"])
    for row in try vectors.bytes("chunk-rows").split(separator: UInt8(ascii: "\n")) {
      let line = Array(row)
      hasher.add(line.span)
    }
    let digest = hasher.take()
    #expect(digest.rowCount == 2000)
    #expect(digest.byteCount == UInt64(try vectors.bytes("chunk-rows").count))
    #expect(digest.sum.bytes == (try vectors.bytes("row-digest")))
  }

  @Test func `of padded lengths are ours`() throws {
    for line in try vectors.all("padme") {
      #expect(PackFormat.padded(try #require(Int(line[0]))) == Int(line[1]))
    }
  }
}
