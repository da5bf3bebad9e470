// Changing what a file carries besides its content: owner, permissions, times, inode flags. Names
// are never followed through a symbolic link.

import CLinux
import Glibc

extension OwnedDescriptor {
  // MARK: Owner and permissions

  /// Gives an entry to a user and a group; nil leaves one as it is.
  ///
  /// Needs privileges. Clears set-user-id bits, so set the permissions after.
  /// - Throws: ``SystemError``; EINVAL for the id 4294967295, which means "as it is" to the kernel.
  package borrowing func setOwner(
    of path: some PathName, userID: UInt32?, groupID: UInt32?
  ) throws(SystemError) {
    let (start, bytes) = (rawValue, path.pathBytes)
    let (user, group) = (try ownerID(userID), try ownerID(groupID))
    try unsafe check("chown", bytes) { name in
      posix { unsafe fchownat(start, name, user, group, AT_SYMLINK_NOFOLLOW) }
    }
  }

  /// As ``setOwner(of:userID:groupID:)``, of the open file.
  package borrowing func setOwner(userID: UInt32?, groupID: UInt32?) throws(SystemError) {
    let number = rawValue
    let (user, group) = (try ownerID(userID), try ownerID(groupID))
    try check(posix { fchown(number, user, group) }, "chown")
  }

  /// Sets permission bits (0o0000 … 0o7777) regardless of the umask; EOPNOTSUPP for a symbolic
  /// link, which has none.
  package borrowing func setPermissions(
    of path: some PathName, to permissions: UInt32
  ) throws(SystemError) {
    let (start, bytes) = (rawValue, path.pathBytes)
    try unsafe check("chmod", bytes) { name in
      posix { unsafe fchmodat(start, name, mode_t(permissions & 0o7777), AT_SYMLINK_NOFOLLOW) }
    }
  }

  /// As ``setPermissions(of:to:)``, of the open file.
  package borrowing func setPermissions(to permissions: UInt32) throws(SystemError) {
    let number = rawValue
    try check(posix { fchmod(number, mode_t(permissions & 0o7777)) }, "chmod")
  }

  // MARK: Times

  /// Sets the times of an entry, of a symbolic link itself; a filesystem may round or clamp them.
  ///
  /// Nil leaves the access time alone.
  package borrowing func setTimes(
    of path: some PathName, modified: FileTime, accessed: FileTime? = nil
  ) throws(SystemError) {
    let (start, bytes) = (rawValue, path.pathBytes)
    try unsafe check("utimensat", bytes) { name in
      unsafe withTimes(modified, accessed) { times in
        posix { unsafe utimensat(start, name, times, AT_SYMLINK_NOFOLLOW) }
      }
    }
  }

  /// As ``setTimes(of:modified:accessed:)``, of the open file.
  package borrowing func setTimes(
    modified: FileTime, accessed: FileTime? = nil
  ) throws(SystemError) {
    let number = rawValue
    let result = unsafe withTimes(modified, accessed) { times in
      posix { unsafe futimens(number, times) }
    }
    try check(result, "futimens")
  }

  private borrowing func withTimes(
    _ modified: FileTime, _ accessed: FileTime?, _ body: (UnsafePointer<timespec>) -> Int32
  ) -> Int32 {
    // Beyond a second lie the kernel's codes for "now" and "leave alone".
    guard modified.nanoseconds < 1_000_000_000, (accessed?.nanoseconds ?? 0) < 1_000_000_000 else {
      return -EINVAL
    }
    // UTIME_OMIT is a macro that Swift does not see: bits/stat.h.
    let omit = (1 << 30) - 2
    return unsafe withUnsafeTemporaryAllocation(of: timespec.self, capacity: 2) { times in
      unsafe times[0] =
        accessed.map { timespec(tv_sec: Int($0.seconds), tv_nsec: Int($0.nanoseconds)) }
        ?? timespec(tv_sec: 0, tv_nsec: omit)
      unsafe times[1] = timespec(
        tv_sec: Int(modified.seconds), tv_nsec: Int(modified.nanoseconds))
      guard let base = times.baseAddress else { return -ENOMEM }
      return unsafe body(base)
    }
  }

  // MARK: Inode flags

  /// The flags that chattr(1) shows; nil where the filesystem has none.
  package borrowing func inodeFlags() throws(SystemError) -> InodeFlags? {
    var flags: UInt32 = 0
    do {
      try check(unsafe clinux_get_flags(rawValue, &flags), "ioctl FS_IOC_GETFLAGS")
    } catch {
      guard error.isUnsupported || error.code == EINVAL else { throw error }
      return nil
    }
    return InodeFlags(rawValue: flags)
  }

  /// Sets the flags that a user may choose and leaves the filesystem's own alone.
  ///
  /// Immutable and append-only need privileges, and from then on nothing else can be changed: set
  /// them last.
  package borrowing func setInodeFlags(_ flags: InodeFlags) throws(SystemError) {
    var current: UInt32 = 0
    let call = "ioctl FS_IOC_SETFLAGS"
    try check(unsafe clinux_get_flags(rawValue, &current), call)
    let kept = current & ~InodeFlags.settable.rawValue
    try check(clinux_set_flags(rawValue, kept | flags.intersection(.settable).rawValue), call)
  }
}

/// An id as chown takes it: all ones leave the owner alone.
private func ownerID(_ id: UInt32?) throws(SystemError) -> UInt32 {
  guard let id else { return UInt32.max }
  guard id != UInt32.max else { throw SystemError(call: "chown", code: EINVAL) }
  return id
}

/// Inode flags of ext4, xfs, btrfs and others (ioctl_iflags(2)).
package struct InodeFlags: OptionSet, Hashable, Sendable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let synchronous = InodeFlags(rawValue: 0x8)
  package static let immutable = InodeFlags(rawValue: 0x10)
  package static let appendOnly = InodeFlags(rawValue: 0x20)
  package static let noDump = InodeFlags(rawValue: 0x40)
  package static let noAccessTime = InodeFlags(rawValue: 0x80)
  package static let synchronousDirectory = InodeFlags(rawValue: 0x1_0000)
  package static let topDirectory = InodeFlags(rawValue: 0x2_0000)
  package static let noCopyOnWrite = InodeFlags(rawValue: 0x80_0000)

  /// What a backup records and a restore sets; the rest describes how the filesystem stores it.
  package static let settable: InodeFlags = [
    .synchronous, .immutable, .appendOnly, .noDump, .noAccessTime, .synchronousDirectory,
    .topDirectory, .noCopyOnWrite,
  ]
}
