// Digests of rows: what they depend on and what they don't.

import Format
import Sodium
import Testing

@Suite struct `A table's digest` {
  let key: Secret
  let table = QualifiedName(schema: "public", name: "t")

  init() throws { key = try Secret(randomByteCount: 32) }

  private func digest(
    _ rows: [String], table: QualifiedName? = nil, columns: [String] = ["a", "b"],
    key: Secret? = nil
  ) throws -> RowDigest {
    let hasher = try RowHasher(key: key ?? self.key, table: table ?? self.table, columns: columns)
    for row in rows {
      let bytes = Array(row.utf8)
      hasher.add(bytes.span)
    }
    return hasher.take()
  }

  @Test func `does not depend on the order of rows or on how they are split into ranges`() throws {
    let rows = (0..<100).map { "\($0)\tx\n" }
    let whole = try digest(rows)
    #expect(try digest(rows.reversed()) == whole)
    var sum = RowDigest()
    sum.add(try digest(Array(rows[70...])))
    sum.add(try digest(Array(rows[..<70])))
    #expect(sum == whole)
    #expect(whole.rowCount == 100)
    #expect(whole.byteCount == UInt64(rows.joined().utf8.count))
  }

  @Test func `depends on each row, on how often it comes, on table, columns and key`() throws {
    let rows = ["1\tx\n", "2\ty\n"]
    let whole = try digest(rows)
    let others = try [
      digest(["1\tx\n"]), digest(["1\tx\n", "2\ty\n", "2\ty\n"]), digest(["1\tx\n", "1\tx\n"]),
      digest(["1\tx\n", "2\tz\n"]), digest(["1\tx", "", "2\ty"]), digest(["1\n", "x\n2\ty\n"]),
      digest(rows, table: QualifiedName(schema: "public", name: "u")),
      digest(rows, table: QualifiedName(schema: "publi", name: "ct")),
      digest(rows, columns: ["a"]), digest(rows, columns: ["ab"]),
      digest(rows, columns: ["b", "a"]),
      digest(rows, key: try Secret(randomByteCount: 32)), RowDigest(),
    ]
    for other in others { #expect(other.sum != whole.sum) }
  }

  @Test func `is the same with and without the newline of a row, and counts it`() throws {
    #expect(try digest(["1\tx", "2\ty"]) == (try digest(["1\tx\n", "2\ty\n"])))
    #expect(try digest([""]) == (try digest(["\n"])))
    #expect(try digest([""]).byteCount == 1)
  }

  @Test func `starts over when it is taken`() throws {
    let hasher = try RowHasher(key: key, table: table, columns: [])
    let row: [UInt8] = [1]
    hasher.add(row.span)
    let first = hasher.take()
    #expect(hasher.digest == RowDigest())
    hasher.add(row.span)
    #expect(hasher.take() == first)
  }
}
