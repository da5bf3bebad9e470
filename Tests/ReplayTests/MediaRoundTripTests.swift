// Media trees captured and restored: equal by another program's judgement and by our own.

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

extension MediaRepository {
  func replay(
    _ captured: CapturedMedia, into path: String,
    options: MediaReplayOptions = MediaReplayOptions(),
    cancellation: Cancellation = Cancellation()
  ) throws -> MediaReplayReport {
    try MediaReplay(
      repository: repository, catalog: catalog(captured), summary: captured.summary, into: path,
      options: options, cancellation: cancellation, progress: Progress()
    ).perform()
  }

  func differences(
    _ captured: CapturedMedia, _ path: String, ignoring: Set<MediaDifference.Aspect> = []
  ) throws -> MediaComparisonResult {
    try MediaComparison(
      repository: repository, catalog: catalog(captured), summary: captured.summary,
      against: path, ignoring: ignoring, workers: 2, cancellation: Cancellation(),
      progress: Progress()
    ).differences()
  }
}

/// Runs a script of the fixtures, which know nothing of our code; its output.
private func fixture(_ name: String, _ arguments: [String]) throws -> (
  status: Int32, output: String
) {
  let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Fixtures")
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = ["python3", folder.appendingPathComponent(name).path] + arguments
  let pipe = Pipe()
  process.standardOutput = pipe
  process.standardError = FileHandle.nullDevice
  try process.run()
  let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return (process.terminationStatus, String(decoding: output, as: UTF8.self))
}

@Suite struct `A restored media tree` {
  let tree: MediaTree
  let media: MediaRepository
  let target: String

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    target = tree.folder.path + "/deep/target"
  }

  @Test func `equals one with every oddity, by an independent comparer`() throws {
    let odd = tree.path("odd")
    try #require(
      fixture(
        "make-tree",
        ["--files", "400", "--megabytes", "8", "--seed", "7", "--beyond-path-max", odd]
      ).status == 0)
    let captured = try media.capture(MediaSource(name: "media", path: odd))
    #expect(captured.summary.unreadable == [])
    let report = try media.replay(captured, into: target)
    #expect(report.errors == [])
    #expect(report.notSet == [])
    let comparison = try fixture("compare-trees", [odd, target])
    #expect(comparison.status == 0, "\(comparison.output.prefix(2000))")
    let own = try media.differences(captured, target)
    #expect(own.differences == [])
    #expect(own.entryCount == captured.root.entryCount)
    #expect(report.fileCount == captured.summary.fileCount)
    #expect(report.directoryCount == captured.summary.directoryCount)

    // And the tree of the next day, taken as a change of the first.
    try #require(fixture("make-tree", ["--change", "--seed", "7", odd]).status == 0)
    let next = try media.capture(MediaSource(name: "media", path: odd), parent: captured)
    #expect(next.statistics.filesUnchanged > next.statistics.filesRead)
    _ = try media.replay(next, into: target + "2")
    let nextComparison = try fixture("compare-trees", [odd, target + "2"])
    #expect(nextComparison.status == 0, "\(nextComparison.output.prefix(2000))")
    #expect(try media.differences(next, target).differenceCount > 0)
  }

  @Test func `keeps times, attributes, ACLs, flags, links and holes`() throws {
    let root = OwnedDescriptor.workingDirectory
    try tree.write("old", "old")
    try tree.setModified("old", -2_000_000_000, 999_999_999)
    try tree.write("future", "future")
    try tree.setModified("future", 10_000_000_000, 1)
    try tree.directory("a")
    try tree.write(noise(1000), "a/attributed")
    try root.setExtendedAttribute("user.empty", of: tree.path("a/attributed"), to: [])
    try root.setExtendedAttribute("user.large", of: tree.path("a/attributed"), to: noise(2000))
    // ACL version 2: user::rw-, user:1000:r--, group::r--, mask::r--, other::---.
    func entry(_ tag: UInt8, _ permissions: UInt8, _ id: UInt32 = .max) -> [UInt8] {
      [tag, 0, permissions, 0] + (0..<4).map { UInt8(truncatingIfNeeded: id >> (8 * $0)) }
    }
    let acl =
      [2, 0, 0, 0] + entry(1, 6) + entry(2, 4, 1000) + entry(4, 4) + entry(16, 4) + entry(32, 0)
    try root.setExtendedAttribute("system.posix_acl_access", of: tree.path("a/attributed"), to: acl)
    try root.setExtendedAttribute("system.posix_acl_default", of: tree.path("a"), to: acl)
    try OwnedDescriptor.openFile(tree.path("future")).setInodeFlags([.noDump])
    let sparse = try OwnedDescriptor.openOrCreateFile(tree.path("sparse"))
    for offset in [1 << 20, 1 << 28] as [Int64] { try sparse.write(noise(5000), at: offset) }
    try sparse.truncate(toByteCount: 1 << 29)
    try root.makeSymbolicLink(tree.path("dangling"), to: [0xff, 0x2f, 0x0a])
    try root.setTimes(
      of: tree.path("dangling"), modified: Files.FileTime(seconds: 77, nanoseconds: 7))
    try root.makeLink(tree.path("z-link"), to: tree.path("a/attributed"))
    try root.makeSpecial(tree.path("pipe"), kind: .fifo, permissions: 0o622)
    try tree.setModified("a", 1_500_000_000, 123_456_789)
    try tree.setModified("", 1_400_000_000, 42)
    let captured = try media.capture(tree.source)
    let report = try media.replay(captured, into: target)
    #expect(report.isComplete, "\(report)")
    let comparison = try fixture("compare-trees", [tree.root, target])
    #expect(comparison.status == 0, "\(comparison.output)")
    #expect(try media.differences(captured, target).differences == [])
    let restored = try root.status(of: target + "/sparse")
    #expect(restored.byteCount == 1 << 29 && restored.storedByteCount < 1 << 20)
    #expect(
      try OwnedDescriptor.openFile(target + "/future").inodeFlags()?.contains(.noDump) == true)
  }

  @Test func `keeps immutable files and their hard links`() throws {
    try #require(geteuid() == 0, "the immutable flag needs root")
    try tree.write("fixed", "a")
    try OwnedDescriptor.workingDirectory.makeLink(tree.path("b"), to: tree.path("a"))
    try OwnedDescriptor.openFile(tree.path("a")).setInodeFlags([.immutable])
    let captured = try media.capture(tree.source)
    let report = try media.replay(captured, into: target)
    let difference = try media.differences(captured, target).differences
    for path in [tree.path("a"), target + "/a"] {
      try OwnedDescriptor.openFile(path).setInodeFlags([])
    }
    #expect(report.isComplete, "\(report)")
    #expect(difference == [])
  }

  @Test func `of 1,500 levels comes back`() throws {
    var folder = try OwnedDescriptor.openDirectory(tree.root)
    for level in 0..<1500 {
      try folder.makeDirectory("level", permissions: 0o755)
      if level % 500 == 0 {
        _ = try OwnedDescriptor.createFile("after", in: folder)
        try folder.makeLink("zz", to: "after", in: folder)
      }
      folder = try OwnedDescriptor.openDirectory("level", in: folder)
    }
    let captured = try media.capture(tree.source)
    let report = try media.replay(captured, into: target)
    #expect(report.isComplete, "\(report.errors.prefix(3))")
    #expect(report.directoryCount == 1501)
    #expect(report.hardLinkCount == 3)
    #expect(try media.differences(captured, target).differences == [])
  }

  @Test func `with a large file is written by several threads`() throws {
    try tree.write(megabytes(70), "large")
    let captured = try media.capture(tree.source)
    let report = try media.replay(
      captured, into: target, options: MediaReplayOptions(workers: 3))
    #expect(report.byteCount == 70_000_070)
    #expect(try media.differences(captured, target).differences == [])
  }

  @Test func `is proven restorable without being written`() throws {
    try tree.write(noise(3_000_000), "a")
    try tree.write("b", "b")
    let captured = try media.capture(tree.source)
    func verify() throws -> MediaVerification {
      try MediaVerifier(
        repository: media.repository, catalog: media.catalog(captured), source: "media",
        workers: 2, cancellation: Cancellation(), progress: Progress()
      ).perform()
    }
    let good = try verify()
    #expect(good.errors == [] && good.fileCount == 2 && good.byteCount == 3_000_001)
    try damageContent(of: captured, file: "a")
    let bad = try verify()
    #expect(bad.errorCount == 1)
    #expect(bad.errors.first?.hasPrefix("a: cannot load blob") == true)
  }

  /// Flips a byte of the first chunk of `file` in the storage.
  private func damageContent(of captured: CapturedMedia, file: String) throws {
    let entry = try #require(try media.file(file, of: captured))
    guard case .direct(let chunks) = entry.content.chunks else { return }
    let first = try #require(chunks.first)
    let location = try #require(media.repository.index.location(of: first.id))
    for object in try media.storage.list(.packs)
    where object.key.name == location.pack.id.hex {
      media.storage.tamper(object.key) { $0[Int(location.entry.offset) + 50] ^= 1 }
    }
  }

  @Test func `lacks a file whose content is damaged, and says so`() throws {
    try tree.write(noise(100_000), "bad")
    try tree.write("good", "good")
    let captured = try media.capture(tree.source)
    try damageContent(of: captured, file: "bad")
    let report = try media.replay(captured, into: target)
    #expect(report.errorCount == 1)
    #expect(report.errors.first?.hasPrefix("bad: cannot load blob") == true)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: target) == ["good"])
    let error = #expect(throws: MediaReplayError.self) {
      _ = try media.replay(
        captured, into: target + "2", options: MediaReplayOptions(keepGoing: false))
    }
    #expect(error?.what == "cannot restore 'bad'")
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: target + "2").contains("bad") == false)
  }

  @Test func `that was interrupted holds whole files only, and is finished later`() throws {
    for number in 0..<200 {
      try tree.write(noise(50_000, seed: UInt64(number)), "f\(number)")
    }
    let captured = try media.capture(tree.source)
    let cancellation = Cancellation()
    let group = ThreadGroup()
    let path = target
    group.start(name: "interrupter") {
      // As soon as there is something.
      while (try? FileManager.default.contentsOfDirectory(atPath: path).isEmpty) ?? true {}
      cancellation.cancel()
    }
    #expect(throws: Cancelled.self) {
      _ = try media.replay(captured, into: target, cancellation: cancellation)
    }
    group.wait()
    let partial = try media.differences(captured, target, ignoring: [.missing, .modified, .mode])
    #expect(partial.differences == [])
    let report = try media.replay(
      captured, into: target, options: MediaReplayOptions(overwrite: .always))
    #expect(report.fileCount + report.unchangedCount == 200)
    #expect(report.unchangedCount > 0)
    #expect(try media.differences(captured, target).differences == [])
  }

  @Test func `lists what an unprivileged user cannot set`() async throws {
    await #expect(processExitsWith: .success) {
      let tree = try MediaTree()
      let media = try MediaRepository()
      try tree.write("x", "program")
      try OwnedDescriptor.workingDirectory.setPermissions(of: tree.path("program"), to: 0o4755)
      let captured = try media.capture(tree.source)
      let target = tree.folder.path + "/target"
      try OwnedDescriptor.workingDirectory.makeDirectory(target)
      try #require(geteuid() == 0)
      try #require(unsafe chown(target, 65534, 65534) == 0)
      try #require(unsafe chdir(target) == 0)
      try #require(setgid(65534) == 0 && setuid(65534) == 0)
      try OwnedDescriptor.workingDirectory.makeDirectory("here")
      let report = try media.replay(captured, into: "here")
      #expect(report.errors == [])
      #expect(
        report.notSet.sorted() == [
          ".: owner 0:0: operation not permitted", "program: owner 0:0: operation not permitted",
          "program: set-user-id and set-group-id bits: the owner could not be set",
        ])
      #expect(!report.isComplete)
      #expect(try OwnedDescriptor.workingDirectory.status(of: "here/program").permissions == 0o755)
      let result = try media.differences(captured, "here")
      #expect(Set(result.differences.map(\.aspect)) == [.owner, .mode])
    }
  }
}

@Suite struct `A comparison with the snapshot` {
  let tree: MediaTree
  let media: MediaRepository

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    try tree.directory("a/sub")
    try tree.write(noise(2_000_000), "a/file")
    try tree.write("two", "b")
    try OwnedDescriptor.workingDirectory.setExtendedAttribute(
      "user.note", of: tree.path("b"), to: [1])
    try OwnedDescriptor.workingDirectory.makeLink(tree.path("c"), to: tree.path("b"))
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(tree.path("link"), to: "b")
    try OwnedDescriptor.openOrCreateFile(tree.path("sparse")).truncate(toByteCount: 1 << 20)
  }

  /// The differences that `change` makes, as "path: aspect", without modification times.
  private func differences(_ change: () throws -> Void) throws -> [String] {
    let captured = try media.capture(tree.source)
    #expect(try media.differences(captured, tree.root).differences == [])
    try change()
    return try media.differences(captured, tree.root, ignoring: [.modified]).differences
      .map { "\($0.path): \($0.aspect.rawValue)" }
  }

  @Test func `names a byte that differs`() throws {
    let found = try differences {
      try OwnedDescriptor.openFileForWriting(tree.path("a/file")).write([1, 2, 3], at: 1_500_000)
    }
    #expect(found == ["a/file: content"])
  }

  @Test func `names data in a hole`() throws {
    let found = try differences {
      try OwnedDescriptor.openFileForWriting(tree.path("sparse")).write([1], at: 70_000)
    }
    #expect(found == ["sparse: content"])
  }

  @Test func `names what is missing, once, and what is new`() throws {
    let found = try differences {
      try tree.remove("a")
      try tree.directory("new/inner")
    }
    #expect(found == ["a: missing", "new: extra"])
  }

  @Test func `names an attribute that is gone`() throws {
    let found = try differences {
      try OwnedDescriptor.workingDirectory.removeExtendedAttribute("user.note", of: tree.path("b"))
    }
    #expect(found == ["b: attributes"])
  }

  @Test func `names changed permissions, links and kinds`() throws {
    let found = try differences {
      try OwnedDescriptor.workingDirectory.setPermissions(of: tree.path("a/file"), to: 0o604)
      try tree.remove("c")
      try tree.write("two", "c")
      try tree.remove("link")
      try OwnedDescriptor.workingDirectory.makeSymbolicLink(tree.path("link"), to: "elsewhere")
      try tree.remove("a/sub")
      try tree.write("", "a/sub")
    }
    #expect(found == ["a/file: mode", "a/sub: kind", "c: hard-link", "link: link-target"])
  }

  @Test func `names a changed time and length`() throws {
    let captured = try media.capture(tree.source)
    try tree.setModified("link", 5, 5)
    try OwnedDescriptor.openFileForWriting(tree.path("sparse")).truncate(toByteCount: 9)
    let found = try media.differences(captured, tree.root).differences
    #expect(Set(found.map(\.path)) == ["link", "sparse"])
    #expect(found.contains { $0.path == "sparse" && $0.aspect == .length })
    #expect(found.contains { $0.path == "link" && $0.aspect == .modified })
  }
}
