// One thing broken in a restored tree: the drill must fail and name exactly that.

import Capture
import Drill
import Files
import Format
import FoundationEssentials
import Glibc
import Repository
import Storage
import TestSupport
import Testing
import Workers

/// A media tree, backed up into a repository in memory.
private final class ExampleFiles: Sendable {
  let repository: Repository
  let snapshot: Snapshot
  private let folder: ScratchFolder

  static let shared: Result<ExampleFiles, any Error> = Result {
    let files = try ExampleFiles()
    atexit {
      guard let path = try? ExampleFiles.shared.get().folder.path else { return }
      let outer = path.split(separator: "/").dropLast().joined(separator: "/")
      try? FileManager.default.removeItem(atPath: "/" + outer)
    }
    return files
  }

  init() throws {
    folder = try ScratchFolder()
    let tree = folder.path + "/tree"
    let here = OwnedDescriptor.workingDirectory
    try here.makeDirectories(tree + "/d/empty", permissions: 0o755)
    for (name, text) in [("a", "alpha"), ("b", "beta"), ("d/c", "gamma")] {
      try OwnedDescriptor.openOrCreateFile(tree + "/" + name).write(Array(text.utf8), at: 0)
    }
    try here.setExtendedAttribute("user.note", of: tree + "/a", to: [1, 2])
    try here.setExtendedAttribute("user.folder", of: tree + "/d", to: [3])
    try here.makeLink(tree + "/d/link-of-b", to: tree + "/b")
    try here.makeSymbolicLink(tree + "/symlink", to: "a")
    try here.makeSpecial(tree + "/fifo", kind: .fifo, permissions: 0o640)
    try OwnedDescriptor.openFile(tree + "/d/c").setInodeFlags([.noDump])
    let storage = MemoryStorage()
    let key = try RecoveryKey.generate()
    _ = try KeyRing.create(
      in: storage, passphrase: key.secret, label: "test", withRecoveryKey: false,
      created: Timestamp(Date()), packByteCount: 1 << 20)
    repository = try Repository.open(
      storage, with: .passphrase(key.secret), scratch: folder.path)
    let result = try Backup(
      BackupPlan(
        databases: [], media: [MediaSource(name: "uploads", path: tree)], references: [],
        tags: [], host: "web1", user: "test", program: "lifeboat test", workers: 2,
        scratch: folder.path),
      repository: repository, cancellation: Cancellation(), progress: Progress()
    ).perform()
    snapshot = try repository.snapshot(named: result.snapshot.hex)
  }

  /// Drills, with `change` done to the restored tree before it is compared.
  func drill(_ change: @escaping @Sendable (String) throws -> Void) throws -> DrillReport {
    let place = try ScratchFolder()
    var options = DrillOptions()
    options.media = .folder(place.path + "/files")
    options.negativeControl = false
    options.afterMediaRestore = change
    return try Drill(repository: repository, snapshot: snapshot, options: options).run()
  }
}

/// Changes something in a directory and gives it back the time it had, so that nothing else differs.
private func keepingTime(_ folder: String, _ change: () throws -> Void) throws {
  let here = OwnedDescriptor.workingDirectory
  let before = try here.status(of: folder)
  try change()
  try here.setTimes(of: folder, modified: before.modified)
}

@Suite struct `A drill of restored files` {
  struct Damage: Sendable, CustomTestStringConvertible {
    var testDescription: String
    /// The beginnings of all that is told.
    var told: [String]
    var change: @Sendable (String) throws -> Void

    init(
      _ name: String, _ told: String..., change: @escaping @Sendable (String) throws -> Void
    ) {
      testDescription = name
      self.told = told
      self.change = change
    }
  }

  private static var here: OwnedDescriptor { .workingDirectory }

  static let damages: [Damage] = [
    Damage("an attribute of a file is gone", "a: attributes: user.note is missing") { root in
      try here.removeExtendedAttribute("user.note", of: root + "/a")
    },
    Damage("an attribute of a directory is another", "d: attributes: user.folder is another") {
      try here.setExtendedAttribute("user.folder", of: $0 + "/d", to: [4])
    },
    Damage("an attribute is new", "b: attributes: user.new is new") { root in
      try here.setExtendedAttribute("user.new", of: root + "/b", to: [])
    },
    Damage("a byte is another", "d/c: content: content differs") { root in
      try keepingTime(root + "/d/c") {
        try OwnedDescriptor.openFileForWriting(root + "/d/c").write([0x21], at: 2)
      }
    },
    Damage("a file is longer", "a: length: expected 5 bytes, found 6 bytes") { root in
      try keepingTime(root + "/a") {
        try OwnedDescriptor.openFileForWriting(root + "/a").write([0x21], at: 5)
      }
    },
    Damage("permissions changed", "b: mode: expected") { root in
      try here.setPermissions(of: root + "/b", to: 0o666)
    },
    Damage("a set-user-id bit is new", "a: mode: expected") { root in
      try here.setPermissions(of: root + "/a", to: 0o4600)
    },
    Damage("a time is another by a nanosecond", "a: modified: expected") { root in
      let time = try here.status(of: root + "/a").modified
      try here.setTimes(
        of: root + "/a",
        modified: Files.FileTime(
          seconds: time.seconds, nanoseconds: (time.nanoseconds + 1) % 1_000_000_000))
    },
    Damage("an entry is new", "d/new: extra") { root in
      try keepingTime(root + "/d") { _ = try OwnedDescriptor.createFile(root + "/d/new") }
    },
    Damage("a file is gone", "a: missing") { root in
      try keepingTime(root) { try here.remove(root + "/a") }
    },
    Damage("an empty directory is gone", "d/empty: missing") { root in
      try keepingTime(root + "/d") { try here.removeDirectory(root + "/d/empty") }
    },
    Damage("a hard link became a copy", "d/link-of-b: hard-link: it is no other name of 'b'") {
      root in
      let old = try here.status(of: root + "/b")
      try keepingTime(root + "/d") {
        try here.remove(root + "/d/link-of-b")
        let copy = try OwnedDescriptor.createFile(
          root + "/d/link-of-b", permissions: old.permissions)
        try copy.write(Array("beta".utf8), at: 0)
        try copy.setTimes(modified: old.modified)
      }
    },
    Damage("a symbolic link leads elsewhere", "symlink: link-target: expected 'a', found 'b'") {
      root in
      let old = try here.status(of: root + "/symlink")
      try keepingTime(root) {
        try here.remove(root + "/symlink")
        try here.makeSymbolicLink(root + "/symlink", to: "b")
        try here.setTimes(of: root + "/symlink", modified: old.modified)
      }
    },
    Damage("a FIFO became a file", "fifo: kind: expected fifo, found regular") { root in
      try keepingTime(root) {
        try here.remove(root + "/fifo")
        _ = try OwnedDescriptor.createFile(root + "/fifo")
      }
    },
    Damage("a flag is gone", "d/c: flags: expected 0x40, found 0x0") { root in
      try OwnedDescriptor.openFile(root + "/d/c").setInodeFlags([])
    },
  ]

  @Test func `passes if nothing is broken`() throws {
    let report = try ExampleFiles.shared.get().drill { _ in }
    #expect(report.verdict == .pass, "\(report.story)")
  }

  @Test(arguments: damages)
  func `fails and names exactly what is broken`(damage: Damage) throws {
    let report = try ExampleFiles.shared.get().drill(damage.change)
    #expect(report.verdict == .fail, "\(report.story)")
    #expect(report.ids(.fail) == ["files.content"], "\(report.story)")
    let details = report.checks("files.content").flatMap(\.details)
    #expect(details.count == damage.told.count, "\(details)")
    for (detail, start) in zip(details, damage.told) {
      #expect(detail.hasPrefix(start), "\(detail)")
    }
  }
}
