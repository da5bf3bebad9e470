// Names are bytes: which are accepted, and how they are shown.

import Files
import Testing

@Suite struct `A file name` {
  @Test(
    arguments: [
      [], [0x2e], [0x2e, 0x2e], [0x61, 0x2f], [0x2f], [0x61, 0x00, 0x62],
      [UInt8](repeating: 0x61, count: 256),
    ] as [[UInt8]])
  func `refuses what is not one component`(bytes: [UInt8]) {
    #expect(FileName(bytes) == nil)
  }

  @Test(
    arguments: [
      [0x2e, 0x2e, 0x2e], [0xff, 0xfe], [0x0a], [0x20], [UInt8](repeating: 0xe9, count: 255),
    ] as [[UInt8]])
  func `keeps any other bytes`(bytes: [UInt8]) throws {
    #expect(try #require(FileName(bytes)).bytes == bytes)
  }

  @Test func `sorts by bytes, not by any language`() throws {
    let names = try ["Zebra", "apple", "Äpfel", "Apple"].map { try #require(FileName($0)) }
    #expect(names.sorted().map(\.description) == ["Apple", "Zebra", "apple", "Äpfel"])
  }

  @Test(
    arguments: [
      ("plain.jpg".bytes, "plain.jpg"),
      ("Käse 日本.txt".bytes, "Käse 日本.txt"),
      ("a\nb".bytes, #"a\x0ab"#),
      ("\u{1b}[2J".bytes, #"\x1b[2J"#),
      ([0x61, 0xff, 0x62], #"a\xffb"#),
      ([0xc3], #"\xc3"#),
      ([0xe6, 0x97, 0x61], #"\xe6\x97a"#),
      (#"back\slash"#.bytes, #"back\x5cslash"#),
      ("quo'te".bytes, #"quo\x27te"#),
      ("gpj.\u{202e}txt".bytes, #"gpj.\xe2\x80\xaetxt"#),
      ([], ""),
    ] as [([UInt8], String)])
  func `is shown without anything that moves the cursor`(bytes: [UInt8], text: String) {
    #expect(displayed(bytes) == text)
  }

  @Test func `that is temporary is known again, and never the same twice`() {
    let names = (0..<100).map { _ in FileName.temporary() }
    #expect(Set(names).count == 100)
    #expect(names.allSatisfy { $0.isTemporary })
    #expect(names.allSatisfy { $0.bytes.count == 14 + 32 })
    #expect(FileName("data")?.isTemporary == false)
  }
}

@Suite struct `A system error` {
  @Test func `says call, path and reason`() {
    #expect(
      SystemError(call: "open", path: "/srv/a\nb".bytes, code: 2).description
        == #"open '/srv/a\x0ab': no such file or directory"#)
    #expect(SystemError(call: "fsync", code: 5).description == "fsync: input/output error")
    #expect(SystemError(call: "x", code: 99999).description == "x: unknown error 99999")
  }

  @Test func `knows what it means`() {
    let meanings: [(Int32, KeyPath<SystemError, Bool>)] = [
      (2, \.isNotFound), (1, \.isPermission), (13, \.isPermission), (28, \.isNoSpace),
      (122, \.isNoSpace), (30, \.isReadOnly), (17, \.isExisting), (40, \.isSymbolicLink),
      (18, \.isCrossing), (20, \.isNotDirectory), (39, \.isNotEmpty), (5, \.isInputOutput),
      (38, \.isUnsupported), (95, \.isUnsupported),
    ]
    for (code, meaning) in meanings {
      #expect(SystemError(call: "call", code: code)[keyPath: meaning])
      #expect(!SystemError(call: "call", code: 9)[keyPath: meaning])
    }
  }

  @Test func `comes from a path with a NUL before the kernel sees half of it`() throws {
    let folder = try TestFolder()
    try folder.write("here", to: "a")
    let error = failure { _ = try OwnedDescriptor.openFile("a\0b", in: folder.descriptor) }
    #expect(error?.code == 22)
  }
}
