// Packs: header, locator, trailer, what a blob binds, and lengths that tell little.

import Format
import Sodium
import Testing

@Suite struct `A pack` {
  static let pack = PackID(digest(1))
  static let repository = RepositoryID(digest(2))
  static let entries: [PackEntry] = [
    PackEntry(
      id: blob(1), encoding: .raw, offset: 512, sealedByteCount: 40, plainByteCount: 0, base: nil),
    PackEntry(
      id: blob(2), encoding: .zstd, offset: 552, sealedByteCount: 100,
      plainByteCount: (1 << 24) - 1,
      base: nil),
    PackEntry(
      id: blob(3), encoding: .delta, offset: 652, sealedByteCount: 60, plainByteCount: 7,
      base: blob(9)),
  ]
  let key: Secret

  init() throws { key = try Secret(randomByteCount: 32) }

  private func header(recipient: Recipient = .owner, offset: UInt32 = 1000, length: UInt32 = 300)
    throws -> [UInt8]
  {
    let object = ObjectHeader(
      kind: .pack, recipient: recipient, epoch: 1, repository: Self.repository)
    return try PackFormat.header(
      object, pack: Self.pack, trailerOffset: offset, trailerByteCount: length, entryCount: 3,
      key: key)
  }

  private func parse(_ bytes: [UInt8]) throws(FormatError) -> PackFormat.Header {
    try PackFormat.Header(bytes, expecting: Self.pack, repository: Self.repository)
  }

  private func trailer(_ entries: [PackEntry] = entries) throws -> [UInt8] {
    try PackFormat.trailer(entries, pack: Self.pack, repository: Self.repository, key: key)
  }

  private func read(
    _ trailer: [UInt8], count: Int = 3, before offset: Int = 1000, pack: PackID = pack,
    repository: RepositoryID = repository
  ) throws(FormatError) -> [PackEntry] {
    try PackFormat.entries(
      trailer, count: count, before: offset, pack: pack, repository: repository, key: key)
  }

  @Test func `header comes back and says where the trailer is`() throws {
    let bytes = try header()
    #expect(bytes.count == 512)
    let parsed = try parse(bytes)
    #expect(parsed.blobClass == .content)
    #expect(try parse(try header(recipient: .keeper)).blobClass == .metadata)
    let (range, count) = try parsed.locator(key: key, byteCount: 1300)
    #expect(range == 1000..<1300)
    #expect(count == 3)
  }

  @Test func `header with any byte changed or missing is refused, or its locator is`() throws {
    let bytes = try header()
    for i in bytes.indices {
      var other = bytes
      other[i] ^= 1 << UInt8(i % 8)
      #expect(throws: FormatError.self, "byte \(i)") {
        try parse(other).locator(key: key, byteCount: 1300)
      }
    }
    cuts(bytes) { length, cut in
      #expect(throws: FormatError.self, "cut to \(length)") { try parse(cut) }
    }
  }

  @Test func `header of another pack, repository, kind or recipient is refused`() throws {
    let bytes = try header()
    #expect(throws: FormatError.invalid("pack id")) {
      try PackFormat.Header(bytes, expecting: PackID(digest(9)), repository: Self.repository)
    }
    #expect(throws: FormatError.invalid("repository id")) {
      try PackFormat.Header(bytes, expecting: Self.pack, repository: RepositoryID(digest(9)))
    }
    for recipient in [Recipient.everyone, .writer] {
      #expect(throws: FormatError.invalid("recipient")) {
        try parse(try header(recipient: recipient))
      }
    }
    let object = ObjectHeader(
      kind: .snapshot, recipient: .owner, epoch: 1, repository: Self.repository)
    let other = try PackFormat.header(
      object, pack: Self.pack, trailerOffset: 0, trailerByteCount: 0, entryCount: 0, key: key)
    #expect(throws: FormatError.invalid("object kind: snapshot")) { try parse(other) }
  }

  @Test(
    arguments: [(511, 300), (1000, 39), (.max, .max), (1000, 299), (1001, 300)]
      as [(UInt32, UInt32)])
  func `whose trailer cannot be where the locator says is refused`(offset: UInt32, length: UInt32)
    throws
  {
    let parsed = try parse(try header(offset: offset, length: length))
    #expect(throws: FormatError.invalid("trailer position")) {
      try parsed.locator(key: key, byteCount: 1300)
    }
  }

  @Test func `locator does not open under another key`() throws {
    let parsed = try parse(try header())
    let other = try Secret(randomByteCount: 32)
    #expect(throws: FormatError.forged("locator of the pack")) {
      try parsed.locator(key: other, byteCount: 1300)
    }
  }

  @Test func `trailer comes back, and is as long as was foreseen`() throws {
    let bytes = try trailer()
    #expect(try read(bytes) == Self.entries)
    #expect(
      bytes.count
        == Self.entries.reduce(PackFormat.sealOverhead) { $0 + PackFormat.trailerByteCount(of: $1) }
    )
    #expect(try read(try trailer([]), count: 0) == [])
  }

  @Test func `trailer with any byte changed or missing, or of another pack, is refused`() throws {
    let bytes = try trailer()
    for i in bytes.indices {
      var other = bytes
      other[i] ^= 1 << UInt8(i % 8)
      #expect(throws: FormatError.forged("trailer of the pack"), "byte \(i)") { try read(other) }
    }
    cuts(bytes) { length, cut in
      #expect(throws: FormatError.forged("trailer of the pack"), "cut to \(length)") {
        try read(cut)
      }
    }
    #expect(throws: FormatError.forged("trailer of the pack")) { try read(bytes, count: 2) }
    #expect(throws: FormatError.forged("trailer of the pack")) {
      try read(bytes, pack: PackID(digest(9)))
    }
    #expect(throws: FormatError.forged("trailer of the pack")) {
      try read(bytes, repository: RepositoryID(digest(9)))
    }
  }

  @Test func `trailer that names blobs where none can be, or too long ones, is refused`() throws {
    func entry(offset: UInt32, sealed: UInt32, plain: UInt32 = 0) -> PackEntry {
      PackEntry(
        id: blob(1), encoding: .raw, offset: offset, sealedByteCount: sealed, plainByteCount: plain,
        base: nil)
    }
    for wrong in [
      entry(offset: 511, sealed: 40), entry(offset: 512, sealed: 39),
      entry(offset: 961, sealed: 40),
      entry(offset: .max, sealed: .max), entry(offset: 512, sealed: .max),
    ] {
      let bytes = try trailer([wrong])
      #expect(throws: FormatError.invalid("blob position")) { try read(bytes, count: 1) }
    }
    let long = try trailer([entry(offset: 512, sealed: 40, plain: 1 << 24)])
    #expect(throws: FormatError.invalid("blob length")) { try read(long, count: 1) }
    #expect(try read(try trailer([entry(offset: 960, sealed: 40)]), count: 1).count == 1)
  }

  @Test
  func
    `blob opens only in its repository, pack and slot, as its class, id, encoding, length and base`()
    throws
  {
    func context(
      _ repository: RepositoryID = Self.repository, _ pack: PackID = Self.pack, slot: UInt32 = 2,
      _ blobClass: BlobClass = .content, _ change: (inout PackEntry) -> Void = { _ in }
    ) -> [UInt8] {
      var entry = Self.entries[2]
      change(&entry)
      return PackFormat.blobContext(
        repository: repository, pack: pack, slot: slot, class: blobClass, entry: entry)
    }
    let sealed = try AEAD.sealed([1, 2, 3], binding: context(), key: key)
    func open(_ context: [UInt8]) throws -> [UInt8] {
      try opened(sealed, binding: context, key: key)
    }
    #expect(try open(context()) == [1, 2, 3])
    let others = [
      context(RepositoryID(digest(9))), context(Self.repository, PackID(digest(9))),
      context(slot: 1),
      context(Self.repository, Self.pack, slot: 2, .metadata), context { $0.id = blob(9) },
      context { $0.encoding = .zstd }, context { $0.plainByteCount += 1 },
      context { $0.base = blob(8) },
      context { $0.base = nil },
    ]
    for other in others { #expect(throws: SodiumError.forged) { try open(other) } }
    // Where it lies in the pack is not bound: the locator and the trailer say that.
    #expect(context { $0.offset += 1 } == context())
    #expect(Set(others).count == others.count)
  }

  @Test func `has a key that no other pack and no other session has`() throws {
    func bytes(_ secret: Secret) -> [UInt8] { secret.withBytes { s in (0..<32).map { s[$0] } } }
    let other = try Secret(randomByteCount: 32)
    let keys = try [
      PackFormat.packKey(session: key, pack: Self.pack),
      PackFormat.packKey(session: key, pack: PackID(digest(9))),
      PackFormat.packKey(session: other, pack: Self.pack),
    ]
    #expect(Set(keys.map(bytes)).count == 3)
  }
}

@Suite struct `A padded length` {
  @Test func `is never less, at most twelve percent more, and padded itself`() {
    for n in Array(0..<5000) + (0..<2000).map({ 5000 + $0 * 16_777 }) {
      let padded = PackFormat.padded(n)
      #expect(padded >= n)
      #expect(Double(padded) <= Double(n) * 1.12 + 1)
      #expect(PackFormat.padded(padded) == padded)
    }
  }

  @Test func `is one of few: below 32 MiB there are fewer than a thousand above 64 KiB`() {
    var lengths: Set<Int> = []
    var n = 65_536
    while n < 32 << 20 {
      let padded = PackFormat.padded(n)
      lengths.insert(padded)
      n = padded + 1
    }
    #expect(lengths.count < 1000)
  }
}
