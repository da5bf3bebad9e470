// Owns the tests of what is read of tables: which, in which ranges, byte for byte.

import Format
import Inventory
import Postgres
import Sodium
import TestSupport
import Testing

@Suite struct `The tables to copy` {
  private static let shop = Result { try ShopFixture() }

  @Test func `are ordinary tables and leaf partitions, in byte order`() throws {
    let connection = try Self.shop.get().connect()
    let tables = try TableDescription.list(over: connection)
    #expect(
      tables.map(\.name.description) == [
        "app.chi", "app.nocols", "app.par", "app.parts0", "app.parts1", "app.rng1", "app.t",
        "app.u", "app.ul", "public.We\"ird\tNa.me",
      ])
    let byName = Dictionary(uniqueKeysWithValues: tables.map { ($0.name.name, $0) })
    #expect(byName["t"]?.columns == ["id", "name", "m", "p", "body"])
    #expect(byName["nocols"]?.columns == [])
    #expect(byName["ul"]?.isUnlogged == true)
    #expect(byName["rng1"]?.partitionRoot == QualifiedName(schema: "app", name: "rng"))
    #expect(byName["rng1"]?.loadThrough == nil)
    #expect((byName["t"]?.blockCount ?? 0) > 5)
  }

  @Test func `of an enum's hash partitions go through the root, in its order of columns`() throws {
    let connection = try Self.shop.get().connect()
    let tables = try TableDescription.list(over: connection)
    for leaf in tables where leaf.name.name.hasPrefix("parts") {
      #expect(leaf.loadThrough == QualifiedName(schema: "app", name: "parts"))
      #expect(leaf.columns == ["id", "m", "k"])
    }
  }

  @Test func `include an extension's configuration rows by its condition, and nothing else of it`()
    throws
  {
    let connection = try Connection(try TestServer.shared.makeDatabase())
    try connection.execute(
      """
      CREATE EXTENSION hstore; CREATE TABLE conf (a int, mine bool); CREATE TABLE inner_ (a int);
      INSERT INTO conf VALUES (1, false), (2, true);
      ALTER EXTENSION hstore ADD TABLE conf; ALTER EXTENSION hstore ADD TABLE inner_;
      UPDATE pg_extension SET extconfig = ARRAY['conf'::regclass::oid],
        extcondition = ARRAY['WHERE mine'] WHERE extname = 'hstore'
      """)
    try connection.applyCatalogSettings()
    let tables = try TableDescription.list(over: connection)
    #expect(tables.map(\.name.name) == ["conf"])
    let table = try #require(tables.first)
    #expect(table.isExtensionConfiguration)
    #expect(try rows(of: table, over: connection) == ["2\tt\n"])
  }

  @Test func `say which of them a role may not read, and which hide rows from it`() throws {
    let shop = try Self.shop.get()
    let connection = try Connection(shop.target.setting("user", to: shop.user))
    try connection.applyCatalogSettings()
    let tables = try TableDescription.list(over: connection)
    #expect(tables.first { $0.name.name == "u" }?.isReadable == false)
    #expect(tables.first { $0.name.name == "u" }?.hidesRows == true)
    let owner = try shop.connect()
    #expect(try TableDescription.list(over: owner).allSatisfy { $0.isReadable && !$0.hidesRows })
  }
}

@Suite struct `Rows of a table` {
  @Test func `are the same in ranges as in one piece`() throws {
    let connection = try Connection(try TestServer.shared.makeDatabase())
    try connection.execute(
      """
      CREATE TABLE t (id int, body text);
      INSERT INTO t SELECT g, repeat(md5(g::text), g % 70) FROM generate_series(1, 3000) g;
      DELETE FROM t WHERE id BETWEEN 700 AND 900
      """)
    try connection.applyCatalogSettings()
    let table = try #require(try TableDescription.list(over: connection).first)
    #expect(table.blockCount > 20)
    var pieces: [String] = []
    for first in stride(from: UInt32(0), to: table.blockCount, by: 7) {
      let isLast = first + 7 >= table.blockCount
      pieces += try rows(
        of: table, BlockRange(first: first, end: isLast ? nil : first + 7), over: connection)
    }
    #expect(pieces.count == 2799)
    #expect(pieces == (try rows(of: table, over: connection)))
  }

  @Test func `without columns are empty lines`() throws {
    let connection = try Connection(try TestServer.shared.makeDatabase())
    try connection.execute("CREATE TABLE t (); INSERT INTO t DEFAULT VALUES")
    try connection.applyCatalogSettings()
    let table = try #require(try TableDescription.list(over: connection).first)
    #expect(try rows(of: table, over: connection) == ["\n"])
  }

  @Test func `and names come from a database of another encoding`() throws {
    let connection = try Connection(try TestServer.shared.makeDatabase(encoding: "LATIN1"))
    try connection.execute("SET client_encoding = 'UTF8'")
    try connection.execute("CREATE TABLE \"tä\" (\"ö\" text); INSERT INTO \"tä\" VALUES ('ü')")
    try connection.applyCatalogSettings()
    let table = try #require(try TableDescription.list(over: connection).first)
    #expect(table.name.name == "tä")
    #expect(table.columns == ["ö"])
    var bytes: [UInt8] = []
    _ = try TableReader.copyText(table, over: connection) { row in
      for index in row.indices { bytes.append(row[index]) }
    }
    #expect(bytes == [0xFC, 0x0A])
  }

  @Test func `have a digest that ignores their order and sees every change`() throws {
    let connection = try Connection(try TestServer.shared.makeDatabase())
    try connection.execute(
      "CREATE TABLE t (a int, b text); INSERT INTO t SELECT g, 'x' FROM generate_series(1, 50) g")
    try connection.applyCatalogSettings()
    let key = try Secret(randomByteCount: 32)
    let table = try #require(try TableDescription.list(over: connection).first)
    let before = try TableReader.digest(of: table, key: key, over: connection)
    #expect(before.rowCount == 50)
    try connection.execute(
      """
      CREATE TEMP TABLE c AS SELECT * FROM public.t ORDER BY a DESC;
      DELETE FROM public.t; INSERT INTO public.t SELECT * FROM c
      """)
    #expect(try TableReader.digest(of: table, key: key, over: connection) == before)
    try connection.execute("UPDATE public.t SET b = 'y' WHERE a = 7")
    #expect(try TableReader.digest(of: table, key: key, over: connection) != before)
  }
}

@Suite struct `A row buffer` {
  private func chunks(of rowLengths: [Int]) throws -> [Int] {
    var buffer = RowBuffer()
    var lengths: [Int] = []
    for length in rowLengths {
      let row = [UInt8](repeating: 7, count: length)
      try buffer.add(row.span, hash: .max) { lengths.append($0.count) }
    }
    try buffer.flush { lengths.append($0.count) }
    return lengths
  }

  @Test func `cuts between rows, and inside a row only where it must`() throws {
    let mebibyte = 1 << 20
    #expect(try chunks(of: []) == [])
    #expect(try chunks(of: [3, 4]) == [7])
    #expect(try chunks(of: [3 * mebibyte, 2 * mebibyte, 1]) == [3 * mebibyte, 2 * mebibyte + 1])
    #expect(try chunks(of: [1, 6 * mebibyte, 1]) == [1, 6 * mebibyte, 1])
    #expect(
      try chunks(of: [1, 17 * mebibyte, 1]) == [1, 8 * mebibyte, 8 * mebibyte, mebibyte, 1])
  }
}

@Suite struct `A range of blocks` {
  @Test func `falls into parts that leave nothing out and do not overlap`() {
    func parts(_ first: UInt32, _ end: UInt32?, _ length: UInt32, _ count: UInt32) -> [UInt32?] {
      let parts = BlockRange(first: first, end: end).parts(of: length, count: count)
      #expect(parts.first?.first == first)
      for (part, next) in zip(parts, parts.dropFirst()) { #expect(part.end == next.first) }
      return parts.map(\.end)
    }
    #expect(parts(0, 256, 256, 1) == [256])
    #expect(parts(0, 256, 256, 4) == [64, 128, 192, 256])
    #expect(parts(512, nil, 256, 4) == [576, 640, 704, nil])
    #expect(parts(512, 600, 256, 4) == [576, 600])
    #expect(parts(0, 2, 2, 8) == [2])
    #expect(parts(.max - 1, nil, 256, 2) == [nil])
    #expect(parts(7, 9, 0, 0) == [9])
  }
}

@Suite struct `Chunks of large rows` {
  /// Rows of 2 to 6 KB with a hash that is theirs; as chunks, each a list of its rows.
  private func chunks(of rows: [UInt64]) throws -> [[UInt64]] {
    var buffer = RowBuffer()
    var chunks: [[UInt64]] = []
    var rest = rows[...]
    func store(_ chunk: Span<UInt8>) {
      var count = 0
      var held: [UInt64] = []
      while count < chunk.count, let row = rest.popFirst() {
        held.append(row)
        count += Self.length(of: row)
      }
      #expect(count == chunk.count)
      chunks.append(held)
    }
    for row in rows {
      let bytes = [UInt8](repeating: 7, count: Self.length(of: row))
      try buffer.add(bytes.span, hash: Self.hash(row), store)
    }
    try buffer.flush(store)
    #expect(chunks.flatMap { $0 } == rows)
    return chunks
  }

  private static func hash(_ row: UInt64) -> UInt64 {
    var x = row &* 0x9E37_79B9_7F4A_7C15
    x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
    return x ^ (x >> 31)
  }
  private static func length(of row: UInt64) -> Int { 2000 + Int(hash(row) % 4000) }

  @Test func `end at the same rows again after a row is gone, another longer, a third new`() throws
  {
    let rows = (0..<10_000).map { UInt64($0) }
    let before = try chunks(of: rows)
    #expect(before.count > 8)
    for chunk in before.dropLast() {
      #expect((1 << 20...4 << 20).contains(chunk.reduce(0) { $0 + Self.length(of: $1) }))
    }
    var edited = rows
    edited.remove(at: 100)
    edited[200] = 77_777
    edited.insert(88_888, at: 300)
    let after = try chunks(of: edited)
    #expect(Array(after.suffix(before.count - 3)) == Array(before.suffix(before.count - 3)))
    #expect(after.first != before.first)
  }
}

/// The rows of a table as COPY writes them.
private func rows(
  of table: TableDescription, _ blocks: BlockRange = .all, over connection: Connection
) throws -> [String] {
  var lines: [String] = []
  let count = try TableReader.copyText(table, blocks: blocks, over: connection) { row in
    lines.append(String(decoding: (0..<row.count).map { row[$0] }, as: UTF8.self))
  }
  #expect(count == UInt64(lines.count))
  return lines
}
