// Writers: two at once, failures that stay failures, and what a damaged repository makes them do.

import Format
import Repository
import Storage
import Synchronization
import Testing
import Workers

@Suite struct `Writers` {
  let workshop: Workshop
  let storage: MemoryStorage

  init() throws {
    workshop = try Workshop()
    storage = try workshop.make()
  }

  @Test func `at once leave two whole snapshots, and a prune keeps one copy of what both stored`()
    throws
  {
    let shared = noise(300_000, seed: 1)
    let files = (0..<2).map { i in
      ["shared": shared, "own": noise(100_000, seed: UInt64(i + 10))]
    }
    let results = Mutex<[Int: Result<SnapshotID, any Error>]>([:])
    let group = ThreadGroup()
    for i in 0..<2 {
      group.start(name: "writer") {
        let result = Result {
          try workshop.backUp(files[i], in: storage, at: Int64(i + 1)).id
        }
        results.withLock { $0[i] = result }
      }
    }
    group.wait()
    let ids = try (0..<2).map { i in
      let result = try #require(results.withLock { $0[i] })
      return try result.get()
    }
    for i in 0..<2 { #expect(try workshop.restore(ids[i], from: storage) == files[i]) }
    #expect(try workshop.check(storage).isSound)
    for time in [100, 5000, 10_000] as [Int64] {
      try workshop.prune(storage, at: time)
      for i in 0..<2 { #expect(try workshop.restore(ids[i], from: storage) == files[i]) }
    }
    #expect(try workshop.check(storage).isSound)
    let total = try storage.list(.packs).reduce(0) { $0 + $1.byteCount }
    #expect(total < 300_000 + 2 * 100_000 + 300_000)
  }

  @Test func `share one run, and store what several threads bring at once only once`() throws {
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    let chunks = (0..<40).map { noise(5000, seed: UInt64($0 % 20 + 1)) }
    let references = Mutex<[Int: ChunkReference]>([:])
    let group = ThreadGroup()
    for thread in 0..<4 {
      group.start(name: "store") {
        guard let encoder = try? ChunkEncoder() else { return }
        for i in chunks.indices where i % 4 == thread || i % 4 == (thread + 1) % 4 {
          let chunk = chunks[i]
          let reference = try? writer.store(chunk.span, class: .content, using: encoder)
          references.withLock { $0[i] = reference }
        }
      }
    }
    group.wait()
    try writer.finish()
    #expect(writer.statistics.blobsNew == 20)
    #expect(writer.statistics.blobsReused == 60)
    let reader = repository.makeReader()
    let decoder = try ChunkDecoder()
    for (i, chunk) in chunks.enumerated() {
      let reference = try #require(references.withLock { $0[i] })
      var loaded: [UInt8] = []
      try reader.load(reference, into: &loaded, using: decoder)
      #expect(loaded == chunk)
    }
  }

  @Test func `that failed once fail for good: nothing can be committed after`() throws {
    let dying = DyingStorage(storage, after: 0, .before, sparingReads: true)
    let repository = try workshop.open(dying)
    let writer = try repository.makeWriter()
    #expect(throws: RepositoryError.self) {
      for seed in 1...40 as ClosedRange<UInt64> {
        _ = try workshop.store(
          ["a": noise(30_000, seed: seed)], in: repository, writer: writer)
      }
      try writer.finish()
    }
    #expect(throws: (any Error).self) { try writer.finish() }
    #expect(try storage.packs().isEmpty)
    writer.abandon()
  }

  @Test func `that gave up leave what the next one reuses`() throws {
    let files = ["a": noise(300_000, seed: 5)]
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    _ = try workshop.store(files, in: repository, writer: writer)
    writer.abandon()
    let again = try workshop.open(storage)
    let second = try again.makeWriter()
    let root = try workshop.store(files, in: again, writer: second)
    try second.finish()
    #expect(second.statistics.blobsReused > 10)
    let snapshot = try again.commit(Workshop.manifest(root, at: 9))
    #expect(try workshop.restore(snapshot.id, from: storage) == files)
  }

  @Test(arguments: ["gone", "cut"])
  func `store again what a damaged repository lost`(how: String) throws {
    let files = ["a": noise(100_000, seed: 5)]
    let old = try workshop.backUp(files, in: storage)
    let packs = try workshop.open(storage).index.packs().values.filter { $0.blobClass == .content }
    let pack = try #require(packs.first)
    let key = try #require(StorageKey(.packs, pack.id.hex))
    if how == "gone" {
      try storage.delete(key)
    } else {
      storage.tamper(key) { $0.removeLast(30_000) }
    }
    #expect(throws: RepositoryError.self) { try workshop.restore(old.id, from: storage) }
    let new = try workshop.backUp(files, in: storage, at: 2)
    #expect(try workshop.restore(new.id, from: storage) == files)
    #expect(try workshop.restore(old.id, from: storage) == files)
  }

  @Test func `keep a file that equals a catalog node apart from the node`() throws {
    // The catalog of an empty tree is one node; its bytes as a file must not become its blob.
    let repository = try workshop.open(storage)
    let writer = try repository.makeWriter()
    let encoder = try ChunkEncoder()
    let node: [UInt8] = [1, 0, 0]
    let content = try writer.store(node.span, class: .content, using: encoder)
    let metadata = try writer.store(node.span, class: .metadata, using: encoder)
    try writer.finish()
    #expect(content.id != metadata.id)
    #expect(repository.index.location(of: content.id)?.pack.blobClass == .content)
    #expect(repository.index.location(of: metadata.id)?.pack.blobClass == .metadata)
  }
}
