// The evidence log: order, chain, forks, tampering.

import Format
import Repository
import Storage
import Testing

@Suite struct `The evidence log` {
  let workshop: Workshop
  let storage: MemoryStorage

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
  }

  private func record(_ number: Int, in repository: Repository) throws {
    try repository.record(
      .check, outcome: "pass", snapshots: [], details: ["number": "\(number)"], host: "host",
      program: "test", time: Timestamp(microseconds: Int64(number)))
  }

  @Test func `numbers its entries, and each names the one before`() throws {
    let repository = try workshop.open(storage)
    for number in 1...12 { try record(number, in: repository) }
    let events = try repository.events()
    #expect(events.map(\.number) == (1...12).reversed())
    #expect(events.map { $0.entry.details["number"] } == (1...12).reversed().map { "\($0)" })
    for (newer, older) in zip(events, events.dropFirst()) {
      #expect(newer.entry.previous == older.id.hex)
    }
    #expect(events.last?.entry.previous == nil)
    #expect(try repository.events(limit: 3).map(\.number) == [12, 11, 10])
    #expect(try storage.list(.log).first?.key.name.hasPrefix("0000000001-") == true)
  }

  @Test func `keeps both entries of two who write at once, and shows the fork`() throws {
    let a = try workshop.open(storage)
    try record(1, in: a)
    let other = try storage.copy()
    let b = try workshop.open(other)
    try record(2, in: a)
    try record(3, in: b)
    for object in try other.list(.log) {
      try storage.save(try other.load(object.key, limit: 1 << 20), as: object.key)
    }
    let events = try a.events()
    #expect(events.map(\.number) == [2, 2, 1])
    #expect(events[0].entry.previous == events[1].entry.previous)
    // The next names both: neither can be taken out any more.
    try record(4, in: a)
    #expect(try a.events().first?.number == 3)
    #expect(try a.verifyLog().holds)
    for victim in 1...2 {
      let copy = try storage.copy()
      try copy.delete(try copy.list(.log)[victim].key)
      let findings = try workshop.open(copy).verifyLog().findings
      #expect(findings.map(\.code) == ["chain"])
    }
  }

  @Test func `names the entry that follows one which was taken out`() throws {
    let repository = try workshop.open(storage)
    for number in 1...5 { try record(number, in: repository) }
    #expect(try repository.verifyLog().holds)
    let names = try repository.logNames()
    try storage.delete(try storage.list(.log)[2].key)
    let error = #expect(throws: RepositoryError.self) { try repository.events() }
    #expect(error?.code == .damaged)
    #expect(error?.why == "entry 3 is missing")
    #expect(try repository.verifyLog().findings.map(\.what) == ["entry 3 is missing"])
    // What is read holds: it is looked at no further.
    #expect(try repository.events(limit: 2).map(\.number) == [5, 4])
    // A copy of another entry does not fill the gap: the name is the hash of the bytes.
    let other = try storage.list(.log)[0].key
    let bytes = try storage.load(other, limit: 1 << 20)
    let name = "0000000003-" + names[0].id.hex
    try storage.save(bytes, as: try #require(StorageKey(.log, name)))
    let findings = try repository.verifyLog().findings
    #expect(findings.contains { $0.code == "chain" && $0.entry == names[3].short })
    #expect(findings.contains { $0.code == "chain" && $0.entry == "3-\(names[0].id)" })
  }

  @Test func `shows a word that it does not know as it is`() throws {
    let repository = try workshop.open(storage)
    try repository.record(
      LogEntry.Event(rawValue: "teleport"), outcome: "pass", snapshots: [], details: [:],
      host: "host", program: "later", time: Timestamp(microseconds: 1))
    try record(2, in: repository)
    #expect(try repository.events().map(\.entry.event.rawValue) == ["check", "teleport"])
    #expect(try repository.verifyLog().holds)
  }

  @Test func `says which snapshot is gone although nobody forgot it`() throws {
    let snapshot = try workshop.backUp(["a": [1]], in: storage)
    let repository = try workshop.open(storage)
    func record(_ event: LogEntry.Event) throws {
      try repository.record(
        event, outcome: "pass", snapshots: [snapshot.id], details: [:], host: "host",
        program: "test", time: Timestamp(microseconds: 1))
    }
    try record(.backup)
    #expect(try repository.verifyLog().holds)
    try storage.delete(try #require(StorageKey(.snapshots, snapshot.id.hex)))
    let findings = try repository.verifyLog().findings
    #expect(findings.map(\.code) == ["snapshot-missing"])
    #expect(findings.first?.what.contains("\(snapshot.id)") == true)
    try record(.forget)
    #expect(try repository.verifyLog().holds)
  }

  @Test func `is not led astray by names that are not its own`() throws {
    let repository = try workshop.open(storage)
    try record(1, in: repository)
    for number in ["18446744073709551615", "1000000000000001", "0000000000", "x000000002"] {
      let name = number + "-" + String(repeating: "a", count: 64)
      try storage.save([1], as: try #require(StorageKey(.log, name)))
    }
    try record(2, in: repository)
    #expect(try repository.events().map(\.number) == [2, 1])
  }

  @Test func `refuses an entry that was changed or renamed`() throws {
    let repository = try workshop.open(storage)
    for number in 1...2 { try record(number, in: repository) }
    let key = try storage.list(.log)[0].key
    let bytes = try storage.load(key, limit: 1 << 20)
    for i in stride(from: 0, to: bytes.count, by: 11) {
      storage.tamper(key) { $0[i] ^= 1 }
      let findings = try repository.verifyLog().findings
      #expect(findings.first?.code == "entry-damaged", "byte \(i)")
      #expect(findings.first?.entry == LogName(key.name)?.short, "byte \(i)")
      let error = #expect(throws: RepositoryError.self, "byte \(i)") { try repository.events() }
      #expect(error?.code == .damaged || error?.code == .newerFormat)
      storage.tamper(key) { $0[i] ^= 1 }
    }
    try storage.save(
      bytes, as: try #require(StorageKey(.log, "0000000009-" + String(repeating: "a", count: 64))))
    #expect(throws: RepositoryError.self) { try repository.events() }
  }
}
