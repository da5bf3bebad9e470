// Times, permissions, owners, extended attributes, inode flags.

import Files
import Testing

@Suite struct `Times` {
  @Test(arguments: [
    FileTime(seconds: 1_700_000_000, nanoseconds: 123_456_789),
    FileTime(seconds: 0, nanoseconds: 1),
    FileTime(seconds: -1, nanoseconds: 999_999_999),
    FileTime(seconds: -2_147_483_648),  // December 1901, the first second of 32 bits
    FileTime(seconds: 2_147_483_648),  // January 2038, the first past them
    FileTime(seconds: 13_569_465_600),  // 2400
  ])
  func `are kept to the nanosecond, before 1970 and after 2038`(time: FileTime) throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    try folder.descriptor.makeSymbolicLink("link", to: "file")
    let before = try folder.descriptor.status(of: "file")

    try folder.descriptor.setTimes(of: "link", modified: time, accessed: time)
    #expect(try folder.descriptor.status(of: "link").modified == time)
    #expect(try folder.descriptor.status(of: "file").modified == before.modified)

    try folder.descriptor.setTimes(of: "file", modified: time)
    let after = try folder.descriptor.status(of: "file")
    #expect(after.modified == time)
    #expect(after.accessed == before.accessed)

    let other = FileTime(seconds: 5, nanoseconds: 6)
    try OwnedDescriptor.openFile("file", in: folder.descriptor)
      .setTimes(modified: other, accessed: time)
    #expect(try folder.descriptor.status(of: "file").modified == other)
    #expect(try folder.descriptor.status(of: "file").accessed == time)
  }

  @Test(arguments: [1_000_000_000, (1 << 30) - 1, (1 << 30) - 2, UInt32.max] as [UInt32])
  func `with more nanoseconds than a second has are refused`(nanoseconds: UInt32) throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    let before = try folder.descriptor.status(of: "file").modified
    let time = FileTime(seconds: 1, nanoseconds: nanoseconds)
    #expect(failure { try folder.descriptor.setTimes(of: "file", modified: time) }?.code == 22)
    let good = FileTime(seconds: 1)
    #expect(
      failure { try folder.descriptor.setTimes(of: "file", modified: good, accessed: time) }?.code
        == 22)
    #expect(try folder.descriptor.status(of: "file").modified == before)
  }
}

@Suite struct `Permissions and owners` {
  @Test func `are set exactly, whatever the umask`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    try folder.descriptor.makeSymbolicLink("link", to: "file")
    for permissions in [0o777, 0o1644, 0o2755, 0o000] as [UInt32] {
      try folder.descriptor.setPermissions(of: "file", to: permissions)
      #expect(try folder.descriptor.status(of: "file").permissions == permissions)
    }
    #expect(
      failure { try folder.descriptor.setPermissions(of: "link", to: 0o600) }?.isUnsupported
        == true)
    #expect(try folder.descriptor.status(of: "file").permissions == 0)
    try folder.descriptor.setPermissions(of: "file", to: 0o600)
    let file = try OwnedDescriptor.openFile("file", in: folder.descriptor)
    try file.setPermissions(to: 0o4711)
    #expect(try file.status().permissions == 0o4711)
  }

  @Test(.enabled(if: Host.userID == 0, "only root may give files away"))
  func `are given to others, one at a time, never through a link`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    try folder.descriptor.makeSymbolicLink("link", to: "file")
    try folder.descriptor.setOwner(of: "link", userID: 1234, groupID: 5678)
    let link = try folder.descriptor.status(of: "link")
    #expect(link.userID == 1234 && link.groupID == 5678)
    #expect(try folder.descriptor.status(of: "file").userID == 0)
    try folder.descriptor.setOwner(of: "file", userID: nil, groupID: 4_000_000_000)
    try OwnedDescriptor.openFile("file", in: folder.descriptor)
      .setOwner(userID: 77, groupID: nil)
    let file = try folder.descriptor.status(of: "file")
    #expect(file.userID == 77 && file.groupID == 4_000_000_000)
  }

  @Test func `refuse the id that means nobody in particular`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    let error = failure {
      try folder.descriptor.setOwner(of: "file", userID: .max, groupID: nil)
    }
    #expect(error?.code == 22)
  }
}

/// Whether the filesystem for temporary files takes attributes of users.
private let hasUserAttributes: Bool = {
  guard let folder = try? TestFolder(), let () = try? folder.write("", to: "probe") else {
    return false
  }
  return (try? folder.descriptor.setExtendedAttribute("user.probe", of: "probe", to: [1])) != nil
}()

@Suite(.enabled(if: hasUserAttributes, "this filesystem has no user attributes"))
struct `Extended attributes` {
  @Test func `are kept as bytes, by descriptor and by name`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    let file = try OwnedDescriptor.openFileForWriting("file", in: folder.descriptor)
    #expect(try file.extendedAttributeNames() == [])
    let binary: [UInt8] = [0, 255, 10, 0]
    let long = [UInt8](repeating: 7, count: 1000)
    try file.setExtendedAttribute("user.b", to: binary)
    try file.setExtendedAttribute("user.a", to: [])
    try folder.descriptor.setExtendedAttribute("user.long", of: "file", to: long)
    let names = ["user.a", "user.b", "user.long"].map(\.bytes)
    #expect(try file.extendedAttributeNames() == names)
    #expect(try folder.descriptor.extendedAttributeNames(of: "file") == names)
    #expect(try folder.descriptor.extendedAttribute("user.b", of: "file") == binary)
    #expect(try file.extendedAttribute("user.a") == [])
    #expect(try file.extendedAttribute("user.long") == long)
    #expect(try file.extendedAttribute("user.none") == nil)
    try folder.descriptor.removeExtendedAttribute("user.a", of: "file")
    #expect(try file.extendedAttributeNames() == Array(names.dropFirst()))
    #expect(
      failure { try folder.descriptor.removeExtendedAttribute("user.a", of: "file") }?.code == 61)
  }

  @Test func `are listed when their names alone are long`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    let names = (10..<20).map { "user.\($0)" + String(repeating: "n", count: 60) }
    for name in names { try folder.descriptor.setExtendedAttribute(name, of: "file", to: [1]) }
    #expect(try folder.descriptor.extendedAttributeNames(of: "file") == names.map(\.bytes))
  }

  @Test func `of a link are never those of its target`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    try folder.descriptor.setExtendedAttribute("user.a", of: "file", to: [1])
    try folder.descriptor.makeSymbolicLink("link", to: "file")
    #expect(try folder.descriptor.extendedAttributeNames(of: "link") == [])
    #expect(try folder.descriptor.extendedAttribute("user.a", of: "link") == nil)
    // Links take no user attributes; trusted ones only from root.
    #expect(
      failure { try folder.descriptor.setExtendedAttribute("user.x", of: "link", to: [1]) }?
        .isPermission == true)
    #expect(try folder.descriptor.extendedAttributeNames(of: "file") == ["user.a".bytes])
  }

  @Test func `of an entry that is gone are an error`() throws {
    let folder = try TestFolder()
    #expect(
      failure { _ = try folder.descriptor.extendedAttributeNames(of: "none") }?.isNotFound == true)
    #expect(
      failure { _ = try folder.descriptor.extendedAttribute("user.a", of: "none") }?.isNotFound
        == true)
  }
}

@Suite struct `Inode flags` {
  @Test func `are set without touching the filesystem's own`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    let file = try OwnedDescriptor.openFile("file", in: folder.descriptor)
    guard let before = try file.inodeFlags() else { return }  // this filesystem has none
    try file.setInodeFlags([.noDump])
    let set = try #require(try file.inodeFlags())
    #expect(set.intersection(.settable) == [.noDump])
    #expect(set.subtracting(.settable) == before.subtracting(.settable))
    try file.setInodeFlags([])
    #expect(try file.inodeFlags() == before)
  }

  @Test(.enabled(if: Host.userID == 0, "only root may make a file immutable"))
  func `make a file that even root may not remove`() throws {
    let folder = try TestFolder()
    try folder.write("", to: "file")
    let file = try OwnedDescriptor.openFile("file", in: folder.descriptor)
    guard try file.inodeFlags() != nil else { return }  // this filesystem has none
    do {
      try file.setInodeFlags([.immutable])
    } catch {
      guard error.isPermission || error.isUnsupported else { throw error }
      return  // a container without CAP_LINUX_IMMUTABLE, or a filesystem without the flag
    }
    #expect(failure { try folder.descriptor.remove("file") }?.isPermission == true)
    #expect(failure { try folder.descriptor.removeTree("file") }?.isPermission == true)
    try file.setInodeFlags([])
    try folder.descriptor.remove("file")
  }
}
