// What a refused system call means to whoever runs the backup.

import Files
import Glibc

extension LocalStorage {
  /// Turns a refused system call into what happened, why, and what to do next.
  static func explain(_ what: String, _ error: SystemError) -> StorageError {
    let (code, why, next) = reading(error)
    return StorageError(
      code: code, what: what, why: why, next: next, isTransient: transient.contains(error.code))
  }

  /// A filesystem over the network that was away for a moment.
  private static let transient: Set<Int32> = [EAGAIN, ETIMEDOUT, ESTALE]

  private static func reading(_ error: SystemError) -> (StorageError.Code, String, String) {
    let call = "\(error.call): \(error.reason)"
    if error.isNotFound {
      return (.missing, "there is no such object", "run 'lifeboat check'")
    }
    if error.isNoSpace {
      return (
        .full, "the disk, or the quota on it, is full (\(call))",
        "free space, or run 'lifeboat forget' and 'lifeboat prune'; what is stored stays usable"
      )
    }
    if error.code == EFBIG {
      return (
        .full, "a file may not become so large here (\(call))",
        "raise the limit on file sizes ('ulimit -f'), or use a filesystem without it"
      )
    }
    if error.isReadOnly {
      return (
        .readOnly, "the filesystem is mounted read-only (\(call))",
        "mount it for writing; if the kernel made it so after an error, check the disk first"
      )
    }
    if error.isPermission {
      return (
        .denied, "the user may not do that (\(call))",
        "run as the repository's owner, or give this user the directory; look for 'chattr +i' too"
      )
    }
    if error.isSymbolicLink || error.isNotDirectory {
      return (
        .denied, "a symbolic link or a file stands where a folder belongs (\(call))",
        "replace it by the folder itself; lifeboat follows no link inside a repository"
      )
    }
    return (.failed, call, "check the disk and its mount ('dmesg' tells of failing devices)")
  }
}
