// Listing directories: streaming with constant memory, or whole and sorted in one compact arena.

import CLinux
import Glibc

/// One entry of a directory.
package struct DirectoryEntry: Hashable, Sendable {
  package let name: FileName
  /// Nil if the filesystem does not say: ask for the status.
  package let kind: FileKind?
  /// Of a mount point: that of the directory beneath the mount.
  package let inode: UInt64
}

/// Reads the entries of a directory in the filesystem's order, 64 KiB at a time.
///
/// An entry that is added or removed meanwhile may or may not appear; all others appear once.
package struct DirectoryReader: ~Copyable {
  /// The directory being read: where the entries' names are looked up.
  package let directory: OwnedDescriptor
  private var buffer = [UInt8](repeating: 0, count: 1 << 16)
  private var position = 0
  private var end = 0

  /// Starts at the first entry of an open directory.
  package init(_ directory: consuming OwnedDescriptor) throws(SystemError) {
    let number = directory.rawValue
    try check(posix { lseek(number, 0, SEEK_SET) }, "lseek")
    self.directory = directory
  }

  /// The next entry, without `.` and `..`; nil after the last.
  package mutating func next() throws(SystemError) -> DirectoryEntry? {
    while let record = try nextRecord() {
      let name = Array(buffer[record.name])
      if name == [0x2e] || name == [0x2e, 0x2e] { continue }
      return DirectoryEntry(
        name: FileName(unchecked: name), kind: record.kind, inode: record.inode)
    }
    return nil
  }

  fileprivate struct Record {
    var name: Range<Int>
    var kind: FileKind?
    var inode: UInt64
  }

  /// struct linux_dirent64 (getdents64(2)): inode 8, offset 8, record length 2, type 1, name, NUL.
  fileprivate mutating func nextRecord() throws(SystemError) -> Record? {
    if position == end {
      let number = directory.rawValue
      let count = unsafe buffer.withUnsafeMutableBytes { memory in
        unsafe clinux_entries(number, memory.baseAddress, memory.count)
      }
      end = Int(try check(count, "getdents"))
      position = 0
      if end == 0 { return nil }
    }
    let header = 19
    guard end - position > header else { throw SystemError(call: "getdents", code: EIO) }
    let length = Int(buffer[position + 16]) | Int(buffer[position + 17]) << 8
    guard length > header, length <= end - position else {
      throw SystemError(call: "getdents", code: EIO)
    }
    let start = position + header
    let last = buffer[start..<position + length].firstIndex(of: 0) ?? position + length
    var inode: UInt64 = 0
    for i in (0..<8).reversed() { inode = inode << 8 | UInt64(buffer[position + i]) }
    // DT_DIR and the like are the type bits of a mode, shifted.
    let kind = FileKind(mode: UInt32(buffer[position + 18]) << 12)
    position += length
    return Record(name: start..<last, kind: kind, inode: inode)
  }

  fileprivate func bytes(_ range: Range<Int>) -> ArraySlice<UInt8> { buffer[range] }
}

/// All entries of one directory, sorted by the bytes of their names.
///
/// Holds about 14 bytes an entry besides the name: a flat directory of ten million names of 20 bytes
/// needs 340 MB; stream with ``DirectoryReader`` where that is too much.
package struct DirectoryListing: RandomAccessCollection, Sendable {
  /// An entry is its kind (1 byte), its inode (8, little-endian), its name's length (1), its name.
  private var arena: [UInt8] = []
  private var starts: [UInt32] = []
  private static let headerByteCount = 10

  /// Reads the whole directory.
  ///
  /// - Throws: ``SystemError`` with EFBIG if the names need more than 4 GiB.
  package init(of directory: consuming OwnedDescriptor) throws(SystemError) {
    var reader = try DirectoryReader(directory)
    while let record = try reader.nextRecord() {
      let name = reader.bytes(record.name)
      if name.elementsEqual([0x2e]) || name.elementsEqual([0x2e, 0x2e]) { continue }
      guard let start = UInt32(exactly: arena.count), let length = UInt8(exactly: name.count)
      else { throw SystemError(call: "getdents", code: EFBIG) }
      starts.append(start)
      arena.append(record.kind?.rawValue ?? 0xff)
      for i in 0..<8 { arena.append(UInt8(truncatingIfNeeded: record.inode >> (8 * i))) }
      arena.append(length)
      arena += name
    }
    let arena = arena
    starts.sort {
      Self.name(in: arena, at: $0).lexicographicallyPrecedes(Self.name(in: arena, at: $1))
    }
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { starts.count }

  package subscript(index: Int) -> DirectoryEntry {
    let start = Int(starts[index])
    var inode: UInt64 = 0
    for i in (0..<8).reversed() { inode = inode << 8 | UInt64(arena[start + 1 + i]) }
    return DirectoryEntry(
      name: FileName(unchecked: Array(Self.name(in: arena, at: starts[index]))),
      kind: FileKind(rawValue: arena[start]), inode: inode)
  }

  private static func name(in arena: [UInt8], at start: UInt32) -> ArraySlice<UInt8> {
    let first = Int(start) + headerByteCount
    return arena[first..<first + Int(arena[first - 1])]
  }
}

extension OwnedDescriptor {
  /// A reader of this directory that leaves this descriptor, and other readers, alone.
  package borrowing func entries() throws(SystemError) -> DirectoryReader {
    try DirectoryReader(Self.openDirectory(".", in: self))
  }

  /// All entries of this directory, sorted by bytes.
  package borrowing func sortedEntries() throws(SystemError) -> DirectoryListing {
    try DirectoryListing(of: Self.openDirectory(".", in: self))
  }
}
