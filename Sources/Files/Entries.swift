// Making, naming, moving and removing entries, relative to an open directory. No call here follows
// a symbolic link in the last component of its path.

import CLinux
import Glibc

extension OwnedDescriptor {
  // MARK: Making

  /// Makes a directory; EEXIST if the name is taken.
  package borrowing func makeDirectory(
    _ path: some PathName, permissions: UInt32 = 0o700
  ) throws(SystemError) {
    let (start, bytes) = (rawValue, path.pathBytes)
    try unsafe check("mkdir", bytes) { name in
      posix { unsafe mkdirat(start, name, mode_t(permissions)) }
    }
  }

  /// Makes a directory and those above it that are missing, each synced into its parent.
  ///
  /// Leaves those that exist alone. Symbolic links to directories are followed.
  package borrowing func makeDirectories(
    _ path: some PathName, permissions: UInt32 = 0o700
  ) throws(SystemError) {
    let bytes = path.pathBytes
    if let status = try statusIfAny(of: bytes, followingLinks: true) {
      guard status.kind == .directory else {
        throw SystemError(call: "mkdir", path: bytes, code: ENOTDIR)
      }
      return
    }
    let trimmed = Array(bytes.reversed().drop { $0 == UInt8(ascii: "/") }.reversed())
    let (parent, name) = try split(trimmed, call: "mkdir")
    try makeDirectories(parent, permissions: permissions)
    let folder = try Self.openDirectory(parent, in: self, followingLinks: true)
    do {
      try folder.makeDirectory(name, permissions: permissions)
    } catch {
      // Another process was faster.
      guard error.isExisting else { throw error }
    }
    try folder.syncDirectory()
  }

  /// Makes a directory under a random temporary name and returns the name.
  package borrowing func makeTemporaryDirectory(
    permissions: UInt32 = 0o700
  ) throws(SystemError) -> FileName {
    let name = FileName.temporary()
    try makeDirectory(name, permissions: permissions)
    return name
  }

  /// Makes a symbolic link whose target is exactly `target`.
  package borrowing func makeSymbolicLink(
    _ path: some PathName, to target: some PathName
  ) throws(SystemError) {
    let (start, bytes, target) = (rawValue, path.pathBytes, target.pathBytes)
    guard !target.contains(0) else {
      throw SystemError(call: "symlink", path: bytes, code: EINVAL)
    }
    try unsafe check("symlink", bytes) { name in
      unsafe withCString(target) { target in posix { unsafe symlinkat(target, start, name) } }
    }
  }

  /// Makes another name for an existing entry, even for a symbolic link itself.
  package borrowing func makeLink(
    _ path: some PathName, to existing: some PathName,
    in directory: borrowing OwnedDescriptor = .workingDirectory
  ) throws(SystemError) {
    let (start, bytes, other) = (rawValue, path.pathBytes, directory.rawValue)
    let existing = existing.pathBytes
    try unsafe check("link", bytes) { name in
      unsafe withCString(existing) { existing in
        posix { unsafe linkat(other, existing, start, name, 0) }
      }
    }
  }

  /// Gives an open nameless file a name; EEXIST if it is taken.
  package borrowing func makeLink(
    _ path: some PathName, toOpenFile file: borrowing OwnedDescriptor
  ) throws(SystemError) {
    // linkat(2): the unprivileged way, through the descriptor's magic link.
    let source = Array("/proc/self/fd/\(file.rawValue)".utf8)
    let (start, bytes) = (rawValue, path.pathBytes)
    try unsafe check("link", bytes) { name in
      unsafe withCString(source) { source in
        posix { unsafe linkat(AT_FDCWD, source, start, name, AT_SYMLINK_FOLLOW) }
      }
    }
  }

  /// Makes a FIFO, a socket's name or a device; devices need privileges.
  package borrowing func makeSpecial(
    _ path: some PathName, kind: FileKind, permissions: UInt32,
    device: DeviceNumber = DeviceNumber(major: 0, minor: 0)
  ) throws(SystemError) {
    let bytes = path.pathBytes
    let type: UInt32
    switch kind {
    case .fifo: type = S_IFIFO
    case .socket: type = S_IFSOCK
    case .characterDevice: type = S_IFCHR
    case .blockDevice: type = S_IFBLK
    case .regular, .directory, .symbolicLink:
      throw SystemError(call: "mknod", path: bytes, code: EINVAL)
    }
    let start = rawValue
    // gnu_dev_makedev: the layout of dev_t in glibc.
    let number =
      UInt64(device.major & 0xffff_f000) << 32 | UInt64(device.major & 0xfff) << 8
      | UInt64(device.minor & 0xffff_ff00) << 12 | UInt64(device.minor & 0xff)
    try unsafe check("mknod", bytes) { name in
      posix { unsafe mknodat(start, name, mode_t(type | permissions & 0o7777), dev_t(number)) }
    }
  }

  // MARK: Reading links

  /// The path a symbolic link holds; EINVAL if the entry is none.
  package borrowing func symbolicLink(_ path: some PathName) throws(SystemError) -> [UInt8] {
    let (start, bytes) = (rawValue, path.pathBytes)
    // Linux targets have at most 4095 bytes; the loop is for filesystems that think otherwise.
    var capacity = 256
    while true {
      var target = [UInt8](repeating: 0, count: capacity)
      let count = try unsafe check("readlink", bytes) { name in
        unsafe target.withUnsafeMutableBytes { memory in
          guard let base = unsafe memory.baseAddress?.assumingMemoryBound(to: CChar.self) else {
            return -Int(ENOMEM)
          }
          return posix { unsafe readlinkat(start, name, base, memory.count) }
        }
      }
      if count < capacity { return Array(target[..<count]) }
      capacity *= 4
    }
  }

  // MARK: Moving and removing

  /// Renames; in one step, so that the new name never is missing.
  ///
  /// - Parameters:
  ///   - path: the old name, relative to this directory.
  ///   - newPath: the new name.
  ///   - directory: where the new name is; this directory unless given.
  ///   - replacing: false to fail with EEXIST if the new name is taken.
  /// - Throws: ``SystemError``; EXDEV across filesystems. Not durable until the directories are
  ///   synced.
  package borrowing func rename(
    _ path: some PathName, to newPath: some PathName,
    in directory: borrowing OwnedDescriptor, replacing: Bool
  ) throws(SystemError) {
    let (from, old, to, new) = (rawValue, path.pathBytes, directory.rawValue, newPath.pathBytes)
    func call(keep: Int32) -> Int32 {
      unsafe withCString(old) { old in
        unsafe withCString(new) { new in unsafe clinux_rename(from, old, to, new, keep) }
      }
    }
    let result = call(keep: replacing ? 0 : 1)
    // A filesystem without RENAME_NOREPLACE: a second name, then the first one goes. A crash between
    // leaves both, each of them complete.
    if !replacing, result == -EINVAL || result == -ENOSYS,
      try status(of: old).kind != .directory
    {
      try directory.makeLink(new, to: old, in: self)
      return try remove(old)
    }
    try check(result, "rename", new)
  }

  /// As ``rename(_:to:in:replacing:)`` within this directory.
  package borrowing func rename(
    _ path: some PathName, to newPath: some PathName, replacing: Bool
  ) throws(SystemError) {
    try rename(path, to: newPath, in: self, replacing: replacing)
  }

  /// Removes a name that is not a directory's; the content goes with its last name and descriptor.
  package borrowing func remove(_ path: some PathName) throws(SystemError) {
    let (start, bytes) = (rawValue, path.pathBytes)
    try unsafe check("unlink", bytes) { name in posix { unsafe unlinkat(start, name, 0) } }
  }

  /// Removes an empty directory.
  package borrowing func removeDirectory(_ path: some PathName) throws(SystemError) {
    let (start, bytes) = (rawValue, path.pathBytes)
    try unsafe check("rmdir", bytes) { name in
      posix { unsafe unlinkat(start, name, AT_REMOVEDIR) }
    }
  }

  /// Removes an entry and, if it is a directory, all beneath it; nothing if there is none.
  ///
  /// Follows no symbolic link and goes on where entries vanish meanwhile. After an error part of
  /// the tree is gone. Opens few descriptors, however deep the tree is.
  package borrowing func removeTree(_ path: some PathName) throws(SystemError) {
    do {
      return try remove(path)
    } catch {
      if error.isNotFound { return }
      guard error.code == EISDIR else { throw error }
    }
    do {
      var chain = DirectoryChain(
        root: try SharedDirectory(Self.openDirectory(path, in: self)), limit: 16)
      var names: [FileName] = []
      while let folder = chain.current {
        if let name = try folder.descriptor.removeEntriesUpToDirectory() {
          chain.enter(
            try SharedDirectory(Self.openDirectory(name, in: folder.descriptor)), name: name.bytes)
          names.append(name)
        } else if let name = names.popLast() {
          try chain.leave()
          try chain.current?.descriptor.removeDirectory(name)
        } else {
          break
        }
      }
      try removeDirectory(path)
    } catch {
      guard error.isNotFound else { throw error }
    }
  }

  /// Removes what is no directory until it meets one, whose name it returns.
  private borrowing func removeEntriesUpToDirectory() throws(SystemError) -> FileName? {
    var reader = try entries()
    while let entry = try reader.next() {
      do throws(SystemError) { try remove(entry.name) } catch {
        if error.code == EISDIR { return entry.name }
        guard error.isNotFound else { throw error }
      }
    }
    return nil
  }
}
