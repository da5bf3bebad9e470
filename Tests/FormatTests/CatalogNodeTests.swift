// Catalog keys and nodes: order, prefixes, hostile nodes, and boundaries that stay where they are.

import Format
import Sodium
import Testing

@Suite struct `A catalog key` {
  @Test func `of a directory comes before what it holds, and all of that is contiguous`() throws {
    let paths = [
      ["a"], ["a", "b"], ["a", "b", "c"], ["a", "z"], ["a!"], ["a!", "b"], ["a\u{1}"], ["ab"],
      ["b"],
    ]
    let keys = try paths.map { try #require(CatalogKey(components: $0.map { Array($0.utf8) })) }
    let sorted = keys.sorted()
    for directory in keys {
      let positions = sorted.indices.filter { sorted[$0].isWithin(directory) }
      #expect(positions == Array(positions[0]...(positions[0] + positions.count - 1)))
      #expect(sorted[positions[0]] == directory)
      #expect(
        positions.count
          == keys.count { $0.components.starts(with: directory.components) })
    }
  }

  @Test func `holds no zero byte in a component, and at least one component`() {
    #expect(CatalogKey(components: []) == nil)
    #expect(CatalogKey(components: [[1, 0, 2]]) == nil)
    #expect(CatalogKey(components: [[1], [0]]) == nil)
    #expect(CatalogKey(components: [[1], [2]])?.bytes == [1, 0, 2])
  }

  @Test func `of numbers sorts by value`() {
    let numbers = [0, 1, 15, 16, 255, 256, 1 << 32, UInt64.max]
    let keys = numbers.map { CatalogKey.media("m").appending(number: $0) }
    #expect(keys == keys.sorted())
    #expect(Set(keys).count == numbers.count)
    #expect(keys[4].components.last == Array("00000000000000ff".utf8))
  }

  @Test func `of the parts of a database comes in the order of the parts`() {
    let keys = DatabasePart.allCases.map { $0.key(in: "app") }
    #expect(keys == keys.sorted())
    #expect(keys.allSatisfy { $0.isWithin(.database("app")) })
    #expect(!CatalogKey.database("app2").isWithin(.database("app")))
  }
}

@Suite struct `A catalog node` {
  static let boundaryKey = Blake2b.hash([42]).bytes

  private func key() throws -> Secret { try secret(Self.boundaryKey) }

  private func leaf(_ keys: [String], values: [[UInt8]]? = nil) throws -> [UInt8] {
    var builder = CatalogNodeBuilder(level: 0, boundaryKey: try key())
    for (i, name) in keys.enumerated() {
      _ = builder.append(CatalogKey(bytes: Array(name.utf8)), value: values?[i] ?? [UInt8(i)])
    }
    return builder.finish()
  }

  @Test func `comes back from its bytes`() throws {
    let names = ["a", "ab", "abc", "b", "ba"]
    guard case .leaf(let items) = try CatalogNode(try leaf(names)) else {
      Issue.record("not a leaf")
      return
    }
    #expect(items.map { String(decoding: $0.key.bytes, as: UTF8.self) } == names)
    #expect(items.map(\.value) == [[0], [1], [2], [3], [4]])
    guard case .leaf(let none) = try CatalogNode(try leaf([])) else {
      Issue.record("not a leaf")
      return
    }
    #expect(none.isEmpty)

    var builder = CatalogNodeBuilder(level: 3, boundaryKey: try key())
    let children = (0..<4).map { i in
      CatalogChild(
        firstKey: CatalogKey(bytes: [UInt8(i), 9]), id: blob(UInt8(i)), entryCount: .max / 8)
    }
    for child in children { _ = builder.append(child) }
    #expect(builder.entryCount == UInt64.max / 8 * 4)
    guard case .inner(let level, let found) = try CatalogNode(builder.finish()) else {
      Issue.record("not an inner node")
      return
    }
    #expect(level == 3)
    #expect(found == children)
    #expect(builder.count == 0)
    #expect(builder.firstKey == nil)
  }

  @Test func `is refused when it is cut anywhere or goes on`() throws {
    let bytes = try leaf(["a", "ab", "b"], values: [[1, 2, 3], [], [4]])
    cuts(bytes) { length, cut in
      #expect(throws: FormatError.self, "cut to \(length)") { try CatalogNode(cut) }
    }
    #expect(throws: FormatError.self) { try CatalogNode(bytes + [0]) }
  }

  @Test func `with any byte changed is refused or says something else`() throws {
    let bytes = try leaf(["a", "ab", "b"], values: [[1, 2, 3], [], [4]])
    guard case .leaf(let original) = try CatalogNode(bytes) else { return }
    flips(bytes) { i, other in
      guard let node = try? CatalogNode(other), case .leaf(let items) = node else { return }
      #expect(items != original, "byte \(i)")
    }
  }

  @Test func `whose keys do not ascend is refused`() {
    // count 2; "b", then "a" / "b" again / "" / the same with all shared.
    for second in [[0, 1, 97], [0, 1, 98], [0, 0], [1, 0]] as [[UInt8]] {
      let bytes: [UInt8] = [1, 0, 2, 0, 1, 98, 0] + second + [0]
      #expect(throws: FormatError.invalid("key order")) { try CatalogNode(bytes) }
    }
    #expect(throws: Never.self) { try CatalogNode([1, 0, 2, 0, 1, 98, 0, 1, 1, 0, 0]) }
  }

  @Test func `with hostile numbers is refused before anything is allocated`() {
    for count in [1 << 30, 1 << 62, UInt64.max] {
      #expect(throws: FormatError.self) { try CatalogNode([1, 0] + ByteWriter.varint(count)) }
      // Shared bytes, the rest's length, the value's length.
      let varint = ByteWriter.varint(count)
      for body in [varint + [0, 0], [0] + varint + [1, 2, 3], [0, 1, 97] + varint + [0]] {
        #expect(throws: FormatError.self) { try CatalogNode([1, 0, 1] + body) }
      }
    }
    #expect(throws: FormatError.self) { try CatalogNode([1, 0, 2, 0, 1, 97, 0, 2, 0, 0]) }
  }

  @Test func `of a later version says so, one too high or empty inside is refused`() {
    #expect(throws: FormatError.newer(kind: "catalog node", version: 2)) {
      try CatalogNode([2, 0, 0])
    }
    #expect(throws: FormatError.invalid("catalog level")) { try CatalogNode([1, 17, 0]) }
    #expect(throws: FormatError.invalid("empty inner node")) { try CatalogNode([1, 1, 0]) }
  }
}

@Suite struct `Where a catalog node ends` {
  /// The last key of each node.
  private func ends(_ items: [(key: String, value: Int)]) throws -> [String] {
    var builder = CatalogNodeBuilder(
      level: 0, boundaryKey: try secret(CatalogNodeTests.boundaryKey))
    var ends: [String] = []
    let largest = items.map(\.value).max() ?? 0
    for item in items
    where builder.append(
      CatalogKey(bytes: Array(item.key.utf8)), value: [UInt8](repeating: 1, count: item.value))
    {
      #expect(builder.count > 1)
      let bytes = builder.finish()
      #expect(bytes.count >= CatalogNode.minimumByteCount)
      #expect(bytes.count <= CatalogNode.maximumByteCount + largest + 100)
      ends.append(item.key)
    }
    return ends
  }

  private typealias CatalogNodeTests = `A catalog node`

  private func items(_ range: Range<Int>) -> [(key: String, value: Int)] {
    range.map { i in
      let digits = String(i)
      return (String(repeating: "0", count: 8 - digits.count) + digits, 100 + i % 50)
    }
  }

  @Test func `moves only near an insertion, a removal or a change`() throws {
    let all = items(0..<30_000)
    let before = try ends(all)
    #expect(before.count > 20)
    var edited = all
    edited.insert(("00015000x", 120), at: 15_001)
    edited.remove(at: 25_000)
    edited[5_000].value += 40
    let after = try ends(edited)
    #expect(Set(before).symmetricDifference(after).count <= 12)
    #expect(before.first == after.first)
    #expect(before.last == after.last)
  }

  @Test func `comes before the maximum and after the minimum, about the mean`() throws {
    let all = items(0..<30_000)
    let count = try ends(all).count
    let bytes = all.reduce(0) { $0 + $1.value + 6 }
    let mean = bytes / max(count, 1)
    #expect((CatalogNode.meanByteCount / 2..<CatalogNode.meanByteCount * 2).contains(mean))
  }

  @Test func `is not after a single item, however large`() throws {
    let found = try ends([("a", 300_000), ("b", 10), ("c", 300_000), ("d", 10)])
    #expect(found == ["b", "d"])
  }

  @Test func `depends on the key of the repository`() throws {
    var other = CatalogNodeBuilder(level: 0, boundaryKey: try Secret(randomByteCount: 32))
    var found: [String] = []
    for item in items(0..<30_000)
    where other.append(
      CatalogKey(bytes: Array(item.key.utf8)), value: [UInt8](repeating: 1, count: item.value))
    {
      _ = other.finish()
      found.append(item.key)
    }
    #expect(found != (try ends(items(0..<30_000))))
  }
}
