// Advisory locks between processes of one machine: for local state only, never for a repository.

import Glibc

extension OwnedDescriptor {
  /// Locks the open file (flock(2)) without waiting; held until it is unlocked or the last
  /// descriptor of this opening closes, also by a crash.
  ///
  /// - Returns: false if another opening holds a lock that excludes this one.
  package borrowing func tryLock(exclusively: Bool = true) throws(SystemError) -> Bool {
    let number = rawValue
    let operation = (exclusively ? LOCK_EX : LOCK_SH) | LOCK_NB
    let result = posix { flock(number, operation) }
    if result == -EWOULDBLOCK { return false }
    try check(result, "flock")
    return true
  }

  /// Gives the lock back.
  package borrowing func unlock() throws(SystemError) {
    let number = rawValue
    try check(posix { flock(number, LOCK_UN) }, "flock")
  }
}
