// Owns temporary folders that hold a running server or secrets: mode 0700, locked while their
// process lives, recognisable and removable after it died without cleaning up.

import FoundationEssentials
import Glibc
import Synchronization

/// A folder that only its owner can enter, removed with its owner.
///
/// Its name is `<prefix>-<pid>-<random>`; the process holds a lock (flock) on the file `owner.lock`
/// in it. The kernel lets go of that lock when the process dies, however it dies, so ``stale(prefix:in:)``
/// needs no guess about reused process ids.
package final class PrivateFolder: Sendable {
  package let path: String
  /// The descriptor that holds the lock; -1 once removed.
  private let lock: Mutex<Int32>

  /// Creates a folder in `parent`, owned by `account` if one is given (which takes root).
  ///
  /// - Throws: ``ProgramError`` with code `system-call-failed`; nothing is left behind.
  package init(prefix: String, in parent: String, account: Account? = nil) throws {
    var generator = SystemRandomNumberGenerator()
    let random = String(UInt32.random(in: .min ... .max, using: &generator), radix: 36)
    let path = "\(parent)/\(prefix)-\(getpid())-\(random)"
    guard unsafe mkdir(path, 0o700) == 0 else { throw Self.error("cannot create \(path)") }
    let lock = unsafe open(path + "/owner.lock", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
    guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      let failure = Self.error("cannot lock \(path)")
      if lock >= 0 { _ = close(lock) }
      try? FileManager.default.removeItem(atPath: path)
      throw failure
    }
    if let account, unsafe chown(path, account.userID, account.groupID) != 0 {
      let failure = Self.error("cannot give \(path) to \(account.name)")
      _ = close(lock)
      try? FileManager.default.removeItem(atPath: path)
      throw failure
    }
    self.path = path
    self.lock = Mutex(lock)
  }

  /// Removes the folder and all in it, and lets go of the lock.
  ///
  /// Safe to repeat.
  ///
  /// - Throws: ``ProgramError`` if something could not be removed; the lock is kept then.
  package func remove() throws {
    try lock.withLock { lock in
      guard lock >= 0 else { return }
      try Self.removeTree(path)
      _ = close(lock)
      lock = -1
    }
  }

  deinit {
    try? remove()
  }

  /// The folders of `prefix` in `parent` whose process is gone, and that we may remove.
  package static func stale(prefix: String, in parent: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
    return names.filter { $0.hasPrefix(prefix + "-") }.sorted().compactMap { name in
      let path = parent + "/" + name
      var status = stat()
      // A folder that another user planted under our prefix is none of our business, nor is a link.
      guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR
      else { return nil }
      let owner = status.st_uid
      guard owner == geteuid() || (geteuid() == 0 && owner == (try? Account.unprivileged())?.userID)
      else { return nil }
      let descriptor = unsafe open(path + "/owner.lock", O_RDWR | O_NOFOLLOW | O_CLOEXEC)
      guard descriptor >= 0 else {
        // Between mkdir and open, or already half removed: then only the process id can tell.
        let words = name.dropFirst(prefix.count + 1).split(separator: "-")
        guard let pid = words.first.flatMap({ pid_t(String($0)) }), pid > 0 else { return nil }
        return kill(pid, 0) != 0 && errno == ESRCH ? path : nil
      }
      defer { _ = close(descriptor) }
      return flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? path : nil
    }
  }

  /// Removes a tree without following symbolic links; a missing one is fine.
  ///
  /// So is one that somebody else removes at the same time, which makes entries vanish under us.
  package static func removeTree(_ path: String) throws {
    for attempt in 1... {
      do {
        return try FileManager.default.removeItem(atPath: path)
      } catch {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        let isGone = (error as? CocoaError)?.code == .fileNoSuchFile
        guard isGone, attempt < 1000 else {
          throw ProgramError(
            .system, what: "cannot remove \(path)", why: quotable("\(error)"),
            next: "remove it by hand; it may hold a copy of the data")
        }
      }
    }
  }

  private static func error(_ what: String) -> ProgramError {
    let code = errno
    return ProgramError(
      .system, what: what, why: unsafe String(cString: strerror(code)),
      next: "check that the folder exists, is writable and has room")
  }
}
