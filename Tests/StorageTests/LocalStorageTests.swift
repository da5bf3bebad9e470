// What a directory can do to a storage: strangers, leftovers, links, full and read-only disks.

import Files
import Format
import Foundation
import Glibc
import Storage
import TestSupport
import Testing

/// Runs a program of the system; true if it succeeded.
private func run(_ program: String, _ arguments: [String]) -> Bool {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  process.standardError = FileHandle.nullDevice
  do { try process.run() } catch { return false }
  process.waitUntilExit()
  return process.terminationStatus == 0
}

private func write(_ bytes: [UInt8], _ path: String) throws {
  try DurableFile.write(bytes, to: path)
}

private let mayMount: Bool = {
  guard geteuid() == 0, let folder = try? ScratchFolder() else { return false }
  guard run("mount", ["-t", "tmpfs", "-o", "size=64k", "none", folder.path]) else { return false }
  return run("umount", [folder.path])
}()

@Suite struct `A repository's directory` {
  let folder: ScratchFolder
  let path: String

  init() throws {
    folder = try ScratchFolder()
    path = folder.path + "/deep/repository"
  }

  @Test func `is made private, with its parents, and may be made twice`() throws {
    _ = try LocalStorage.create(path)
    let storage = try LocalStorage.create(path)
    let status = try OwnedDescriptor.workingDirectory.status(of: path)
    #expect(status.permissions == 0o700)
    try storage.save([1], as: .config)
    #expect(try LocalStorage.create(path).load(.config, limit: 1) == [1])
    let packs = try #require(StorageKey(.packs, "abcdefgh"))
    try storage.save([1, 2], as: packs)
    let pack = try OwnedDescriptor.workingDirectory.status(of: path + "/packs/ab/abcdefgh")
    #expect(pack.permissions & 0o377 == 0)
  }

  @Test func `is refused if other things lie in it`() throws {
    try OwnedDescriptor.workingDirectory.makeDirectories(path)
    try OwnedDescriptor.workingDirectory.makeDirectory(path + "/lost+found")
    _ = try LocalStorage.create(path)
    try write([1], path + "/thesis.odt")
    let error = #expect(throws: StorageError.self) { _ = try LocalStorage.create(path) }
    #expect(error?.code == .exists)
    #expect(
      error?.description == """
        cannot create a repository at \(path): the directory holds 'thesis.odt' and no repository
        hint: choose an empty or new directory
        """)
  }

  @Test func `is missing, not empty, if there is none`() throws {
    expectCode(.missing) { _ = try LocalStorage.open(path) }
    try write([1], folder.path + "/file")
    expectCode(.missing) { _ = try LocalStorage.open(folder.path + "/file") }
    expectCode(.denied) { _ = try LocalStorage.create(folder.path + "/file/repository") }
  }

  @Test func `hides what is no object and what an interrupted write left`() throws {
    let storage = try LocalStorage.create(path)
    let key = try #require(StorageKey(.packs, "abcdefgh"))
    try storage.save([1], as: key)
    let leftover = FileName.temporary().description
    for name in [leftover, "NOT-A-NAME", "abshort", "ab name.tmp", "acwrongfolder"] {
      try write([9], path + "/packs/ab/" + name)
    }
    try OwnedDescriptor.workingDirectory.makeDirectory(path + "/packs/ab/abdirectory")
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(
      path + "/packs/ab/absymlink", to: "abcdefgh")
    try write([9], path + "/packs/stranger")
    #expect(try storage.list(.packs) == [StoredObject(key: key, byteCount: 1)])

    try write([9], path + "/" + leftover)
    let later = Timestamp(Date(timeIntervalSinceNow: 7200))
    let now = Timestamp(Date())
    #expect(try storage.removeLeftovers(olderThan: .seconds(3600), now: now).count == 0)
    let removed = try storage.removeLeftovers(olderThan: .seconds(3600), now: later)
    #expect(removed.count == 2 && removed.byteCount == 2)
    #expect(unsafe access(path + "/packs/ab/" + leftover, F_OK) != 0)
    #expect(unsafe access(path + "/packs/ab/NOT-A-NAME", F_OK) == 0)
  }

  @Test func `is never left through a symbolic link`() throws {
    let storage = try LocalStorage.create(path)
    let outside = folder.path + "/outside"
    try OwnedDescriptor.workingDirectory.makeDirectory(outside)
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(path + "/packs/ab", to: outside)
    try write([1], outside + "/abcdefgh")
    let key = try #require(StorageKey(.packs, "abcdefgh"))
    expectCode(.denied) { try storage.save([1], as: key) }
    expectCode(.denied) { _ = try storage.byteCount(of: key) }
    expectCode(.denied) { _ = try storage.load(key, limit: 1) }
    expectCode(.denied) { try storage.delete(key) }
    expectCode(.denied) { _ = try storage.list(.packs) }
    // A link in the place of an object is no object.
    let linked = try #require(StorageKey(.index, "abcdefgh"))
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(
      path + "/index/abcdefgh", to: outside + "/abcdefgh")
    expectCode(.missing) { _ = try storage.byteCount(of: linked) }
    expectCode(.exists) { try storage.save([1], as: linked) }
    #expect(try storage.list(.index).isEmpty)
  }

  @Test func `that cannot be listed is an error, never an empty list`() throws {
    let storage = try LocalStorage.create(path)
    try OwnedDescriptor.workingDirectory.removeDirectory(path + "/snapshots")
    try write([1], path + "/snapshots")
    expectCode(.denied) { _ = try storage.list(.snapshots) }
  }

  @Test func `that is gone is no place to write to`() throws {
    let storage = try LocalStorage.create(path)
    let key = try #require(StorageKey(.packs, "abcdefgh"))
    try OwnedDescriptor.workingDirectory.removeTree(path)
    expectCode(.failed) { try storage.save([1], as: key) }
    expectCode(.missing) { _ = try storage.load(key, limit: 1) }
  }

  @Test func `keeps serving reads while many more packs are opened`() throws {
    let storage = try LocalStorage.create(path)
    for number in 100..<250 {
      let key = try #require(StorageKey(.packs, "0000000\(number)"))
      try storage.save([UInt8(number)], as: key)
      #expect(try storage.load(key, limit: 1) == [UInt8(number)])
    }
    for number in (100..<250).reversed() {
      let key = try #require(StorageKey(.packs, "0000000\(number)"))
      #expect(try storage.load(key, limit: 1) == [UInt8(number)])
    }
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
      let target = try? FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/self/fd/" + name)
      return target?.hasPrefix(path + "/packs") == true
    }
    #expect((1...32).contains(open.count))
  }

  @Test func `that may not be written says so`() throws {
    let storage = try LocalStorage.create(path)
    let key = try #require(StorageKey(.index, "abcdefgh"))
    let directory = try OwnedDescriptor.openDirectory(path + "/index")
    // Root passes every permission bit, but not this flag; others can't set it.
    if geteuid() == 0 {
      try directory.setInodeFlags([.immutable])
    } else {
      try directory.setPermissions(to: 0o500)
    }
    expectCode(.denied) { try storage.save([1], as: key) }
    if geteuid() == 0 {
      try directory.setInodeFlags([])
    } else {
      try directory.setPermissions(to: 0o700)
    }
    try storage.save([1], as: key)
  }
}

@Suite struct `A full disk` {
  @Test(.enabled(if: mayMount, "mounting needs root; the limit on file sizes below stands in"))
  func `refuses a pack, leaves nothing, and takes it once there is room`() throws {
    let folder = try ScratchFolder()
    #expect(run("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder.path]))
    defer { _ = run("umount", ["-l", folder.path]) }
    let storage = try LocalStorage.create(folder.path + "/repository")
    let small = try #require(StorageKey(.packs, "00000000"))
    let large = try #require(StorageKey(.packs, "00000001"))
    try storage.save(pattern(700_000), as: small)
    expectCode(.full) { try storage.save(pattern(700_000), as: large) }
    #expect(try storage.list(.packs).map(\.key) == [small])
    let names = try FileManager.default.contentsOfDirectory(
      atPath: folder.path + "/repository/packs/00")
    #expect(names == ["00000000"])
    #expect(try storage.load(small, limit: 1 << 20) == pattern(700_000))
    try storage.delete(small)
    try storage.save(pattern(700_000), as: large)
  }

  @Test(.enabled(if: mayMount, "mounting needs root"))
  func `is told from one that is mounted read-only`() throws {
    let folder = try ScratchFolder()
    #expect(run("mount", ["-t", "tmpfs", "-o", "size=1m", "none", folder.path]))
    defer { _ = run("umount", ["-l", folder.path]) }
    let storage = try LocalStorage.create(folder.path + "/repository")
    let key = try #require(StorageKey(.packs, "00000000"))
    try storage.save([1], as: key)
    #expect(run("mount", ["-o", "remount,ro", folder.path]))
    let other = try #require(StorageKey(.packs, "00000001"))
    expectCode(.readOnly) { try storage.save([1], as: other) }
    expectCode(.readOnly) { try storage.delete(key) }
    #expect(try storage.load(key, limit: 1) == [1])
  }

  @Test func `half way through a write leaves nothing under the name`() async throws {
    // A limit on file sizes stops the write itself, past what reserving the space found out. It is
    // the whole process's, so the test is a process of its own.
    await #expect(processExitsWith: .success) {
      let folder = try ScratchFolder()
      let storage = try LocalStorage.create(folder.path + "/repository")
      signal(SIGXFSZ, SIG_IGN)
      var limit = rlimit(rlim_cur: 500_000, rlim_max: 500_000)
      try #require(unsafe setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
      let key = try #require(StorageKey(.packs, "00000000"))
      expectCode(.full) { try storage.save(pattern(700_000), as: key) }
      #expect(try storage.list(.packs).isEmpty)
      let names = try FileManager.default.contentsOfDirectory(
        atPath: folder.path + "/repository/packs/00")
      #expect(names.isEmpty)
      try storage.save(pattern(400_000), as: key)
    }
  }
}
