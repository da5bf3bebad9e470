// What a restore removes on request, what it never removes, and what it reads back.

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

@Suite struct `A restore that may delete` {
  let tree: MediaTree
  let media: MediaRepository
  let target: String

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    target = tree.folder.path + "/target"
    for folder in ["a/b", "c"] { try tree.directory(folder) }
    for name in ["a/one", "a/b/two", "c/three", "top"] { try tree.write(name, name) }
  }

  private let options = MediaReplayOptions(overwrite: .always, deletesExtra: true)

  private func put(_ name: String) throws {
    let path = target + "/" + name
    try OwnedDescriptor.workingDirectory.makeDirectories(
      URL(fileURLWithPath: path).deletingLastPathComponent().path)
    try DurableFile.write(Array("mine".utf8), to: path)
  }

  private func names() throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: target).sorted()
  }

  private func plan(_ captured: CapturedMedia, _ include: [String] = []) throws
    -> MediaDeletionReport
  {
    try MediaDeletion.plan(
      catalog: media.catalog(captured), summary: captured.summary,
      include: include.map { Array($0.utf8) }, beneath: target, cancellation: Cancellation())
  }

  @Test func `removes what the snapshot lacks, as it planned, and leaves an equal tree`() throws {
    let captured = try media.capture(tree.source)
    _ = try media.replay(captured, into: target)
    for name in ["a/extra", "a/b/deep/er/extra", "new/tree/x", "zzz"] { try put(name) }
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(target + "/link", to: tree.root)
    let before = try names()
    let expected = ["a/b/deep", "a/extra", "link", "new", "zzz"]
    #expect(try plan(captured).removed == expected)
    #expect(try names() == before)
    let report = try media.replay(captured, into: target, options: options)
    #expect(report.deletion?.removed == expected)
    #expect(report.deletion?.spared == [] && report.isComplete)
    #expect(try media.differences(captured, target).differences == [])
    // What the link led to is nobody's to remove.
    #expect(try tree.status("a/one").kind == .regular)
    #expect(try plan(captured).removedCount == 0)
  }

  @Test func `removes nothing beside the parts that were asked for`() throws {
    let captured = try media.capture(tree.source)
    _ = try media.replay(captured, into: target)
    for name in ["a/extra", "a/b/extra", "c/extra", "extra"] { try put(name) }
    var options = options
    options.include = [Array("a/b".utf8), Array("top".utf8)]
    #expect(try plan(captured, ["a/b", "top"]).removed == ["a/b/extra"])
    let report = try media.replay(captured, into: target, options: options)
    #expect(report.deletion?.removed == ["a/b/extra"])
    for name in ["a/extra", "c/extra", "extra"] { #expect(try names().contains(name)) }
  }

  @Test func `spares what the snapshot says it left out`() throws {
    try tree.directory("cache")
    try tree.directory("thumbs")
    try tree.write("Signature: 8a477f597d28d172789f06886806bc55\n", "thumbs/CACHEDIR.TAG")
    for name in ["cache/x", "thumbs/t", "big: x", "a/skip.tmp"] {
      try tree.write("123456789", name)
    }
    var source = tree.source
    source.excludes = ["cache/", "*.tmp"]
    source.largestByteCount = 8
    try tree.write("1", "a/one")
    try tree.write("1", "a/b/two")
    try tree.write("1", "c/three")
    // The tag itself is longer than the limit; a limit above it keeps the case simple.
    source.largestByteCount = 60
    try tree.write(noise(61), "big: x")
    let captured = try media.capture(source)
    // Restored over the tree itself, as after an accident.
    try tree.write("an accident", "a/new")
    let report = try media.replay(captured, into: tree.root, options: options)
    #expect(report.deletion?.removed == ["a/new"])
    #expect(
      report.deletion?.spared == ["a/skip.tmp", "big: x", "cache", "thumbs/t"])
    #expect(try tree.status("cache/x").byteCount == 9)
  }

  @Test func `is refused where the snapshot does not list all that it left out`() throws {
    var captured = try media.capture(tree.source)
    _ = try media.replay(captured, into: target)
    try put("extra")
    let whole = captured.summary
    for change in [
      { (summary: inout MediaSummary) in summary.excludedCount = 5 },
      { $0.excluded = nil }, { $0.unreadableCount = 1 },
    ] {
      captured.summary = whole
      change(&captured.summary)
      let error = #expect(throws: MediaReplayError.self) {
        _ = try media.replay(captured, into: target, options: options)
      }
      #expect(error?.code == .deletionUnsafe)
      #expect(throws: MediaReplayError.self) { _ = try plan(captured) }
      #expect(try names().contains("extra"))
    }
  }

  @Test func `removes nothing after something could not be restored`() throws {
    try tree.write(noise(100_000), "bad")
    let captured = try media.capture(tree.source)
    _ = try media.replay(captured, into: target)
    try put("extra")
    try OwnedDescriptor.workingDirectory.remove(target + "/bad")
    let entry = try #require(try media.file("bad", of: captured))
    guard case .direct(let chunks) = entry.content.chunks else { return }
    let location = try #require(media.repository.index.location(of: chunks[0].id))
    for object in try media.storage.list(.packs) where object.key.name == location.pack.id.hex {
      media.storage.tamper(object.key) { $0[Int(location.entry.offset) + 50] ^= 1 }
    }
    let report = try media.replay(captured, into: target, options: options)
    #expect(report.errorCount == 1 && report.deletion?.isSkipped == true)
    #expect(report.deletion?.removedCount == 0)
    #expect(try names().contains("extra"))
  }

  @Test func `puts files where directories are in the way, and directories in place of files`()
    throws
  {
    let captured = try media.capture(tree.source)
    try put("top/inside/deep")
    try put("a")
    let report = try media.replay(captured, into: target, options: options)
    #expect(report.errors == [] && report.isComplete, "\(report)")
    #expect(try media.differences(captured, target).differences == [])
  }
}

@Suite struct `A restore of parts` {
  let tree: MediaTree
  let media: MediaRepository
  let target: String
  let captured: CapturedMedia

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    target = tree.folder.path + "/target"
    for folder in ["2025/jan", "2026/jan", "2026/feb"] { try tree.directory(folder) }
    for name in ["2025/jan/a.jpg", "2026/jan/a.jpg", "2026/jan/b.png", "2026/feb/c.jpg", "top.jpg"]
    {
      try tree.write(name, name)
    }
    try tree.write("x", "we[i]rd*")
    try OwnedDescriptor.workingDirectory.makeLink(
      tree.path("zlink"), to: tree.path("2025/jan/a.jpg"))
    captured = try media.capture(tree.source)
  }

  private func restored(_ include: String...) throws -> [String] {
    try? OwnedDescriptor.workingDirectory.removeTree(target)
    let include = include.map { Array($0.utf8) }
    let report = try media.replay(
      captured, into: target, options: MediaReplayOptions(include: include))
    #expect(report.isComplete, "\(report)")
    // And what was restored is what a comparison of the same parts finds.
    let comparison = try MediaComparison(
      repository: media.repository, catalog: media.catalog(captured), summary: captured.summary,
      against: target, include: include, workers: 2, cancellation: Cancellation(),
      progress: Progress()
    ).differences()
    #expect(comparison.differences == [] && comparison.entryCount > 0)
    return try FileManager.default.subpathsOfDirectory(atPath: target)
      .filter {
        try OwnedDescriptor.workingDirectory.status(of: target + "/" + $0).kind == .regular
      }
      .sorted()
  }

  @Test func `takes one file, one directory, or what a pattern matches`() throws {
    #expect(try restored("2026/jan/a.jpg") == ["2026/jan/a.jpg"])
    #expect(try restored("2026/jan") == ["2026/jan/a.jpg", "2026/jan/b.png"])
    #expect(
      try restored("*.jpg") == ["2025/jan/a.jpg", "2026/feb/c.jpg", "2026/jan/a.jpg", "top.jpg"])
    #expect(try restored("/*.jpg") == ["top.jpg"])
    #expect(try restored("20*/jan/*.jpg") == ["2025/jan/a.jpg", "2026/jan/a.jpg"])
    #expect(try restored("j?n/", "top.jpg").count == 4)
    // A name that looks like a pattern is a name first.
    #expect(try restored("we[i]rd*") == ["we[i]rd*"])
    // A link whose first name is not meant comes back as a file.
    #expect(try restored("zl*") == ["zlink"])
  }

  @Test func `is refused for a pattern that matches nothing or never could`() throws {
    for pattern in ["*.gif", "[z-a]", "*.jpg/x"] {
      let error = #expect(throws: MediaReplayError.self) { _ = try restored(pattern) }
      #expect(error?.code == .pathMissing, "\(pattern)")
    }
    #expect(unsafe access(target, F_OK) != 0)
  }

  @Test func `is compared with its parts only, and those in full`() throws {
    _ = try restored("2026/jan")
    func differences(_ include: String) throws -> [String] {
      try MediaComparison(
        repository: media.repository, catalog: media.catalog(captured),
        summary: captured.summary, against: target, include: [Array(include.utf8)], workers: 2,
        cancellation: Cancellation(), progress: Progress()
      ).differences().differences.map { "\($0.path): \($0.aspect.rawValue)" }
    }
    #expect(try differences("2026/feb") == ["2026/feb: missing"])
    #expect(try differences("2025/jan/a.jpg") == ["2025: missing"])
    try OwnedDescriptor.openFileForWriting(target + "/2026/jan/a.jpg").write([0], at: 0)
    try OwnedDescriptor.workingDirectory.setTimes(
      of: target + "/2026/jan/a.jpg", modified: tree.status("2026/jan/a.jpg").modified)
    #expect(try differences("2026/jan") == ["2026/jan/a.jpg: content"])
    #expect(try differences("2026/jan/b.png") == [])
  }
}

@Suite struct `A restore over what is there` {
  let tree: MediaTree
  let media: MediaRepository
  let target: String

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    target = tree.folder.path + "/target"
  }

  private let always = MediaReplayOptions(overwrite: .always)

  @Test func `touches nothing that is equal`() throws {
    try tree.directory("d")
    try tree.write(noise(100_000), "d/file")
    try OwnedDescriptor.workingDirectory.setExtendedAttribute(
      "user.note", of: tree.path("d/file"), to: [1])
    let captured = try media.capture(tree.source)
    _ = try media.replay(captured, into: target)
    let before = try OwnedDescriptor.workingDirectory.status(of: target + "/d/file")
    let report = try media.replay(captured, into: target, options: always)
    #expect(report.unchangedCount == 1 && report.fileCount == 0 && report.byteCount == 0)
    let after = try OwnedDescriptor.workingDirectory.status(of: target + "/d/file")
    #expect(after.changed == before.changed && after.inode == before.inode)
  }

  @Test func `writes again what differs, and only that`() throws {
    for number in 0..<20 { try tree.write(noise(30_000, seed: UInt64(number)), "f\(number)") }
    let captured = try media.capture(tree.source)
    _ = try media.replay(captured, into: target)
    let here = OwnedDescriptor.workingDirectory
    try OwnedDescriptor.openFileForWriting(target + "/f3").write([1, 2, 3], at: 500)
    try here.remove(target + "/f7")
    try here.setPermissions(of: target + "/f9", to: 0o600)
    try here.setExtendedAttribute("user.new", of: target + "/f11", to: [1])
    let report = try media.replay(captured, into: target, options: always)
    #expect(report.fileCount == 2 && report.unchangedCount == 18 && report.byteCount == 60_000)
    #expect(report.isComplete)
    #expect(try media.differences(captured, target).differences == [])
  }

  @Test(arguments: [3, 70]) func `takes from a file that differs what it has already`(size: Int)
    throws
  {
    try tree.write(megabytes(size), "large")
    let captured = try media.capture(tree.source)
    _ = try media.replay(captured, into: target)
    // The end differs, and the repository has lost the beginning.
    let end = Int64(size) * 1_000_001 - 5
    try OwnedDescriptor.openFileForWriting(target + "/large").write([1, 2, 3], at: end)
    let entry = try #require(try media.file("large", of: captured))
    guard case .direct(let chunks) = entry.content.chunks else { return }
    #expect(chunks.count > 1)
    let location = try #require(media.repository.index.location(of: chunks[0].id))
    for object in try media.storage.list(.packs) where object.key.name == location.pack.id.hex {
      media.storage.tamper(object.key) { $0[Int(location.entry.offset) + 50] ^= 1 }
    }
    let report = try media.replay(captured, into: target, options: always)
    #expect(report.errors == [] && report.fileCount == 1)
    #expect(try media.differences(captured, target).differences == [])
    // Where the older file lacks it, too, the damage shows, and the older file stays.
    try OwnedDescriptor.openFileForWriting(target + "/large").write([9], at: 100)
    let failed = try media.replay(captured, into: target, options: always)
    #expect(failed.errorCount == 1)
    #expect(try OwnedDescriptor.openFile(target + "/large").read(byteCount: 1, at: 100) == [9])
  }

  @Test func `comes through flags that forbid it, and sets them again`() throws {
    try #require(geteuid() == 0, "the immutable flag needs root")
    try tree.directory("fixed")
    for name in ["equal", "log", "old"] { try tree.write("one", "fixed/\(name)") }
    func setFlags(_ flags: InodeFlags, _ paths: String...) throws {
      for path in paths { try OwnedDescriptor.openFile(path).setInodeFlags(flags) }
    }
    try setFlags([.immutable], tree.path("fixed/equal"), tree.path("fixed/old"))
    try setFlags([.appendOnly], tree.path("fixed/log"))
    try setFlags([.immutable], tree.path("fixed"))
    defer {
      for root in [tree.root, target] {
        for name in ["fixed", "fixed/equal", "fixed/log", "fixed/old"] {
          try? setFlags([], root + "/" + name)
        }
      }
    }
    let captured = try media.capture(tree.source)
    let first = try media.replay(captured, into: target)
    #expect(first.isComplete, "\(first)")
    #expect(try media.differences(captured, target).differences == [])
    // Over itself: nothing to do, and nothing to complain about.
    let again = try media.replay(captured, into: target, options: always)
    #expect(again.isComplete && again.unchangedCount == 3, "\(again)")
    #expect(try media.differences(captured, target).differences == [])
    // Over what differs beneath the flags.
    try setFlags([], target + "/fixed", target + "/fixed/old")
    try OwnedDescriptor.openFileForWriting(target + "/fixed/old").write([0], at: 0)
    try setFlags([.immutable], target + "/fixed/old", target + "/fixed")
    let third = try media.replay(captured, into: target, options: always)
    #expect(third.isComplete && third.fileCount == 1, "\(third)")
    #expect(try media.differences(captured, target).differences == [])
  }

  @Test func `says what the file system does not keep`() throws {
    try tree.write("x", "far")
    // Year 2500: ext4 ends in 2446; a file system that keeps it has nothing to say.
    try tree.setModified("far", 16_725_225_600)
    let kept = try tree.status("far").modified.seconds
    let captured = try media.capture(tree.source)
    let report = try media.replay(captured, into: target)
    #expect(report.isComplete)
    #expect(
      try OwnedDescriptor.workingDirectory.status(of: target + "/far").modified.seconds == kept)
    guard kept != 16_725_225_600 else { return }
    let foreign = try rewritten(captured) { entry in
      guard case .file(var file) = entry else { return entry }
      file.metadata.modified.seconds = 16_725_225_600
      return .file(file)
    }
    let told = try media.replay(foreign, into: target + "2")
    #expect(told.notSetCount == 1)
    #expect(told.notSet.first?.hasPrefix("far: modification time: the file system keeps") == true)
  }

  /// The same snapshot with other entries.
  private func rewritten(
    _ captured: CapturedMedia, _ change: (CatalogEntry) -> CatalogEntry
  ) throws -> CapturedMedia {
    let writer = try media.repository.makeWriter()
    var catalog = try CatalogWriter(writer, keys: media.repository.keys)
    try media.catalog(captured).forEach { key, entry in try catalog.append(key, change(entry)) }
    var result = captured
    result.root = try catalog.finish()
    try writer.finish()
    return result
  }
}
