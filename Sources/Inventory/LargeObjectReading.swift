// Owns the reading of large objects: what they are, and their bytes straight from pg_largeobject.
//
// Read this way and not with lo_open, because it is deterministic, streams, needs no round trip an object,
// and is allowed to pg_read_all_data, which lo_open is not.

package import Postgres

/// A large object without its bytes.
package struct LargeObjectDescription: Hashable, Sendable {
  package var oid: UInt32
  package var owner: String
  /// `aclitem[]` as text; nil for the default privileges.
  package var privileges: String?
  /// nil also if it is no UTF-8, which SQL_ASCII allows: a capture tells of those.
  package var comment: String?
}

/// Reads large objects on a session that ``Postgres/Connection/applyCatalogSettings()`` prepared.
package enum LargeObjectReader {
  /// Ranges of oids that cover every large object, each holding at most `count` of them, in order.
  ///
  /// - Throws: ``PostgresError``; of kind `privilege` if there are any and the role may not read them.
  package static func batches(of count: Int, over connection: Connection) throws(PostgresError)
    -> [ClosedRange<UInt32>]
  {
    let rows = try connection.query(
      """
      SELECT min(oid::int8), max(oid::int8) FROM (
        SELECT oid, (row_number() OVER (ORDER BY oid) - 1) / $1::int AS batch
        FROM pg_largeobject_metadata) l
      GROUP BY batch ORDER BY batch
      """, [String(max(count, 1))])
    let batches = rows.compactMap { row -> ClosedRange<UInt32>? in
      guard let first = row[0].flatMap({ UInt32($0) }), let last = row[1].flatMap({ UInt32($0) }),
        first <= last
      else { return nil }
      return first...last
    }
    guard batches.count == rows.count else { throw unexpected(connection) }
    if !batches.isEmpty {
      let allowed = try connection.query(
        "SELECT has_table_privilege('pg_largeobject', 'SELECT'), current_user")
      guard allowed[0, 0] == "t" else {
        let role = Connection.quoteIdentifier(allowed[0, 1] ?? "")
        throw PostgresError(
          .privilege, what: "cannot read the large objects of \(connection.databaseName)",
          why: "the role \(role) may not read pg_largeobject",
          next: "as a superuser: GRANT pg_read_all_data TO \(role)")
      }
    }
    return batches
  }

  /// The large objects with oids in `range`, by oid.
  package static func descriptions(in range: ClosedRange<UInt32>, over connection: Connection)
    throws(PostgresError) -> [LargeObjectDescription]
  {
    let rows = try connection.query(
      """
      SELECT m.oid, pg_get_userbyid(m.lomowner), m.lomacl,
        obj_description(m.oid, 'pg_largeobject')
      FROM pg_largeobject_metadata m WHERE m.oid BETWEEN $1::oid AND $2::oid ORDER BY m.oid
      """, [String(range.lowerBound), String(range.upperBound)])
    var objects: [LargeObjectDescription] = []
    for row in rows.indices {
      guard let oid = rows[row, 0].flatMap({ UInt32($0) }) else { throw unexpected(connection) }
      objects.append(
        LargeObjectDescription(
          oid: oid, owner: try connection.name(rows, row, 1), privileges: rows[row, 2],
          comment: rows.text(row, 3)))
    }
    return objects
  }

  /// Lends the pages of the objects in `range`: the object, the page's offset in it, the page's bytes.
  ///
  /// In order of object and offset. What lies between pages, and behind a short one, reads as zeros.
  /// - Throws: ``PostgresError``, and what `body` throws.
  package static func forEachPage(
    in range: ClosedRange<UInt32>, over connection: Connection,
    _ body: (UInt32, UInt64, Span<UInt8>) throws -> Void
  ) throws {
    // LOBLKSIZE is a quarter of a block (storage/large_object.h).
    let size = try connection.query("SELECT current_setting('block_size')::int / 4")[0, 0]
    guard let pageByteCount = size.flatMap({ UInt64($0) }) else { throw unexpected(connection) }
    var pages: Int64 = 0
    let count = try connection.copyOut(
      """
      COPY (SELECT loid, pageno, data FROM pg_largeobject
      WHERE loid BETWEEN \(range.lowerBound) AND \(range.upperBound)
      ORDER BY loid, pageno) TO STDOUT (FORMAT binary)
      """
    ) { piece in
      var tuples = BinaryTuples(piece)
      while let fieldCount = tuples.nextTuple(piece) {
        guard fieldCount == 3, let oid = tuples.number(piece), let page = tuples.number(piece),
          let data = tuples.field(piece), page <= UInt32(Int32.max)
        else { throw unexpected(connection) }
        pages += 1
        try body(oid, UInt64(page) * pageByteCount, piece.extracting(data))
      }
      guard tuples.isWhole else { throw unexpected(connection) }
    }
    guard pages == count else { throw unexpected(connection) }
  }

  private static func unexpected(_ connection: Connection) -> PostgresError {
    PostgresError(
      .protocolViolation, what: "cannot read the large objects of \(connection.databaseName)",
      why: "the server's answer is malformed")
  }
}

/// A position in one piece of COPY's binary format (manual, COPY, "Binary Format").
struct BinaryTuples {
  private static let signature = Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00]
  private var offset = 0
  /// False once something did not fit.
  private(set) var isWhole = true

  /// Starts at the first tuple: behind the header, if `piece` begins with one.
  init(_ piece: Span<UInt8>) {
    let signature = Self.signature
    guard piece.count >= 19, signature.indices.allSatisfy({ piece[$0] == signature[$0] }) else {
      return
    }
    offset = 15
    let extensionByteCount = Int(word(piece) ?? 0)
    offset = min(offset + extensionByteCount, piece.count)
  }

  /// How many fields the next tuple has; nil at the end of the piece or of all data.
  mutating func nextTuple(_ piece: Span<UInt8>) -> Int? {
    guard offset < piece.count else { return nil }
    guard piece.count - offset >= 2 else {
      isWhole = false
      return nil
    }
    let count = UInt16(piece[offset]) << 8 | UInt16(piece[offset + 1])
    offset += 2
    guard count != UInt16.max else {
      isWhole = offset == piece.count
      return nil
    }
    return Int(count)
  }

  /// Where the next field lies; nil for NULL, and if it does not fit.
  mutating func field(_ piece: Span<UInt8>) -> Range<Int>? {
    guard let length = word(piece) else {
      isWhole = false
      return nil
    }
    guard length != UInt32.max else { return nil }
    guard Int(length) <= piece.count - offset else {
      isWhole = false
      return nil
    }
    defer { offset += Int(length) }
    return offset..<offset + Int(length)
  }

  /// The next field as a 32-bit number.
  mutating func number(_ piece: Span<UInt8>) -> UInt32? {
    guard let range = field(piece), range.count == 4 else { return nil }
    return range.reduce(UInt32(0)) { $0 << 8 | UInt32(piece[$1]) }
  }

  private mutating func word(_ piece: Span<UInt8>) -> UInt32? {
    guard piece.count - offset >= 4 else { return nil }
    defer { offset += 4 }
    return (offset..<offset + 4).reduce(UInt32(0)) { $0 << 8 | UInt32(piece[$1]) }
  }
}
