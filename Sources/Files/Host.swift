// Who and where we are: the machine's name, the process, and the names of users and groups.

internal import CLinux
import Glibc
import Synchronization

/// Facts about this machine and process.
package enum Host {
  /// The machine's own name, as uname(2) gives it.
  package static var name: String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 257) { buffer in
      guard let base = buffer.baseAddress, unsafe gethostname(base, 256) == 0 else {
        return "localhost"
      }
      unsafe buffer[256] = 0
      return unsafe String(cString: base)
    }
  }

  /// This process.
  package static var processID: Int32 { getpid() }
  /// The user whose rights count.
  package static var userID: UInt32 { geteuid() }
  /// Makes sure that this process's memory, where keys are, ends in no core file, and its children's
  /// neither; and that no other process of the same user can look into it.
  package static func forbidDumps() throws(SystemError) {
    try check(clinux_forbid_dumps(), "prctl")
  }
  /// The group whose rights count.
  package static var groupID: UInt32 { getegid() }
}

/// Looks up names of users and groups, each once.
///
/// Lookups may ask the network (LDAP). A lookup that fails counts as "no such name": ids are what a
/// backup relies on, names are the second opinion.
package final class AccountNames: Sendable {
  private struct Known {
    var users: [UInt32: String?] = [:]
    var groups: [UInt32: String?] = [:]
    var userIDs: [String: UInt32?] = [:]
    var groupIDs: [String: UInt32?] = [:]
  }
  private let known = Mutex(Known())

  package init() {}

  /// The user's name; nil if there is none, or none in UTF-8.
  package func userName(_ id: UInt32) -> String? {
    if let name = known.withLock({ $0.users[id] }) { return name }
    let name: String? = unsafe lookUp { buffer, count in
      var entry = unsafe passwd()
      var found: UnsafeMutablePointer<passwd>?
      let code = unsafe getpwuid_r(id, &entry, buffer, count, &found)
      guard code == 0, unsafe found != nil else { return (code, nil) }
      return unsafe (code, text(entry.pw_name))
    }
    known.withLock { $0.users[id] = .some(name) }
    return name
  }

  /// The group's name; nil if there is none, or none in UTF-8.
  package func groupName(_ id: UInt32) -> String? {
    if let name = known.withLock({ $0.groups[id] }) { return name }
    let name: String? = unsafe lookUp { buffer, count in
      var entry = unsafe group()
      var found: UnsafeMutablePointer<group>?
      let code = unsafe getgrgid_r(id, &entry, buffer, count, &found)
      guard code == 0, unsafe found != nil else { return (code, nil) }
      return unsafe (code, text(entry.gr_name))
    }
    known.withLock { $0.groups[id] = .some(name) }
    return name
  }

  /// The user of that name; nil if there is none.
  package func userID(_ name: String) -> UInt32? {
    if let id = known.withLock({ $0.userIDs[name] }) { return id }
    let id: UInt32? = unsafe lookUp { buffer, count in
      var entry = unsafe passwd()
      var found: UnsafeMutablePointer<passwd>?
      let code = unsafe getpwnam_r(name, &entry, buffer, count, &found)
      return unsafe (code, found == nil ? nil : entry.pw_uid)
    }
    known.withLock { $0.userIDs[name] = .some(id) }
    return id
  }

  /// The group of that name; nil if there is none.
  package func groupID(_ name: String) -> UInt32? {
    if let id = known.withLock({ $0.groupIDs[name] }) { return id }
    let id: UInt32? = unsafe lookUp { buffer, count in
      var entry = unsafe group()
      var found: UnsafeMutablePointer<group>?
      let code = unsafe getgrnam_r(name, &entry, buffer, count, &found)
      return unsafe (code, found == nil ? nil : entry.gr_gid)
    }
    known.withLock { $0.groupIDs[name] = .some(id) }
    return id
  }
}

private func text(_ name: UnsafeMutablePointer<CChar>?) -> String? {
  guard let name = unsafe name else { return nil }
  return unsafe String(validatingCString: name)
}

/// Calls with more and more room until the entry fits: a group with many members is long.
private func lookUp<Found>(
  _ call: (UnsafeMutablePointer<CChar>, Int) -> (code: Int32, found: Found?)
) -> Found? {
  var capacity = 1024
  while capacity <= 1 << 24 {
    let (code, found): (Int32, Found?) = unsafe withUnsafeTemporaryAllocation(
      of: CChar.self, capacity: capacity
    ) { buffer in
      guard let base = buffer.baseAddress else { return (ENOMEM, nil) }
      return unsafe call(base, buffer.count)
    }
    if code == ERANGE {
      capacity *= 4
    } else if code != EINTR {
      return found
    }
  }
  return nil
}
