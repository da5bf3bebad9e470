// Signed and sealed documents, headers and key slots: nothing altered opens, nothing newer is touched.

import Format
import Sodium
import Testing

@Suite struct `A document` {
  let keys: ExampleKeys
  let body = Array("what the document says".utf8)

  init() throws { keys = try ExampleKeys() }

  private func seal(_ recipient: Recipient, _ kind: ObjectKind = .snapshot) throws -> [UInt8] {
    try Envelope.seal(
      body, kind: kind, repository: keys.repository, epoch: 3, session: try keys.session(recipient),
      signer: keys.signer)
  }

  private func open(
    _ bytes: [UInt8], _ kind: ObjectKind = .snapshot
  ) throws(FormatError) -> [UInt8] {
    let envelope = try Envelope(
      bytes, expecting: kind, repository: keys.repository, ownerKey: keys.secrets.ownerVerifyKey)
    return try envelope.open(session: try keys.unwrap(envelope.header))
  }

  @Test(arguments: [Recipient.everyone, .writer, .keeper, .owner])
  func `is read by its recipient`(recipient: Recipient) throws {
    let bytes = try seal(recipient)
    #expect(try open(bytes) == body)
    let envelope = try Envelope(
      bytes, expecting: .snapshot, repository: keys.repository,
      ownerKey: keys.secrets.ownerVerifyKey)
    #expect(envelope.id == DocumentID(of: bytes))
    #expect(envelope.role == .owner)
    #expect(envelope.signer == keys.signer.publicKey)
    #expect(envelope.header.epoch == 3)
    #expect(bytes.count == Envelope.overhead + body.count + (recipient == .everyone ? 0 : 40))
    #expect((recipient == .everyone) == contains(bytes, body))
  }

  private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    (0...(bytes.count - part.count)).contains { Array(bytes[$0..<$0 + part.count]) == part }
  }

  @Test(arguments: [Recipient.everyone, .keeper])
  func `with any bit changed or any byte missing is refused`(recipient: Recipient) throws {
    let bytes = try seal(recipient)
    for i in bytes.indices {
      var other = bytes
      other[i] ^= 1 << UInt8(i % 8)
      #expect(throws: FormatError.self, "byte \(i)") { try open(other) }
    }
    cuts(bytes) { length, cut in
      #expect(throws: FormatError.self, "cut to \(length)") { try open(cut) }
    }
    #expect(throws: FormatError.self) { try open(bytes + [0]) }
  }

  @Test func `of another kind, repository or owner is refused`() throws {
    let bytes = try seal(.keeper)
    #expect(throws: FormatError.invalid("object kind: snapshot")) { try open(bytes, .logEntry) }
    #expect(throws: FormatError.invalid("repository id")) {
      try Envelope(
        bytes, expecting: .snapshot, repository: RepositoryID(digest(99)),
        ownerKey: keys.secrets.ownerVerifyKey)
    }
    let stranger = try ExampleKeys()
    #expect(throws: FormatError.forged("certificate of the snapshot's signer")) {
      try Envelope(
        bytes, expecting: .snapshot, repository: keys.repository,
        ownerKey: stranger.secrets.ownerVerifyKey)
    }
  }

  @Test func `that claims a role which its certificate does not grant is refused`() throws {
    let writer = try keys.secrets.delegated(to: .writer, repository: keys.repository)
    let promoted = try Signer(
      secretKey: try Ed25519.secretKey(seed: writer.signSeed), certificate: writer.certificate,
      role: .keeper)
    let bytes = try Envelope.seal(
      body, kind: .snapshot, repository: keys.repository, epoch: 3, session: nil, signer: promoted)
    #expect(throws: FormatError.forged("certificate of the snapshot's signer")) { try open(bytes) }
  }

  @Test func `is not opened with the session of another`() throws {
    let envelope = try Envelope(
      try seal(.keeper), expecting: .snapshot, repository: keys.repository,
      ownerKey: keys.secrets.ownerVerifyKey)
    let other = try Secret(randomByteCount: 32)
    #expect(throws: FormatError.forged("body of the snapshot")) {
      try envelope.open(session: other)
    }
    #expect(throws: FormatError.forged("snapshot")) { try envelope.open(session: nil) }
  }

  @Test func `is not unwrapped without the pre-shared secret, the right key, or for another role`()
    throws
  {
    let header = try ObjectHeader(try seal(.keeper))
    let secrets = keys.secrets
    let keeper = try #require(secrets.keeperBoxSecret)
    let owner = try #require(secrets.ownerBoxSecret)
    let other = try Secret(randomByteCount: 32)
    let right = keys.preShared
    for (secret, publicKey, preShared) in [
      (keeper, secrets.keeperBoxKey, other), (owner, secrets.ownerBoxKey, right),
      (owner, secrets.keeperBoxKey, right), (keeper, secrets.ownerBoxKey, right),
    ] {
      #expect(throws: FormatError.forged("wrapped key of the snapshot")) {
        try SessionKey.unwrap(header, secretKey: secret, publicKey: publicKey, preShared: preShared)
      }
    }
    #expect(throws: FormatError.forged("key of the snapshot")) {
      try SessionKey.derive(header, indexKey: other)
    }
  }

  @Test func `whose commitment fits no key is refused before its body is touched`() throws {
    var header = try ObjectHeader(try seal(.keeper))
    header.commitment = digest(1)
    #expect(throws: FormatError.forged("wrapped key of the snapshot")) { try keys.unwrap(header) }
    header = try ObjectHeader(try seal(.writer))
    header.commitment = digest(1)
    #expect(throws: FormatError.forged("key of the snapshot")) { try keys.unwrap(header) }
  }
}

@Suite struct `An object header` {
  @Test func `of a later version says so whatever else is wrong, and one of none is refused`()
    throws
  {
    let header = ObjectHeader(
      kind: .snapshot, recipient: .everyone, epoch: 1, repository: RepositoryID(digest(1)))
    let bytes = header.encoded
    #expect(bytes.count == ObjectHeader.byteCount)
    #expect(try ObjectHeader(bytes) == header)
    var other = bytes
    other[9] = 2
    #expect(throws: FormatError.newer(kind: "snapshot", version: 2)) { try ObjectHeader(other) }
    other[10] = 9
    other[11] = 9
    #expect(throws: FormatError.newer(kind: "snapshot", version: 2)) { try ObjectHeader(other) }
    other[8] = 99
    #expect(throws: FormatError.newer(kind: "object", version: 2)) {
      try ObjectHeader(Array(other[..<11]))
    }
    other = bytes
    other[9] = 0
    #expect(throws: FormatError.invalid("format version")) { try ObjectHeader(other) }
    other = bytes
    other[10] = 2
    #expect(throws: FormatError.unknownSuite(2)) { try ObjectHeader(other) }
    other = bytes
    other[8] = 8
    #expect(throws: FormatError.invalid("object kind")) { try ObjectHeader(other) }
    other = bytes
    other[11] = 4
    #expect(throws: FormatError.invalid("recipient")) { try ObjectHeader(other) }
    other = bytes
    other[0] ^= 1
    #expect(throws: FormatError.invalid("magic")) { try ObjectHeader(other) }
    cuts(bytes) { length, cut in
      #expect(throws: FormatError.truncated, "cut to \(length)") { try ObjectHeader(cut) }
    }
  }
}

@Suite struct `Role secrets` {
  @Test(arguments: Role.allCases)
  func `come back, hold what the role may have and nothing more`(role: Role) throws {
    let keys = try ExampleKeys()
    let secrets = try keys.secrets.delegated(to: role, repository: keys.repository)
    let bytes = secrets.encode()
    let read = try RoleSecrets(decoding: bytes)
    #expect(read.encode() == bytes)
    #expect(read.role == role)
    #expect((read.keeperBoxSecret != nil) == (role != .writer))
    #expect((read.ownerBoxSecret != nil) == (role == .owner))
    #expect((read.ownerSignSeed != nil) == (role == .owner))
    #expect(bytes.count == 230 + 32 * [.writer: 0, .keeper: 1, .owner: 3][role, default: 0])
    cuts(bytes) { length, cut in
      #expect(throws: FormatError.self, "cut to \(length)") { try RoleSecrets(decoding: cut) }
    }
    #expect(throws: FormatError.self) { try RoleSecrets(decoding: bytes + [0]) }
    var other = bytes
    other[0] = 2
    #expect(throws: FormatError.newer(kind: "role secrets", version: 2)) {
      try RoleSecrets(decoding: other)
    }
    other = bytes
    other[1] = 4
    #expect(throws: FormatError.invalid("role")) { try RoleSecrets(decoding: other) }
  }

  @Test func `of a lesser role cannot be handed on`() throws {
    let keys = try ExampleKeys()
    let keeper = try keys.secrets.delegated(to: .keeper, repository: keys.repository)
    #expect(throws: SodiumError.wrongLength) {
      try keeper.delegated(to: .writer, repository: keys.repository)
    }
  }
}

@Suite struct `A key slot` {
  static let locks = [
    SlotLock.passphrase(.init(passes: 1, memoryKibibytes: 8), salt: Array(digest(1).bytes[..<16])),
    .recoveryKey(salt: Array(digest(2).bytes[..<16])),
  ]

  private func slot(_ lock: SlotLock, label: String = "label", key: Secret) throws -> [UInt8] {
    try KeySlot.seal(
      [1, 2, 3], role: .owner, lock: lock, key: key, label: label,
      created: Timestamp(microseconds: -7), repository: RepositoryID(digest(3)), epoch: 9)
  }

  @Test(arguments: locks)
  func `opens with what it was locked with, and with nothing else`(lock: SlotLock) throws {
    let secret = try Secret(randomByteCount: 32)
    let key = try KeySlot.unlockKey(secret, lock: lock)
    let slot = try KeySlot(
      try slot(lock, key: key), repository: RepositoryID(digest(3)))
    #expect(slot.lock == lock)
    #expect(slot.role == .owner)
    #expect(slot.label == "label")
    #expect(slot.created == Timestamp(microseconds: -7))
    #expect(slot.header.epoch == 9)
    #expect(try slot.open(key: key) == [1, 2, 3])
    let wrong = try KeySlot.unlockKey(try Secret(randomByteCount: 32), lock: lock)
    #expect(throws: FormatError.forged("key slot")) { try slot.open(key: wrong) }
    for other in Self.locks where other != lock {
      let key = try KeySlot.unlockKey(secret, lock: other)
      #expect(throws: FormatError.forged("key slot")) { try slot.open(key: key) }
    }
  }

  @Test(arguments: locks)
  func `with any bit changed or any byte missing does not open`(lock: SlotLock) throws {
    let key = try Secret(randomByteCount: 32)
    let bytes = try slot(lock, key: key)
    for i in bytes.indices {
      var other = bytes
      other[i] ^= 1 << UInt8(i % 8)
      #expect(throws: FormatError.self, "byte \(i)") {
        try KeySlot(other, repository: RepositoryID(digest(3))).open(key: key)
      }
    }
    cuts(bytes) { length, cut in
      #expect(throws: FormatError.self, "cut to \(length)") {
        try KeySlot(cut, repository: nil).open(key: key)
      }
    }
  }

  @Test(arguments: [
    "", String(repeating: "a", count: 1024), String(repeating: "a", count: 1025),
    String(repeating: "a", count: 1023) + "é", String(repeating: "日本", count: 400),
    "a" + String(repeating: "👨‍👩‍👧", count: 100),
  ])
  func `keeps as much of its label as fits, in whole characters, and opens`(label: String) throws {
    let key = try Secret(randomByteCount: 32)
    let slot = try KeySlot(try slot(Self.locks[0], label: label, key: key), repository: nil)
    #expect(label.hasPrefix(slot.label))
    #expect(slot.label.utf8.count <= 1024)
    #expect(label.utf8.count > 1024 || slot.label == label)
    #expect(try slot.open(key: key) == [1, 2, 3])
  }

  @Test func `of another repository or of an unknown lock is refused`() throws {
    let bytes = try slot(Self.locks[0], key: try Secret(randomByteCount: 32))
    #expect(throws: FormatError.invalid("repository id")) {
      try KeySlot(bytes, repository: RepositoryID(digest(4)))
    }
    var other = bytes
    other[184] = 3
    #expect(throws: FormatError.invalid("lock of the key slot")) {
      try KeySlot(other, repository: nil)
    }
  }
}
