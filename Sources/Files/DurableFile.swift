// Files that appear under their name complete and on the device, or not at all.

import Glibc

/// A file being written under a temporary name beside its final one.
///
/// Write through ``descriptor``, then ``publish(replacing:syncingFolder:)``. Let go without that, and
/// the temporary file is removed; after a crash it is left, and ``FileName/isTemporary`` tells it.
package struct DurableFile: ~Copyable {
  /// Where to write; publishing closes it.
  package let descriptor: OwnedDescriptor
  private let folder: OwnedDescriptor
  private let temporary: FileName
  private let name: FileName

  /// Creates the temporary file in the folder of `path`, which must exist.
  ///
  /// - Parameters:
  ///   - path: the final name; relative to `directory`.
  ///   - directory: where relative paths start.
  ///   - permissions: of the file, less the umask.
  ///   - direct: true to bypass the page cache; offsets, lengths and memory must then be aligned.
  /// - Throws: ``SystemError``; nothing is left then.
  package init(
    at path: some PathName, in directory: borrowing OwnedDescriptor = .workingDirectory,
    permissions: UInt32 = 0o600, direct: Bool = false
  ) throws(SystemError) {
    let (parent, name) = try split(path.pathBytes, call: "create")
    let folder = try OwnedDescriptor.openDirectory(parent, in: directory, followingLinks: true)
    let temporary = FileName.temporary()
    descriptor = try OwnedDescriptor.createFile(
      temporary, in: folder, permissions: permissions, direct: direct)
    self.folder = folder
    self.temporary = temporary
    self.name = name
  }

  deinit {
    // After publishing the temporary name is gone, and so is the reason for this.
    try? folder.remove(temporary)
  }

  /// Syncs the content, gives the file its name, syncs the folder: on return it survives a power
  /// cut, and before no reader saw the name.
  ///
  /// - Parameters:
  ///   - replacing: false to fail with EEXIST if the name is taken; the temporary file is removed
  ///     then, and what had the name is untouched.
  ///   - syncingFolder: false if the caller syncs the folder once for several files.
  /// - Throws: ``SystemError``. If syncing the folder failed, the file has its name but may lose it
  ///   in a power cut.
  package consuming func publish(
    replacing: Bool, syncingFolder: Bool = true
  ) throws(SystemError) {
    try descriptor.sync()
    try folder.rename(temporary, to: name, replacing: replacing)
    if syncingFolder { try folder.syncDirectory() }
  }

  /// Writes a whole small file durably; readers see the old content, or all of the new.
  ///
  /// - Parameters:
  ///   - bytes: the content.
  ///   - path: the name; its folder must exist.
  ///   - directory: where relative paths start.
  ///   - permissions: of the file, less the umask.
  ///   - replacing: false to fail with EEXIST if the name is taken.
  /// - Throws: ``SystemError``; the name then is as it was.
  package static func write(
    _ bytes: [UInt8], to path: some PathName,
    in directory: borrowing OwnedDescriptor = .workingDirectory, permissions: UInt32 = 0o600,
    replacing: Bool = true
  ) throws(SystemError) {
    let file = try DurableFile(at: path, in: directory, permissions: permissions)
    try file.descriptor.append(bytes)
    try file.publish(replacing: replacing)
  }
}

extension OwnedDescriptor {
  /// Syncs the directory that holds `path`, so that names made or removed there last.
  package borrowing func syncFolder(of path: some PathName) throws(SystemError) {
    let (parent, _) = try split(path.pathBytes, call: "fsync")
    try Self.openDirectory(parent, in: self, followingLinks: true).syncDirectory()
  }
}
