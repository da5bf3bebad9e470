// JSON bodies: round trips, later versions, anything else.

import Format
import Sodium
import Testing

@Suite struct `A body` {
  static let manifest = Manifest(
    time: Timestamp(microseconds: 1), finished: Timestamp(microseconds: 2), host: "höst", user: "u",
    program: "lifeboat 1", tags: ["a/b", "\"quoted\""], sequence: .max, previous: nil, parent: "ff",
    catalog: CatalogRoot(root: digest(1).hex, entryCount: .max), indexRuns: [digest(2).hex],
    databases: [
      DatabaseSummary(
        name: "n", database: "d", serverVersion: "15.4 (Debian)", serverMajor: 15,
        systemIdentifier: "7", logPosition: "0/1", transactionSnapshot: "1:1:",
        time: Timestamp(microseconds: -1), tableCount: 1, rowCount: .max, byteCount: 3,
        largeObjectCount: 4, sequenceCount: 5, digest: digest(3).hex, notIncluded: ["x"])
    ],
    media: [MediaSummary(name: "m", path: "/srv/\u{1}", unreadable: ["a"], users: ["0": "root"])],
    references: [
      ReferenceSummary(
        database: "n", table: QualifiedName(schema: "s", name: "t"), column: "c", media: "m",
        valueCount: 1, dangling: ["b"], danglingCount: 1, carriedForwardCount: 0)
    ], statistics: CaptureStatistics(bytesRead: .max, blobsNew: 1))

  @Test func `of a manifest comes back and is the same bytes each time`() throws {
    let bytes = try DocumentBody.encode(Self.manifest)
    #expect(try DocumentBody.decode(Manifest.self, from: bytes, kind: .snapshot) == Self.manifest)
    #expect(try DocumentBody.encode(Self.manifest) == bytes)
    #expect(!String(decoding: bytes, as: UTF8.self).contains("previous"))
    #expect(String(decoding: bytes, as: UTF8.self).contains("a/b"))
  }

  @Test func `of a log entry, a doom mark and a configuration comes back`() throws {
    let entry = LogEntry(
      time: Timestamp(microseconds: 5), host: "h", program: "p", event: .drill, outcome: "pass",
      snapshots: [digest(1).hex], details: ["a": "b"], previous: nil)
    #expect(
      try DocumentBody.decode(LogEntry.self, from: try DocumentBody.encode(entry), kind: .logEntry)
        == entry)
    let mark = DoomMark(
      time: Timestamp(microseconds: 6), graceSeconds: 86_400, packs: [digest(2).hex])
    #expect(
      try DocumentBody.decode(DoomMark.self, from: try DocumentBody.encode(mark), kind: .doom)
        == mark)
    let config = RepositoryConfig(
      repository: digest(3).hex, created: Timestamp(microseconds: 7), packByteCount: 1 << 25,
      chunkerProfile: 1, tableRangeBlocks: 256,
      epochs: [.init(number: 1, ownerBox: "a", keeperBox: "b", ownerSign: "c")])
    #expect(
      try DocumentBody.decode(
        RepositoryConfig.self, from: try DocumentBody.encode(config), kind: .config) == config)
  }

  @Test func `cut anywhere is refused`() throws {
    let bytes = try DocumentBody.encode(Self.manifest)
    cuts(bytes) { length, cut in
      let error = #expect(throws: FormatError.self, "cut to \(length)") {
        try DocumentBody.decode(Manifest.self, from: cut, kind: .snapshot)
      }
      #expect(error == .invalid("snapshot body"))
    }
  }

  @Test(arguments: ["{\"version\":2}", "{\"version\":2,\"time\":7,\"catalog\":[]}"])
  func `of a later version says so, whatever its shape`(text: String) {
    #expect(throws: FormatError.newer(kind: "snapshot", version: 2)) {
      try DocumentBody.decode(Manifest.self, from: Array(text.utf8), kind: .snapshot)
    }
  }

  @Test func `of a far later version says so too`() {
    #expect(throws: FormatError.newer(kind: "doom mark", version: 255)) {
      try DocumentBody.decode(DoomMark.self, from: Array("{\"version\":70000}".utf8), kind: .doom)
    }
  }

  @Test(arguments: [
    "", "null", "[]", "{}", "7", "{\"version\":1}", "{\"version\":0}", "{\"version\":-1}",
    "{\"version\":\"1\"}", "{\"version\":1.5}", "{\"version\":null}",
    "{\"version\":1,\"time\":\"now\",\"graceSeconds\":1,\"packs\":[]}",
    "{\"version\":1,\"time\":\"2023-11-14T22:13:20.000001Z\",\"graceSeconds\":1,\"packs\":7}",
    "{\"version\":1,\"time\":\"2023-11-14T22:13:20.000001Z\",\"graceSeconds\":99999999999999999999,\"packs\":[]}",
  ])
  func `of any other shape is refused`(text: String) {
    #expect(throws: FormatError.invalid("doom mark body")) {
      try DocumentBody.decode(DoomMark.self, from: Array(text.utf8), kind: .doom)
    }
  }

  @Test func `with members of a later day is read without them`() throws {
    let text =
      "{\"later\":{},\"version\":1,\"time\":\"2023-11-14T22:13:20.000001Z\",\"graceSeconds\":1,\"packs\":[]}"
    let mark = try DocumentBody.decode(DoomMark.self, from: Array(text.utf8), kind: .doom)
    #expect(mark.graceSeconds == 1)
  }
}
