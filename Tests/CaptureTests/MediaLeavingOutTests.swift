// What a capture leaves out of a tree on purpose, and that it says so.

import Capture
import Files
import Format
import Foundation
import Glibc
import MediaSupport
import TestSupport
import Testing

@Suite struct `What a media capture leaves out` {
  let tree: MediaTree
  let media: MediaRepository

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
  }

  private func files(_ captured: CapturedMedia) throws -> [String] {
    try media.entries(captured).compactMap { path, entry in
      if case .file = entry { path } else { nil }
    }.sorted()
  }

  @Test func `by ignore files is what git would leave out`() throws {
    for folder in ["logs/keep", "a/b/c", "build", "deep/build/x", "odd"] {
      try tree.directory(folder)
    }
    let names = [
      "a.tmp", "keep.tmp", "a/x.tmp", "a/b/x.tmp", "a/b/keep.tmp", "a/b/c/important.tmp",
      "logs/1.log", "logs/keep/1.log", "build/out", "deep/build/x/out", "deep/build.txt",
      "odd/#hash", "odd/!bang", "odd/trailing ", "odd/[x]", "a/b/c/file", "root-only",
      "a/root-only",
    ]
    for name in names { try tree.write("x", name) }
    let ignores = [
      "": "# comment\r\n*.tmp\r\n!keep.tmp\n/root-only\nbuild/\n\nlogs/**/*.log\n",
      "a/b": "\u{feff}!x.tmp\nkeep.tmp\n", "a/b/c": "!important.tmp\n/file",
      "odd": "\\#hash\n\\!bang\ntrailing\\ \n\\[x\\]\n",
    ]
    for (folder, text) in ignores {
      for name in [".lifeboatignore", ".gitignore"] {
        try tree.write(text, folder.isEmpty ? name : "\(folder)/\(name)")
      }
    }
    let git = Process()
    git.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    git.currentDirectoryURL = URL(fileURLWithPath: tree.root)
    git.arguments = [
      "sh", "-c",
      "git init -q --template= && git -c core.excludesFile= ls-files -z --others --exclude-standard && rm -r .git",
    ]
    let pipe = Pipe()
    git.standardOutput = pipe
    try git.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    git.waitUntilExit()
    try #require(git.terminationStatus == 0)
    let expected = String(decoding: output, as: UTF8.self).split(separator: "\0").map(String.init)
    let captured = try media.capture(tree.source)
    #expect(try files(captured) == expected.sorted())
    #expect(expected.count > 10 && expected.count < names.count + 8)
    #expect(captured.summary.notes == [])
    // What is left out is listed with the pattern that did it, a directory once.
    let excluded = captured.summary.excluded ?? []
    #expect(excluded.contains("build: excluded by 'build/' in .lifeboatignore"))
    #expect(excluded.contains("a/b/c/file: excluded by '/file' in a/b/c/.lifeboatignore"))
    #expect(excluded.allSatisfy { !$0.hasPrefix("build/") })
    #expect(captured.summary.excludedCount == UInt64(excluded.count))
    // All of it is there for who does not heed them.
    var source = tree.source
    source.honoursIgnoreFiles = false
    let all = try media.capture(source)
    #expect(try files(all).count == names.count + 8)
    #expect(all.summary.excluded == [] && all.summary.excludedCount == 0)
  }

  @Test func `is decided by the configured patterns before any ignore file`() throws {
    for name in ["a.jpg", "b.jpg", "secret", "x.tmp"] { try tree.write("x", name) }
    try tree.write("*.jpg\n!secret\n*.tmp\n", ".lifeboatignore")
    var source = tree.source
    source.excludes = ["secret", "!a.jpg"]
    let captured = try media.capture(source)
    #expect(try files(captured) == [".lifeboatignore", "a.jpg"])
    #expect(
      captured.summary.excluded == [
        "b.jpg: excluded by '*.jpg' in .lifeboatignore", "secret: excluded by 'secret'",
        "x.tmp: excluded by '*.tmp' in .lifeboatignore",
      ])
  }

  @Test func `is not for others to decide`() throws {
    try #require(geteuid() == 0, "giving a file away needs root")
    try tree.directory("uploads")
    try tree.directory("shared")
    try tree.directory("linked")
    for folder in ["uploads", "shared", "linked"] { try tree.write("x", "\(folder)/photo.jpg") }
    for folder in ["uploads", "shared"] { try tree.write("*\n", "\(folder)/.lifeboatignore") }
    let here = OwnedDescriptor.workingDirectory
    try here.setOwner(of: tree.path("uploads/.lifeboatignore"), userID: 33, groupID: 33)
    try here.setPermissions(of: tree.path("shared/.lifeboatignore"), to: 0o664)
    try here.makeSymbolicLink(
      tree.path("linked/.lifeboatignore"), to: tree.path("shared/.lifeboatignore"))
    let captured = try media.capture(tree.source)
    #expect(captured.summary.excluded == [])
    #expect(
      captured.summary.notes == [
        "linked/.lifeboatignore: does not count: it is a symbolic link",
        "shared/.lifeboatignore: does not count: others than its owner may write it",
        "uploads/.lifeboatignore: does not count: it belongs to user 33, not to root or the user who runs the backup",
      ])
    #expect(try files(captured).filter { $0.hasSuffix("jpg") }.count == 3)
  }

  @Test func `does not include what a malformed line of an ignore file may have meant`() throws {
    try tree.write("x", "a")
    try tree.write("x", "b")
    try tree.write("[z-a]\n/\nb\n", ".lifeboatignore")
    let captured = try media.capture(tree.source)
    #expect(try files(captured) == [".lifeboatignore", "a"])
    #expect(
      captured.summary.notes == [
        ".lifeboatignore: line 1 does not count: a range in brackets is the wrong way round",
        ".lifeboatignore: line 2 does not count: it names nothing",
      ])
  }

  @Test func `for its length is listed with both lengths`() throws {
    try tree.write(noise(1000), "at-the-limit")
    try tree.write(noise(1001), "beyond")
    try OwnedDescriptor.workingDirectory.makeLink(tree.path("link"), to: tree.path("beyond"))
    try OwnedDescriptor.openOrCreateFile(tree.path("hole")).truncate(toByteCount: 1 << 40)
    var source = tree.source
    source.largestByteCount = 1000
    let captured = try media.capture(source)
    #expect(try files(captured) == ["at-the-limit"])
    #expect(
      captured.summary.excluded == [
        "beyond: 1001 bytes, more than the limit of 1000",
        "hole: 1099511627776 bytes, more than the limit of 1000",
        "link: 1001 bytes, more than the limit of 1000",
      ])
    #expect(captured.summary.unreadableCount == 0)
    // A limit that is lifted brings them in, though they did not change.
    let next = try media.capture(tree.source, parent: captured)
    #expect(try files(next) == ["at-the-limit", "beyond", "hole"])
    #expect(next.summary.excludedCount == 0)
  }

  @Test func `is counted in full and listed up to a thousand`() throws {
    for number in 0..<1200 { try tree.write("", "\(number).tmp") }
    var source = tree.source
    source.excludes = ["*.tmp"]
    let captured = try media.capture(source)
    #expect(captured.summary.excludedCount == 1200)
    #expect(captured.summary.excluded?.count == 1000)
  }

  @Test func `by a cache tag is told of the directory`() throws {
    try tree.directory("thumbs")
    try tree.write("Signature: 8a477f597d28d172789f06886806bc55\n", "thumbs/CACHEDIR.TAG")
    let empty = try media.capture(tree.source)
    #expect(empty.summary.excluded == [])
    try tree.write("x", "thumbs/t")
    let captured = try media.capture(tree.source)
    #expect(captured.summary.excluded == ["thumbs: what it holds: it has a CACHEDIR.TAG"])
    #expect(try files(captured) == ["thumbs/CACHEDIR.TAG"])
  }

  @Test func `and rows name is told as missing all the same`() throws {
    try tree.write("x", "photo.jpg")
    var source = tree.source
    source.excludes = ["*.jpg"]
    let captured = try media.capture(source, required: ["photo.jpg"])
    #expect(captured.missing == ["photo.jpg": false])
  }

  @Test func `at a bind mount of the same file system is told, unless mounts are wanted`() throws {
    try tree.directory("mounted")
    try tree.directory("other")
    try tree.write("x", "other/inside")
    let (from, to) = (tree.path("other"), tree.path("mounted"))
    // MS_BIND; containers without the right to mount have no mounts to test.
    guard unsafe mount(from, to, nil, 4096, nil) == 0 else { return }
    defer { _ = unsafe umount2(to, 2) }
    let captured = try media.capture(tree.source)
    #expect(try files(captured) == ["other/inside"])
    #expect(
      captured.summary.excluded == ["mounted: what it holds: another file system is mounted there"])
    var source = tree.source
    source.oneFileSystem = false
    let all = try media.capture(source)
    #expect(try files(all) == ["mounted/inside", "other/inside"])
    #expect(all.summary.excluded == [])
  }
}
