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
    try record(4, in: a)
    #expect(try a.events().first?.number == 3)
  }

  @Test func `shows where an entry was taken out`() throws {
    let repository = try workshop.open(storage)
    for number in 1...3 { try record(number, in: repository) }
    let middle = try storage.list(.log)[1].key
    try storage.delete(middle)
    let events = try repository.events()
    #expect(events.map(\.number) == [3, 1])
    #expect(events[0].entry.previous != events[1].id.hex)
  }

  @Test func `refuses an entry that was changed or renamed`() throws {
    let repository = try workshop.open(storage)
    for number in 1...2 { try record(number, in: repository) }
    let key = try storage.list(.log)[0].key
    let bytes = try storage.load(key, limit: 1 << 20)
    for i in stride(from: 0, to: bytes.count, by: 11) {
      storage.tamper(key) { $0[i] ^= 1 }
      let error = #expect(throws: RepositoryError.self, "byte \(i)") { try repository.events() }
      #expect(error?.code == .damaged || error?.code == .newerFormat)
      storage.tamper(key) { $0[i] ^= 1 }
    }
    try storage.save(
      bytes, as: try #require(StorageKey(.log, "0000000009-" + String(repeating: "a", count: 64))))
    #expect(throws: RepositoryError.self) { try repository.events() }
  }
}
