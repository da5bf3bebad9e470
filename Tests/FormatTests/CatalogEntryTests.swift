// Catalog entries as bytes: round trips, cuts, flips, hostile numbers.

import Format
import Testing

@Suite struct `A catalog entry` {
  @Test(arguments: Examples.entries)
  func `comes back from its bytes`(entry: CatalogEntry) throws {
    #expect(try CatalogEntry(entry.encoded) == entry)
  }

  @Test(arguments: Examples.entries)
  func `is refused when it is cut anywhere or goes on`(entry: CatalogEntry) {
    cuts(entry.encoded) { length, cut in
      #expect(throws: FormatError.self, "cut to \(length)") { try CatalogEntry(cut) }
    }
    #expect(throws: FormatError.self) { try CatalogEntry(entry.encoded + [0]) }
  }

  @Test(arguments: Examples.entries)
  func `with any byte changed is refused or another entry, never the same`(entry: CatalogEntry) {
    flips(entry.encoded) { i, other in
      guard let decoded = try? CatalogEntry(other) else { return }
      #expect(decoded != entry, "byte \(i)")
      #expect(decoded.encoded == other, "byte \(i) has two encodings")
    }
  }

  @Test(arguments: [0, 10, 15, 20, 255] as [UInt8])
  func `of an unknown tag is refused`(tag: UInt8) {
    #expect(throws: FormatError.invalid("catalog entry tag")) { try CatalogEntry([tag, 0, 0]) }
  }

  @Test func `with counts beyond its bytes is refused before anything is allocated`() {
    // Each would ask for up to 2⁶⁰ items.
    var counts: [[UInt8]] = []
    for tail in [1 << 20, 1 << 60, UInt64.max] {
      var stream = ByteWriter()
      stream.u8(16)
      stream.varint(0)
      stream.u8(0)
      stream.varint(tail)
      counts.append(stream.bytes)
      var lists = ByteWriter()
      lists.u8(16)
      lists.varint(0)
      lists.u8(1)
      lists.varint(tail)
      counts.append(lists.bytes)
      var table = ByteWriter()
      table.u8(19)
      table.varint(tail)
      counts.append(table.bytes)
      var file = ByteWriter()
      file.u8(2)
      FileMetadata.plain.encode(to: &file)
      file.varint(.max)
      file.u8(1)
      file.varint(tail)
      counts.append(file.bytes)
      var attributes = ByteWriter()
      attributes.u8(1)
      FileMetadata.plain.encode(to: &attributes)
      counts.append(Array(attributes.bytes.dropLast()) + ByteWriter.varint(tail))
    }
    for bytes in counts { #expect(throws: FormatError.self) { try CatalogEntry(bytes) } }
  }

  @Test(
    arguments: [
      [(10, 5), (14, 1)], [(10, 5), (9, 1)], [(0, 101)], [(100, 1)], [(.max, 1)], [(1, .max)],
      [(0, 50), (40, 10)],
    ] as [[(UInt64, UInt64)]])
  func `with extents that overlap or leave the file is refused`(extents: [(UInt64, UInt64)]) {
    let content = Content(
      byteCount: extents.reduce(0) { $0 &+ $1.1 }, chunks: .listed([blob(1)]))
    let entry = CatalogEntry.file(
      FileEntry(
        metadata: .plain, byteCount: 100, content: content,
        extents: extents.map { Extent(offset: $0.0, byteCount: $0.1) }))
    #expect(throws: FormatError.invalid("extent")) { try CatalogEntry(entry.encoded) }
  }

  @Test func `whose lengths do not add up is refused`() {
    let references = [ChunkReference(id: blob(1), byteCount: 10)]
    let short = CatalogEntry.stream(Content(byteCount: 9, chunks: .direct(references)))
    #expect(throws: FormatError.invalid("content length")) { try CatalogEntry(short.encoded) }
    let file = CatalogEntry.file(
      FileEntry(
        metadata: .plain, byteCount: 11,
        content: Content(byteCount: 10, chunks: .direct(references))))
    #expect(throws: FormatError.invalid("file length")) { try CatalogEntry(file.encoded) }
    let sparse = CatalogEntry.file(
      FileEntry(
        metadata: .plain, byteCount: 11,
        content: Content(byteCount: 10, chunks: .direct(references)),
        extents: [Extent(offset: 0, byteCount: 11)]))
    #expect(throws: FormatError.invalid("file length")) { try CatalogEntry(sparse.encoded) }
  }

  @Test func `with impossible metadata is refused`() {
    var wrong: [FileMetadata] = []
    var metadata = FileMetadata.plain
    metadata.mode = 0o10000
    wrong.append(metadata)
    metadata = .plain
    metadata.modified.nanoseconds = 1_000_000_000
    wrong.append(metadata)
    metadata = .plain
    metadata.changed.nanoseconds = .max
    wrong.append(metadata)
    for metadata in wrong {
      #expect(throws: FormatError.self) {
        try CatalogEntry(CatalogEntry.directory(metadata).encoded)
      }
    }
  }

  @Test func `knows its content if its kind has one`() {
    #expect(CatalogEntry.stream(Examples.direct).content == Examples.direct)
    #expect(CatalogEntry.directory(.plain).content == nil)
    #expect(Examples.entries.count { $0.content != nil } == 10)
  }
}

@Suite struct `A chunk list` {
  @Test func `comes back, and is refused with half a reference at its end`() throws {
    let references = (0..<5).map { ChunkReference(id: blob($0), byteCount: .max) }
    let list = Content.encodeList(references)
    #expect(list.count == 180)
    #expect(try Content.decodeList(list) == references)
    #expect(try Content.decodeList([]) == [])
    cuts(list) { length, cut in
      if length % 36 == 0 {
        #expect((try? Content.decodeList(cut))?.count == length / 36)
      } else {
        #expect(throws: FormatError.invalid("chunk list")) { try Content.decodeList(cut) }
      }
    }
  }
}

extension FileMetadata {
  static let plain = FileMetadata(
    mode: 0o644, userID: 0, groupID: 0, modified: FileTime(seconds: 0, nanoseconds: 0),
    changed: FileTime(seconds: 0, nanoseconds: 0), inode: 0)
}

extension ByteWriter {
  static func varint(_ value: UInt64) -> [UInt8] {
    var writer = ByteWriter()
    writer.varint(value)
    return writer.bytes
  }
}
