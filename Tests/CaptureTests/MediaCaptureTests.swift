// What a capture of a media tree records, takes over, reads again and reports.

import Files
import Format
import Foundation
import Glibc
import MediaSupport
import Repository
import Storage
import TestSupport
import Testing
import Workers

@testable import Capture

@Suite struct `A media capture` {
  let tree: MediaTree
  let media: MediaRepository

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
  }

  @Test func `records every entry in key order, with its content`() throws {
    try tree.directory("a")
    try tree.directory("a-b")
    try tree.write("one", "a/file")
    try tree.write("two", "a.txt")
    try tree.write([], "empty")
    try tree.write(noise(3_000_000), "large")
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(tree.path("link"), to: "nowhere")
    let captured = try media.capture(tree.source)
    var paths: [String] = []
    try media.catalog(captured).forEach { key, _ in paths.append(MediaRepository.path(key)) }
    // A directory's entries follow it before any name that begins like it.
    #expect(paths == [".", "a", "a/file", "a-b", "a.txt", "empty", "large", "link"])
    #expect(try media.bytes("a/file", of: captured) == Array("one".utf8))
    #expect(try media.bytes("empty", of: captured) == [])
    #expect(try media.bytes("large", of: captured) == noise(3_000_000))
    #expect(captured.summary.fileCount == 4)
    #expect(captured.summary.directoryCount == 3)
    #expect(captured.summary.otherCount == 1)
    #expect(captured.summary.byteCount == 3_000_006)
    #expect(captured.summary.unreadableCount == 0)
    #expect(captured.statistics.filesRead == 4)
    #expect(captured.statistics.bytesRead == 3_000_006)
  }

  @Test func `stores a large file on several threads as it does on one`() throws {
    let bytes = megabytes(70)
    try tree.write(bytes, "large")
    let parallel = try media.capture(tree.source, workers: 3)
    let serial = try media.capture(tree.source, workers: 1)
    #expect(
      try media.file("large", of: parallel)?.content == media.file("large", of: serial)?.content)
    #expect(serial.statistics.blobsNew == 0)
    #expect(try media.bytes("large", of: parallel) == bytes)
  }

  @Test func `opens no file that did not change`() throws {
    try tree.directory("a")
    try tree.write("one", "a/file")
    try tree.write(noise(100_000), "b")
    let first = try media.capture(tree.source)
    let second = try media.capture(tree.source, parent: first)
    #expect(second.statistics.filesRead == 0)
    #expect(second.statistics.filesUnchanged == 2)
    #expect(second.statistics.bytesRead == 0)
    #expect(second.root == first.root)
    #expect(second.summary == first.summary)
  }

  @Test func `reads what changed, though length and modification time stayed`() throws {
    try tree.write("one", "file")
    try tree.write("same", "other")
    try tree.setModified("file", 1_600_000_000, 5)
    let first = try media.capture(tree.source)
    try tree.write("two", "file")
    try tree.setModified("file", 1_600_000_000, 5)
    let second = try media.capture(tree.source, parent: first)
    #expect(try media.bytes("file", of: second) == Array("two".utf8))
    #expect(second.statistics.filesRead == 1)
    #expect(second.statistics.filesUnchanged == 1)
  }

  @Test func `reads again what changed too shortly before the parent's scan`() throws {
    try tree.write("one", "file")
    let first = try media.capture(tree.source)
    let second = try media.capture(tree.source, parent: first, parentClock: 0)
    #expect(second.statistics.filesRead == 1)
    let third = try media.capture(tree.source, parent: second, parentClock: 3600)
    #expect(third.statistics.filesRead == 0)
  }

  @Test func `sees a change of permissions or attributes alone`() throws {
    try tree.write("one", "file")
    try tree.directory("a")
    let first = try media.capture(tree.source)
    try OwnedDescriptor.workingDirectory.setPermissions(of: tree.path("file"), to: 0o640)
    try OwnedDescriptor.workingDirectory.setExtendedAttribute(
      "user.note", of: tree.path("a"), to: [1, 2])
    let second = try media.capture(tree.source, parent: first)
    #expect(try media.file("file", of: second)?.metadata.mode == 0o640)
    guard case .directory(let metadata) = try media.entries(second)["a"] else {
      Issue.record("no directory")
      return
    }
    #expect(
      metadata.attributes == [ExtendedAttribute(name: Array("user.note".utf8), value: [1, 2])])
  }

  @Test func `reads again what the repository has lost`() throws {
    try tree.write(noise(200_000), "file")
    try tree.write("kept", "kept")
    let first = try media.capture(tree.source)
    // A parent that is as before, except that no index run knows the chunk of one file.
    let writer = try media.repository.makeWriter()
    var catalog = try CatalogWriter(writer, keys: media.repository.keys)
    let unknown = ChunkReference(
      id: media.repository.keys.blobID(of: noise(9).span, class: .content), byteCount: 200_000)
    try media.catalog(first).forEach { key, entry in
      guard case .file(var file) = entry, file.byteCount == 200_000 else {
        return try catalog.append(key, entry)
      }
      file.content.chunks = .direct([unknown])
      try catalog.append(key, .file(file))
    }
    var damaged = first
    damaged.root = try catalog.finish()
    try writer.finish()
    let second = try media.capture(tree.source, parent: damaged)
    #expect(second.statistics.filesRead == 1)
    #expect(second.statistics.filesUnchanged == 1)
    #expect(second.root == first.root)
    #expect(try media.bytes("file", of: second) == noise(200_000))
  }

  @Test func `marks a file that changes whenever it is read`() throws {
    try tree.write(megabytes(40), "busy")
    try tree.write("calm", "calm")
    let stop = Cancellation()
    let path = tree.path("busy")
    let group = ThreadGroup()
    group.start(name: "writer") {
      guard let file = try? OwnedDescriptor.openFileForWriting(path) else { return }
      var count: UInt8 = 0
      while !stop.isCancelled {
        count &+= 1
        try? file.write([count], at: 7)
      }
    }
    let captured = try media.capture(tree.source, workers: 1)
    stop.cancel()
    group.wait()
    #expect(captured.summary.changedWhileReadCount == 1)
    #expect(try media.file("busy", of: captured)?.changedWhileRead == true)
    #expect(try media.file("calm", of: captured)?.changedWhileRead == false)
    // It is read again the next time, even if it is left alone from now on.
    let second = try media.capture(tree.source, parent: captured)
    #expect(second.statistics.filesRead == 1)
    #expect(second.summary.changedWhileReadCount == 0)
  }

  @Test func `records hard links once and the others as names of the first`() throws {
    try tree.directory("a")
    try tree.directory("b")
    try tree.write("shared", "b/one")
    for name in ["a/zero", "b/two"] {
      try OwnedDescriptor.workingDirectory.makeLink(tree.path(name), to: tree.path("b/one"))
    }
    try OwnedDescriptor.workingDirectory.makeSymbolicLink(tree.path("s1"), to: "x")
    try OwnedDescriptor.workingDirectory.makeLink(tree.path("s2"), to: tree.path("s1"))
    let captured = try media.capture(tree.source)
    let entries = try media.entries(captured)
    let first = MediaRepository.key("a/zero", in: "media")
    #expect(entries["b/one"] == .hardLink(target: first))
    #expect(entries["b/two"] == .hardLink(target: first))
    #expect(try media.bytes("a/zero", of: captured) == Array("shared".utf8))
    #expect(entries["s2"] == .hardLink(target: MediaRepository.key("s1", in: "media")))
    #expect(captured.statistics.filesRead == 1)
    let second = try media.capture(tree.source, parent: captured)
    #expect(second.root == captured.root)
    #expect(second.statistics.filesRead == 0)
  }

  @Test func `does not take names of one file for names of what replaced another`() throws {
    try tree.write("shared", "a")
    for name in ["b", "c"] {
      try OwnedDescriptor.workingDirectory.makeLink(tree.path(name), to: tree.path("a"))
    }
    let walk = try MediaWalk(tree.source, parent: nil)
    let batch = try #require(try walk.nextBatch())
    // Between the walk and the reading, as an editor saves a file.
    try tree.write("replacement", "new")
    try OwnedDescriptor.workingDirectory.rename(
      tree.path("new"), to: tree.path("a"), replacing: true)
    let writer = try media.repository.makeWriter()
    let files = try FileCapture(
      writer: writer, chunker: try MediaCapture.chunker(of: media.repository), workers: 1,
      cancellation: Cancellation(), progress: Progress())
    let delivery = try MediaDelivery(
      source: tree.source, catalog: CatalogWriter(writer, keys: media.repository.keys),
      parent: nil, writer: writer, files: files, required: { nil }, onMissing: { _, _ in })
    for item in batch { try delivery.deliver(MediaCapture.outcome(of: item, files)) }
    var catalog = delivery.catalog
    let root = try catalog.finish()
    try writer.finish()
    let captured = CapturedMedia(
      summary: delivery.summary, root: root, started: Timestamp(microseconds: 0),
      statistics: writer.statistics, missing: [:])
    #expect(try media.bytes("a", of: captured) == Array("replacement".utf8))
    #expect(try media.bytes("b", of: captured) == Array("shared".utf8))
    #expect(
      try media.entries(captured)["c"]
        == .hardLink(target: MediaRepository.key("b", in: "media")))
  }

  @Test func `records where a sparse file has data and reads nothing else`() throws {
    let file = try OwnedDescriptor.openOrCreateFile(tree.path("sparse"))
    for offset in [0, 1 << 30, 5 << 30] as [Int64] { try file.write(noise(4096), at: offset) }
    try file.truncate(toByteCount: 10 << 30)
    try OwnedDescriptor.openOrCreateFile(tree.path("hole")).truncate(toByteCount: 1 << 40)
    let captured = try media.capture(tree.source)
    let entry = try #require(try media.file("sparse", of: captured))
    #expect(entry.byteCount == 10 << 30)
    #expect(entry.extents?.map(\.offset) == [0, 1 << 30, 5 << 30])
    #expect(entry.content.byteCount <= 3 * 65536)
    let hole = try #require(try media.file("hole", of: captured))
    #expect(hole.extents == [] && hole.byteCount == 1 << 40 && hole.content == .empty)
    #expect(captured.statistics.bytesRead == entry.content.byteCount)
  }

  @Test func `leaves out what is excluded, unless it is taken back in`() throws {
    for name in ["cache", "cache/sub", "keep", "thumbs"] { try tree.directory(name) }
    for name in ["cache/a", "cache/sub/b", "keep/x.tmp", "keep/y.tmp", "keep/y", "thumbs/t"] {
      try tree.write("x", name)
    }
    try tree.write("Signature: 8a477f597d28d172789f06886806bc55\n# tag\n", "thumbs/CACHEDIR.TAG")
    var source = tree.source
    source.excludes = ["/cache/", "*.tmp", "!y.tmp"]
    let captured = try media.capture(source)
    #expect(
      try media.entries(captured).keys.sorted()
        == [".", "keep", "keep/y", "keep/y.tmp", "thumbs", "thumbs/CACHEDIR.TAG"])
    source.honoursCacheDirTag = false
    #expect(try media.entries(media.capture(source))["thumbs/t"] != nil)
    source.excludes = ["["]
    #expect(throws: MediaError.self) { _ = try media.capture(source) }
  }

  @Test func `takes a directory of 20,000 names and one 1,500 levels deep`() throws {
    try tree.directory("flat")
    let flat = try OwnedDescriptor.openDirectory(tree.path("flat"))
    for number in 0..<20_000 {
      _ = try OwnedDescriptor.createFile("file-\(number)", in: flat)
    }
    try tree.directory("deep")
    var folder = try OwnedDescriptor.openDirectory(tree.path("deep"))
    for level in 0..<1500 {
      try folder.makeDirectory("level", permissions: 0o755)
      // On the way back up there is more to find.
      if level % 100 == 0 { _ = try OwnedDescriptor.createFile("zzz", in: folder) }
      folder = try OwnedDescriptor.openDirectory("level", in: folder)
    }
    _ = try OwnedDescriptor.createFile("bottom", in: folder)
    let captured = try media.capture(tree.source)
    #expect(captured.summary.fileCount == 20_016)
    #expect(captured.summary.directoryCount == 1503)
    #expect(captured.summary.unreadable == [])
    let second = try media.capture(tree.source, parent: captured)
    #expect(second.root == captured.root)
  }

  @Test(arguments: [1, 4]) func `stops when asked to`(workers: Int) throws {
    try tree.write("x", "file")
    let cancellation = Cancellation()
    cancellation.cancel()
    #expect(throws: Cancelled.self) {
      _ = try media.capture(tree.source, workers: workers, cancellation: cancellation)
    }
  }

  @Test func `refuses a root that is missing or no directory`() throws {
    for (path, code) in [
      (tree.path("nowhere"), MediaError.Code.sourceMissing),
      (tree.path("file"), .sourceNotDirectory),
    ] {
      try tree.write("x", "file")
      let error = #expect(throws: MediaError.self) {
        _ = try media.capture(MediaSource(name: "media", path: path))
      }
      #expect(error?.code == code)
    }
    #expect(throws: MediaError.self) {
      _ = try media.capture(MediaSource(name: "", path: tree.root))
    }
  }

  @Test func `stays on one filesystem unless told otherwise`() throws {
    try tree.directory("inner")
    // /proc is mounted everywhere; a bind mount needs root, and this does not.
    let captured = try media.capture(
      MediaSource(name: "media", path: "/", excludes: ["/*", "!/proc"]))
    let entries = try media.entries(captured)
    #expect(Set(entries.keys) == [".", "proc"])
  }
}

@Suite struct `A file that rows name` {
  let tree: MediaTree
  let media: MediaRepository

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
    try tree.directory("photos/2024")
    try tree.write("first", "photos/2024/a.jpg")
    try tree.write("second", "photos/2024/b.jpg")
    try tree.write("third", "photos/z.jpg")
    try OwnedDescriptor.workingDirectory.makeLink(
      tree.path("photos/zz.jpg"), to: tree.path("photos/z.jpg"))
  }

  @Test func `and the tree has is not told`() throws {
    let captured = try media.capture(
      tree.source, required: ["photos/2024/a.jpg", "photos/z.jpg", "photos/zz.jpg"])
    #expect(captured.missing == [:])
  }

  @Test func `but nobody has is told as missing`() throws {
    let first = try media.capture(tree.source, required: ["photos/2024/c.jpg", "a", "zzz"])
    #expect(first.missing == ["photos/2024/c.jpg": false, "a": false, "zzz": false])
    let second = try media.capture(tree.source, parent: first, required: ["photos/2024/c.jpg"])
    #expect(second.missing == ["photos/2024/c.jpg": false])
  }

  @Test func `is carried forward with its directories when it is gone`() throws {
    let first = try media.capture(tree.source)
    try tree.remove("photos/2024")
    try tree.remove("photos/z.jpg")
    try tree.remove("photos/zz.jpg")
    let required = ["photos/2024/a.jpg", "photos/z.jpg", "photos/zz.jpg"]
    let second = try media.capture(tree.source, parent: first, required: required)
    #expect(second.missing == Dictionary(uniqueKeysWithValues: required.map { ($0, true) }))
    #expect(
      try media.entries(second).keys.sorted()
        == [".", "photos", "photos/2024"] + required.sorted())
    #expect(try media.file("photos/2024/a.jpg", of: second)?.carriedForward == true)
    #expect(try media.bytes("photos/2024/a.jpg", of: second) == Array("first".utf8))
    #expect(try media.bytes("photos/zz.jpg", of: second) == Array("third".utf8))
    // And on, as long as the rows name it.
    let third = try media.capture(tree.source, parent: second, required: ["photos/2024/a.jpg"])
    #expect(try media.bytes("photos/2024/a.jpg", of: third) == Array("first".utf8))
    #expect(try media.entries(third)["photos/z.jpg"] == nil)
    // Back again, it is the tree's once more.
    try tree.directory("photos/2024")
    try tree.write("new", "photos/2024/a.jpg")
    let fourth = try media.capture(tree.source, parent: third, required: ["photos/2024/a.jpg"])
    #expect(fourth.missing == [:])
    #expect(try media.file("photos/2024/a.jpg", of: fourth)?.carriedForward == false)
  }

  @Test func `cannot be carried forward beneath what is a file now`() throws {
    let first = try media.capture(tree.source)
    try tree.remove("photos/2024")
    try tree.write("a file", "photos/2024")
    let second = try media.capture(tree.source, parent: first, required: ["photos/2024/a.jpg"])
    #expect(second.missing == ["photos/2024/a.jpg": false])
    #expect(try media.bytes("photos/2024", of: second) == Array("a file".utf8))
  }
}

/// Runs as a user without privileges, in a process of its own.
private func becomeNobody() throws {
  guard geteuid() == 0 else { return }
  try #require(setgid(65534) == 0 && setuid(65534) == 0)
}

@Suite struct `An entry that cannot be read` {
  @Test func `is named and counted, and costs nothing else`() async throws {
    await #expect(processExitsWith: .success) {
      let tree = try MediaTree()
      for path in [tree.folder.path, tree.root] {
        try OwnedDescriptor.workingDirectory.setPermissions(of: path, to: 0o777)
      }
      // The folders above are private; start inside them.
      try #require(unsafe chdir(tree.root) == 0)
      try becomeNobody()
      let here = try OwnedDescriptor.openDirectory(".")
      for name in ["open", "closed"] { try here.makeDirectory(name, permissions: 0o755) }
      for name in ["open/a", "open/secret", "closed/inside", "z"] {
        try OwnedDescriptor.openOrCreateFile(name, in: here).write(Array("text".utf8), at: 0)
      }
      try here.makeLink("open/t", to: "open/secret", in: here)
      try here.setPermissions(of: "open/secret", to: 0)
      try here.setPermissions(of: "closed", to: 0o111)
      let media = try MediaRepository()
      let captured = try media.capture(MediaSource(name: "media", path: "."))
      #expect(
        captured.summary.unreadable.sorted() == [
          "closed: what it holds: permission denied", "open/secret: permission denied",
          "open/t: permission denied",
        ])
      #expect(captured.summary.unreadableCount == 3)
      let entries = try media.entries(captured)
      #expect(
        entries.keys.sorted() == [".", "closed", "open", "open/a", "open/secret", "open/t", "z"])
      #expect(entries["open/secret"] == .unreadable(reason: "permission denied"))
      guard case .directory(let metadata) = entries["closed"] else {
        Issue.record("the directory is lost")
        return
      }
      #expect(metadata.mode == 0o111)
      #expect(captured.summary.fileCount == 2)
      // What the parent had is carried forward for the rows that name it.
      try here.setPermissions(of: "closed", to: 0o755)
      let whole = try media.capture(MediaSource(name: "media", path: "."))
      try here.setPermissions(of: "closed", to: 0o111)
      let again = try media.capture(
        MediaSource(name: "media", path: "."), parent: whole, required: ["closed/inside"])
      #expect(again.missing == ["closed/inside": true])
    }
  }

  @Test func `that vanishes between being listed and opened was never there`() throws {
    let tree = try MediaTree()
    let media = try MediaRepository()
    for number in 0..<300 { try tree.write(noise(20_000, seed: UInt64(number)), "f\(number)") }
    let root = tree.root
    let group = ThreadGroup()
    group.start(name: "remover") {
      for number in (0..<300).reversed() {
        try? OwnedDescriptor.workingDirectory.remove(root + "/f\(number)")
      }
    }
    let captured = try media.capture(tree.source)
    group.wait()
    #expect(captured.summary.unreadable == [])
    #expect(UInt64(try media.entries(captured).count) == captured.summary.fileCount + 1)
  }
}
