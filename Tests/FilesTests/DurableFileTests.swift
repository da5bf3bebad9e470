// Files that appear complete or not at all.

import Files
import Testing

@Suite struct `A durable file` {
  @Test func `appears whole, and leaves nothing else behind`() throws {
    let folder = try TestFolder()
    try DurableFile.write("one".bytes, to: "file", in: folder.descriptor)
    #expect(try folder.text(of: "file") == "one")
    try DurableFile.write("two".bytes, to: folder.path + "/file", permissions: 0o400)
    #expect(try folder.text(of: "file") == "two")
    #expect(try folder.descriptor.status(of: "file").permissions == 0o400)
    try DurableFile.write([], to: "empty", in: folder.descriptor)
    #expect(try folder.names() == ["empty", "file"])
  }

  @Test func `has no name until it is published`() throws {
    let folder = try TestFolder()
    let file = try DurableFile(at: "file", in: folder.descriptor)
    try file.descriptor.append("content".bytes)
    #expect(try folder.descriptor.statusIfAny(of: "file") == nil)
    let names = try folder.descriptor.sortedEntries().map(\.name)
    #expect(names.count == 1 && names.allSatisfy { $0.isTemporary })
    try file.publish(replacing: false)
    #expect(try folder.names() == ["file"])
    #expect(try folder.text(of: "file") == "content")
    try folder.descriptor.syncFolder(of: "file")
  }

  @Test func `that is given up leaves nothing`() throws {
    let folder = try TestFolder()
    try folder.write("old", to: "file")
    do {
      let file = try DurableFile(at: "file", in: folder.descriptor)
      try file.descriptor.append("half of the new".bytes)
      #expect(try folder.names().count == 2)
    }
    #expect(try folder.names() == ["file"])
    #expect(try folder.text(of: "file") == "old")
  }

  @Test func `does not take a name that is taken, and cleans up`() throws {
    let folder = try TestFolder()
    try folder.write("old", to: "file")
    let error = failure {
      try DurableFile.write("new".bytes, to: "file", in: folder.descriptor, replacing: false)
    }
    #expect(error?.isExisting == true)
    #expect(try folder.names() == ["file"])
    #expect(try folder.text(of: "file") == "old")
    try folder.descriptor.makeDirectory("directory")
    #expect(
      failure { try DurableFile.write([], to: "directory", in: folder.descriptor) } != nil)
    #expect(try folder.names() == ["directory", "file"])
  }

  @Test(arguments: ["none/file", "", "a/", "..", "file/x"])
  func `is refused where no name can be`(path: String) throws {
    let folder = try TestFolder()
    try folder.write("old", to: "file")
    #expect(failure { try DurableFile.write([1], to: path, in: folder.descriptor) } != nil)
    #expect(try folder.names() == ["file"])
  }
}
