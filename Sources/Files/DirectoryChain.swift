// The directories from the top of a tree down to where a walk is, with few of them open.

import CLinux
import Glibc

/// An open directory with several users: it closes when the last lets go.
package final class SharedDirectory: Sendable {
  package let descriptor: OwnedDescriptor
  /// What it was when it was opened.
  package let status: FileStatus

  package init(_ descriptor: consuming OwnedDescriptor) throws(SystemError) {
    status = try descriptor.status()
    self.descriptor = descriptor
  }
}

/// A path of nested directories, each entered from the one before.
///
/// The root and the deepest `limit` directories are open; those between are opened again on the way
/// back, by `..` or else by their names from the root, and are taken only if they are the same
/// directories as before. So a tree of any depth needs few descriptors, and one whose directories
/// are renamed meanwhile never leads elsewhere.
package struct DirectoryChain: Sendable {
  private struct Level {
    var name: [UInt8]
    var status: FileStatus
    var directory: SharedDirectory?
  }
  private var levels: [Level]
  private let limit: Int

  /// A chain of the root alone.
  ///
  /// - Parameters:
  ///   - root: stays open as long as the chain.
  ///   - limit: how many directories beneath the root stay open, at least 1.
  package init(root: SharedDirectory, limit: Int = 64) {
    levels = [Level(name: [], status: root.status, directory: root)]
    self.limit = max(1, limit)
  }

  /// How many directories were entered and not left.
  package var depth: Int { levels.count - 1 }

  /// The deepest directory; nil if it could not be found again after a deeper one was left.
  package var current: SharedDirectory? { levels.last?.directory }

  /// Goes down into `directory`, which lies in ``current`` under `name`.
  package mutating func enter(_ directory: SharedDirectory, name: [UInt8]) {
    levels.append(Level(name: name, status: directory.status, directory: directory))
    let oldest = levels.count - 1 - limit
    if oldest > 0 { levels[oldest].directory = nil }
  }

  /// Goes up by one; at the root this does nothing.
  ///
  /// - Throws: ``SystemError`` if the directory above is no longer where it was: ESTALE, or what
  ///   opening it said. The chain has gone up nevertheless, and ``current`` is nil.
  package mutating func leave() throws(SystemError) {
    guard levels.count > 1 else { return }
    let left = levels.removeLast()
    let index = levels.count - 1
    guard levels[index].directory == nil else { return }
    if let child = left.directory,
      let above = try? SharedDirectory(OwnedDescriptor.openDirectory("..", in: child.descriptor)),
      above.status.isSameFile(as: levels[index].status)
    {
      levels[index].directory = above
      return
    }
    levels[index].directory = try reopen()
  }

  /// Walks down from the root by name; a symbolic link on the way is refused.
  private func reopen() throws(SystemError) -> SharedDirectory? {
    guard var folder = levels.first?.directory else { return nil }
    for level in levels.dropFirst() {
      folder = try SharedDirectory(OwnedDescriptor.openDirectory(level.name, in: folder.descriptor))
      guard folder.status.isSameFile(as: level.status) else {
        throw SystemError(call: "open", path: level.name, code: ESTALE)
      }
    }
    return folder
  }
}

extension OwnedDescriptor {
  /// Waits until everything written to the filesystem of this file is on the device (syncfs(2)).
  package borrowing func syncFileSystem() throws(SystemError) {
    try check(clinux_sync_filesystem(rawValue), "syncfs")
  }
}
