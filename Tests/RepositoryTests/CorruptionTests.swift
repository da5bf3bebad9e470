// Every kind of damage to every kind of object: noticed by a check, and never wrong bytes.

import Format
import Glibc
import Repository
import Sodium
import Storage
import Testing
import Workers

/// A repository with one object or more of every kind, as small as can be.
private struct Sample {
  let workshop: Workshop
  let storage: MemoryStorage
  let old = ["gone": noise(400, seed: 1), "same": noise(300, seed: 2)]
  let files = ["new": noise(200, seed: 3), "same": noise(300, seed: 2)]
  let snapshot: Snapshot
  let older: Snapshot

  /// Without parity packs have less than a kilobyte, and each byte can have its turn.
  init(_ parity: ParityScheme) throws {
    let workshop = try Workshop()
    let storage = MemoryStorage()
    func record(_ seconds: Int64) throws {
      try workshop.open(storage).record(
        .backup, outcome: "pass", snapshots: [], details: [:], host: "h", program: "p",
        time: Timestamp(microseconds: seconds))
    }
    _ = try KeyRing.create(
      in: storage, passphrase: workshop.passphrase, hash: .minimal, label: "test",
      withRecoveryKey: false, created: Timestamp(microseconds: 1), packByteCount: 1 << 16,
      parity: parity)
    older = try workshop.backUp(old, in: storage)
    try record(1)
    snapshot = try workshop.backUp(files, in: storage, at: 2)
    let third = try workshop.backUp(["x": noise(100, seed: 5)], in: storage, at: 3)
    try workshop.open(storage).forget([third])
    try workshop.prune(storage, at: 100)
    try record(2)
    self.workshop = workshop
    self.storage = storage
  }

  /// Thousands of decrypted indexes: in memory, where there is such a place.
  private static let scratch = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"

  /// Whether opening or a check of all data reports anything.
  func isNoticed(in storage: MemoryStorage) -> Bool {
    guard
      let report = try? Repository.open(
        storage, with: .passphrase(workshop.passphrase), scratch: Self.scratch
      ).check(
        readingData: true, workers: 1, cancellation: Cancellation(), progress: Progress())
    else { return true }
    return !report.isSound
  }

  /// Restores what can be restored; each file is as it was, or there is an error.
  func expectNothingWrong(in storage: MemoryStorage, _ comment: Comment) {
    for (id, expected) in [(snapshot.id, files), (older.id, old)] {
      guard let key = StorageKey(.snapshots, id.hex), (try? storage.contains(key)) == true,
        let found = try? workshop.restore(id, from: storage)
      else { continue }
      #expect(found == expected, comment)
    }
  }

  func objects() throws -> [StorageKey] { try storage.everything() }
}

@Suite struct `Damage to any object` {
  private static func kind(_ key: StorageKey) -> String { key.folder?.rawValue ?? "config" }

  /// One kind a case, so that they run at once where there are cores.
  @Test(arguments: ["config"] + StorageFolder.allCases.map(\.rawValue))
  func `of one bit in any byte is noticed, and nothing wrong is ever restored`(kind: String) throws
  {
    let sample = try Sample(.none)
    var count = 0
    for key in try sample.objects() where Self.kind(key) == kind {
      let byteCount = try sample.storage.byteCount(of: key)
      for i in 0..<byteCount {
        sample.storage.tamper(key) { $0[i] ^= 1 << UInt8(i % 8) }
        #expect(sample.isNoticed(in: sample.storage), "byte \(i) of \(key)")
        if i % 16 == 0 { sample.expectNothingWrong(in: sample.storage, "byte \(i) of \(key)") }
        sample.storage.tamper(key) { $0[i] ^= 1 << UInt8(i % 8) }
        count += 1
      }
    }
    #expect(count > 400)
    #expect(!sample.isNoticed(in: sample.storage))
  }

  @Test func `with parity is noticed as well, wherever it lies, and mended`() throws {
    let sample = try Sample(.fiveShards)
    // Every seventh byte, with another bit each time: the suite should end within minutes.
    for pack in try sample.storage.list(.packs) {
      for i in stride(from: 0, to: pack.byteCount, by: 7) {
        sample.storage.tamper(pack.key) { $0[i] ^= 1 << UInt8(i % 8) }
        #expect(sample.isNoticed(in: sample.storage), "byte \(i) of \(pack.key)")
        if i % 49 == 0 {
          let repository = try Repository.open(
            sample.storage, with: .passphrase(sample.workshop.passphrase), scratch: "/tmp")
          let plan = try repository.planRepair(
            from: nil, RepairOptions(), workers: 1, cancellation: Cancellation(),
            progress: Progress())
          #expect(plan.steps.map(\.object) == [pack.key], "byte \(i)")
          #expect(plan.losses.isEmpty)
        }
        sample.storage.tamper(pack.key) { $0[i] ^= 1 << UInt8(i % 8) }
      }
    }
  }

  @Test func `that cut it short, or made it longer, is noticed`() throws {
    let sample = try Sample(.none)
    for key in try sample.objects() {
      let whole = try sample.storage.load(key, limit: 1 << 20)
      // A fifth of the lengths, and all near both ends: each is refused by the same comparison.
      let lengths = (0...whole.count + 1).filter {
        $0 != whole.count && ($0 % 5 == 0 || $0 < 20 || $0 > whole.count - 20)
      }
      for length in lengths {
        sample.storage.tamper(key) { $0 = Array((whole + [0]).prefix(length)) }
        #expect(sample.isNoticed(in: sample.storage), "\(key) cut to \(length)")
        if length % 64 == 0 { sample.expectNothingWrong(in: sample.storage, "\(key) to \(length)") }
      }
      sample.storage.tamper(key) { $0 = whole }
    }
    #expect(!sample.isNoticed(in: sample.storage))
  }

  @Test func `that filled it with zeros is noticed`() throws {
    let sample = try Sample(.fiveShards)
    for key in try sample.objects() {
      let storage = try sample.storage.copy()
      storage.tamper(key) { for i in $0.indices { $0[i] = 0 } }
      #expect(sample.isNoticed(in: storage), "\(key)")
      sample.expectNothingWrong(in: storage, "\(key)")
    }
  }

  @Test func `that put another of its kind in its place is noticed`() throws {
    let sample = try Sample(.fiveShards)
    let objects = try sample.objects()
    var count = 0
    for key in objects {
      for other in objects where other != key && other.folder == key.folder {
        let storage = try sample.storage.copy()
        let bytes = try storage.load(other, limit: 1 << 20)
        storage.tamper(key) { $0 = bytes }
        #expect(sample.isNoticed(in: storage), "\(other) in place of \(key)")
        sample.expectNothingWrong(in: storage, "\(other) in place of \(key)")
        count += 1
      }
    }
    #expect(count > 10)
  }

  @Test func `that removed it is noticed where something refers to it`() throws {
    let sample = try Sample(.fiveShards)
    for key in try sample.objects() {
      let storage = try sample.storage.copy()
      try storage.delete(key)
      sample.expectNothingWrong(in: storage, "\(key)")
      // Nothing names the newest log entry, or a mark: docs/threat-model.md says so. A snapshot may
      // always be gone, for forget removes it, and then what only it named.
      let runs = sample.snapshot.manifest.indexRuns + sample.older.manifest.indexRuns
      let isNamed =
        switch key.folder {
        case nil, .keys, .packs: true
        case .index: runs.contains(key.name)
        case .log: key.name.hasPrefix("0000000001")
        case .snapshots, .doomed: false
        }
      if isNamed { #expect(sample.isNoticed(in: storage), "\(key)") }
    }
  }

  @Test func `that stored it twice under another name is noticed, or does no harm`() throws {
    let sample = try Sample(.fiveShards)
    for key in try sample.objects() {
      guard let folder = key.folder else { continue }
      let storage = try sample.storage.copy()
      let name = key.name.dropLast(64) + String(repeating: "ab", count: 32)
      try storage.save(
        try storage.load(key, limit: 1 << 20), as: try #require(StorageKey(folder, name)))
      if folder != .packs { #expect(sample.isNoticed(in: storage), "\(key)") }
      if folder == .packs || folder == .keys || folder == .log {
        #expect(try sample.workshop.restore(sample.snapshot.id, from: storage) == sample.files)
      }
      sample.expectNothingWrong(in: storage, "\(key)")
    }
  }

  @Test func `that put another repository's configuration in its place is noticed`() throws {
    let sample = try Sample(.fiveShards)
    let other = try Sample(.fiveShards)
    let config = try other.storage.load(.config, limit: 1 << 20)
    sample.storage.tamper(.config) { $0 = config }
    #expect(sample.isNoticed(in: sample.storage))
    sample.expectNothingWrong(in: sample.storage, "config")
  }

  @Test func `leaves what it does not touch restorable`() throws {
    let sample = try Sample(.none)
    let needed = try sample.workshop.open(sample.storage)
    let live = try Reachability(needed, cancellation: Cancellation())
    try live.mark(sample.snapshot)
    var packs: Set<PackID> = []
    for position in 0..<needed.index.entryCount where live.isLive(position) {
      if let location = needed.index.location(at: position) { packs.insert(location.pack.id) }
    }
    var untouched = 0
    for pack in try sample.storage.list(.packs) {
      guard let id = PackID(hex: pack.key.name), !packs.contains(id) else { continue }
      sample.storage.tamper(pack.key) { for i in $0.indices { $0[i] = 0 } }
      untouched += 1
    }
    #expect(untouched > 0)
    #expect(try sample.workshop.restore(sample.snapshot.id, from: sample.storage) == sample.files)
  }

  @Test func `of a pack's length keeps prune from relying on it`() throws {
    let sample = try Sample(.none)
    for pack in try sample.storage.list(.packs) {
      let storage = try sample.storage.copy()
      storage.tamper(pack.key) { $0.removeLast(60) }
      _ = try? sample.workshop.prune(storage, at: 100_000, grace: 0, deadShare: 0)
      let repaired = try storage.copy()
      let whole = try sample.storage.load(pack.key, limit: 1 << 20)
      if try repaired.contains(pack.key) { repaired.tamper(pack.key) { $0 = whole } }
      // Either it was not needed, or prune left all as it was.
      #expect(
        try sample.workshop.restore(sample.snapshot.id, from: repaired) == sample.files,
        "\(pack.key)")
    }
  }
}
