// Open files and directories, each with exactly one owner, and the ways to open them. Every
// descriptor is closed on exec.

import CLinux
import Glibc

/// An open file or directory.
///
/// It closes when its owner lets go; ``close()`` does so early and tells whether it failed. As a
/// directory it is where relative paths start, so a tree can be walked without a name being looked
/// up twice.
package struct OwnedDescriptor: ~Copyable, Sendable {
  /// The number the kernel knows it by; valid while this value lives.
  package let rawValue: Int32

  /// Takes over a descriptor that nobody else will close.
  package init(owning rawValue: Int32) { self.rawValue = rawValue }

  /// Where relative paths start unless a directory is given; absolute paths ignore it.
  package static var workingDirectory: OwnedDescriptor { OwnedDescriptor(owning: clinux_at_fdcwd) }

  deinit {
    // The working directory is a negative number and is not ours.
    if rawValue >= 0 { _ = Glibc.close(rawValue) }
  }

  /// Closes now.
  ///
  /// After an error (a network filesystem reports late writes here) it is closed too.
  package consuming func close() throws(SystemError) {
    let descriptor = rawValue
    discard self
    guard descriptor >= 0 else { return }
    // Linux has closed it even if a signal came: trying again could close another thread's file.
    let result = Glibc.close(descriptor)
    let code = errno
    if result != 0, code != EINTR { throw SystemError(call: "close", code: code) }
  }

  /// A second descriptor for the same open file, sharing its offset and lock.
  package borrowing func duplicate() throws(SystemError) -> OwnedDescriptor {
    let number = rawValue
    return OwnedDescriptor(
      owning: try check(posix { fcntl(number, F_DUPFD_CLOEXEC, 3) }, "dup"))
  }

  // MARK: Opening

  /// Opens for reading; never waits for a FIFO's writer.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - directory: where relative paths start.
  ///   - followingLinks: false to fail with ELOOP if the last component is a symbolic link.
  ///   - updatingAccessTime: false to leave the access time alone where the user may (O_NOATIME
  ///     wants the owner or root; others read with it updated rather than not at all).
  ///   - direct: true to bypass the page cache; offsets, lengths and memory must then be aligned.
  /// - Returns: the open file.
  /// - Throws: ``SystemError``.
  package static func openFile(
    _ path: some PathName, in directory: borrowing OwnedDescriptor = .workingDirectory,
    followingLinks: Bool = false, updatingAccessTime: Bool = false, direct: Bool = false
  ) throws(SystemError) -> OwnedDescriptor {
    var how = clinux_read | clinux_no_block
    if !followingLinks { how |= clinux_no_follow }
    if direct { how |= clinux_direct }
    if !updatingAccessTime {
      do {
        return try open(path.pathBytes, in: directory, how | clinux_no_atime)
      } catch {
        guard error.code == EPERM else { throw error }
      }
    }
    return try open(path.pathBytes, in: directory, how)
  }

  /// Opens an existing file for reading and writing.
  package static func openFileForWriting(
    _ path: some PathName, in directory: borrowing OwnedDescriptor = .workingDirectory,
    followingLinks: Bool = false
  ) throws(SystemError) -> OwnedDescriptor {
    let how = clinux_read | clinux_write | (followingLinks ? 0 : clinux_no_follow)
    return try open(path.pathBytes, in: directory, how)
  }

  /// Opens, or creates if there is none, for reading and writing: lock files and local state.
  package static func openOrCreateFile(
    _ path: some PathName, in directory: borrowing OwnedDescriptor = .workingDirectory,
    permissions: UInt32 = 0o600
  ) throws(SystemError) -> OwnedDescriptor {
    let how = clinux_read | clinux_write | clinux_create | clinux_no_follow
    return try open(path.pathBytes, in: directory, how, permissions)
  }

  /// Creates a file for reading and writing; EEXIST if the name is taken, even by a link.
  ///
  /// - Parameters:
  ///   - path: the name to take.
  ///   - directory: where relative paths start.
  ///   - permissions: as for chmod; the process's umask takes bits away.
  ///   - direct: true to bypass the page cache; offsets, lengths and memory must then be aligned.
  /// - Returns: the open file.
  /// - Throws: ``SystemError``.
  package static func createFile(
    _ path: some PathName, in directory: borrowing OwnedDescriptor = .workingDirectory,
    permissions: UInt32 = 0o600, direct: Bool = false
  ) throws(SystemError) -> OwnedDescriptor {
    let how =
      clinux_read | clinux_write | clinux_create_new | clinux_no_follow
      | (direct ? clinux_direct : 0)
    return try open(path.pathBytes, in: directory, how, permissions)
  }

  /// Creates a nameless file that vanishes with its last descriptor.
  ///
  /// Where the filesystem has no such files, it is made under a random name, which is removed at
  /// once.
  package static func createTemporary(
    in directory: some PathName
  ) throws(SystemError) -> OwnedDescriptor {
    let how = clinux_read | clinux_write | clinux_nameless
    let code: Int32
    do {
      return try open(directory.pathBytes, in: .workingDirectory, how, 0o600)
    } catch {
      code = error.code
    }
    // EISDIR: a kernel without O_TMPFILE took it for an attempt to write to a directory.
    guard [EOPNOTSUPP, EISDIR, EINVAL].contains(code) else {
      throw SystemError(call: "open temporary file in", path: directory.pathBytes, code: code)
    }
    let folder = try openDirectory(directory, followingLinks: true)
    let name = FileName.temporary()
    let file = try createFile(name, in: folder)
    try folder.remove(name)
    return file
  }

  /// Opens a directory: to list it, and as the start of relative paths.
  package static func openDirectory(
    _ path: some PathName, in directory: borrowing OwnedDescriptor = .workingDirectory,
    followingLinks: Bool = false, updatingAccessTime: Bool = false
  ) throws(SystemError) -> OwnedDescriptor {
    var how = clinux_read | clinux_directory
    if !followingLinks { how |= clinux_no_follow }
    if !updatingAccessTime {
      do {
        return try open(path.pathBytes, in: directory, how | clinux_no_atime)
      } catch {
        guard error.code == EPERM else { throw error }
      }
    }
    return try open(path.pathBytes, in: directory, how)
  }

  static func open(
    _ path: [UInt8], in directory: borrowing OwnedDescriptor, _ how: Int, _ permissions: UInt32 = 0
  ) throws(SystemError) -> OwnedDescriptor {
    let start = directory.rawValue
    let number = try unsafe check("open", path) {
      unsafe clinux_open(start, $0, Int32(how), permissions)
    }
    return OwnedDescriptor(owning: number)
  }
}

extension FileName {
  /// What temporary names start with, so that leftovers of a crash can be told and removed.
  package static let temporaryPrefix = ".lifeboat-tmp-"

  /// A fresh name: the prefix and 128 random bits.
  package static func temporary() -> FileName {
    var generator = SystemRandomNumberGenerator()
    let digits = (0..<2).map { _ in
      let text = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - text.utf8.count) + text
    }
    return FileName(unchecked: Array((temporaryPrefix + digits.joined()).utf8))
  }

  /// Whether ``temporary()`` may have made this name.
  package var isTemporary: Bool { bytes.starts(with: Self.temporaryPrefix.utf8) }
}
