// The frozen cuts: chunk-vectors.txt against every way this machine can scan.

import Chunking
import Foundation
import Testing

@Suite struct `The recorded cuts` {
  struct Case: CustomTestStringConvertible, Sendable {
    var profile: UInt8
    var kind: String
    var seed: UInt64
    var byteCount: Int
    var cuts: [Int]
    var testDescription: String { "profile \(profile) \(kind) \(seed) \(byteCount)" }

    var input: [UInt8] {
      switch kind {
      case "rows": Input.rows(seed: seed, byteCount: byteCount)
      case "zeros": Input.zeros(byteCount: byteCount)
      default: Input.random(seed: seed, byteCount: byteCount)
      }
    }
  }

  struct Vectors {
    var table: [UInt8] = []
    var key: [UInt8] = []
    var cases: [Case] = []

    init() throws {
      let file = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "chunk-vectors.txt")
      for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
        let words = line.split(separator: " ").map(String.init)
        switch words[0] {
        case "table": table = Input.random(seed: try #require(UInt64(words[1])), byteCount: 4096)
        case "key":
          key = stride(from: 0, to: words[1].count, by: 2).compactMap {
            UInt8(words[1].dropFirst($0).prefix(2), radix: 16)
          }
        case "case":
          cases.append(
            Case(
              profile: try #require(UInt8(words[1])), kind: words[2],
              seed: try #require(UInt64(words[3])), byteCount: try #require(Int(words[4])),
              cuts: []))
        case "cuts":
          cases[cases.count - 1].cuts = try words.dropFirst().map { try #require(Int($0)) }
        default: #expect(words[0].hasPrefix("#"))
        }
      }
    }
  }

  @Test(arguments: [false, true])
  func `are made by the fast and by the portable scanner`(portable: Bool) throws {
    let vectors = try Vectors()
    #expect(vectors.cases.count == 10)
    // Portable code takes seconds a megabyte in debug builds: it gets the short cases.
    for vector in vectors.cases where !portable || vector.byteCount <= 600_000 {
      let parameters = try #require(ChunkerParameters(number: vector.profile))
      let chunker = try Chunker(
        table: vectors.table, prfKey: vectors.key, parameters: parameters, portable: portable)
      #expect(lengths(of: vector.input, by: chunker) == vector.cuts, "\(vector.testDescription)")
    }
  }

  @Test func `belong to the profiles by number`() {
    #expect(ChunkerParameters(number: 1) == .bulk)
    #expect(ChunkerParameters(number: 2) == .tree)
    #expect(ChunkerParameters(number: 3) == .small)
    #expect(ChunkerParameters(number: 0) == nil)
    #expect(ChunkerParameters(number: 4) == nil)
    let sizes = [ChunkerParameters.bulk, .tree, .small].map {
      [$0.minimumByteCount, $0.meanByteCount, $0.maximumByteCount]
    }
    #expect(
      sizes == [
        [655_360, 1_048_576, 4_194_304], [40_960, 65_536, 262_144], [20_480, 32_768, 131_072],
      ])
    #expect(ChunkerParameters.tree.threshold == 750_599_937_895_082)
  }
}
