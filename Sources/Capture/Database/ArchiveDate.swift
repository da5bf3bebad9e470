// Owns the one thing in an archive that changes by itself: the date on which pg_dump wrote it.

/// Puts a fixed date into the header of a pg_dump custom-format archive as it streams by.
///
/// Without it, the archive of a schema that nobody touched is new at every backup. When it was made stands in
/// the manifest. `ReadHead` in pg_backup_archiver.c: "PGDMP", version (3 bytes), bytes of an integer, bytes
/// of an offset, format, compression (a byte from 1.15 on, an integer before), then seconds, minutes, hours,
/// day, month, year since 1900 and summer time as integers: a byte for the sign, then least byte first.
package struct ArchiveDate {
  private var head: [UInt8] = []
  private var isPast = false

  package init() {}

  /// Hands `bytes` on, with the date replaced; up to 128 bytes are held back until the header is complete.
  package mutating func pass(_ bytes: Span<UInt8>, _ body: (Span<UInt8>) throws -> Void) throws {
    if isPast { return try body(bytes) }
    for index in bytes.indices { head.append(bytes[index]) }
    if head.count >= Self.longestHead { try finish(body) }
  }

  /// Hands on what is held back; safe to repeat.
  package mutating func finish(_ body: (Span<UInt8>) throws -> Void) throws {
    guard !isPast else { return }
    isPast = true
    Self.replaceDate(in: &head)
    if !head.isEmpty { try body(head.span) }
    head = []
  }

  /// More than any header takes up to its date: 11 bytes, a compression of 9, seven integers of 9.
  private static let longestHead = 128

  /// 1 January 2000, which every time zone can express: pg_restore warns of a date that none can.
  private static let fixed: [UInt8] = [0, 0, 0, 1, 0, 100, 0]

  /// Replaces the date, if these are the first bytes of an archive as we know it; else changes nothing.
  private static func replaceDate(in head: inout [UInt8]) {
    guard head.starts(with: Array("PGDMP".utf8)), head.count > 11, head[5] == 1, head[6] >= 10
    else { return }
    let integer = Int(head[8])
    guard (1...8).contains(integer) else { return }
    let start = 11 + (head[6] >= 15 ? 1 : 1 + integer)
    guard start + fixed.count * (1 + integer) <= head.count else { return }
    for (field, value) in fixed.enumerated() {
      let at = start + field * (1 + integer)
      for offset in 0...integer { head[at + offset] = 0 }
      head[at + 1] = value
    }
  }
}
