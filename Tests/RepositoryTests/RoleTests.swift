// What each role's key can do, and above all what it cannot: with the key, the repository and our code.

import Format
import Repository
import Sodium
import Storage
import Testing
import Workers

/// A repository of an owner, with key files for the other roles.
struct RoleWorkshop {
  let workshop: Workshop
  let storage: MemoryStorage
  private let keyFiles: [Role: RecoveryKey]

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
    let owner = try workshop.open(storage)
    var files: [Role: RecoveryKey] = [:]
    for role in Role.allCases {
      let key = try RecoveryKey.generate()
      _ = try owner.addKeySlot(
        role: role, lock: .key(key), label: role.name, created: Timestamp(microseconds: 5))
      files[role] = key
    }
    keyFiles = files
  }

  func open(_ role: Role, in other: (any Storage)? = nil) throws -> Repository {
    let key = try #require(keyFiles[role])
    let repository = try Repository.open(
      other ?? storage, with: .recoveryKey(key.secret), scratch: "/tmp")
    try repository.loadIndex()
    return repository
  }

  /// Another writer, with a key of its own.
  func another() throws -> Repository {
    let key = try RecoveryKey.generate()
    _ = try open(.owner).addKeySlot(
      role: .writer, lock: .key(key), label: "another", created: Timestamp(microseconds: 6))
    let repository = try Repository.open(
      storage, with: .recoveryKey(key.secret), scratch: "/tmp")
    try repository.loadIndex()
    return repository
  }

  @discardableResult
  func backUp(_ files: [String: [UInt8]], by repository: Repository, at seconds: Int64 = 1) throws
    -> (snapshot: Snapshot, statistics: CaptureStatistics)
  {
    let writer = try repository.makeWriter()
    let root = try workshop.store(files, in: repository, writer: writer)
    try writer.finish()
    return (
      try repository.commit(Workshop.manifest(root, at: seconds, host: "\(repository.keys.role)")),
      writer.statistics
    )
  }

  func prune(_ repository: Repository, grace: Int64 = 0, at seconds: Int64 = 1000) throws
    -> PrunePlan
  {
    var options = PruneOptions(now: Timestamp(microseconds: seconds * 1_000_000))
    options.graceSeconds = grace
    let plan = try repository.planPrune(options, cancellation: Cancellation())
    if !plan.isEmpty {
      _ = try repository.performPrune(plan, options, cancellation: Cancellation())
    }
    return plan
  }

  /// Signs and stores a document as any holder of the key could, with code of their own.
  func plant(
    _ plaintext: [UInt8], kind: ObjectKind, in folder: StorageFolder, by repository: Repository
  ) throws {
    let bytes = try repository.keys.seal(plaintext, kind: kind, for: .writer)
    try storage.save(bytes, as: try #require(StorageKey(folder, DocumentID(of: bytes).hex)))
  }

  /// An index run that says: every blob lies in this pack of mine.
  ///
  /// The pack is garbage.
  func plantFalseIndex(by repository: Repository) throws -> PackID {
    let pack = PackID.random()
    let bytes = noise(1 << 16, seed: 4)
    try storage.save(bytes, as: try #require(StorageKey(.packs, pack.hex)))
    let record = PackRecord(
      id: pack, checksum: Blake2b.hash(bytes), byteCount: UInt32(bytes.count), blobClass: .content)
    let entries = (0..<repository.index.entryCount).compactMap { position in
      repository.index.location(at: position).map { location in
        IndexEntry(packOrdinal: 0, slot: UInt32(position), entry: location.entry)
      }
    }
    try plant(
      IndexRun.encode(packs: [record], entries: entries, replacing: []), kind: .indexRun,
      in: .index, by: repository)
    return pack
  }
}

@Suite struct `A writer's key` {
  let roles: RoleWorkshop
  let files = ["a": noise(25_000, seed: 1), "b": noise(15_000, seed: 2)]

  init() throws { roles = try RoleWorkshop() }

  private func refuses(_ what: String, _ body: () throws -> Void) {
    let error = #expect(throws: RepositoryError.self, "\(what)") { try body() }
    #expect(error?.code == .keyMissing, "\(what): \(String(describing: error))")
    #expect(error?.why.contains("writer") == true, "\(what)")
  }

  @Test func `backs up, and stores again nothing that the owner or itself stored`() throws {
    try roles.backUp(files, by: try roles.open(.owner))
    let first = try roles.backUp(
      files.merging(["c": noise(9_000, seed: 3)]) { $1 }, by: try roles.open(.writer), at: 2)
    #expect(first.statistics.bytesNew < 12_000)
    let second = try roles.backUp(files, by: try roles.open(.writer), at: 3)
    #expect(second.statistics.bytesNew < 3_000)
    #expect(try roles.workshop.restore(first.snapshot.id, from: roles.storage).count == 3)
    #expect(try roles.workshop.restore(second.snapshot.id, from: roles.storage) == files)
    #expect(try roles.workshop.check(roles.storage).isSound)
    let owner = try roles.open(.owner)
    #expect(try owner.snapshots().map(\.role) == [.owner, .writer, .writer])
  }

  @Test func `opens no byte of any content, catalog, manifest or log entry`() throws {
    try roles.backUp(files, by: try roles.open(.owner))
    let writer = try roles.open(.writer)
    // Also what it wrote itself, as soon as its run is over.
    try roles.backUp(["own": noise(30_000, seed: 9)], by: writer, at: 2)
    try writer.record(
      .backup, outcome: "pass", snapshots: [], details: ["secret": "word"], host: "h",
      program: "p", time: Timestamp(microseconds: 1))

    // Through our code.
    let reader = writer.makeReader()
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    let count = writer.index.entryCount
    #expect(count > 8)
    for position in 0..<count {
      let id = try #require(writer.index.location(at: position)?.entry.id)
      refuses("blob \(position)") { try reader.load(id, into: &chunk, using: decoder) }
      #expect(chunk.isEmpty)
    }
    refuses("snapshots") { _ = try writer.snapshots() }
    refuses("one snapshot") { _ = try writer.snapshot(named: "latest") }
    refuses("events") { _ = try writer.events() }
    refuses("the log") { _ = try writer.verifyLog() }
    refuses("check") {
      _ = try writer.check(
        readingData: true, workers: 1, cancellation: Cancellation(), progress: Progress())
    }

    // With everything that is in the key, tried on every object that is not for writers.
    var secrets = writer.keys.secrets.encode()
    defer { wipe(&secrets) }
    let preShared = try Blake2b.derive(writer.keys.secrets.writerRoot, "lifeboat pre-shared v1")
    var attempts: [ObjectKind: Int] = [:]
    for key in try roles.storage.everything() {
      let bytes = try roles.storage.load(key, limit: 1 << 28)
      let header = try ObjectHeader(bytes)
      guard header.recipient == .keeper || header.recipient == .owner else { continue }
      attempts[header.kind, default: 0] += 1
      #expect(throws: FormatError.self) { try writer.keys.session(of: header) }
      for publicKey in [writer.keys.secrets.keeperBoxKey, writer.keys.secrets.ownerBoxKey] {
        for start in 0...(secrets.count - 32) {
          let guess = try Secret(copying: secrets.span.extracting(start..<(start + 32)))
          #expect(throws: FormatError.self) {
            try SessionKey.unwrap(
              header, secretKey: guess, publicKey: publicKey, preShared: preShared)
          }
        }
      }
    }
    #expect(attempts[.pack, default: 0] >= 4)
    #expect(attempts[.snapshot] == 2)
    #expect(attempts[.logEntry] == 1)
    // The same attempt with the owner's key succeeds: it was a real one.
    let owner = try roles.open(.owner)
    let pack = try #require(try roles.storage.list(.packs).first)
    let header = try ObjectHeader(try roles.storage.load(pack.key, limit: 1 << 28))
    #expect(try owner.keys.session(of: header) != nil)
    // And none of the owner's secrets is in the writer's.
    for secret in [
      owner.keys.secrets.keeperBoxSecret, owner.keys.secrets.ownerBoxSecret,
      owner.keys.secrets.ownerSignSeed, owner.keys.secrets.signSeed,
    ] {
      let bytes = try #require(secret).withBytes { span in (0..<32).map { span[$0] } }
      let found = (0...(secrets.count - 32)).contains { Array(secrets[$0..<($0 + 32)]) == bytes }
      #expect(!found)
    }
  }

  @Test func `neither forgets nor prunes nor adds keys`() throws {
    let snapshot = try roles.backUp(files, by: try roles.open(.owner)).snapshot
    let writer = try roles.open(.writer)
    refuses("forget") { try writer.forget([snapshot]) }
    refuses("prune") { _ = try roles.prune(writer) }
    refuses("add") {
      _ = try writer.addKeySlot(
        role: .owner, lock: .key(try RecoveryKey.generate()), label: "",
        created: Timestamp(microseconds: 1))
    }
    let slots = try writer.keySlots()
    refuses("remove") { try writer.removeKeySlot(slots[0]) }
    #expect(throws: SodiumError.self) {
      try writer.keys.secrets.delegated(to: .keeper, repository: writer.id)
    }
  }

  @Test(arguments: [Role.owner, .writer])
  func `cannot make a prune delete what is true by an index run that is false`(author: Role) throws
  {
    let snapshot = try roles.backUp(files, by: try roles.open(author)).snapshot
    let packs = try roles.storage.packs()
    _ = try roles.plantFalseIndex(by: try roles.open(.writer))
    for seconds in [1000, 2000, 3000] as [Int64] {
      _ = try roles.prune(try roles.open(.owner), at: seconds)
    }
    #expect(try roles.storage.packs().isSuperset(of: packs))
    #expect(try roles.workshop.restore(snapshot.id, from: roles.storage) == files)
  }

  @Test func `and the same lie under an owner's signature would`() throws {
    try roles.backUp(files, by: try roles.open(.writer))
    let packs = try roles.storage.packs()
    _ = try roles.plantFalseIndex(by: try roles.open(.owner))
    var options = PruneOptions(now: Timestamp(microseconds: 1_000_000_000))
    options.graceSeconds = 0
    // Its catalog is sought in the garbage first, and found in the true pack: what is read is sound.
    let plan = try roles.open(.owner).planPrune(options, cancellation: Cancellation())
    #expect(!packs.isDisjoint(with: plan.doom.map(\.hex)))
  }

  @Test func `cannot have its word passed on under a keeper's signature unread`() throws {
    for number in 1...12 {
      try roles.backUp(
        ["f": noise(12_000, seed: UInt64(100 + number))], by: try roles.open(.writer),
        at: Int64(number))
    }
    let keeper = try roles.open(.keeper)
    try keeper.forget([try keeper.snapshots()[0]])
    for seconds in [1000, 2000] as [Int64] {
      _ = try roles.prune(try roles.open(.keeper), at: seconds)
    }
    let after = try roles.open(.owner)
    for position in 0..<after.index.entryCount {
      guard let location = after.index.location(at: position), location.pack.blobClass == .content
      else { continue }
      #expect(!after.index.isVouched(position))
    }
    // What was pruned is no damage, and the rest is whole.
    let report = try roles.workshop.check(roles.storage)
    #expect(report.isSound, "\(report.findings)")
    #expect(try roles.open(.owner).snapshots().count == 11)
    #expect(try roles.prune(try roles.open(.keeper), at: 3000).isEmpty)
  }

  @Test func `cannot mark packs for deletion`() throws {
    try roles.backUp(files, by: try roles.open(.owner))
    let mark = DoomMark(
      time: Timestamp(microseconds: 0), graceSeconds: 1, packs: try roles.storage.packs().sorted())
    let body = try DocumentBody.encode(mark)
    try roles.plant(body, kind: .doom, in: .doomed, by: try roles.open(.writer))
    #expect(try roles.open(.owner).doomMarks().isEmpty)
    try roles.plant(body, kind: .doom, in: .doomed, by: try roles.open(.keeper))
    #expect(try roles.open(.owner).doomMarks().count == 1)
  }

  @Test(arguments: [Role.writer, .keeper])
  func `cannot write another configuration, nor can a keeper's`(role: Role) throws {
    let repository = try roles.open(role)
    let bytes = try repository.keys.seal(
      try DocumentBody.encode(repository.config), kind: .config, for: .everyone)
    try roles.storage.delete(.config)
    try roles.storage.save(bytes, as: .config)
    let error = #expect(throws: RepositoryError.self) { try roles.open(.owner) }
    #expect(error?.code == .damaged)
  }

  @Test func `cannot claim what only others can have done`() throws {
    let writer = try roles.open(.writer)
    for event in [LogEntry.Event.drill, .forget, .backup] {
      try writer.record(
        event, outcome: "pass", snapshots: [], details: [:], host: "h", program: "p",
        time: Timestamp(microseconds: 1))
    }
    let findings = try roles.open(.keeper).verifyLog().findings
    #expect(findings.map(\.code) == ["role", "role"])
    #expect(findings.first?.what.contains("is signed by a writer") == true)
  }

  @Test func `is not believed by another writer`() throws {
    try roles.backUp(files, by: try roles.open(.writer))
    let other = try roles.backUp(files, by: try roles.another(), at: 2)
    #expect(other.statistics.bytesNew > 40_000)
  }

  @Test func `does not commit on packs that a prune may be deleting`() throws {
    try roles.backUp(files, by: try roles.open(.writer))
    let writer = try roles.open(.writer)
    let run = try writer.makeWriter()
    let root = try roles.workshop.store(files, in: writer, writer: run)
    try run.finish()
    let mark = DoomMark(
      time: Timestamp(microseconds: 1_000_000), graceSeconds: 100,
      packs: try roles.storage.packs().sorted())
    try roles.plant(
      try DocumentBody.encode(mark), kind: .doom, in: .doomed, by: try roles.open(.keeper))
    #expect(throws: Never.self) {
      try writer.commit(Workshop.manifest(root, at: 2, finished: 40))
    }
    let error = #expect(throws: RepositoryError.self) {
      try writer.commit(Workshop.manifest(root, at: 2, finished: 60))
    }
    #expect(error?.code == .busy)
  }

  @Test func `continues the chain of its manifests from what it remembers`() throws {
    let writer = try roles.open(.writer)
    let first = try roles.backUp(files, by: writer).snapshot
    let second = try roles.backUp(files, by: writer, at: 2).snapshot
    #expect(second.manifest.sequence == 2)
    #expect(second.manifest.previous == first.id.hex)
    // Without a memory it begins anew, for all to see.
    #expect(
      try roles.backUp(files, by: try roles.open(.writer), at: 3).snapshot.manifest.sequence == 1)
  }
}

@Suite struct `A keeper's key` {
  let roles: RoleWorkshop
  let files = ["a": noise(25_000, seed: 1), "b": noise(15_000, seed: 2)]

  init() throws { roles = try RoleWorkshop() }

  @Test func `reads catalogs and no content, checks, forgets and prunes`() throws {
    let kept = try roles.backUp(files, by: try roles.open(.writer)).snapshot
    let dropped = try roles.backUp(
      ["c": noise(90_000, seed: 7)], by: try roles.open(.writer), at: 2)
    let keeper = try roles.open(.keeper)
    let reader = keeper.makeReader()
    let decoder = try ChunkDecoder()
    var chunk: [UInt8] = []
    var names: [String] = []
    try keeper.catalog(of: kept, reader: reader).forEach { key, entry in
      guard case .file(let file) = entry, let name = key.components.last else { return }
      names.append(String(decoding: name, as: UTF8.self))
      guard case .direct(let references) = file.content.chunks else { return }
      let error = #expect(throws: RepositoryError.self) {
        try reader.load(references[0], into: &chunk, using: decoder)
      }
      #expect(error?.code == .keyMissing)
    }
    #expect(names == ["a", "b"])
    let report = try keeper.check(
      readingData: true, workers: 1, cancellation: Cancellation(), progress: Progress())
    #expect(report.isSound)
    let before = try roles.storage.packs().count
    try keeper.forget([dropped.snapshot])
    _ = try roles.prune(keeper)
    #expect(try roles.storage.packs().count < before)
    #expect(try roles.workshop.restore(kept.id, from: roles.storage) == files)
    #expect(try roles.workshop.check(roles.storage).isSound)
  }
}

@Suite struct `Key slots` {
  let workshop: Workshop
  let storage: MemoryStorage
  private let moment = Timestamp(microseconds: 9)

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
  }

  private func secret(_ text: String) throws -> Secret {
    try Secret(copying: Array(text.utf8).span)
  }

  private func opens(_ unlock: Unlock) -> Role? {
    try? Repository.open(storage, with: unlock, scratch: "/tmp").keys.role
  }

  @Test func `open each with its own passphrase or key, and say what they are`() throws {
    let owner = try workshop.open(storage)
    let key = try RecoveryKey.generate()
    _ = try owner.addKeySlot(
      role: .keeper, lock: .passphrase(try secret("second"), .minimal), label: "köp",
      created: moment)
    let slot = try owner.addKeySlot(
      role: .writer, lock: .key(key), label: "server", created: moment)
    #expect(opens(.passphrase(workshop.passphrase)) == .owner)
    #expect(opens(.passphrase(try secret("second"))) == .keeper)
    #expect(opens(.recoveryKey(key.secret)) == .writer)
    #expect(opens(.recoveryKey(try RecoveryKey.generate().secret)) == nil)
    let slots = try owner.keySlots()
    #expect(Set(slots.map(\.label)) == ["test", "köp", "server"])
    #expect(slots.filter { $0.id == owner.openedBy }.map(\.label) == ["test"])
    #expect(try owner.keySlot(named: String(slot.id.hex.prefix(6))).label == "server")
    #expect(throws: RepositoryError.self) { try owner.keySlot(named: "") }
    try owner.removeKeySlot(slot)
    #expect(opens(.recoveryKey(key.secret)) == nil)
    #expect(try owner.keySlots().count == 2)
  }

  @Test func `keep the last of an owner`() throws {
    let owner = try workshop.open(storage)
    let only = try owner.keySlots()[0]
    _ = try owner.addKeySlot(
      role: .keeper, lock: .key(try RecoveryKey.generate()), label: "", created: moment)
    let error = #expect(throws: RepositoryError.self) { try owner.removeKeySlot(only) }
    #expect(error?.code == .refused)
    _ = try owner.addKeySlot(
      role: .owner, lock: .passphrase(try secret("next"), .minimal), label: "", created: moment)
    try owner.removeKeySlot(only)
    #expect(opens(.passphrase(workshop.passphrase)) == nil)
    #expect(opens(.passphrase(try secret("next"))) == .owner)
  }

  @Test func `take another passphrase, and then only that one`() throws {
    let owner = try workshop.open(storage)
    let change = try owner.changePassphrase(
      to: try secret("better"), hash: .minimal, created: moment)
    #expect(change.added.label == "test")
    #expect(opens(.passphrase(workshop.passphrase)) == nil)
    #expect(opens(.passphrase(try secret("better"))) == .owner)
    #expect(try owner.keySlots().count == 1)
    // There is no passphrase to change for who came with a key.
    let key = try RecoveryKey.generate()
    _ = try Repository.open(
      storage, with: .passphrase(try secret("better")), scratch: "/tmp"
    ).addKeySlot(role: .owner, lock: .key(key), label: "", created: moment)
    let other = try Repository.open(storage, with: .recoveryKey(key.secret), scratch: "/tmp")
    let error = #expect(throws: RepositoryError.self) {
      try other.changePassphrase(to: try secret("x"), hash: .minimal, created: moment)
    }
    #expect(error?.code == .refused)
  }

  @Test func `do not become another role's by a changed byte`() throws {
    let key = try RecoveryKey.generate()
    let slot = try workshop.open(storage).addKeySlot(
      role: .writer, lock: .key(key), label: "", created: moment)
    let place = try #require(StorageKey(.keys, slot.id.hex))
    storage.tamper(place) { $0[185] = Role.owner.rawValue }
    #expect(opens(.recoveryKey(key.secret)) == nil)
    storage.tamper(place) { $0[185] = Role.writer.rawValue }
    #expect(opens(.recoveryKey(key.secret)) == .writer)
  }

  @Test func `made of a key are read from a file with comments, and not with a wrong letter`()
    throws
  {
    let key = try RecoveryKey.generate()
    let file = "# Lifeboat: the key of a writer\n#\n\(key.text)\n"
    #expect(RecoveryKey(Array(file.utf8))?.text == key.text)
    #expect(RecoveryKey(Array("x\(file)".utf8)) == nil)
    #expect(RecoveryKey(Array("# \(key.text)".utf8)) == nil)
  }
}
