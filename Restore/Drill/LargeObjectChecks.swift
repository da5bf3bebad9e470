// Large objects: all there, no more, byte for byte, with owner, privileges and comment.

import Format
import Postgres
import Repository
import Workers

/// What a copy says of one large object.
private struct LargeObjectFacts: Sendable {
  var owner: String
  var privileges: [String]
  var comment: String?
}

extension Drill {
  func checkLargeObjects(_ database: RecordedDatabase, _ copy: Copy) throws {
    try findings.check(
      "equality.large-objects", "Large objects are equal, byte for byte", on: copy.source,
      expected: ReportWords.count(database.summary.largeObjectCount, "large object")
        + " as recorded, and no other"
    ) {
      let actual = try largeObjects(of: copy)
      let differences = DifferenceList()
      let found = Tally()
      let bytes = Tally()
      let root = DatabasePart.largeObjects.key(in: copy.source)
      let cursor = try SharedCursor(repository, manifest.catalog, within: root)
      let reader = self.reader
      let progress = self.progress
      let hasRoles = copy.hasRoles
      let sessions = try connections(to: copy.target)
      try onThreads(
        sessions.count, cancellation: cancellation,
        next: { () -> (UInt32, LargeObject)? in
          while let (key, entry) = try cursor.next() {
            guard case .largeObject(let object) = entry, let last = key.components.last,
              let oid = UInt32(String(decoding: last, as: UTF8.self), radix: 16)
            else { continue }
            return (oid, object)
          }
          return nil
        },
        makeWorker: { number in
          let decoder = try ChunkDecoder()
          return { item in
            let (oid, object) = item
            found.add()
            bytes.add(object.content.byteCount)
            progress.add(bytes: Int(clamping: object.content.byteCount), items: 1)
            guard let facts = actual[oid] else {
              return differences.add("\(oid): it is not there")
            }
            for words in Self.differences(object, facts, comparingRoles: hasRoles) {
              differences.add("\(oid): \(words)")
            }
            if let words = try Self.difference(
              object.content, of: oid, reader, decoder, sessions[number])
            {
              differences.add("\(oid): \(words)")
            }
          }
        })
      if Int(found.total) < actual.count {
        differences.add("\(actual.count - Int(found.total)) that the snapshot does not have")
      }
      findings.volume.largeObjects += found.total
      findings.volume.bytes += bytes.total
      let count = ReportWords.count(found.total, "large object")
      guard differences.count == 0, Int(found.total) == database.summary.largeObjectCount else {
        return Finding(
          .fail, "\(differences.count) differences among \(count)", details: differences.lines)
      }
      return .pass("\(count), \(ReportWords.bytes(bytes.total)), equal")
    }
  }

  private func largeObjects(of copy: Copy) throws -> [UInt32: LargeObjectFacts] {
    let rows = try connect(copy.target).query(
      """
      SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner), m.lomacl::pg_catalog.text,
        pg_catalog.obj_description(m.oid, 'pg_largeobject')
      FROM pg_catalog.pg_largeobject_metadata m
      """)
    var result: [UInt32: LargeObjectFacts] = [:]
    for row in rows {
      guard let oid = row[0].flatMap({ UInt32($0) }) else { continue }
      result[oid] = LargeObjectFacts(
        owner: row[1] ?? "", privileges: Self.items(row[2], owner: row[1] ?? ""),
        comment: row[3])
    }
    return result
  }

  private static func differences(
    _ object: LargeObject, _ facts: LargeObjectFacts, comparingRoles: Bool
  ) -> [String] {
    var result: [String] = []
    if comparingRoles {
      if object.owner != facts.owner {
        result.append("expected owner '\(object.owner)', found '\(facts.owner)'")
      }
      let privileges = items(object.privileges, owner: object.owner)
      if privileges != facts.privileges {
        result.append(
          "expected privileges \(privileges.joined(separator: " ")), found \(facts.privileges.joined(separator: " "))"
        )
      }
    }
    if object.comment != facts.comment { result.append("its comment differs") }
    return result
  }

  /// The items of an `aclitem[]`, sorted; none stands for the default, all rights for the owner.
  private static func items(_ privileges: String?, owner: String) -> [String] {
    guard let privileges else { return ["\(owner)=rw/\(owner)"] }
    return privileges.dropFirst().dropLast().split(separator: ",").map(String.init).sorted()
  }

  /// How the bytes of `oid` differ from `content`; nil if they are equal.
  private static func difference(
    _ content: Content, of oid: UInt32, _ reader: BlobReader, _ decoder: ChunkDecoder,
    _ connection: Connection
  ) throws -> String? {
    var offset: UInt64 = 0
    var firstDifference: UInt64?
    try reader.forEachPiece(of: content, using: decoder) { piece in
      guard firstDifference == nil else { return }
      var start = 0
      while start < piece.count {
        let end = min(start + pieceByteCount, piece.count)
        let actual = try read(oid, at: offset, count: end - start, connection)
        for index in start..<end
        where index - start >= actual.count || piece[index] != actual[index - start] {
          firstDifference = offset + UInt64(index - start)
          return
        }
        offset += UInt64(end - start)
        start = end
      }
    }
    if let firstDifference { return "its content differs from byte \(firstDifference) on" }
    return try read(oid, at: offset, count: 1, connection).isEmpty
      ? nil : "it is longer than \(offset) bytes"
  }

  private static let pieceByteCount = 1 << 20

  /// At most `count` bytes of a large object; fewer at its end.
  private static func read(_ oid: UInt32, at offset: UInt64, count: Int, _ connection: Connection)
    throws -> [UInt8]
  {
    let rows = try connection.query(
      "SELECT pg_catalog.lo_get(\(oid), \(offset), \(count))")
    // `\x` and two digits a byte: connections here set bytea_output.
    guard let text = rows.bytes(0, 0), text.count >= 2 else { return [] }
    var result: [UInt8] = []
    result.reserveCapacity(text.count / 2)
    var index = 2
    while index + 1 < text.count {
      result.append(nibble(text[index]) << 4 | nibble(text[index + 1]))
      index += 2
    }
    return result
  }

  private static func nibble(_ digit: UInt8) -> UInt8 {
    digit >= UInt8(ascii: "a") ? (digit &- UInt8(ascii: "a") &+ 10) & 15 : digit & 15
  }
}
