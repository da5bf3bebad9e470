// Storage that lies about time: old states, withheld objects, other repositories; and honest change.

import Files
import Format
import Repository
import Storage
import TestSupport
import Testing

@Suite struct `A client that remembers` {
  let workshop: Workshop
  let storage: MemoryStorage
  let folder: ScratchFolder
  let memory: ClientMemory

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
    folder = try ScratchFolder()
    memory = ClientMemory(folder: folder.path, location: storage.location)
  }

  private func record(
    _ event: LogEntry.Event, _ snapshots: [Snapshot] = [], in storage: any Storage
  ) throws {
    try workshop.open(storage).record(
      event, outcome: "pass", snapshots: snapshots.map(\.id), details: [:], host: "host",
      program: "test", time: Timestamp(microseconds: 1))
  }

  @discardableResult
  private func backUp(_ seconds: Int64, in storage: any Storage) throws -> Snapshot {
    let snapshot = try workshop.backUp(["a": [UInt8(seconds)]], in: storage, at: seconds)
    try record(.backup, [snapshot], in: storage)
    return snapshot
  }

  private func see(_ storage: any Storage, expecting head: LogHead? = nil) throws {
    let repository = try workshop.open(storage)
    try repository.recall(from: memory, expecting: head)
    try repository.remember(in: memory)
  }

  private func refusal(_ storage: any Storage) -> String? {
    let error = #expect(throws: RepositoryError.self) {
      try workshop.open(storage).recall(from: memory, expecting: nil)
    }
    #expect(error?.code == .rolledBack)
    return error?.why
  }

  @Test func `accepts every honest change: backups, forgetting, and nothing at all`() throws {
    try see(storage)
    let first = try backUp(1, in: storage)
    try see(storage)
    try see(storage)
    try backUp(2, in: storage)
    try record(.forget, [first], in: storage)
    // Seen between the entry and the removal that it announces.
    try see(storage)
    try workshop.open(storage).forget([first])
    try see(storage)
  }

  @Test func `notices an old state`() throws {
    try backUp(1, in: storage)
    try see(storage)
    let old = try storage.copy()
    try backUp(2, in: storage)
    try see(storage)
    #expect(refusal(old)?.contains("which was there before, is not: the newest") == true)
    // The old state goes on by itself: it does not become the one that was seen.
    for seconds in 3...6 { try backUp(Int64(seconds), in: old) }
    #expect(refusal(old)?.contains("the log entry 2-") == true)
    try see(storage)
  }

  @Test func `notices a withheld snapshot, whatever the log says otherwise`() throws {
    try backUp(1, in: storage)
    let second = try backUp(2, in: storage)
    try see(storage)
    try record(.check, in: storage)
    try storage.delete(try #require(StorageKey(.snapshots, second.id.hex)))
    #expect(refusal(storage)?.contains("snapshot \(second.id), which was there before") == true)
  }

  @Test func `notices entries that were left out after the one that it remembers`() throws {
    try backUp(1, in: storage)
    try see(storage)
    for _ in 1...3 { try record(.check, in: storage) }
    try storage.delete(try storage.list(.log)[2].key)
    #expect(refusal(storage) == "entry 3 is missing")
  }

  @Test func `notices a remembered entry whose bytes are others`() throws {
    try backUp(1, in: storage)
    try see(storage)
    storage.tamper(try storage.list(.log)[0].key) { $0[300] ^= 1 }
    #expect(refusal(storage)?.contains("the log entry 1-") == true)
  }

  @Test func `notices another repository at the same place`() throws {
    try backUp(1, in: storage)
    try see(storage)
    let other = try workshop.make()
    #expect(refusal(other)?.contains("was there before") == true)
    // Accepted once, both are known there, each with its own head.
    try workshop.open(other).remember(in: memory)
    try see(other)
    try see(storage)
  }

  @Test func `does not forget what it saw because the storage went back while it was open`() throws
  {
    try backUp(1, in: storage)
    let old = try storage.copy()
    try backUp(2, in: storage)
    try see(storage)
    let error = #expect(throws: RepositoryError.self) {
      try workshop.open(old).remember(in: memory)
    }
    #expect(error?.code == .rolledBack)
    #expect(refusal(old) != nil)
    try workshop.open(old).remember(in: memory, accepting: true)
    try see(old)
  }

  @Test func `takes the head from a person where it remembers nothing`() throws {
    try backUp(1, in: storage)
    let old = try storage.copy()
    try backUp(2, in: storage)
    let head = try #require(try workshop.open(storage).logNames().last)
    #expect(LogHead("2-abc") == nil)
    #expect(LogHead("0-" + head.id.hex) == nil)
    let written = try #require(LogHead("2-" + head.id.hex.prefix(16).uppercased()))
    let error = #expect(throws: RepositoryError.self) { try see(old, expecting: written) }
    #expect(error?.code == .rolledBack)
    try see(storage, expecting: written)
    try backUp(3, in: storage)
    try see(storage, expecting: written)
  }

  @Test func `does not take a broken memory for none`() throws {
    try backUp(1, in: storage)
    try see(storage)
    try DurableFile.write(Array("{".utf8), to: memory.path)
    #expect(refusal(storage) == "it is not what this program writes")
  }
}
