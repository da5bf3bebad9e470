// Owns large objects: their bytes, and with them owner, privileges and comment.
//
// An archive of pg_dump 16 and older brings the objects themselves, empty but with owner, privileges and
// comment; a newer one brings nothing of them. So what is there is looked at first, and only what differs
// is made or changed; afterwards it is looked at again.

import Format
import Postgres
import Repository
import Workers

/// Loads large objects over one session, in batches of bounded size.
struct LargeObjectLoader {
  let reader: BlobReader
  let catalog: CatalogReader
  let source: String
  let options: DatabaseReplayOptions
  let connection: Connection
  let cancellation: Cancellation
  let progress: Progress

  /// What was loaded, and how many objects could not be made as they were.
  struct Outcome {
    var count = 0
    var byteCount: UInt64 = 0
    var warnings: [String] = []
  }

  private struct Item {
    var oid: UInt32
    var object: LargeObject
  }

  /// Properties of an object as the target has them.
  private struct State {
    var owner: String
    var privileges: String?
    var comment: String?
  }

  /// Differences of one kind: counted, with the first object that has it.
  private struct Differences {
    var count = 0
    var first: UInt32 = 0
    var why: String?

    mutating func add(_ oid: UInt32, why: String?) {
      if count == 0 { (first, self.why) = (oid, why) }
      count += 1
    }

    func words(_ subject: String) -> String? {
      guard count > 0 else { return nil }
      let reason = why.map { ": \($0)" } ?? ""
      return "\(subject) of \(count) large objects differ (the first is \(first))\(reason)"
    }
  }

  /// Objects in one transaction.
  private static let batchCount = 256
  /// What one statement carries, as bytes before they are written in hexadecimal.
  static let pieceByteCount = 1 << 20

  /// Loads every large object of the source; each batch is one transaction.
  ///
  /// - Throws: an object that cannot be made or written. Owner, privileges and comment that cannot be set
  ///   are told in the outcome.
  func load() throws -> Outcome {
    progress.begin("large objects")
    var outcome = Outcome()
    var owners = Differences()
    var privileges = Differences()
    var comments = Differences()
    var batch: [Item] = []
    var bytes: UInt64 = 0
    let currentUser = try connection.query("SELECT current_user")[0, 0] ?? ""

    func flush() throws {
      guard let first = batch.first, let last = batch.last else { return }
      try connection.execute("BEGIN")
      let before = try states(first.oid, last.oid)
      try create(batch.filter { before[$0.oid] == nil })
      for item in batch { try write(item) }
      var refusals: [UInt32: String] = [:]
      for item in batch {
        refusals[item.oid] = try setProperties(item, before[item.oid], currentUser: currentUser)
      }
      let after = try states(first.oid, last.oid)
      for item in batch {
        guard let state = after[item.oid] else { continue }
        if options.restoreOwners, state.owner != item.object.owner {
          owners.add(item.oid, why: nil)
        }
        // Without owners the recorded list names the source's, and cannot be equal.
        let isEqual =
          options.restoreOwners
          ? AccessPrivileges.areEqual(state.privileges, item.object.privileges)
          : refusals[item.oid] == nil
        if options.restorePrivileges, !isEqual {
          privileges.add(item.oid, why: refusals[item.oid])
        }
        if state.comment != item.object.comment { comments.add(item.oid, why: nil) }
      }
      try connection.execute("COMMIT")
      outcome.count += batch.count
      outcome.byteCount &+= bytes
      progress.add(bytes: 0, items: batch.count)
      batch = []
      bytes = 0
    }

    try catalog.forEach(within: DatabasePart.largeObjects.key(in: source)) { key, entry in
      guard case .largeObject(let object) = entry else { return }
      guard let digits = key.components.last,
        let oid = UInt32(String(decoding: digits, as: UTF8.self), radix: 16), oid > 0
      else { throw DatabaseContents.damaged(source, "a large object has a malformed number") }
      try cancellation.check()
      batch.append(Item(oid: oid, object: object))
      bytes &+= object.content.byteCount
      if batch.count == Self.batchCount { try flush() }
    }
    try flush()
    outcome.warnings = [
      owners.words("owners"), privileges.words("privileges"), comments.words("comments"),
    ].compactMap { $0 }
    return outcome
  }

  private func states(_ first: UInt32, _ last: UInt32) throws -> [UInt32: State] {
    let rows = try connection.query(
      """
      SELECT oid, pg_catalog.pg_get_userbyid(lomowner), lomacl::pg_catalog.text,
        pg_catalog.obj_description(oid, 'pg_largeobject')
      FROM pg_catalog.pg_largeobject_metadata
      WHERE oid BETWEEN $1::pg_catalog.oid AND $2::pg_catalog.oid
      """, ["\(first)", "\(last)"])
    var result: [UInt32: State] = [:]
    for row in rows {
      guard let oid = row[0].flatMap({ UInt32($0) }) else { continue }
      result[oid] = State(owner: row[1] ?? "", privileges: row[2], comment: row[3])
    }
    return result
  }

  private func create(_ items: [Item]) throws {
    guard !items.isEmpty else { return }
    let numbers = items.map { "\($0.oid)" }.joined(separator: ",")
    try connection.execute(
      """
      SELECT pg_catalog.lo_create(oid)
      FROM pg_catalog.unnest('{\(numbers)}'::pg_catalog.oid[]) AS o (oid)
      """)
  }

  private func write(_ item: Item) throws {
    let decoder = try ChunkDecoder()
    var offset: UInt64 = 0
    try reader.forEachPiece(of: item.object.content, using: decoder) { piece in
      var start = 0
      while start < piece.count {
        try cancellation.check()
        let end = min(start + Self.pieceByteCount, piece.count)
        try connection.execute(
          Self.put(item.oid, at: offset, piece.extracting(start..<end)))
        offset += UInt64(end - start)
        progress.add(bytes: end - start)
        start = end
      }
    }
  }

  /// `SELECT pg_catalog.lo_put(oid, offset, '\x…')`, which needs standard_conforming_strings.
  static func put(_ oid: UInt32, at offset: UInt64, _ bytes: Span<UInt8>) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    var sql = Array("SELECT pg_catalog.lo_put(\(oid), \(offset), '\\x".utf8)
    sql.reserveCapacity(sql.count + 2 * bytes.count + 2)
    for index in 0..<bytes.count {
      sql.append(digits[Int(bytes[index] >> 4)])
      sql.append(digits[Int(bytes[index] & 15)])
    }
    sql += Array("')".utf8)
    return sql
  }

  /// Makes owner, privileges and comment as recorded, where they differ.
  ///
  /// - Returns: why the server refused the privileges; nil if it did not.
  private func setProperties(_ item: Item, _ before: State?, currentUser: String) throws -> String?
  {
    let own = before?.owner ?? currentUser
    if options.restoreOwners, own != item.object.owner {
      try connection.execute(Self.setOwner(item.oid, item.object.owner))
    }
    if before?.comment != item.object.comment {
      try connection.execute(Self.setComment(item.oid, item.object.comment))
    }
    guard options.restorePrivileges,
      !AccessPrivileges.areEqual(before?.privileges, item.object.privileges)
    else { return nil }
    let owner = options.restoreOwners ? item.object.owner : own
    let grants = Self.grants(item.oid, item.object, owner: owner, role: options.role)
    do throws(PostgresError) {
      try connection.execute(
        (["SAVEPOINT grants"] + grants + ["RELEASE SAVEPOINT grants"]).joined(separator: ";"))
      return nil
    } catch {
      guard error.kind == .server || error.kind == .privilege else { throw error }
      try connection.execute("ROLLBACK TO SAVEPOINT grants")
      return error.why
    }
  }

  /// `ALTER LARGE OBJECT … OWNER TO …`.
  static func setOwner(_ oid: UInt32, _ owner: String) -> String {
    "ALTER LARGE OBJECT \(oid) OWNER TO \(Connection.quoteIdentifier(owner))"
  }

  /// `COMMENT ON LARGE OBJECT …`; nil takes a comment away.
  static func setComment(_ oid: UInt32, _ comment: String?) -> String {
    "COMMENT ON LARGE OBJECT \(oid) IS "
      + (comment.map { Connection.quoteLiteral($0) } ?? "NULL")
  }

  /// What makes an object's privileges from the default ones; nothing if those were recorded.
  static func grants(_ oid: UInt32, _ object: LargeObject, owner: String, role: String?) -> [String]
  {
    guard let text = object.privileges, let list = try? AccessPrivileges(text) else { return [] }
    return list.statements(
      on: "LARGE OBJECT \(oid)", recordedOwner: object.owner, owner: owner, role: role)
  }
}
