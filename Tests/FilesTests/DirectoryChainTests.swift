// Walking down and up again while directories move.

import Files
import TestSupport
import Testing

@Suite struct `A chain of directories` {
  let folder: ScratchFolder
  let root: SharedDirectory

  init() throws {
    folder = try ScratchFolder()
    root = try SharedDirectory(OwnedDescriptor.openDirectory(folder.path))
    try root.descriptor.makeDirectories("a/b/c/d")
    try root.descriptor.makeDirectory("elsewhere")
  }

  /// At the bottom of a/b/c/d, with the root and the bottom open only.
  private func descend() throws -> DirectoryChain {
    var chain = DirectoryChain(
      root: try SharedDirectory(OwnedDescriptor.openDirectory(folder.path)), limit: 1)
    for name in ["a", "b", "c", "d"] {
      let above = try #require(chain.current)
      chain.enter(
        try SharedDirectory(OwnedDescriptor.openDirectory(name, in: above.descriptor)),
        name: Array(name.utf8))
    }
    #expect(chain.depth == 4)
    return chain
  }

  private func expect(_ chain: DirectoryChain, isAt path: String) throws {
    let current = try #require(chain.current)
    #expect(current.status.isSameFile(as: try root.descriptor.status(of: path)))
  }

  @Test func `leads back up the way it came`() throws {
    var chain = try descend()
    for path in ["a/b/c", "a/b", "a", "."] {
      try chain.leave()
      try expect(chain, isAt: path)
    }
    try chain.leave()
    #expect(chain.depth == 0)
  }

  @Test func `finds a directory whose parents were renamed`() throws {
    var chain = try descend()
    try root.descriptor.rename("a", to: "renamed", replacing: false)
    try chain.leave()
    try expect(chain, isAt: "renamed/b/c")
  }

  @Test func `finds the directory that another was moved out of`() throws {
    var chain = try descend()
    try root.descriptor.rename("a/b/c/d", to: "elsewhere/d", replacing: false)
    try chain.leave()
    try expect(chain, isAt: "a/b/c")
  }

  @Test func `never takes another directory for the one it was in`() throws {
    var chain = try descend()
    try root.descriptor.rename("a/b/c/d", to: "elsewhere/d", replacing: false)
    try root.descriptor.rename("a/b/c", to: "elsewhere/c", replacing: false)
    try root.descriptor.makeDirectory("a/b/c")
    #expect(throws: SystemError.self) { try chain.leave() }
    #expect(chain.current == nil && chain.depth == 3)
    // Above it all is well.
    try chain.leave()
    try expect(chain, isAt: "a/b")
  }

  @Test func `follows no link that took a directory's place`() throws {
    var chain = try descend()
    try root.descriptor.rename("a/b/c/d", to: "elsewhere/d", replacing: false)
    try root.descriptor.rename("a/b", to: "elsewhere/b", replacing: false)
    try root.descriptor.makeSymbolicLink("a/b", to: "../elsewhere/b")
    #expect(throws: SystemError.self) { try chain.leave() }
    #expect(chain.current == nil)
  }
}
