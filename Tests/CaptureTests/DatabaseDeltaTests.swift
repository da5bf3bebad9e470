// Owns the tests of a second capture: what changed is stored as that, and all of it is still there.

import Capture
import Format
import Inventory
import Postgres
import Repository
import TestSupport
import Testing
import Workers

@Suite struct `A second capture of a database` {
  /// A table of some forty ranges of 4 blocks, in a text that compresses badly, and that no other test has:
  /// they share a repository.
  private static func makeTable(_ seed: Int) throws -> ConnectionTarget {
    let target = try TestServer.shared.makeDatabase()
    try Connection(target).execute(
      """
      CREATE TABLE item (id int PRIMARY KEY, name text, seen int);
      INSERT INTO item SELECT g, md5((g + \(seed) * 100000)::text) || md5((g * 7 + \(seed))::text), 0
        FROM generate_series(1, 12000) g;
      """)
    return target
  }

  private func expectAllRows(_ captured: Captured, _ target: ConnectionTarget) throws {
    let connection = try readingConnection(target)
    for description in try TableDescription.list(over: connection) {
      var expected: [UInt8] = []
      _ = try TableReader.copyText(description, over: connection) { row in
        for index in row.indices { expected.append(row[index]) }
      }
      #expect(try captured.rows(description.name) == expected, "\(description.name)")
    }
  }

  @Test(arguments: [1, 3])
  func `stores ranges in which rows changed as deltas of what they were`(connections: Int) throws {
    let target = try Self.makeTable(connections)
    let source = DatabaseSource(name: "shop", target: target, connections: connections)
    let first = try Captured(source)
    #expect(first.statistics.blobsDelta == 0)
    try Connection(target).execute(
      "UPDATE item SET seen = seen + 1 WHERE id % 100 = 0; DELETE FROM item WHERE id % 1000 = 1")
    let second = try Captured(source, parent: first)
    try expectAllRows(second, target)
    try expectAllRows(first, first: true)
    let statistics = second.statistics
    #expect(statistics.blobsDelta >= 30)
    #expect(statistics.bytesDelta > first.summary.byteCount / 2)
    #expect(statistics.bytesDeltaStored < statistics.bytesDelta / 20)
    // Without a parent nobody knows what was there.
    try Connection(target).execute("UPDATE item SET seen = seen + 1 WHERE id % 100 = 50")
    #expect(try Captured(source).statistics.blobsDelta == 0)
  }

  private func expectAllRows(_ captured: Captured, first: Bool) throws {
    // Rows of the first capture as they were: 12,000 of them, none seen.
    let lines = String(decoding: try captured.rows(.table("item")), as: UTF8.self)
      .split(separator: "\n")
    #expect(lines.count == 12_000)
    #expect(lines.allSatisfy { $0.hasSuffix("\t0") })
  }

  @Test func `stores a table that got a column, or rows at its end, as deltas, too`() throws {
    let target = try Self.makeTable(7)
    let source = DatabaseSource(name: "shop", target: target)
    let first = try Captured(source)
    try Connection(target).execute("ALTER TABLE item ADD COLUMN note text DEFAULT 'n'")
    let second = try Captured(source, parent: first)
    try expectAllRows(second, target)
    #expect(second.statistics.blobsDelta >= 30)
    #expect(second.statistics.bytesDeltaStored < second.statistics.bytesDelta / 8)

    // Updated rows go behind the former end of the table, where they resemble its last ranges.
    try Connection(target).execute("UPDATE item SET note = 'm' WHERE id > 11900")
    let third = try Captured(source, parent: second)
    try expectAllRows(third, target)
    #expect(third.statistics.blobsDelta >= 1)
    #expect(third.statistics.bytesStored < 100_000)
  }

  @Test func `of an unchanged database stores no chunk of rows and no definition`() throws {
    let target = try Self.makeTable(8)
    let source = DatabaseSource(name: "shop", target: target)
    let first = try Captured(source)
    let second = try Captured(source, parent: first)
    for part in [DatabasePart.archive, .inventory, .properties, .sequences] {
      let before = try first.catalog.entry(first.key(part))
      #expect(before != nil)
      #expect(try second.catalog.entry(second.key(part)) == before, "\(part)")
    }
    #expect(second.statistics.blobsDelta == 0)
    #expect(second.statistics.bytesNew < 20_000)
  }
}

@Suite struct `The date of an archive` {
  /// A header as pg_dump writes it, made by hand, with `rest` behind its date.
  private static func header(minor: UInt8, integer: Int = 4, year: Int, rest: String) -> [UInt8] {
    func number(_ value: Int) -> [UInt8] {
      [0] + (0..<integer).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var bytes = Array("PGDMP".utf8) + [1, minor, 0, UInt8(integer), 8, 1]
    bytes += minor >= 15 ? [0] : number(0)
    for value in [59, 58, 23, 31, 11, year - 1900, 1] { bytes += number(value) }
    return bytes + Array(rest.utf8)
  }

  private func passed(_ bytes: [UInt8], by step: Int) throws -> [UInt8] {
    var date = ArchiveDate()
    var result: [UInt8] = []
    func take(_ piece: Span<UInt8>) { for index in piece.indices { result.append(piece[index]) } }
    var start = 0
    while start < bytes.count {
      let end = min(start + step, bytes.count)
      try date.pass(bytes.span.extracting(start..<end), take)
      start = end
    }
    try date.finish(take)
    return result
  }

  @Test(arguments: [(14, 4), (15, 4), (16, 8), (14, 1)] as [(UInt8, Int)], [1, 7, 1000])
  func `is always the same, and all else as it was`(version: (UInt8, Int), step: Int) throws {
    let rest = String(repeating: "rest", count: 100)
    func make(_ year: Int) -> [UInt8] {
      Self.header(minor: version.0, integer: version.1, year: year, rest: rest)
    }
    let one = try passed(make(2031), by: step)
    #expect(one != make(2031))
    #expect(try passed(make(2026), by: step) == one)
    #expect(one.count == make(2031).count)
    #expect(one.suffix(400) == make(2031).suffix(400))
  }

  @Test func `stays as it is in what is no such archive`() throws {
    let archive = Self.header(minor: 14, year: 2031, rest: "")
    // Cut anywhere, of a version that we do not know, with integers of no length.
    for count in 0..<archive.count {
      #expect(try passed(Array(archive[..<count]), by: 5) == Array(archive[..<count]))
    }
    for (place, value) in [(0, 7), (5, 2), (6, 9), (8, 0), (8, 9)] {
      var other = archive
      other[place] = UInt8(value)
      #expect(try passed(other, by: 5) == other)
    }
  }
}
