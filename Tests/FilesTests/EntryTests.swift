// Directories, links, renaming, removing, status.

import Files
import Glibc
import Testing

@Suite struct `A directory` {
  static let names: [[UInt8]] = [
    "plain".bytes, "with\nnewline".bytes, [0xff, 0xfe, 0x80], "Ärger".bytes, " ".bytes,
    [UInt8](repeating: 0x7a, count: 255), "...".bytes, "\u{1b}[31m".bytes,
  ]

  @Test func `lists every name as the bytes it is`() throws {
    let folder = try TestFolder()
    for name in Self.names { try folder.write("x", to: name) }
    let listing = try folder.descriptor.sortedEntries()
    let expected = Self.names.sorted { $0.lexicographicallyPrecedes($1) }
    #expect(listing.map(\.name.bytes) == expected)
    #expect(listing.allSatisfy { $0.kind == .regular })
    for entry in listing {
      #expect(try folder.descriptor.status(of: entry.name).inode == entry.inode)
      #expect(try folder.text(of: entry.name) == "x")
    }
  }

  @Test func `streams more names than one buffer holds, each once`() throws {
    let folder = try TestFolder()
    for i in 0..<1500 { try folder.write("", to: "\(i)-" + String(repeating: "n", count: 100)) }
    var reader = try folder.descriptor.entries()
    var seen: Set<FileName> = []
    var count = 0
    while let entry = try reader.next() {
      seen.insert(entry.name)
      count += 1
    }
    #expect(count == 1500)
    #expect(seen.count == 1500)
    #expect(try reader.next() == nil)
    // A second reader starts from the first entry again.
    #expect(try folder.descriptor.sortedEntries().count == 1500)
  }

  @Test func `tells the kind of each entry`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "regular")
    try folder.descriptor.makeDirectory("directory")
    try folder.descriptor.makeSymbolicLink("link", to: "nowhere")
    try folder.descriptor.makeSpecial("fifo", kind: .fifo, permissions: 0o600)
    try folder.descriptor.makeSpecial("socket", kind: .socket, permissions: 0o600)
    let kinds = try folder.descriptor.sortedEntries().map(\.kind)
    #expect(kinds == [.directory, .fifo, .symbolicLink, .regular, .socket])
    for entry in try folder.descriptor.sortedEntries() {
      #expect(try folder.descriptor.status(of: entry.name).kind == entry.kind)
    }
  }

  @Test func `that is empty lists nothing`() throws {
    let folder = try TestFolder()
    #expect(try folder.descriptor.sortedEntries().isEmpty)
  }

  @Test func `is made with those above it, and only where none is`() throws {
    let folder = try TestFolder()
    try folder.descriptor.makeDirectories("a/b/c/")
    try folder.descriptor.makeDirectories("a/b/c")
    try folder.descriptor.makeDirectories("a/b/d")
    #expect(try folder.descriptor.status(of: "a/b/d").kind == .directory)
    #expect(failure { try folder.descriptor.makeDirectory("a") }?.isExisting == true)
    try folder.write("", to: "file")
    #expect(failure { try folder.descriptor.makeDirectories("file") }?.isNotDirectory == true)
    #expect(failure { try folder.descriptor.makeDirectories("file/x") }?.isNotDirectory == true)
  }

  @Test func `is removed with all beneath it, but not through a link`() throws {
    let folder = try TestFolder()
    try folder.descriptor.makeDirectories("kept")
    try folder.write("safe", to: "kept/file")
    try folder.descriptor.makeDirectories("tree/a/b")
    try folder.write("x", to: "tree/a/b/file")
    try folder.descriptor.makeSymbolicLink("tree/a/out", to: "../../kept")
    #expect(failure { try folder.descriptor.removeDirectory("tree") }?.isNotEmpty == true)
    try folder.descriptor.removeTree("tree")
    try folder.descriptor.removeTree("tree")
    #expect(try folder.names() == ["kept"])
    #expect(try folder.text(of: "kept/file") == "safe")
  }
}

@Suite struct `An entry` {
  @Test func `that is a symbolic link keeps any target`() throws {
    let folder = try TestFolder()
    let targets: [[UInt8]] = [
      "a".bytes, [0xff, 0x0a], [UInt8](repeating: 0x61, count: 4095), "/etc/passwd".bytes,
    ]
    for (i, target) in targets.enumerated() {
      try folder.descriptor.makeSymbolicLink("link\(i)", to: target)
      #expect(try folder.descriptor.symbolicLink("link\(i)") == target)
      #expect(try folder.descriptor.status(of: "link\(i)").byteCount == Int64(target.count))
    }
    try folder.write("", to: "file")
    #expect(failure { _ = try folder.descriptor.symbolicLink("file") }?.code == 22)
    #expect(failure { try folder.descriptor.makeSymbolicLink("nul", to: "a\0b") }?.code == 22)
  }

  @Test func `can have several names`() throws {
    let folder = try TestFolder()
    try folder.write("x", to: "one")
    try folder.descriptor.makeLink("two", to: "one", in: folder.descriptor)
    let status = try folder.descriptor.status(of: "one")
    #expect(status.linkCount == 2)
    #expect(status.isSameFile(as: try folder.descriptor.status(of: "two")))
    #expect(
      failure { try folder.descriptor.makeLink("two", to: "one", in: folder.descriptor) }?
        .isExisting == true)
  }

  @Test func `is renamed over another only when told`() throws {
    let folder = try TestFolder()
    try folder.write("one", to: "one")
    try folder.write("two", to: "two")
    let refused = failure {
      try folder.descriptor.rename("one", to: "two", replacing: false)
    }
    #expect(refused?.isExisting == true)
    #expect(try folder.text(of: "one") == "one")
    #expect(try folder.text(of: "two") == "two")
    try folder.descriptor.rename("one", to: "three", replacing: false)
    try folder.descriptor.rename("three", to: "two", replacing: true)
    #expect(try folder.names() == ["two"])
    #expect(try folder.text(of: "two") == "one")
    #expect(
      failure { try folder.descriptor.rename("none", to: "x", replacing: false) }?.isNotFound
        == true)
  }

  @Test func `has a status with everything a backup records`() throws {
    let folder = try TestFolder()
    try folder.write("12345", to: "file")
    try folder.descriptor.setPermissions(of: "file", to: 0o4751)
    let status = try folder.descriptor.status(of: "file")
    #expect(status.kind == .regular)
    #expect(status.permissions == 0o4751)
    #expect(status.byteCount == 5)
    #expect(status.userID == Host.userID)
    #expect(status.linkCount == 1)
    #expect(status.device == (try folder.descriptor.status().device))
    #expect(status.special == DeviceNumber(major: 0, minor: 0))
    #expect(status.mountID == (try folder.descriptor.status().mountID))
    #expect(status.changed > FileTime(seconds: 1_700_000_000))
    #expect(try folder.descriptor.statusIfAny(of: "none") == nil)
    #expect(try folder.descriptor.statusIfAny(of: "file/none") == nil)
    let null = try OwnedDescriptor.workingDirectory.status(of: "/dev/null")
    #expect(null.kind == .characterDevice)
    #expect(null.special == DeviceNumber(major: 1, minor: 3))
  }

  @Test(.enabled(if: Host.userID == 0, "only root may make devices"))
  func `can be a device with a large number`() throws {
    let folder = try TestFolder()
    let number = DeviceNumber(major: 4001, minor: 70_000)
    do {
      try folder.descriptor.makeSpecial(
        "device", kind: .blockDevice, permissions: 0o600, device: number)
    } catch {
      guard error.isPermission else { throw error }
      return  // a container without CAP_MKNOD
    }
    let status = try folder.descriptor.status(of: "device")
    #expect(status.kind == .blockDevice)
    #expect(status.special == number)
  }

  @Test func `that is regular is not made as a special file`() throws {
    let folder = try TestFolder()
    let error = failure {
      try folder.descriptor.makeSpecial("file", kind: .regular, permissions: 0o600)
    }
    #expect(error?.code == 22)
  }
}

@Suite struct `A tree of very many levels` {
  @Test func `is removed with few descriptors`() async throws {
    await #expect(processExitsWith: .success) {
      let folder = try TestFolder()
      try folder.descriptor.makeDirectory("top")
      var inner = try OwnedDescriptor.openDirectory("top", in: folder.descriptor)
      for level in 0..<1500 {
        try inner.makeDirectory("level", permissions: 0o700)
        if level % 100 == 0 {
          for name in ["a", "z"] { _ = try OwnedDescriptor.createFile(name, in: inner) }
          try inner.makeDirectory("other")
          try inner.makeSymbolicLink("link", to: "/")
        }
        inner = try OwnedDescriptor.openDirectory("level", in: inner)
      }
      var limit = rlimit(rlim_cur: 80, rlim_max: 80)
      try #require(unsafe setrlimit(__rlimit_resource_t(7), &limit) == 0)  // RLIMIT_NOFILE
      try folder.descriptor.removeTree("top")
      #expect(try folder.descriptor.statusIfAny(of: "top") == nil)
    }
  }
}
