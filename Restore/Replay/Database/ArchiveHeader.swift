// Owns the reading of a custom-format archive's header: which versions wrote it, before any program runs.

import Programs

/// The header of a pg_dump custom-format archive (ReadHead in pg_backup_archiver.c).
package struct ArchiveHeader: Equatable {
  /// The server that was dumped.
  var serverVersion: String
  /// The pg_dump that wrote the archive; an older pg_restore may not be able to read it.
  var programVersion: String

  /// Something in the bytes is not what pg_dump writes.
  package enum Malformed: Error { case notAnArchive, truncated, implausible }

  /// Reads a header; `bytes` may go on behind it.
  package init(_ bytes: [UInt8]) throws(Malformed) {
    guard bytes.starts(with: Array("PGDMP".utf8)) else { throw .notAnArchive }
    var cursor = Cursor(bytes: bytes, offset: 5)
    let major = try cursor.byte()
    let minor = try cursor.byte()
    _ = try cursor.byte()  // revision
    // Format 1.10 came with PostgreSQL 8.4; before it there were no strings of versions.
    guard major == 1, minor >= 10 else { throw .implausible }
    cursor.integerByteCount = Int(try cursor.byte())
    guard (1...8).contains(cursor.integerByteCount) else { throw .implausible }
    _ = try cursor.byte()  // length of an offset
    _ = try cursor.byte()  // format
    // K_VERS_1_15: one byte names the compression; a level as integer before that.
    if minor >= 15 { _ = try cursor.byte() } else { _ = try cursor.integer() }
    for _ in 0..<7 { _ = try cursor.integer() }  // seconds … is summer time
    _ = try cursor.string()  // the database's name
    serverVersion = try cursor.string()
    programVersion = try cursor.string()
  }

  /// The major version of the pg_dump that wrote it; nil if it is no number.
  var programMajor: Int? { Self.major(programVersion) }
  var serverMajor: Int? { Self.major(serverVersion) }

  private static func major(_ version: String) -> Int? {
    PostgresPrograms.major(inVersionLine: "x (PostgreSQL) " + version)
  }

  private struct Cursor {
    let bytes: [UInt8]
    var offset: Int
    var integerByteCount = 4

    mutating func byte() throws(Malformed) -> UInt8 {
      guard offset < bytes.count else { throw .truncated }
      defer { offset += 1 }
      return bytes[offset]
    }

    /// A byte for the sign, then the magnitude, least byte first (WriteInt).
    mutating func integer() throws(Malformed) -> Int {
      let isNegative = try byte() != 0
      var magnitude: UInt64 = 0
      for position in 0..<integerByteCount {
        magnitude |= UInt64(try byte()) << UInt64(8 * position)
      }
      guard let value = Int(exactly: magnitude) else { throw .implausible }
      return isNegative ? -value : value
    }

    mutating func string() throws(Malformed) -> String {
      let count = try integer()
      guard count >= 0 else { return "" }
      guard count <= 4_096 else { throw .implausible }
      guard count <= bytes.count - offset else { throw .truncated }
      defer { offset += count }
      return String(decoding: bytes[offset..<offset + count], as: UTF8.self)
    }
  }
}
