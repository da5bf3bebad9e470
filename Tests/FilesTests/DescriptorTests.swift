// Opening, reading, writing, space and holes.

import Files
import Testing

@Suite struct `An open file` {
  @Test func `reads what was written, and less only at the end`() throws {
    let folder = try TestFolder()
    let file = try OwnedDescriptor.createFile("data", in: folder.descriptor)
    let bytes = (0..<100_000).map { UInt8($0 % 251) }
    try file.write(bytes, at: 0)
    #expect(try file.byteCount() == 100_000)
    #expect(try file.read(byteCount: 100_000, at: 0) == bytes)
    #expect(try file.read(byteCount: 10, at: 99_995) == Array(bytes[99_995...]))
    #expect(try file.read(byteCount: 10, at: 100_000) == [])
    #expect(try file.read(byteCount: 10, at: 5_000_000) == [])
    #expect(try file.read(byteCount: 0, at: 0) == [])

    var buffer = [UInt8](repeating: 0xaa, count: 8)
    #expect(try file.read(into: &buffer, at: 99_997) == 3)
    #expect(buffer == Array(bytes[99_997...]) + [0xaa, 0xaa, 0xaa, 0xaa, 0xaa])
  }

  @Test func `takes writes anywhere, and appends where it stands`() throws {
    let folder = try TestFolder()
    let file = try OwnedDescriptor.createFile("data", in: folder.descriptor)
    try file.append("hello ".bytes)
    try file.append("world".bytes)
    try file.write("W".bytes, at: 6)
    try file.write([], at: 50)
    #expect(try folder.text(of: "data") == "hello World")
    try file.write("!".bytes, at: 13)
    #expect(try folder.text(of: "data") == "hello World\0\0!")
    try file.truncate(toByteCount: 5)
    #expect(try folder.text(of: "data") == "hello")
  }

  @Test func `reports a full device as no space`() throws {
    let full = try OwnedDescriptor.openFileForWriting("/dev/full")
    #expect(failure { try full.append([1]) }?.isNoSpace == true)
    #expect(failure { try full.write([1], at: 0) }?.isNoSpace == true)
  }

  @Test func `is refused where there is none, where a name is taken, and where a link stands`()
    throws
  {
    let folder = try TestFolder()
    try folder.write("x", to: "file")
    try folder.descriptor.makeSymbolicLink("link", to: "file")
    let missing = failure { _ = try OwnedDescriptor.openFile("none", in: folder.descriptor) }
    #expect(missing?.isNotFound == true)
    #expect(missing?.description == "open 'none': no such file or directory")
    let beyond = failure { _ = try OwnedDescriptor.openFile("file/x", in: folder.descriptor) }
    #expect(beyond?.isNotDirectory == true)
    for name in ["file", "link"] {
      let taken = failure { _ = try OwnedDescriptor.createFile(name, in: folder.descriptor) }
      #expect(taken?.isExisting == true)
    }
    let link = failure { _ = try OwnedDescriptor.openFile("link", in: folder.descriptor) }
    #expect(link?.isSymbolicLink == true)
    let followed = try OwnedDescriptor.openFile(
      "link", in: folder.descriptor, followingLinks: true)
    #expect(try followed.byteCount() == 1)
    #expect(
      failure { _ = try OwnedDescriptor.openDirectory("file", in: folder.descriptor) }?
        .isNotDirectory == true)
  }

  @Test(.enabled(if: Host.userID != 0, "root may read everything"))
  func `is refused without permission`() throws {
    let folder = try TestFolder()
    try folder.write("x", to: "file")
    try folder.descriptor.setPermissions(of: "file", to: 0)
    #expect(
      failure { _ = try OwnedDescriptor.openFile("file", in: folder.descriptor) }?
        .isPermission == true)
  }

  @Test func `does not wait for a FIFO's writer`() throws {
    let folder = try TestFolder()
    try folder.descriptor.makeSpecial("fifo", kind: .fifo, permissions: 0o600)
    let fifo = try OwnedDescriptor.openFile("fifo", in: folder.descriptor)
    #expect(try fifo.status().kind == .fifo)
  }

  @Test func `leaves the access time alone unless asked`() throws {
    let folder = try TestFolder()
    try folder.write("content", to: "file")
    let old = FileTime(seconds: 1_000_000_000)
    try folder.descriptor.setTimes(of: "file", modified: old, accessed: old)
    let file = try OwnedDescriptor.openFile("file", in: folder.descriptor)
    #expect(try file.read(byteCount: 7, at: 0) == "content".bytes)
    #expect(try file.status().accessed == old)
  }

  @Test func `closes on exec and can be duplicated`() throws {
    let folder = try TestFolder()
    let file = try OwnedDescriptor.createFile("data", in: folder.descriptor)
    let copy = try file.duplicate()
    #expect(copy.rawValue != file.rawValue)
    try file.close()
    try copy.append("still open".bytes)
    let flags = try OwnedDescriptor.contents(of: "/proc/self/fdinfo/\(copy.rawValue)")
    let line = String(decoding: flags, as: UTF8.self).split(separator: "\n")
      .first { $0.hasPrefix("flags:") }
    let octal = try #require(line?.split(whereSeparator: \.isWhitespace).last)
    #expect(try #require(UInt32(octal, radix: 8)) & 0o2000000 != 0)  // O_CLOEXEC
  }

  @Test func `without a name vanishes when it closes`() throws {
    let folder = try TestFolder()
    let file = try OwnedDescriptor.createTemporary(in: folder.path)
    try file.write("secret".bytes, at: 0)
    #expect(try file.status().linkCount == 0)
    #expect(try folder.names() == [])
    try folder.descriptor.makeLink("named", toOpenFile: file)
    #expect(try folder.text(of: "named") == "secret")
  }

  @Test func `gives its content whole, up to a limit`() throws {
    let folder = try TestFolder()
    try folder.write(String(repeating: "x", count: 70_000), to: "big")
    #expect(try OwnedDescriptor.contents(of: "big", in: folder.descriptor).count == 70_000)
    #expect(
      try OwnedDescriptor.contents(of: "big", in: folder.descriptor, limit: 70_000).count == 70_000)
    #expect(
      try OwnedDescriptor.contents(of: "big", in: folder.descriptor, limit: .max).count == 70_000)
    let error = failure {
      _ = try OwnedDescriptor.contents(of: "big", in: folder.descriptor, limit: 69_999)
    }
    #expect(error?.description == "read 'big': file too large")
  }

  @Test func `tells its holes`() throws {
    let folder = try TestFolder()
    let file = try OwnedDescriptor.createFile("sparse", in: folder.descriptor)
    #expect(try file.dataRanges() == [])
    try file.truncate(toByteCount: 8 << 20)
    #expect(try file.dataRanges() == [])
    try file.write([UInt8](repeating: 1, count: 65_536), at: 1 << 20)
    try file.write([UInt8](repeating: 2, count: 65_536), at: 4 << 20)
    let ranges = try file.dataRanges()
    #expect(ranges == [1_048_576..<1_114_112, 4_194_304..<4_259_840])
    #expect(try file.status().storedByteCount < 1 << 20)
    try file.write([3], at: 8 << 20)
    #expect(try file.dataRanges().last?.upperBound == 8 << 20 + 1)
  }

  @Test func `reserves space without growing, and allocates by growing`() throws {
    let folder = try TestFolder()
    let file = try OwnedDescriptor.createFile("data", in: folder.descriptor)
    if try file.reserve(byteCount: 1 << 20) {
      #expect(try file.status().storedByteCount >= 1 << 20)
    }
    #expect(try file.byteCount() == 0)
    try file.allocate(byteCount: 1 << 20)
    #expect(try file.byteCount() == 1 << 20)
    #expect(try file.read(byteCount: 3, at: 1 << 19) == [0, 0, 0])
    #expect(try file.space().availableByteCount > 0)
    try file.sync()
    try file.syncContent()
    try file.writeBack(from: 0, byteCount: 1 << 20)
  }
}

@Suite struct `A lock` {
  @Test func `excludes others until it goes`() throws {
    let folder = try TestFolder()
    let first = try OwnedDescriptor.openOrCreateFile("lock", in: folder.descriptor)
    let second = try OwnedDescriptor.openOrCreateFile("lock", in: folder.descriptor)
    #expect(try first.tryLock())
    #expect(try !second.tryLock())
    #expect(try !second.tryLock(exclusively: false))
    try first.unlock()
    #expect(try second.tryLock(exclusively: false))
    #expect(try first.tryLock(exclusively: false))
    #expect(try !first.tryLock(exclusively: true))
    try second.close()
    #expect(try first.tryLock(exclusively: true))
  }
}
