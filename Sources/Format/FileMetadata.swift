// What a file system says of an entry, kept so that it comes back equal.

/// Seconds and nanoseconds since 1970; negative seconds before.
package struct FileTime: Hashable, Sendable, Comparable {
  package var seconds: Int64
  package var nanoseconds: UInt32

  package init(seconds: Int64, nanoseconds: UInt32) {
    self.seconds = seconds
    self.nanoseconds = nanoseconds
  }

  package static func < (a: FileTime, b: FileTime) -> Bool {
    (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds)
  }
}

/// An extended attribute; names and values are bytes.
package struct ExtendedAttribute: Hashable, Sendable {
  package var name: [UInt8]
  package var value: [UInt8]

  package init(name: [UInt8], value: [UInt8]) {
    self.name = name
    self.value = value
  }
}

/// Owner, mode, times and attributes of any entry, and what detects a change of it.
package struct FileMetadata: Hashable, Sendable {
  /// Permission bits with setuid, setgid and sticky (07777); the type is the entry's kind.
  package var mode: UInt32
  package var userID: UInt32
  package var groupID: UInt32
  package var modified: FileTime
  /// Not restored: tells whether anything changed since.
  package var changed: FileTime
  /// Not restored: tells a replaced file from a changed one, and hard links from copies.
  package var inode: UInt64
  /// Inode flags (FS_IOC_GETFLAGS) that Lifeboat keeps; 0 where there are none.
  package var flags: UInt32
  package var attributes: [ExtendedAttribute]

  package init(
    mode: UInt32, userID: UInt32, groupID: UInt32, modified: FileTime, changed: FileTime,
    inode: UInt64, flags: UInt32 = 0, attributes: [ExtendedAttribute] = []
  ) {
    self.mode = mode
    self.userID = userID
    self.groupID = groupID
    self.modified = modified
    self.changed = changed
    self.inode = inode
    self.flags = flags
    self.attributes = attributes
  }

  package func encode(to writer: inout ByteWriter) {
    writer.varint(UInt64(mode))
    writer.varint(UInt64(userID))
    writer.varint(UInt64(groupID))
    for time in [modified, changed] {
      writer.i64(time.seconds)
      writer.u32(time.nanoseconds)
    }
    writer.varint(inode)
    writer.varint(UInt64(flags))
    writer.varint(UInt64(attributes.count))
    for attribute in attributes {
      writer.counted(attribute.name)
      writer.counted(attribute.value)
    }
  }

  package init(from reader: inout ByteReader) throws(FormatError) {
    mode = try reader.number32("mode")
    userID = try reader.number32("user id")
    groupID = try reader.number32("group id")
    modified = FileTime(seconds: try reader.i64(), nanoseconds: try reader.u32())
    changed = FileTime(seconds: try reader.i64(), nanoseconds: try reader.u32())
    inode = try reader.varint()
    flags = try reader.number32("flags")
    guard mode <= 0o7777 else { throw .invalid("mode") }
    guard modified.nanoseconds < 1_000_000_000, changed.nanoseconds < 1_000_000_000 else {
      throw .invalid("time")
    }
    attributes = []
    for _ in 0..<(try reader.count(limit: reader.remaining)) {
      attributes.append(
        ExtendedAttribute(name: try reader.counted(), value: try reader.counted()))
    }
  }
}

extension ByteReader {
  /// A varint that fits in 32 bits; `field` names it in the error.
  package mutating func number32(_ field: String) throws(FormatError) -> UInt32 {
    let value = try varint()
    guard let number = UInt32(exactly: value) else { throw .invalid(field) }
    return number
  }
}
