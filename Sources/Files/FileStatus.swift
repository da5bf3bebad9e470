// What the kernel tells about one file without opening it: statx(2).

import CLinux
import Glibc

/// The kinds of entries a Linux directory can hold.
package enum FileKind: UInt8, Sendable, CaseIterable {
  case regular, directory, symbolicLink, fifo, socket, characterDevice, blockDevice

  /// From the type bits of a mode; nil for a kind Linux does not have.
  package init?(mode: UInt32) {
    switch mode & S_IFMT {
    case S_IFREG: self = .regular
    case S_IFDIR: self = .directory
    case S_IFLNK: self = .symbolicLink
    case S_IFIFO: self = .fifo
    case S_IFSOCK: self = .socket
    case S_IFCHR: self = .characterDevice
    case S_IFBLK: self = .blockDevice
    default: return nil
    }
  }
}

/// A moment as filesystems keep it: seconds since 1970 (negative before), and nanoseconds after.
package struct FileTime: Hashable, Comparable, Sendable {
  package var seconds: Int64
  /// 0 ..< 1 000 000 000, always forward from `seconds`.
  package var nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32 = 0) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  package static func < (a: FileTime, b: FileTime) -> Bool {
    (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
  }
}

/// A device's number.
package struct DeviceNumber: Hashable, Sendable {
  package var major: UInt32
  package var minor: UInt32

  package init(major: UInt32, minor: UInt32) {
    self.major = major
    self.minor = minor
  }
}

/// The status of one file.
package struct FileStatus: Hashable, Sendable {
  package let kind: FileKind
  /// Permission bits with set-user-id, set-group-id and sticky: 0o0000 … 0o7777.
  package let permissions: UInt32
  package let userID: UInt32
  package let groupID: UInt32
  /// The length; for a symbolic link that of its target's path.
  package let byteCount: Int64
  /// What it occupies on the device: less than the length if it has holes.
  package let storedByteCount: Int64
  package let modified: FileTime
  /// When content or metadata last changed; nobody can set it.
  package let changed: FileTime
  package let accessed: FileTime
  /// Nil if the filesystem does not keep it.
  package let born: FileTime?
  package let inode: UInt64
  /// Of the filesystem it lies on.
  package let device: DeviceNumber
  /// Of the device it stands for; 0:0 unless it is a device.
  package let special: DeviceNumber
  package let linkCount: UInt32
  /// Tells mounts apart that share a device (bind mounts, subvolumes); nil before Linux 5.8.
  package let mountID: UInt64?
  /// The STATX_ATTR bits that are set, of those the filesystem knows.
  package let attributes: UInt64

  /// Nil for a kind of file Linux does not have.
  init?(_ status: clinux_status) {
    guard let kind = FileKind(mode: status.mode) else { return nil }
    self.kind = kind
    permissions = status.mode & 0o7777
    userID = status.user
    groupID = status.group
    byteCount = Int64(clamping: status.byte_count)
    storedByteCount = Int64(clamping: status.block_count.multipliedReportingOverflow(by: 512).0)
    modified = FileTime(
      seconds: status.modified_seconds, nanoseconds: status.modified_nanoseconds)
    changed = FileTime(seconds: status.changed_seconds, nanoseconds: status.changed_nanoseconds)
    accessed = FileTime(
      seconds: status.accessed_seconds, nanoseconds: status.accessed_nanoseconds)
    born =
      status.has_birth == 0
      ? nil : FileTime(seconds: status.born_seconds, nanoseconds: status.born_nanoseconds)
    inode = status.inode
    device = DeviceNumber(major: status.device_major, minor: status.device_minor)
    special = DeviceNumber(major: status.special_major, minor: status.special_minor)
    linkCount = status.link_count
    mountID = status.has_mount == 0 ? nil : status.mount
    attributes = status.attributes & status.attributes_known
  }

  /// Whether both describe the same object: same filesystem, same inode.
  package func isSameFile(as other: FileStatus) -> Bool {
    device == other.device && inode == other.inode
  }
}

extension OwnedDescriptor {
  /// The status of the open file itself.
  package borrowing func status() throws(SystemError) -> FileStatus {
    try status(of: [], followingLinks: false)
  }

  /// The status of an entry; of a symbolic link itself unless `followingLinks`.
  package borrowing func status(
    of path: some PathName, followingLinks: Bool = false
  ) throws(SystemError) -> FileStatus {
    var status = clinux_status()
    let start = rawValue
    let bytes = path.pathBytes
    try unsafe check("stat", bytes) {
      unsafe clinux_status(start, $0, followingLinks ? 1 : 0, &status)
    }
    guard let result = FileStatus(status) else {
      throw SystemError(call: "stat", path: bytes, code: EINVAL)
    }
    return result
  }

  /// As ``status(of:followingLinks:)``, but nil if there is no such entry.
  package borrowing func statusIfAny(
    of path: some PathName, followingLinks: Bool = false
  ) throws(SystemError) -> FileStatus? {
    do {
      return try status(of: path, followingLinks: followingLinks)
    } catch {
      guard error.isNotFound || error.isNotDirectory else { throw error }
      return nil
    }
  }

  /// What the filesystem of the open file has left.
  package borrowing func space() throws(SystemError) -> FileSystemSpace {
    var result = statvfs()
    let number = rawValue
    try check(posix { unsafe fstatvfs(number, &result) }, "statvfs")
    let unit = UInt64(result.f_frsize)
    return FileSystemSpace(
      totalByteCount: Int64(
        clamping: UInt64(result.f_blocks).multipliedReportingOverflow(by: unit).0),
      availableByteCount: Int64(
        clamping: UInt64(result.f_bavail).multipliedReportingOverflow(by: unit).0),
      availableFileCount: Int64(clamping: result.f_favail),
      isReadOnly: UInt(result.f_flag) & UInt(ST_RDONLY) != 0)
  }
}

/// How full a filesystem is, for a user without privileges.
package struct FileSystemSpace: Hashable, Sendable {
  package let totalByteCount: Int64
  package let availableByteCount: Int64
  /// New files it can still hold; 0 where the filesystem has no such limit.
  package let availableFileCount: Int64
  package let isReadOnly: Bool
}
