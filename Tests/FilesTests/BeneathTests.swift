// Paths that others chose must not lead out, with openat2 and without.

import Files
import Testing

@Suite struct `Opening beneath a directory` {
  @Test(arguments: [false, true])
  func `reaches files and directories there`(componentwise: Bool) throws {
    let folder = try TestFolder()
    try folder.descriptor.makeDirectories("a/b")
    try folder.write("deep", to: "a/b/file")
    for path in ["a/b/file", "./a//b/./file", "a/b/file"] {
      let file = try folder.descriptor.open(
        beneath: path, .reading, componentwise: componentwise)
      #expect(try file.read(byteCount: 10, at: 0) == "deep".bytes)
    }
    let made = try folder.descriptor.open(
      beneath: "a/new", .creating(permissions: 0o640), componentwise: componentwise)
    try made.append("made".bytes)
    #expect(try folder.text(of: "a/new") == "made")
    #expect(try folder.descriptor.status(of: "a/new").permissions & 0o600 == 0o600)
    try folder.descriptor.open(beneath: "a/new", .writing, componentwise: componentwise)
      .write("M".bytes, at: 0)
    #expect(try folder.text(of: "a/new") == "Made")
    for path in ["", ".", "./"] {
      let same = try folder.descriptor.open(
        beneath: path, .directory, componentwise: componentwise)
      #expect(try same.status().isSameFile(as: folder.descriptor.status()))
    }
    let directory = try folder.descriptor.open(
      beneath: "a/b", .directory, componentwise: componentwise)
    #expect(try directory.sortedEntries().map(\.name.description) == ["file"])
  }

  @Test(arguments: [false, true])
  func `refuses every way out`(componentwise: Bool) throws {
    let folder = try TestFolder()
    try folder.descriptor.makeDirectories("root/a")
    try folder.write("outside", to: "secret")
    try folder.write("inside", to: "root/file")
    try folder.descriptor.makeSymbolicLink("root/up", to: "..")
    try folder.descriptor.makeSymbolicLink("root/absolute", to: "/etc/passwd")
    try folder.descriptor.makeSymbolicLink("root/inner", to: "file")
    try folder.descriptor.makeSymbolicLink("root/a/same", to: ".")
    try folder.descriptor.makeSymbolicLink("root/process", to: "/proc/self/cwd")
    let root = try OwnedDescriptor.openDirectory("root", in: folder.descriptor)

    for path in ["../secret", "a/../file", "/etc/passwd", "..", "/", "a/.."] {
      for mode in [OwnedDescriptor.BeneathMode.reading, .directory] {
        let error = failure {
          _ = try root.open(beneath: path, mode, componentwise: componentwise)
        }
        #expect(error?.isCrossing == true, "\(path)")
      }
    }
    for path in ["up/secret", "absolute", "inner", "a/same/same", "process/x"] {
      for mode in [OwnedDescriptor.BeneathMode.reading, .writing] {
        let error = failure {
          _ = try root.open(beneath: path, mode, componentwise: componentwise)
        }
        #expect(error?.isSymbolicLink == true || error?.isNotDirectory == true, "\(path)")
      }
    }
    for path in ["up", "a/same"] {
      let error = failure {
        _ = try root.open(beneath: path, .directory, componentwise: componentwise)
      }
      #expect(error?.isSymbolicLink == true || error?.isNotDirectory == true, "\(path)")
    }
    let taken = failure {
      _ = try root.open(
        beneath: "inner", .creating(permissions: 0o600), componentwise: componentwise)
    }
    #expect(taken?.isExisting == true || taken?.isSymbolicLink == true)
    #expect(try folder.text(of: "secret") == "outside")
    #expect(
      failure { _ = try root.open(beneath: "none/x", .reading, componentwise: componentwise) }?
        .isNotFound == true)
  }
}
