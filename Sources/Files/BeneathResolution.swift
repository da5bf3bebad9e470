// Opening a path that other people chose (a snapshot's, an archive's) without leaving a directory:
// no `..`, no absolute path, no symbolic link anywhere.

import CLinux
import Glibc

extension OwnedDescriptor {
  /// What to open beneath a directory.
  package enum BeneathMode: Sendable {
    /// An existing file or FIFO, for reading.
    case reading
    /// An existing file, for reading and writing.
    case writing
    /// A new file for reading and writing, with these permissions less the umask.
    case creating(permissions: UInt32)
    /// An existing directory.
    case directory

    fileprivate var how: Int {
      switch self {
      case .reading: clinux_read | clinux_no_block | clinux_no_follow
      case .writing: clinux_read | clinux_write | clinux_no_follow
      case .creating: clinux_read | clinux_write | clinux_create_new | clinux_no_follow
      case .directory: clinux_read | clinux_directory | clinux_no_follow
      }
    }

    fileprivate var permissions: UInt32 {
      if case .creating(let permissions) = self { permissions } else { 0 }
    }
  }

  /// Opens a path that must stay beneath this directory, whatever happens to the tree meanwhile.
  ///
  /// - Parameters:
  ///   - path: relative; components `.` and empty ones are skipped.
  ///   - mode: what to open.
  ///   - componentwise: true to walk name by name even where the kernel has openat2 (Linux 5.6).
  /// - Returns: the open file or directory.
  /// - Throws: ``SystemError``: EXDEV for an absolute path and for `..`, ELOOP or ENOTDIR for a
  ///   symbolic link on the way.
  package borrowing func open(
    beneath path: some PathName, _ mode: BeneathMode, componentwise: Bool = false
  ) throws(SystemError) -> OwnedDescriptor {
    let bytes = path.pathBytes
    let slash = UInt8(ascii: "/")
    let components = bytes.split(separator: slash).map { Array($0) }.filter { $0 != [0x2e] }
    guard bytes.first != slash, !components.contains([0x2e, 0x2e]) else {
      throw SystemError(call: "open beneath", path: bytes, code: EXDEV)
    }
    if !componentwise {
      let (start, how, permissions) = (rawValue, Int32(mode.how), mode.permissions)
      let clean = components.isEmpty ? [0x2e] : Array(components.joined(separator: [slash]))
      let result = unsafe withCString(clean) {
        unsafe clinux_open_beneath(start, $0, how, permissions)
      }
      // EPERM: some containers' filters refuse calls they do not know that way.
      if result != -ENOSYS, result != -EPERM {
        return OwnedDescriptor(owning: try check(result, "open beneath", bytes))
      }
    }
    guard let last = components.last else {
      return try Self.open([0x2e], in: self, mode.how, mode.permissions)
    }
    do {
      var folder = try Self.open([0x2e], in: self, clinux_path_only | clinux_directory)
      for name in components.dropLast() {
        folder = try Self.open(
          name, in: folder, clinux_path_only | clinux_directory | clinux_no_follow)
      }
      return try Self.open(last, in: folder, mode.how, mode.permissions)
    } catch {
      throw SystemError(call: "open beneath", path: bytes, code: error.code)
    }
  }
}
