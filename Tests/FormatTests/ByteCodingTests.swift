// Numbers and counted bytes: what the reader takes, and everything it refuses.

import Format
import Testing

@Suite struct `A byte reader` {
  @Test func `reads what the writer wrote`() throws {
    var writer = ByteWriter()
    writer.u8(0xfe)
    writer.u16(0xfedc)
    writer.u24(0xfedcba)
    writer.u32(0xfedc_ba98)
    writer.u64(0xfedc_ba98_7654_3210)
    writer.i64(-2)
    writer.varint(300)
    writer.counted([1, 2, 3])
    writer.text("naïve")
    writer.raw([9])
    #expect(
      Array(writer.bytes[..<10]) == [0xfe, 0xdc, 0xfe, 0xba, 0xdc, 0xfe, 0x98, 0xba, 0xdc, 0xfe])
    var reader = ByteReader(writer.bytes)
    #expect(try reader.u8() == 0xfe)
    #expect(try reader.u16() == 0xfedc)
    #expect(try reader.u24() == 0xfedcba)
    #expect(try reader.u32() == 0xfedc_ba98)
    #expect(try reader.u64() == 0xfedc_ba98_7654_3210)
    #expect(try reader.i64() == -2)
    #expect(try reader.varint() == 300)
    #expect(try reader.counted() == [1, 2, 3])
    #expect(try reader.text() == "naïve")
    #expect(throws: FormatError.invalid("trailing bytes")) { try reader.end() }
    #expect(try reader.raw(1) == [9])
    try reader.end()
  }

  @Test func `refuses a number whose bytes are not all there, and stays where it was`() throws {
    for count in 0..<8 {
      var reader = ByteReader([UInt8](repeating: 1, count: count))
      #expect(throws: FormatError.truncated) { try reader.u64() }
      if count < 4 { #expect(throws: FormatError.truncated) { try reader.u32() } }
      if count < 3 { #expect(throws: FormatError.truncated) { try reader.u24() } }
      if count < 2 { #expect(throws: FormatError.truncated) { try reader.u16() } }
      if count < 1 { #expect(throws: FormatError.truncated) { try reader.u8() } }
      #expect(reader.offset == 0)
    }
  }

  @Test func `refuses lengths beyond the end, however large or negative`() throws {
    var reader = ByteReader([1, 2, 3])
    for count in [4, Int.max, -1, Int.min] {
      #expect(throws: FormatError.truncated) { try reader.raw(count) }
    }
    #expect(try reader.raw(0) == [])
    #expect(ByteReader([1, 2], offset: 99).remaining == 0)
    #expect(ByteReader([1, 2], offset: -99).remaining == 2)
  }

  @Test(arguments: [0, 1, 127, 128, 16_383, 16_384, 1 << 32, 1 << 62, 1 << 63, .max] as [UInt64])
  func `reads every varint back`(value: UInt64) throws {
    var writer = ByteWriter()
    writer.varint(value)
    var reader = ByteReader(writer.bytes)
    #expect(try reader.varint() == value)
    try reader.end()
    cuts(writer.bytes) { _, cut in
      var reader = ByteReader(cut)
      #expect(throws: FormatError.truncated) { try reader.varint() }
    }
  }

  @Test func `refuses a varint that exceeds 64 bits`() throws {
    let nine = [UInt8](repeating: 0xff, count: 9)
    let longer: [[UInt8]] = [[2], [0x7f], [0x80, 0], [0xff, 1], nine]
    for bytes in longer.map({ nine + $0 }) {
      var reader = ByteReader(bytes)
      #expect(throws: FormatError.invalid("varint")) { try reader.varint() }
    }
    var reader = ByteReader(nine + [1])
    #expect(try reader.varint() == .max)
  }

  @Test(arguments: [[0x80, 0], [0x85, 0], [0xff, 0x80, 0]] as [[UInt8]])
  func `refuses a varint that has a shorter form`(bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    #expect(throws: FormatError.invalid("varint")) { try reader.varint() }
  }

  @Test func `refuses counts over their limit or over Int`() throws {
    var writer = ByteWriter()
    writer.varint(.max)
    var reader = ByteReader(writer.bytes)
    #expect(throws: FormatError.invalid("count")) { try reader.count() }
    reader = ByteReader([11])
    #expect(throws: FormatError.invalid("count")) { try reader.count(limit: 10) }
    reader = ByteReader([10])
    #expect(try reader.count(limit: 10) == 10)
    var huge = ByteWriter()
    huge.varint(1 << 60)
    reader = ByteReader(huge.bytes)
    #expect(throws: FormatError.truncated) { try reader.counted() }
    reader = ByteReader(huge.bytes)
    #expect(throws: FormatError.invalid("mode")) { try reader.number32("mode") }
  }

  @Test(
    arguments: [[0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80]]
      as [[UInt8]])
  func `refuses text that is not UTF-8`(bytes: [UInt8]) {
    var writer = ByteWriter()
    writer.counted(bytes)
    var reader = ByteReader(writer.bytes)
    #expect(throws: FormatError.invalid("text")) { try reader.text() }
  }
}

@Suite struct `A timestamp` {
  @Test(
    arguments: [
      0, 1, -1, 999_999, 1_000_000, -1_000_001, 1_700_000_000_123_456, 253_402_300_799_999_999,
      -62_000_000_000_000_000,
    ]
      as [Int64])
  func `comes back from its text`(microseconds: Int64) {
    let time = Timestamp(microseconds: microseconds)
    #expect(Timestamp(time.description) == time)
  }

  @Test func `is written as the format says`() {
    #expect(
      Timestamp(microseconds: 1_700_000_000_000_001).description == "2023-11-14T22:13:20.000001Z")
    #expect(Timestamp(microseconds: -1).description == "1969-12-31T23:59:59.999999Z")
  }

  @Test(arguments: [
    "", "Z", ".", ".Z", "2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000001",
    "2023-11-14T22:13:20.1Z",
    "2023-11-14T22:13:20.-00001Z", "2023-11-14T22:13:20.00000xZ", "2023-13-14T22:13:20.000001Z",
    "yesterday.000000Z",
    "2023-11-14T22:13:20.0000001Z",
  ])
  func `is not read from anything else`(text: String) { #expect(Timestamp(text) == nil) }
}
