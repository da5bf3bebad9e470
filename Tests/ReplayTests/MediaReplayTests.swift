// Into what a restore goes, which parts of a snapshot it takes, and what it refuses of a hostile one.

import Capture
import Files
import Format
import Foundation
import Glibc
import MediaSupport
import Replay
import Repository
import TestSupport
import Testing
import Workers

@Suite struct `The target of a media restore` {
  let tree: MediaTree
  let media: MediaRepository
  let target: String
  let captured: CapturedMedia

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    target = tree.folder.path + "/target"
    try tree.directory("a/b")
    try tree.write("one", "a/one")
    try tree.write("two", "a/b/two")
    try tree.write("top", "top")
    try OwnedDescriptor.workingDirectory.makeLink(tree.path("z"), to: tree.path("a/one"))
    captured = try media.capture(tree.source)
  }

  private func put(_ text: String, _ name: String) throws {
    try DurableFile.write(Array(text.utf8), to: target + "/" + name)
  }

  private func text(_ name: String) throws -> String {
    String(
      decoding: try OwnedDescriptor.contents(of: target + "/" + name, followingLinks: false),
      as: UTF8.self)
  }

  @Test func `must be empty or new`() throws {
    try OwnedDescriptor.workingDirectory.makeDirectory(target)
    try put("mine", "thesis")
    let error = #expect(throws: MediaReplayError.self) {
      _ = try media.replay(captured, into: target)
    }
    #expect(error?.code == .targetNotEmpty)
    #expect(
      error?.description == """
        cannot restore into \(target): the directory is not empty
        hint: choose an empty or new directory, or say what may happen to existing files with \
        '--overwrite never', 'if-newer' or 'always'
        """)
    #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["thesis"])
    let unusable = #expect(throws: MediaReplayError.self) {
      _ = try media.replay(captured, into: target + "/thesis")
    }
    #expect(unusable?.code == .targetUnusable)
  }

  @Test func `keeps, updates or gives up existing files as told`() throws {
    for (policy, expected) in [
      (MediaReplayOptions.Overwrite.never, ["mine", "mine"]), (.ifNewer, ["top", "mine"]),
      (.always, ["top", "one"]),
    ] {
      try OwnedDescriptor.workingDirectory.removeTree(target)
      try OwnedDescriptor.workingDirectory.makeDirectories(target + "/a")
      try put("mine", "top")
      try OwnedDescriptor.workingDirectory.setTimes(
        of: target + "/top", modified: Files.FileTime(seconds: 1_000_000_000))
      try put("mine", "a/one")
      try OwnedDescriptor.workingDirectory.setTimes(
        of: target + "/a/one", modified: Files.FileTime(seconds: 9_000_000_000))
      try put("extra", "extra")
      let report = try media.replay(
        captured, into: target, options: MediaReplayOptions(overwrite: policy))
      #expect(report.errors == [])
      #expect([try text("top"), try text("a/one")] == expected, "\(policy)")
      #expect(try text("a/b/two") == "two")
      #expect(try text("extra") == "extra")
    }
    let again = try media.replay(
      captured, into: target, options: MediaReplayOptions(overwrite: .always))
    #expect(again.byteCount < 12 && again.unchangedCount >= 2)
    try OwnedDescriptor.workingDirectory.remove(target + "/extra")
    let differences = try media.differences(captured, target).differences
    #expect(differences.map(\.path) == ["."])
  }

  @Test func `never loses a directory to a file, nor its links to what is outside`() throws {
    try OwnedDescriptor.workingDirectory.makeDirectories(target + "/top")
    try put("mine", "top/inside")
    let outside = tree.folder.path + "/outside"
    try OwnedDescriptor.workingDirectory.makeDirectory(outside)
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(target + "/a", to: outside)
    let report = try media.replay(
      captured, into: target, options: MediaReplayOptions(overwrite: .never))
    #expect(report.errors.map { $0.prefix(3) } == ["a: "])
    // Its first name lies in what could not be made, so it stands alone.
    #expect(try text("z") == "one")
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == [])
    let forced = try media.replay(
      captured, into: target, options: MediaReplayOptions(overwrite: .always))
    #expect(
      forced.errors == ["top: a directory of this name is in the way; remove it if it may go"])
    #expect(try text("top/inside") == "mine")
    #expect(try text("a/one") == "one")
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == [])
  }

  @Test func `never gets a hard link to a file that was kept`() throws {
    try OwnedDescriptor.workingDirectory.makeDirectories(target + "/a")
    try put("mine", "a/one")
    let leftover = FileName.temporary().description
    try put("half", "a/" + leftover)
    for policy in [MediaReplayOptions.Overwrite.never, .always] {
      let report = try media.replay(
        captured, into: target, options: MediaReplayOptions(overwrite: policy))
      #expect(report.errors == [])
      #expect(try text("z") == "one")
      #expect(try text("a/one") == (policy == .never ? "mine" : "one"))
    }
    // What an interrupted restore left is gone, and the names belong together again.
    #expect(unsafe access(target + "/a/" + leftover, F_OK) != 0)
    #expect(try media.differences(captured, target).differences == [])
  }

  @Test func `gets only the parts that are asked for`() throws {
    let report = try media.replay(
      captured, into: target,
      options: MediaReplayOptions(include: [Array("a/b".utf8), Array("/z/".utf8)]))
    #expect(report.errors == [])
    let names = try FileManager.default.subpathsOfDirectory(atPath: target).sorted()
    #expect(names == ["a", "a/b", "a/b/two", "z"])
    // Its other name was not asked for, so it stands alone.
    #expect(try text("z") == "one")
    #expect(
      try OwnedDescriptor.workingDirectory.status(of: target + "/a").modified
        == tree.status("a").modified)
    let error = #expect(throws: MediaReplayError.self) {
      _ = try media.replay(
        captured, into: target + "2", options: MediaReplayOptions(include: [Array("a/x".utf8)]))
    }
    #expect(error?.code == .pathMissing)
    #expect(unsafe access(target + "2", F_OK) != 0)
  }

  @Test func `is refused for a source that the snapshot lacks`() throws {
    var other = captured
    other.summary.name = "videos"
    let error = #expect(throws: MediaReplayError.self) {
      _ = try media.replay(other, into: target)
    }
    #expect(error?.code == .sourceMissing)
  }
}

/// Catalogs that no capture writes.
@Suite struct `A hostile catalog` {
  let folder: ScratchFolder
  let media: MediaRepository
  let target: String
  let outside: String

  init() throws {
    folder = try ScratchFolder()
    media = try MediaRepository()
    target = folder.path + "/target"
    outside = folder.path + "/outside"
    try OwnedDescriptor.workingDirectory.makeDirectory(outside)
  }

  private let metadata = FileMetadata(
    mode: 0o755, userID: geteuid(), groupID: getegid(),
    modified: Format.FileTime(seconds: 5, nanoseconds: 0),
    changed: Format.FileTime(seconds: 5, nanoseconds: 0), inode: 1)

  /// Restores these entries, beneath a root unless one is given.
  private func restore(
    _ entries: [([[UInt8]], CatalogEntry)], options: MediaReplayOptions = MediaReplayOptions()
  ) throws -> MediaReplayReport {
    let writer = try media.repository.makeWriter()
    var catalog = try CatalogWriter(writer, keys: media.repository.keys)
    let root = CatalogKey.media("media")
    var items = entries.map { (root.bytes + $0.0.flatMap { [0] + $0 }, $0.1) }
    items.append((root.bytes, .directory(metadata)))
    for (key, entry) in items.sorted(by: { $0.0.lexicographicallyPrecedes($1.0) }) {
      try catalog.append(CatalogKey(bytes: key), entry)
    }
    let captured = CapturedMedia(
      summary: MediaSummary(name: "media", path: "/"), root: try catalog.finish(),
      started: Timestamp(microseconds: 0), statistics: CaptureStatistics(), missing: [:])
    try writer.finish()
    return try media.replay(captured, into: target, options: options)
  }

  private func file(_ text: String, mode: UInt32 = 0o644) throws -> CatalogEntry {
    let writer = try media.repository.makeWriter()
    let encoder = try ChunkEncoder()
    var content = ContentBuilder(writer)
    let bytes = Array(text.utf8)
    try content.append(
      try writer.store(bytes.span, class: .content, using: encoder), using: encoder)
    defer { _ = try? writer.finish() }
    var metadata = metadata
    metadata.mode = mode
    return .file(
      FileEntry(
        metadata: metadata, byteCount: UInt64(bytes.count),
        content: try content.finish(using: encoder)))
  }

  private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

  /// Nothing appeared beside the target.
  private func expectNothingOutside() throws {
    #expect(
      Set(try FileManager.default.contentsOfDirectory(atPath: folder.path)) == [
        "outside", "target",
      ])
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside) == [])
  }

  @Test(arguments: ["..", ".", "", "../outside/x", "/etc/x", "a/b", "a/../../outside/x"])
  func `cannot name anything but a file in its directory`(name: String) throws {
    let report = try restore([([bytes(name)], file("evil")), ([bytes("good")], file("good"))])
    #expect(report.errorCount == 1)
    #expect(report.errors.first?.contains("cannot be the name of a file") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["good"])
    try expectNothingOutside()
  }

  @Test func `cannot go through a symbolic link it made`() throws {
    let report = try restore([
      ([bytes("link")], .symlink(metadata, target: bytes(outside))),
      ([bytes("link"), bytes("evil")], file("evil")),
      ([bytes("link"), bytes("sub")], .directory(metadata)),
      ([bytes("link"), bytes("sub"), bytes("evil")], file("evil")),
    ])
    #expect(report.errorCount == 2)
    #expect(report.otherCount == 1)
    try expectNothingOutside()
  }

  @Test func `cannot go through a symbolic link that is there`() throws {
    try OwnedDescriptor.workingDirectory.makeDirectory(target)
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(target + "/sub", to: outside)
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(
      target + "/file", to: outside + "/written")
    let entries = [
      ([bytes("sub")], CatalogEntry.directory(metadata)),
      ([bytes("sub"), bytes("evil")], try file("evil")), ([bytes("file")], try file("evil")),
    ]
    for policy in [MediaReplayOptions.Overwrite.never, .ifNewer, .always] {
      _ = try restore(entries, options: MediaReplayOptions(overwrite: policy))
      try expectNothingOutside()
    }
    // Only the last replaces the links, by what the snapshot has.
    #expect(try OwnedDescriptor.contents(of: target + "/sub/evil") == bytes("evil"))
  }

  @Test func `cannot hang an entry in the air`() throws {
    let report = try restore([
      ([bytes("no"), bytes("directory")], file("x")), ([bytes("pipe")], .fifo(metadata)),
      ([bytes("pipe"), bytes("inside")], file("x")),
    ])
    #expect(
      report.errors == [
        "no/directory: no directory is recorded for it to lie in",
        "pipe/inside: no directory is recorded for it to lie in",
      ])
    try expectNothingOutside()
  }

  @Test func `cannot link to what is outside, later or not there`() throws {
    let secret = outside + "/secret"
    try DurableFile.write([1], to: secret)
    let root = CatalogKey.media("media")
    let report = try restore([
      ([bytes("a")], .hardLink(target: root.appending("..").appending("outside"))),
      ([bytes("b")], .hardLink(target: root.appending("z"))),
      ([bytes("c")], .hardLink(target: CatalogKey.media("other").appending("x"))),
      ([bytes("d")], .hardLink(target: root.appending("absent"))),
      ([bytes("e")], .hardLink(target: root)),
      ([bytes("f")], .hardLink(target: root.appending("../outside/secret"))),
      ([bytes("link")], .symlink(metadata, target: bytes(outside))),
      ([bytes("m")], .hardLink(target: root.appending("link").appending("secret"))),
      ([bytes("z")], file("z")),
    ])
    #expect(report.hardLinkCount == 0)
    #expect(report.errorCount == 7)
    #expect(try OwnedDescriptor.workingDirectory.status(of: secret).linkCount == 1)
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: target)) == ["link", "z"])
  }

  @Test func `cannot claim lengths or extents that do not fit`() throws {
    guard case .file(let good) = try file("0123456789") else { return }
    var entries: [([[UInt8]], CatalogEntry)] = []
    func add(_ name: String, _ change: (inout FileEntry) -> Void) {
      var bad = good
      change(&bad)
      entries.append(([bytes(name)], .file(bad)))
    }
    add("a") { $0.byteCount = .max }
    add("b") { $0.byteCount = 11 }
    add("c") { $0.extents = [] }
    add("d") { $0.extents = [Extent(offset: .max, byteCount: 10)] }
    add("e") { $0.extents = [Extent(offset: 5, byteCount: 5), Extent(offset: 5, byteCount: 5)] }
    add("f") {
      $0.extents = [Extent(offset: 0, byteCount: .max), Extent(offset: 9, byteCount: 11)]
    }
    add("g") { $0.extents = [Extent(offset: 1, byteCount: 10)] }
    let report = try restore(entries)
    #expect(report.errorCount == 7)
    #expect(try FileManager.default.contentsOfDirectory(atPath: target) == [])
  }

  @Test func `cannot bring a database's entries or make a device by stealth`() throws {
    let device = CatalogEntry.characterDevice(metadata, major: 1, minor: 3)
    let report = try restore(
      [
        ([bytes("rows")], .stream(.empty)), ([bytes("null")], device),
        ([bytes("program")], file("x", mode: 0o6755)),
      ], options: MediaReplayOptions(devices: false, setID: false))
    #expect(report.errors == ["rows: what is recorded for it belongs to a database"])
    #expect(
      report.notSet == [
        "null: device node: not wanted",
        "program: set-user-id and set-group-id bits: not wanted",
      ])
    #expect(try FileManager.default.contentsOfDirectory(atPath: target) == ["program"])
    #expect(
      try OwnedDescriptor.workingDirectory.status(of: target + "/program").permissions == 0o755)
  }

  @Test func `with entries that were never read is told as such`() throws {
    let report = try restore([([bytes("secret")], .unreadable(reason: "permission denied"))])
    #expect(report.notCaptured == ["secret: permission denied"])
    #expect(!report.isComplete)
  }
}
