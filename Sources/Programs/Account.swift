// Owns the question "as whom does a child run": PostgreSQL refuses to run as root, and a drill
// executes code chosen by the source's superusers, so root hands such children to another account.

package import Glibc

/// An operating-system account that a child process can be given.
package struct Account: Sendable, Equatable {
  package let name: String
  package let userID: uid_t
  package let groupID: gid_t
  package let home: String

  /// The account for children that must not be root.
  ///
  /// - Returns: nil when this process is not root (children then run as we do); otherwise `postgres`
  ///   if that account exists, else `nobody`.
  /// - Throws: ``ProgramError`` with code `no-account` if neither exists.
  package static func unprivileged() throws -> Account? {
    guard geteuid() == 0 else { return nil }
    for name in ["postgres", "nobody"] {
      if let account = named(name), account.userID != 0 { return account }
    }
    throw ProgramError(
      .noAccount, what: "cannot give up root for a child process",
      why: "neither an account 'postgres' nor 'nobody' exists",
      next: "create one with 'adduser --system --group postgres', or do not run as root")
  }

  /// Looks an account up in the system's user database; nil if there is none of that name.
  package static func named(_ name: String) -> Account? {
    // getpwnam_r(3): the strings land in `buffer`; 64 KiB is far beyond any sane entry, and an
    // entry that does not fit is treated as absent.
    var entry = unsafe passwd()
    var found: UnsafeMutablePointer<passwd>? = nil
    var buffer = [CChar](repeating: 0, count: 65_536)
    let capacity = buffer.count
    return unsafe buffer.withUnsafeMutableBufferPointer { memory -> Account? in
      guard let start = memory.baseAddress,
        unsafe getpwnam_r(name, &entry, start, capacity, &found) == 0,
        unsafe found != nil, let home = unsafe entry.pw_dir
      else { return nil }
      return unsafe Account(
        name: name, userID: entry.pw_uid, groupID: entry.pw_gid, home: String(cString: home))
    }
  }
}
