import Format
import Repository
import Sodium
import Storage
import Testing

@Suite struct `A snapshot` {
  @Test func `comes back byte for byte, also what spans several packs and what is empty`() throws {
    let example = try ExampleRepository()
    var files = [
      "empty": [], "small": Array("hello".utf8), "text": [UInt8](repeating: 65, count: 300_000),
    ]
    for i in 0..<12 { files["photo-\(i)"] = noise(400_000, seed: UInt64(i + 1)) }
    let snapshot = try example.backUp(files)
    #expect(try example.restore(snapshot) == files)
    #expect(try example.storage.list(.packs).count > 3)
  }

  @Test func `stores nothing anew when nothing changed but its own small catalog`() throws {
    let example = try ExampleRepository()
    let files = ["a": noise(500_000, seed: 1), "b": noise(10, seed: 2)]
    let first = try example.backUp(files)
    let second = try example.backUp(files, at: 3_000_000)
    #expect(first.manifest.statistics.blobsNew > 0)
    #expect(second.manifest.statistics.blobsNew == 0)
    #expect(second.manifest.catalog == first.manifest.catalog)
    #expect(second.manifest.previous == first.id.hex)
    #expect(second.manifest.sequence == 2)
  }

  @Test func `is found by latest and by the first digits of its id, and by nothing else`() throws {
    let example = try ExampleRepository()
    let first = try example.backUp(["a": [1]], at: 1)
    let second = try example.backUp(["a": [2]], at: 2)
    let repository = try example.open()
    #expect(try repository.snapshot(named: "latest").id == second.id)
    #expect(try repository.snapshot(named: first.id.hex).id == first.id)
    #expect(try repository.snapshot(named: String(first.id.hex.prefix(16))).id == first.id)
    for name in ["", "zz", "0000000000000000", first.id.hex + "0"] {
      #expect(throws: RepositoryError.self) { try repository.snapshot(named: name) }
    }
    let none = SnapshotFilter(tags: ["weekly"])
    #expect(throws: RepositoryError.self) {
      try repository.snapshot(named: "latest", matching: none)
    }
  }

  @Test func `whose prefix means two is refused, and both are named`() throws {
    let example = try ExampleRepository()
    var seen: [Character: SnapshotID] = [:]
    for i in 1...17 {
      let id = try example.backUp(["a": [UInt8(i)]], at: Int64(i)).id
      guard let digit = id.hex.first else { continue }
      guard let other = seen[digit] else {
        seen[digit] = id
        continue
      }
      let repository = try example.open()
      let error = #expect(throws: RepositoryError.self) {
        try repository.snapshot(named: String(digit))
      }
      #expect(error?.code == .snapshotAmbiguous)
      #expect(error?.why.contains(other.hex.prefix(5)) == true)
      return
    }
    Issue.record("seventeen ids share no first digit")
  }

  @Test func `of many files has a catalog of several levels that finds each and skips none`() throws
  {
    let example = try ExampleRepository()
    var files: [String: [UInt8]] = [:]
    for i in 0..<4000 { files["file-\(i)"] = Array("content \(i)".utf8) }
    let snapshot = try example.backUp(files)
    #expect(try example.restore(snapshot) == files)
    #expect(snapshot.manifest.catalog.entryCount == 4001)
    let repository = try example.open()
    try repository.loadIndex()
    let catalog = try repository.catalog(of: snapshot, reader: repository.makeReader())
    for name in ["file-0", "file-1999", "file-999"] {
      #expect(try catalog.entry(CatalogKey.media("files").appending(name)) != nil)
    }
    #expect(try catalog.entry(CatalogKey.media("files").appending("file-4000")) == nil)
    #expect(try catalog.entry(CatalogKey.media("file")) == nil)

    // One file more rewrites one leaf and its path to the root, not the tree.
    files["file-2000x"] = [7]
    let second = try example.backUp(files, at: 9)
    #expect(second.manifest.statistics.blobsNew <= 4)
    #expect(try example.restore(second) == files)
  }
}

@Suite struct `A repository` {
  @Test func `is not made twice in one place`() throws {
    let example = try ExampleRepository()
    let error = #expect(throws: RepositoryError.self) {
      try KeyRing.create(
        in: example.storage, passphrase: example.passphrase, hash: .minimal, label: "",
        withRecoveryKey: false, created: Timestamp(microseconds: 0))
    }
    #expect(error?.code == .exists)
  }

  @Test func `opens with its passphrase or recovery key and with no other`() throws {
    let storage = MemoryStorage()
    let right = try Secret(copying: Array("right".utf8).span)
    let wrong = try Secret(copying: Array("wrong".utf8).span)
    let created = try KeyRing.create(
      in: storage, passphrase: right, hash: .minimal, label: "", withRecoveryKey: true,
      created: Timestamp(microseconds: 0))
    let recovery = try #require(created.recoveryKey)
    let parsed = try #require(RecoveryKey(Array(recovery.text.lowercased().utf8)))
    for unlock in [Unlock.passphrase(right), .recoveryKey(parsed.secret)] {
      #expect(try Repository.open(storage, with: unlock, scratch: "/tmp").id == created.id)
    }
    for unlock in [Unlock.passphrase(wrong), .recoveryKey(wrong)] {
      let error = #expect(throws: RepositoryError.self) {
        try Repository.open(storage, with: unlock, scratch: "/tmp")
      }
      #expect(error?.code == .wrongPassphrase)
    }
  }

  @Test func `notices every misread letter of a recovery key`() throws {
    let storage = MemoryStorage()
    let created = try KeyRing.create(
      in: storage, passphrase: try Secret(randomByteCount: 8), hash: .minimal, label: "",
      withRecoveryKey: true, created: Timestamp(microseconds: 0))
    let text = Array(try #require(created.recoveryKey).text.utf8)
    for i in text.indices where text[i] != UInt8(ascii: "-") {
      var other = text
      other[i] = text[i] == UInt8(ascii: "7") ? UInt8(ascii: "8") : UInt8(ascii: "7")
      #expect(RecoveryKey(other) == nil)
    }
    #expect(RecoveryKey(Array(text.dropLast())) == nil)
  }

  @Test func `of a newer format is left untouched with a word on what to do`() throws {
    let example = try ExampleRepository()
    example.storage.tamper(.config) { $0[9] = 2 }
    let error = #expect(throws: RepositoryError.self) { try example.open() }
    #expect(error?.code == .newerFormat)
  }

  @Test func `that is missing says so`() throws {
    let secret = try Secret(randomByteCount: 8)
    let error = #expect(throws: RepositoryError.self) {
      try Repository.open(MemoryStorage(), with: .passphrase(secret), scratch: "/tmp")
    }
    #expect(error?.code == .missing)
  }
}

@Suite struct `Damage` {
  @Test func `of any byte of a manifest, index run, key slot or config is noticed`() throws {
    let example = try ExampleRepository()
    try example.backUp(["a": noise(1000, seed: 3)])
    let keys =
      try [StorageFolder.snapshots, .index].flatMap { try example.storage.list($0) }.map(\.key)
      + [.config]
    for key in keys {
      let original = try example.storage.load(key, limit: 1 << 20)
      for i in original.indices {
        example.storage.tamper(key) { $0[i] ^= 0x40 }
        #expect(throws: RepositoryError.self, "byte \(i) of \(key)") {
          let repository = try example.open()
          _ = try repository.snapshots()
          try repository.loadIndex()
        }
        example.storage.tamper(key) { $0 = original }
      }
      for length in stride(from: 0, to: original.count, by: 7) {
        example.storage.tamper(key) { $0 = Array(original[..<length]) }
        #expect(throws: RepositoryError.self, "\(key) cut to \(length)") {
          let repository = try example.open()
          _ = try repository.snapshots()
          try repository.loadIndex()
        }
        example.storage.tamper(key) { $0 = original }
      }
    }
  }

  @Test func `of any byte of a blob is noticed and never yields other bytes`() throws {
    let example = try ExampleRepository()
    let snapshot = try example.backUp(["a": noise(3000, seed: 4)])
    for object in try example.storage.list(.packs) {
      let original = try example.storage.load(object.key, limit: 1 << 22)
      // Header and blobs; padding and trailer are read by check, not by restore.
      for i in 0..<min(original.count, 3500) {
        example.storage.tamper(object.key) { $0[i] ^= 1 }
        if let files = try? example.restore(snapshot) {
          #expect(files == ["a": noise(3000, seed: 4)], "byte \(i) of \(object.key)")
        }
        example.storage.tamper(object.key) { $0 = original }
      }
    }
  }

  @Test func `by removal of every pack is an error, not an empty restore`() throws {
    let example = try ExampleRepository()
    let snapshot = try example.backUp(["a": noise(100, seed: 5)])
    for object in try example.storage.list(.packs) { try example.storage.delete(object.key) }
    #expect(throws: RepositoryError.self) { try example.restore(snapshot) }
  }
}
