// The hard cases of a Linux file tree, each made for real, captured, restored and compared.

import Capture
import Files
import Format
import Foundation
import Glibc
import MediaSupport
import Replay
import Repository
import Storage
import TestSupport
import Testing
import Workers

@Suite struct `A file tree comes back with` {
  let tree: MediaTree
  let media: MediaRepository
  let target: String

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    target = tree.folder.path + "/target"
  }

  private var here: OwnedDescriptor { .workingDirectory }

  /// Captures, restores and compares; the report for more.
  @discardableResult
  private func roundTrip() throws -> (captured: CapturedMedia, report: MediaReplayReport) {
    let captured = try media.capture(tree.source)
    #expect(captured.summary.unreadable == [])
    let report = try media.replay(captured, into: target)
    #expect(report.isComplete, "\(report)")
    let comparison = try media.differences(captured, target)
    #expect(comparison.differences == [])
    #expect(comparison.entryCount == captured.root.entryCount)
    return (captured, report)
  }

  @Test func `a file of 10 GiB with three extents, which takes 10 GiB nowhere`() throws {
    let file = try OwnedDescriptor.openOrCreateFile(tree.path("disk.img"))
    let offsets: [Int64] = [1 << 20, 3 << 30, 10 << 30 - 8192]
    for offset in offsets { try file.write(noise(8000, seed: UInt64(offset)), at: offset) }
    try file.truncate(toByteCount: 10 << 30)
    let (captured, _) = try roundTrip()
    #expect(captured.statistics.bytesRead < 1 << 20)
    var stored = 0
    for object in try media.storage.list(.packs) {
      stored += try media.storage.load(object.key, limit: 1 << 26).count
    }
    // One pack at most has content; a pack is padded.
    #expect(stored < 20 << 20)
    let status = try here.status(of: target + "/disk.img")
    #expect(status.byteCount == 10 << 30 && status.storedByteCount < 1 << 20)
    let restored = try OwnedDescriptor.openFile(target + "/disk.img")
    for offset in offsets {
      #expect(try restored.read(byteCount: 8000, at: offset) == noise(8000, seed: UInt64(offset)))
    }
    #expect(try restored.read(byteCount: 100, at: 5 << 30) == [UInt8](repeating: 0, count: 100))
  }

  @Test func `times from 1901 to 2446, to the nanosecond, as far as the file system has them`()
    throws
  {
    // ext4: −2³¹ and 2³⁴ − 2³¹ − 1; here and nearby, before and after 1970 and 2038.
    let seconds: [Int64] = [
      -2_147_483_648, -2_147_483_647, -1, 0, 1, 2_147_483_647, 2_147_483_648, 4_294_967_295,
      4_294_967_296, 15_032_385_534, 15_032_385_535,
    ]
    var keptCount = 0
    for (index, second) in seconds.enumerated() {
      let nanoseconds = [0, 1, 999_999_999][index % 3] as UInt32
      for kind in ["file", "directory", "link", "fifo"] {
        let name = "\(kind)-\(index)"
        switch kind {
        case "file": try tree.write("x", name)
        case "directory": try tree.directory(name)
        case "link": try here.makeSymbolicLink(tree.path(name), to: "nowhere")
        default: try here.makeSpecial(tree.path(name), kind: .fifo, permissions: 0o600)
        }
        try tree.setModified(name, second, nanoseconds)
        if try tree.status(name).modified
          == Files.FileTime(seconds: second, nanoseconds: nanoseconds)
        {
          keptCount += 1
        }
      }
    }
    #expect(keptCount > 20)
    try roundTrip()
    for index in seconds.indices {
      for kind in ["file", "directory", "link", "fifo"] {
        let name = "\(kind)-\(index)"
        #expect(
          try here.status(of: target + "/" + name).modified == tree.status(name).modified, "\(name)"
        )
      }
    }
  }

  @Test func `attributes of every name space that root may write`() throws {
    try #require(geteuid() == 0, "trusted and security attributes need root")
    try tree.directory("d")
    try tree.write("x", "d/f")
    try here.makeSymbolicLink(tree.path("d/l"), to: "f")
    let capability: [UInt8] = [1, 0, 0, 2, 0, 4] + [UInt8](repeating: 0, count: 14)
    for (path, name, value) in [
      ("d", "user.folder", [1]), ("d", "trusted.folder", [2, 0, 3]), ("d/f", "user.é\n", []),
      ("d/f", "trusted.file", noise(1500)), ("d/f", "security.capability", capability),
      ("d/l", "trusted.link", [9]),
    ] as [(String, String, [UInt8])] {
      try here.setExtendedAttribute(name, of: tree.path(path), to: value)
    }
    try here.setPermissions(of: tree.path("d/f"), to: 0o4750)
    try roundTrip()
    #expect(
      try here.extendedAttribute("security.capability", of: target + "/d/f") == capability)
    #expect(try here.extendedAttribute("trusted.link", of: target + "/d/l") == [9])
    #expect(try here.status(of: target + "/d/f").permissions == 0o4750)
  }

  @Test func `owners by id, set-user-id, set-group-id and sticky bits`() throws {
    try #require(geteuid() == 0, "giving files away needs root")
    try tree.directory("shared")
    for (index, mode) in [0o4711, 0o2755, 0o6755, 0o0000, 0o1644].enumerated() {
      let name = "shared/\(index)"
      try tree.write("x", name)
      try here.setOwner(
        of: tree.path(name), userID: 1_000_000 + UInt32(index), groupID: 2_000_000)
      try here.setPermissions(of: tree.path(name), to: UInt32(mode))
    }
    try here.setOwner(of: tree.path("shared"), userID: 33, groupID: 4_000_000_000)
    try here.setPermissions(of: tree.path("shared"), to: 0o3775)
    try roundTrip()
    #expect(try here.status(of: target + "/shared").groupID == 4_000_000_000)
  }

  @Test func `devices, FIFOs and sockets, which nobody opens`() throws {
    try #require(geteuid() == 0, "devices need root")
    try here.makeSpecial(tree.path("fifo"), kind: .fifo, permissions: 0o622)
    try here.makeSpecial(tree.path("socket"), kind: .socket, permissions: 0o755)
    try here.makeSpecial(
      tree.path("null"), kind: .characterDevice, permissions: 0o666,
      device: DeviceNumber(major: 1, minor: 3))
    try here.makeSpecial(
      tree.path("disk"), kind: .blockDevice, permissions: 0o600,
      device: DeviceNumber(major: 4095, minor: 1_048_575))
    try here.makeLink(tree.path("null-too"), to: tree.path("null"))
    let (_, report) = try roundTrip()
    #expect(report.otherCount == 4 && report.hardLinkCount == 1)
    #expect(
      try here.status(of: target + "/disk").special
        == DeviceNumber(major: 4095, minor: 1_048_575))
  }

  @Test func `links that lead in circles, out of the tree and to nothing`() throws {
    try tree.directory("a/b")
    try tree.write("x", "a/b/file")
    for (name, to) in [
      ("a/b/up", "../.."), ("a/b/self", "self"), ("ping", "pong"), ("pong", "ping"),
      ("root", "/"), ("a/here", "."), ("broken", "no/such"), ("proc", "/proc/self/fd"),
    ] {
      try here.makeSymbolicLink(tree.path(name), to: to)
    }
    let (captured, report) = try roundTrip()
    #expect(report.otherCount == 8 && captured.summary.fileCount == 1)
  }

  @Test func `100,000 files in one directory`() throws {
    let folder = try OwnedDescriptor.openDirectory(tree.root)
    for number in 0..<100_000 { _ = try OwnedDescriptor.createFile("file-\(number)", in: folder) }
    let (captured, report) = try roundTrip()
    #expect(captured.summary.fileCount == 100_000 && report.fileCount == 100_000)
    // One more costs one more, not a hundred thousand.
    try tree.write("x", "one-more")
    let next = try media.capture(tree.source, parent: captured)
    #expect(next.statistics.filesRead == 1 && next.statistics.filesUnchanged == 100_000)
  }

  @Test func `names of every byte but slash and zero, and of 255 bytes`() throws {
    let folder = try OwnedDescriptor.openDirectory(tree.root)
    var names: [[UInt8]] = (1...255).filter { $0 != 0x2f && $0 != 0x2e }.map { [UInt8($0)] }
    names += [
      [UInt8](repeating: 0xff, count: 255), Array("-rf".utf8), Array("a\nb".utf8),
      Array(" ".utf8), Array("...".utf8), [0xed, 0xa0, 0x80], Array("e\u{301}".utf8),
      Array("é".utf8),
    ]
    // A blank and a single byte 0x20 are one name.
    for name in Set(names) { _ = try OwnedDescriptor.createFile(name, in: folder) }
    let (captured, _) = try roundTrip()
    #expect(captured.summary.fileCount == UInt64(Set(names).count))
  }

  @Test func `an empty root, empty directories and empty files`() throws {
    try here.setPermissions(of: tree.root, to: 0o2711)
    try roundTrip()
    try here.removeTree(target)
    try tree.directory("empty/er")
    try tree.write("", "nothing")
    try tree.setModified("empty", 1, 1)
    try roundTrip()
  }
}
