// Trees that change between two steps of a capture: each step is made by hand, so that the change
// falls exactly where it hurts.

import Files
import Format
import Foundation
import Glibc
import MediaSupport
import Repository
import TestSupport
import Testing
import Workers

@testable import Capture

@Suite struct `A tree that changes while it is captured` {
  let tree: MediaTree
  let media: MediaRepository

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
  }

  /// Captures, with `change` called between the walk of each batch and the reading of its files, and
  /// with the number of batches walked so far.
  private func capture(_ change: (Int) throws -> Void) throws -> CapturedMedia {
    let writer = try media.repository.makeWriter()
    let walk = try MediaWalk(tree.source, parent: nil)
    let files = try FileCapture(
      writer: writer, chunker: try MediaCapture.chunker(of: media.repository), workers: 1,
      cancellation: Cancellation(), progress: Progress())
    let delivery = try MediaDelivery(
      source: tree.source, catalog: CatalogWriter(writer, keys: media.repository.keys),
      parent: nil, writer: writer, files: files, required: { nil }, onMissing: { _, _ in })
    var count = 0
    while let batch = try walk.nextBatch() {
      count += 1
      try change(count)
      for item in batch { try delivery.deliver(MediaCapture.outcome(of: item, files)) }
    }
    try delivery.finish()
    var catalog = delivery.catalog
    let root = try catalog.finish()
    try writer.finish()
    return CapturedMedia(
      summary: delivery.summary, root: root, started: Timestamp(microseconds: 0),
      statistics: writer.statistics, missing: [:])
  }

  private func rename(_ old: String, _ new: String) throws {
    try OwnedDescriptor.workingDirectory.rename(tree.path(old), to: tree.path(new), replacing: true)
  }

  /// Waits until files made so far are older than the tolerance for the clock of a file system.
  private func age(_ name: String) throws {
    guard let born = try tree.status(name).born else { return }
    while MediaWalk.now <= born { usleep(10_000) }
  }

  @Test func `has what was renamed before it was read reported, not lost in silence`() throws {
    for number in 100..<200 { try tree.write("x", "f\(number)") }
    try age("f199")
    let captured = try capture { count in
      guard count == 1 else { return }
      // Already walked, and about to be read; and not walked yet.
      try rename("f120", "a-new-name")
      try rename("f180", "z-new-name")
      try tree.write("born later", "later")
    }
    #expect(
      captured.summary.unreadable == [
        "f120: it was renamed to 'a-new-name' before it was read; back up again to have it",
        "f180: it was renamed to 'z-new-name' before it was read; back up again to have it",
      ])
    #expect(
      captured.summary.notes
        == ["2 entries were gone when they came to be read (first: f120)"])
    #expect(captured.summary.fileCount == 98)
  }

  @Test func `has what was renamed after it was read, once`() throws {
    for number in 100..<300 { try tree.write("x", "f\(number)") }
    try age("f299")
    let captured = try capture { count in if count == 3 { try rename("f101", "zzz") } }
    #expect(captured.summary.unreadable == [])
    #expect(captured.summary.notes == [])
    #expect(try media.entries(captured)["f101"] != nil)
  }

  @Test func `has the new file where an editor replaced the old one`() throws {
    try tree.write("old", "document")
    try tree.write("other", "z")
    let captured = try capture { _ in
      try tree.write("new and longer", "document~")
      try rename("document~", "document")
    }
    #expect(try media.bytes("document", of: captured) == Array("new and longer".utf8))
    #expect(captured.summary.unreadable == [])
  }

  @Test func `lacks what was deleted, and says how much`() throws {
    for name in ["a", "b", "c"] { try tree.write("x", name) }
    let captured = try capture { _ in try tree.remove("b") }
    #expect(try media.entries(captured).keys.sorted() == [".", "a", "c"])
    #expect(captured.summary.unreadable == [])
    #expect(
      captured.summary.notes == ["1 entries were gone when they came to be read (first: b)"])
  }

  @Test func `is not waited for where a FIFO, a socket or a link took a file's name`() throws {
    for name in ["fifo", "link", "socket", "z"] { try tree.write("x", name) }
    let here = OwnedDescriptor.workingDirectory
    let captured = try capture { _ in
      for name in ["fifo", "link", "socket"] { try tree.remove(name) }
      try here.makeSpecial(tree.path("fifo"), kind: .fifo, permissions: 0o600)
      try here.makeSpecial(tree.path("socket"), kind: .socket, permissions: 0o600)
      try here.makeSymbolicLink(tree.path("link"), to: "/etc/passwd")
    }
    #expect(try media.entries(captured).keys.sorted() == [".", "z"])
    #expect(captured.summary.notes?.first?.hasPrefix("3 entries were gone") == true)
  }

  @Test func `is read to its end in a directory that was renamed meanwhile`() throws {
    try tree.directory("d/sub")
    for number in 100..<250 { try tree.write("\(number)", "d/f\(number)") }
    try tree.write("x", "d/sub/inside")
    let captured = try capture { count in if count == 1 { try rename("d", "e") } }
    #expect(captured.summary.unreadable == [])
    #expect(captured.summary.fileCount == 151)
    #expect(try media.bytes("d/f249", of: captured) == Array("249".utf8))
    #expect(try media.bytes("d/sub/inside", of: captured) == Array("x".utf8))
  }

  @Test func `has a directory that was renamed before it was entered reported`() throws {
    for number in 100..<200 { try tree.write("x", "f\(number)") }
    try tree.directory("z")
    try tree.write("precious", "z/inside")
    try age("z")
    let captured = try capture { count in if count == 1 { try rename("z", "a") } }
    #expect(
      captured.summary.unreadable
        == ["z: it was renamed to 'a' before it was read; back up again to have it"])
  }

  @Test func `never leads out of the tree where a link takes a directory's place`() throws {
    for number in 100..<200 { try tree.write("x", "f\(number)") }
    try tree.directory("z")
    let captured = try capture { count in
      guard count == 1 else { return }
      try tree.remove("z")
      try OwnedDescriptor.workingDirectory.makeSymbolicLink(tree.path("z"), to: "/etc")
    }
    let entries = try media.entries(captured)
    #expect(entries.keys.allSatisfy { !$0.hasPrefix("z/") })
    guard case .symlink(_, let target) = entries["z"] else {
      Issue.record("no link: \(String(describing: entries["z"]))")
      return
    }
    #expect(target == Array("/etc".utf8))
  }

  @Test func `by truncation is read as far as there is something, and counts as changed`() throws {
    try tree.write(megabytes(20), "log")
    let chunker = try MediaCapture.chunker(of: media.repository)
    // Twice the longest chunk of 4 MiB.
    let buffer = SharedBuffer(byteCount: 8 << 20)
    let cutter = FileCutter(
      try OwnedDescriptor.openFile(tree.path("log")), ranges: [0..<20_000_020], chunker: chunker,
      buffer: buffer)
    var read: [UInt8] = []
    while let piece = try cutter.next({ chunk in chunk.indices.map { chunk[$0] } }) {
      if read.isEmpty {
        try OwnedDescriptor.openFileForWriting(tree.path("log")).truncate(toByteCount: 100)
      }
      read += piece
    }
    let end = try #require(cutter.truncatedAt)
    #expect(read == Array(megabytes(20).prefix(Int(end))) && end < 20_000_020)
    #expect(cutter.extents(byteCount: end) == nil)
  }

  @Test func `by growth is read as long as it was`() throws {
    try tree.write(megabytes(8), "log")
    let chunker = try MediaCapture.chunker(of: media.repository)
    // Twice the longest chunk of 4 MiB.
    let buffer = SharedBuffer(byteCount: 8 << 20)
    let cutter = FileCutter(
      try OwnedDescriptor.openFile(tree.path("log")), ranges: [0..<8_000_008], chunker: chunker,
      buffer: buffer)
    var count = 0
    while let piece = try cutter.next({ $0.count }) {
      if count == 0 {
        try OwnedDescriptor.openFileForWriting(tree.path("log")).write([1, 2, 3], at: 8_000_008)
      }
      count += piece
    }
    #expect(count == 8_000_008 && cutter.truncatedAt == nil)
    #expect(try cutter.status().byteCount == 8_000_011)
  }
}

@Suite struct `A change that leaves few traces` {
  let tree: MediaTree
  let media: MediaRepository

  init() throws {
    tree = try MediaTree()
    media = try MediaRepository()
  }

  @Test func `is seen where a new file has the old one's inode, name, length and time`() throws {
    // ext4 and tmpfs hand out a freed inode soon; which file gets it does not matter to the test.
    try tree.write("one", "file")
    try tree.setModified("file", 1_600_000_000, 5)
    let first = try media.capture(tree.source)
    let before = try tree.status("file")
    try tree.remove("file")
    var names: [String] = []
    for number in 0..<50 {
      let name = "new\(number)"
      try tree.write("two", name)
      names.append(name)
      if try tree.status(name).inode == before.inode { break }
    }
    let chosen = try #require(names.last)
    try OwnedDescriptor.workingDirectory.rename(
      tree.path(chosen), to: tree.path("file"), replacing: true)
    try tree.setModified("file", 1_600_000_000, 5)
    let second = try media.capture(tree.source, parent: first)
    #expect(try media.bytes("file", of: second) == Array("two".utf8))
  }

  @Test func `is seen after the clock was set back`() throws {
    try tree.write("one", "file")
    let first = try media.capture(tree.source)
    // As a file looks that was written under a clock far behind: older than what it replaces.
    try tree.write("two", "file")
    try tree.setModified("file", 1_000_000_000)
    let second = try media.capture(tree.source, parent: first)
    #expect(try media.bytes("file", of: second) == Array("two".utf8))
    #expect(second.statistics.filesRead == 1)
    // And a parent from the future never makes files look unchanged that are not.
    try tree.write("six", "file")
    let third = try media.capture(tree.source, parent: second, parentClock: 50 * 365 * 86_400)
    #expect(try media.bytes("file", of: third) == Array("six".utf8))
  }

  @Test func `of a name outside the source is noted`() throws {
    try tree.write("x", "file")
    try tree.write("y", "both-1")
    try OwnedDescriptor.workingDirectory.makeLink(tree.path("both-2"), to: tree.path("both-1"))
    try OwnedDescriptor.workingDirectory.makeLink(
      tree.folder.path + "/outside", to: tree.path("file"))
    let captured = try media.capture(tree.source)
    #expect(
      captured.summary.notes == [
        ".: 1 files have names outside of what was read, too, and come back without them (first: file)"
      ])
    #expect(captured.summary.fileCount == 2 && captured.summary.unreadableCount == 0)
  }
}
