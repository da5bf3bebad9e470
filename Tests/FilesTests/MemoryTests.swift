// Files as memory, and reads past the page cache.

import Files
import Testing

@Suite struct `A mapped file` {
  @Test func `shows the file's bytes, also when the descriptor is closed`() throws {
    let folder = try TestFolder()
    let bytes = (0..<10_000).map { UInt8($0 % 253) }
    let file = try OwnedDescriptor.createTemporary(in: folder.path)
    try file.write(bytes, at: 0)
    let mapped = try MappedFile(file, byteCount: 9_999)
    try file.close()
    mapped.adviseRandomAccess()
    let seen = mapped.withSpan { span in (0..<span.count).map { span[$0] } }
    #expect(seen == Array(bytes.dropLast()))
    #expect(mapped.withBytes { $0.byteCount } == 9_999)
  }

  @Test func `may be empty, but not longer than the file`() throws {
    let folder = try TestFolder()
    let file = try OwnedDescriptor.createTemporary(in: folder.path)
    let empty = try MappedFile(file, byteCount: 0)
    #expect(empty.withSpan { $0.count } == 0)
    #expect(failure { _ = try MappedFile(file, byteCount: 1) }?.code == 22)
    #expect(failure { _ = try MappedFile(file, byteCount: -1) }?.code == 22)
  }
}

@Suite struct `A mapped table` {
  @Test func `starts as zeros, keeps what is set, and leaves no name`() throws {
    let folder = try TestFolder()
    var table = try MappedTable(count: 100_000, in: folder.path)
    #expect(table.count == 100_000)
    #expect(table[0] == 0 && table[99_999] == 0)
    for i in stride(from: 0, to: 100_000, by: 7) { table[i] = UInt64(i) << 32 | 1 }
    table[99_999] = .max
    #expect((0..<99_999).allSatisfy { table[$0] == ($0 % 7 == 0 ? UInt64($0) << 32 | 1 : 0) })
    #expect(table[99_999] == .max)
    #expect(try folder.names() == [])
  }

  @Test func `may be empty, but not negative, absurd or nowhere`() throws {
    let folder = try TestFolder()
    #expect(try MappedTable(count: 0, in: folder.path).count == 0)
    for count in [-1, .max, .min] {
      #expect(failure { _ = try MappedTable(count: count, in: folder.path) }?.code == 22)
    }
    #expect(failure { _ = try MappedTable(count: 1, in: folder.path + "/no") }?.isNotFound == true)
    #expect(failure { _ = try MappedTable(count: 1 << 55, in: folder.path) } != nil)
    #expect(try folder.names() == [])
  }

  @Test func `stops at an index outside`() async {
    await #expect(processExitsWith: .failure) {
      let table = try MappedTable(count: 4, in: "/tmp")
      _ = table[4]
    }
  }
}

@Suite struct `A reader that is kind to the page cache` {
  @Test(arguments: [false, true])
  func `reads the same bytes`(usingKernel: Bool) throws {
    let folder = try TestFolder()
    let bytes = (0..<1_000_003).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    try OwnedDescriptor.createFile("file", in: folder.descriptor).write(bytes, at: 0)
    var reader = CacheNeutralReader(
      try OwnedDescriptor.openFile("file", in: folder.descriptor), usingKernel: usingKernel)
    var seen: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 200_000)
    while true {
      let count = try reader.read(into: &buffer, at: Int64(seen.count))
      seen += buffer[..<count]
      if count < buffer.count { break }
    }
    #expect(seen == bytes)
    #expect(try reader.read(into: &buffer, at: 5_000_000) == 0)
  }

  @Test(arguments: [false, true])
  func `leaves cold what was cold, and warm what was warm`(usingKernel: Bool) throws {
    let folder = try TestFolder()
    let byteCount: Int64 = 8 << 20
    let file = try OwnedDescriptor.createFile("file", in: folder.descriptor)
    try file.write([UInt8](repeating: 5, count: Int(byteCount)), at: 0)
    try file.sync()
    var buffer = [UInt8](repeating: 0, count: 1 << 20)

    func cached() throws -> Int64 {
      let count = file.cachedByteCount()
      return try #require(count)
    }
    func readAll() throws {
      var reader = CacheNeutralReader(
        try OwnedDescriptor.openFile("file", in: folder.descriptor), usingKernel: usingKernel)
      for offset in stride(from: 0, to: byteCount, by: 1 << 20) {
        #expect(try reader.read(into: &buffer, at: offset) == 1 << 20)
      }
    }
    #expect(try cached() == byteCount)
    try readAll()
    #expect(try cached() == byteCount)

    file.adviseNotNeeded()
    guard try cached() == 0 else { return }  // a filesystem that lives in memory
    try readAll()
    #expect(try cached() <= 1 << 20)

    file.adviseNotNeeded()
    #expect(try file.read(byteCount: 1 << 20, at: 2 << 20).count == 1 << 20)
    let warm = try cached()
    #expect(warm >= 1 << 20)
    try readAll()
    let after = try cached()
    #expect(after >= 1 << 20 && after <= warm + 1 << 20)
  }

  @Test func `of an empty file ends at once`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    for usingKernel in [false, true] {
      var reader = CacheNeutralReader(
        try OwnedDescriptor.openFile("file", in: folder.descriptor), usingKernel: usingKernel)
      var buffer = [UInt8](repeating: 0, count: 10)
      #expect(try reader.read(into: &buffer, at: 0) == 0)
    }
  }
}

@Suite struct `Direct access` {
  @Test func `takes aligned memory`() throws {
    let folder = try TestFolder()
    var buffer = AlignedBuffer(byteCount: 8192)
    buffer.withMutableBytes { for i in $0.indices { $0[i] = UInt8(i % 250) } }
    do {
      let file = try OwnedDescriptor.createFile("file", in: folder.descriptor, direct: true)
      try buffer.withBytes { span throws(SystemError) in try file.write(span, at: 0) }
      try file.setDirect(false)
      try file.append([9])
      try file.setDirect(true)
    } catch {
      guard error.code == 22 else { throw error }
      return  // this filesystem has no direct access
    }
    let content = try OwnedDescriptor.contents(of: "file", in: folder.descriptor)
    #expect(content.count == 8192)
    #expect(content[4099] == UInt8(4099 % 250))
    #expect(content[0] == 9)
    let file = try OwnedDescriptor.openFile("file", in: folder.descriptor, direct: true)
    let count = try buffer.withMutableBytes { span throws(SystemError) in
      try file.read(into: &span, at: 4096)
    }
    #expect(count == 4096)
    #expect(buffer.withBytes { $0[3] } == UInt8(4099 % 250))
  }
}

@Suite struct `The host` {
  @Test func `has a name and this process`() throws {
    #expect(!Host.name.isEmpty)
    let status = try OwnedDescriptor.contents(of: "/proc/self/stat")
    #expect(String(decoding: status, as: UTF8.self).hasPrefix("\(Host.processID) "))
  }

  @Test func `knows its accounts both ways`() {
    let accounts = AccountNames()
    for _ in 0..<2 {  // the second time from memory
      #expect(accounts.userName(0) == "root")
      #expect(accounts.groupName(0) == "root")
      #expect(accounts.userID("root") == 0)
      #expect(accounts.groupID("root") == 0)
      #expect(accounts.userName(3_999_999_999) == nil)
      #expect(accounts.groupName(3_999_999_999) == nil)
      #expect(accounts.userID("no such user") == nil)
      #expect(accounts.groupID("no such group") == nil)
    }
  }
}
