// Owner, permissions, attributes, flags and times of what was restored; what cannot be set is told.

import Files
import Format

/// Whose the entries become: by name where the name exists here, else by number.
struct OwnerMap: Sendable {
  private let users: [UInt32: UInt32]
  private let groups: [UInt32: UInt32]

  init(_ summary: MediaSummary, numeric: Bool) {
    guard !numeric else {
      users = [:]
      groups = [:]
      return
    }
    let accounts = AccountNames()
    func map(_ names: [String: String], _ find: (String) -> UInt32?) -> [UInt32: UInt32] {
      var result: [UInt32: UInt32] = [:]
      for (id, name) in names {
        if let id = UInt32(id), let here = find(name) { result[id] = here }
      }
      return result
    }
    users = map(summary.users, accounts.userID)
    groups = map(summary.groups, accounts.groupID)
  }

  func user(_ id: UInt32) -> UInt32 { users[id] ?? id }
  func group(_ id: UInt32) -> UInt32 { groups[id] ?? id }
}

extension Files.FileTime {
  init(_ time: Format.FileTime) {
    self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
  }
}

/// Sets metadata in the one order that works: a change of owner clears set-user-id bits and
/// capabilities, permissions and ACLs share bits, every change moves times, flags end all changes.
struct MetadataWriter: Sendable {
  let owners: OwnerMap
  let setID: Bool

  /// Attributes that the system keeps by itself and a restore neither removes nor misses.
  private static let kept: Set<[UInt8]> = Set(
    ["security.selinux", "security.ima", "security.evm", "security.apparmor"].map {
      Array($0.utf8)
    })

  /// Of an open file or directory; flags are left to ``setFlags(_:of:)``.
  ///
  /// - Returns: what could not be set, and why.
  func apply(_ metadata: FileMetadata, to file: borrowing OwnedDescriptor) -> [String] {
    var failures: [String] = []
    let (user, group) = (owners.user(metadata.userID), owners.group(metadata.groupID))
    let current = try? file.status()
    if let current, isSet(metadata, on: file, current) { return [] }
    if let current, current.isProtected { Self.unprotect(file) }
    var ownerIsRight = current?.userID == user && current?.groupID == group
    if !ownerIsRight {
      attempt("owner \(user):\(group)", &failures) { () throws(SystemError) in
        try file.setOwner(userID: user, groupID: group)
        ownerIsRight = true
      }
    }
    let mode = permitted(metadata.mode, ownerIsRight: ownerIsRight, &failures)
    let wanted = Set(metadata.attributes.map(\.name))
    // Left by a default ACL of the directory, or by what the entry was before.
    let unwanted = ((try? file.extendedAttributeNames()) ?? []).filter {
      !wanted.contains($0) && !Self.kept.contains($0)
    }
    let isWritable = current.map { $0.permissions & 0o200 != 0 } ?? true
    if !isWritable, !(unwanted.isEmpty && wanted.isEmpty) {
      // Attributes of users need the right to write (xattr(7)), also through a descriptor.
      _ = try? file.setPermissions(to: mode & 0o777 | 0o200)
    }
    for name in unwanted {
      attempt("removal of attribute \(displayed(name))", &failures) { () throws(SystemError) in
        try file.removeExtendedAttribute(name)
      }
    }
    set(metadata.attributes.filter { !Self.isACL($0.name) }, of: file, &failures)
    attempt("permissions", &failures) { () throws(SystemError) in
      try file.setPermissions(to: mode)
    }
    // After the permissions: an ACL sets these bits, too.
    set(metadata.attributes.filter { Self.isACL($0.name) }, of: file, &failures)
    attempt("modification time", &failures) { () throws(SystemError) in
      try file.setTimes(modified: Files.FileTime(metadata.modified))
    }
    if let status = try? file.status() { check(status, metadata, mode: mode, &failures) }
    return failures
  }

  /// Whether everything is so already: then nothing is touched, and what is immutable stays so.
  private func isSet(
    _ metadata: FileMetadata, on file: borrowing OwnedDescriptor, _ status: FileStatus
  ) -> Bool {
    guard status.modified == Files.FileTime(metadata.modified),
      status.permissions == metadata.mode, setID || metadata.mode & 0o6000 == 0,
      status.userID == owners.user(metadata.userID),
      status.groupID == owners.group(metadata.groupID),
      let names = try? file.extendedAttributeNames()
    else { return false }
    let wanted = Dictionary(
      metadata.attributes.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
    let found = names.filter { wanted[$0] != nil || !Self.kept.contains($0) }
    guard Set(found) == Set(wanted.keys) else { return false }
    return wanted.allSatisfy { name, value in
      (try? file.extendedAttribute(name)).flatMap { $0 } == value
    }
  }

  /// Some systems round or clamp times, and clear a set-group-id bit, and call that success.
  private func check(
    _ status: FileStatus, _ metadata: FileMetadata, mode: UInt32?, _ failures: inout [String]
  ) {
    let modified = Files.FileTime(metadata.modified)
    if status.modified != modified, !failures.contains(where: { $0.hasPrefix("modification") }) {
      failures.append(
        "modification time: the file system keeps "
          + "\(status.modified.seconds).\(status.modified.nanoseconds) for "
          + "\(modified.seconds).\(modified.nanoseconds) (seconds.nanoseconds)")
    }
    if let mode, status.permissions != mode,
      !failures.contains(where: { $0.hasPrefix("permissions") })
    {
      failures.append(
        "permissions: the system keeps \(String(status.permissions, radix: 8)) for "
          + "\(String(mode, radix: 8))")
    }
  }

  /// Takes the flags away that forbid every change; ``setFlags(_:of:)`` brings back what belongs.
  static func unprotect(_ file: borrowing OwnedDescriptor) {
    guard let flags = try? file.inodeFlags() else { return }
    try? file.setInodeFlags(flags.subtracting([.immutable, .appendOnly]))
  }

  private func set(
    _ attributes: [ExtendedAttribute], of file: borrowing OwnedDescriptor,
    _ failures: inout [String]
  ) {
    for attribute in attributes {
      attempt("attribute \(displayed(attribute.name))", &failures) { () throws(SystemError) in
        try file.setExtendedAttribute(attribute.name, to: attribute.value)
      }
    }
  }

  private static func isACL(_ name: [UInt8]) -> Bool {
    name.starts(with: Array("system.posix_acl_".utf8))
  }

  /// Of an entry that is not opened: symbolic links, FIFOs, sockets, devices.
  func apply(
    _ metadata: FileMetadata, to name: FileName, in directory: borrowing OwnedDescriptor,
    hasPermissions: Bool
  ) -> [String] {
    var failures: [String] = []
    let (user, group) = (owners.user(metadata.userID), owners.group(metadata.groupID))
    let current = try? directory.status(of: name)
    var ownerIsRight = current?.userID == user && current?.groupID == group
    if !ownerIsRight {
      attempt("owner \(user):\(group)", &failures) { () throws(SystemError) in
        try directory.setOwner(of: name, userID: user, groupID: group)
        ownerIsRight = true
      }
    }
    var mode: UInt32?
    if hasPermissions {
      let wanted = permitted(metadata.mode, ownerIsRight: ownerIsRight, &failures)
      mode = wanted
      attempt("permissions", &failures) { () throws(SystemError) in
        try directory.setPermissions(of: name, to: wanted)
      }
    }
    for attribute in metadata.attributes {
      attempt("attribute \(displayed(attribute.name))", &failures) { () throws(SystemError) in
        try directory.setExtendedAttribute(attribute.name, of: name, to: attribute.value)
      }
    }
    attempt("modification time", &failures) { () throws(SystemError) in
      try directory.setTimes(of: name, modified: Files.FileTime(metadata.modified))
    }
    if let status = try? directory.status(of: name) {
      check(status, metadata, mode: mode, &failures)
    }
    return failures
  }

  /// The last step for an entry: it may be immutable from then on.
  func setFlags(_ metadata: FileMetadata, of file: borrowing OwnedDescriptor) -> [String] {
    let flags = InodeFlags(rawValue: metadata.flags).intersection(.settable)
    let current = (try? file.inodeFlags()).flatMap { $0?.intersection(.settable) }
    if current == flags || current == nil && flags.isEmpty { return [] }
    var failures: [String] = []
    attempt("inode flags", &failures) { () throws(SystemError) in try file.setInodeFlags(flags) }
    return failures
  }

  /// Another user's program must not become ours, nor ours anybody's, with its owner lost.
  private func permitted(_ mode: UInt32, ownerIsRight: Bool, _ failures: inout [String]) -> UInt32 {
    guard mode & 0o6000 != 0, !(setID && ownerIsRight) else { return mode & 0o7777 }
    failures.append(
      "set-user-id and set-group-id bits: \(setID ? "the owner could not be set" : "not wanted")")
    return mode & 0o1777
  }

  private func attempt(
    _ what: String, _ failures: inout [String], _ body: () throws(SystemError) -> Void
  ) {
    do throws(SystemError) { try body() } catch { failures.append("\(what): \(error.reason)") }
  }
}

extension FileStatus {
  /// Whether a flag (STATX_ATTR_IMMUTABLE, STATX_ATTR_APPEND) forbids to change or replace it.
  var isProtected: Bool { attributes & 0x30 != 0 }
}
