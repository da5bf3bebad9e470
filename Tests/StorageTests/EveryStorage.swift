// The contract that every storage must pass, whatever lies beneath.

import Storage
import TestSupport
import Testing

/// A storage and what must live as long as it.
struct StorageUnderTest {
  let storage: any Storage
  private let folder: ScratchFolder?

  enum Kind: CaseIterable { case memory, local }

  init(_ kind: Kind) throws {
    switch kind {
    case .memory:
      folder = nil
      storage = MemoryStorage()
    case .local:
      let folder = try ScratchFolder()
      self.folder = folder
      storage = try LocalStorage.create(folder.path + "/repository")
    }
  }
}

func key(_ folder: StorageFolder, _ name: String) throws -> StorageKey {
  try #require(StorageKey(folder, name))
}

/// Bytes that differ at every offset near and far.
func pattern(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
}

func expectCode(
  _ code: StorageError.Code, sourceLocation: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  let error = #expect(throws: StorageError.self, sourceLocation: sourceLocation) { try body() }
  #expect(error?.code == code, sourceLocation: sourceLocation)
  // Each of the three parts must say something.
  #expect(
    error?.what.isEmpty == false && error?.why.isEmpty == false && error?.next.isEmpty == false)
}

@Suite struct `Every storage` {
  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `gives back what was saved, whole and in part`(_ kind: StorageUnderTest.Kind) throws {
    let storage = try StorageUnderTest(kind)
    for (name, count) in [("empty-object", 0), ("one-byte", 1), ("aa-larger", 700_019)] {
      for folder in StorageFolder.allCases {
        let key = try key(folder, name)
        let bytes = pattern(count)
        try storage.storage.save(bytes, as: key)
        #expect(try storage.storage.byteCount(of: key) == count)
        #expect(try storage.storage.load(key, limit: count) == bytes)
      }
    }
    let large = try key(.packs, "aa-larger")
    let bytes = pattern(700_019)
    for (offset, count) in [(0, 1), (1, 4096), (699_999, 20), (700_019, 0), (65_536, 65_536)] {
      var buffer = [UInt8](repeating: 0xee, count: count)
      var span = buffer.mutableSpan
      try storage.storage.read(large, at: offset, into: &span)
      #expect(buffer == Array(bytes[offset..<offset + count]))
    }
  }

  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `takes the same bytes again and refuses others`(_ kind: StorageUnderTest.Kind) throws {
    let storage = try StorageUnderTest(kind)
    for key in [StorageKey.config, try key(.packs, "0123456789")] {
      let bytes = pattern(100_000)
      try storage.storage.save(bytes, as: key)
      try storage.storage.save(bytes, as: key)
      var other = bytes
      other[99_999] ^= 1
      for refused in [other, Array(bytes.dropLast()), bytes + [0], []] {
        expectCode(.exists) { try storage.storage.save(refused, as: key) }
      }
      #expect(try storage.storage.load(key, limit: 1 << 20) == bytes)
    }
  }

  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `says which object is missing`(_ kind: StorageUnderTest.Kind) throws {
    let storage = try StorageUnderTest(kind)
    for key in [StorageKey.config, try key(.packs, "0123456789"), try key(.log, "0123456789")] {
      #expect(try storage.storage.contains(key) == false)
      expectCode(.missing) { _ = try storage.storage.byteCount(of: key) }
      expectCode(.missing) { _ = try storage.storage.load(key, limit: 10) }
      expectCode(.missing) {
        var buffer: [UInt8] = [0]
        var span = buffer.mutableSpan
        try storage.storage.read(key, at: 0, into: &span)
      }
      try storage.storage.delete(key)
    }
  }

  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `never reads past the end, nor more than the limit`(_ kind: StorageUnderTest.Kind) throws {
    let storage = try StorageUnderTest(kind)
    let key = try key(.index, "0123456789")
    try storage.storage.save(pattern(100), as: key)
    for (offset, count) in [(0, 101), (99, 2), (100, 1), (101, 1), (1 << 40, 1), (-1, 1)] {
      expectCode(.short) {
        var buffer = [UInt8](repeating: 0, count: count)
        var span = buffer.mutableSpan
        try storage.storage.read(key, at: offset, into: &span)
      }
    }
    expectCode(.failed) { _ = try storage.storage.load(key, limit: 99) }
  }

  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `lists a folder in order of key, and nothing of another`(_ kind: StorageUnderTest.Kind)
    throws
  {
    let storage = try StorageUnderTest(kind)
    for folder in StorageFolder.allCases { #expect(try storage.storage.list(folder).isEmpty) }
    let names = [
      "ff00000000", "0a00000000", "0a00000001", "zz-0000000", "a-00000000", "0000000000",
    ]
    for (count, name) in names.enumerated() {
      try storage.storage.save(pattern(count), as: key(.packs, name))
    }
    try storage.storage.save([1], as: key(.index, "0a00000000"))
    try storage.storage.save([1], as: .config)
    let hexadecimal = try storage.storage.list(.packs).filter { !$0.key.name.contains("-") }
    #expect(
      hexadecimal.map(\.key.name) == ["0000000000", "0a00000000", "0a00000001", "ff00000000"])
    #expect(hexadecimal.map(\.byteCount) == [5, 1, 2, 0])
    #expect(try storage.storage.list(.index).count == 1)
    #expect(try storage.storage.list(.keys).isEmpty)
    try storage.storage.delete(key(.packs, "0a00000000"))
    #expect(
      try storage.storage.list(.packs).map(\.key.name).filter { !$0.contains("-") }
        == ["0000000000", "0a00000001", "ff00000000"])
  }

  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `puts an object in the place of another, or where none was, and readers see it`(
    _ kind: StorageUnderTest.Kind
  ) throws {
    let storage = try StorageUnderTest(kind)
    let key = try key(.packs, "0123456789")
    try storage.storage.save(pattern(9_000_000), as: key)
    #expect(try storage.storage.load(key, limit: 9_000_000) == pattern(9_000_000))
    let shorter: [UInt8] = [7, 8, 9]
    try storage.storage.replace(key, with: shorter.span)
    #expect(try storage.storage.load(key, limit: 9_000_000) == shorter)
    try storage.storage.delete(key)
    try storage.storage.replace(key, with: shorter.span)
    #expect(try storage.storage.load(key, limit: 3) == shorter)
    #expect(try storage.storage.list(.packs).map(\.byteCount) == [3])
  }

  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `forgets what is deleted and takes its key anew`(_ kind: StorageUnderTest.Kind) throws {
    let storage = try StorageUnderTest(kind)
    let key = try key(.packs, "0123456789")
    try storage.storage.save([1, 2, 3], as: key)
    #expect(try storage.storage.load(key, limit: 3) == [1, 2, 3])
    try storage.storage.delete(key)
    #expect(try storage.storage.contains(key) == false)
    expectCode(.missing) { _ = try storage.storage.load(key, limit: 3) }
    try storage.storage.save([4], as: key)
    #expect(try storage.storage.load(key, limit: 3) == [4])
  }

  @Test(arguments: StorageUnderTest.Kind.allCases)
  func `lets many threads write and read at once, one winner a key`(
    _ kind: StorageUnderTest.Kind
  ) async throws {
    let owner = try StorageUnderTest(kind)
    let storage = owner.storage
    let key = try key(.packs, "0123456789")
    let winners = try await withThrowingTaskGroup(of: UInt8?.self) { group in
      for writer in 0..<8 as Range<UInt8> {
        group.addTask {
          do { try storage.save([UInt8](repeating: writer, count: 300_000), as: key) } catch let
            error
            as StorageError
          {
            #expect(error.code == .exists)
            return nil
          }
          return writer
        }
      }
      return try await group.reduce(into: [UInt8]()) { if let winner = $1 { $0.append(winner) } }
    }
    #expect(winners.count == 1)
    let held = try storage.load(key, limit: 1 << 20)
    #expect(held == [UInt8](repeating: winners.first ?? 0xff, count: 300_000))
  }
}
