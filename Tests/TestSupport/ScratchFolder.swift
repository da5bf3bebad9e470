// Owns temporary folders of tests.

import FoundationEssentials
import Programs

/// An empty folder that is removed with its owner; keep the owner alive while the path is in use.
package final class ScratchFolder: Sendable {
  private let outer: PrivateFolder
  package let path: String

  package init() throws {
    let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    outer = try PrivateFolder(prefix: "lifeboat-test", in: parent)
    path = outer.path + "/folder"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }
}
