// A few thousand mutations of each corpus on every run; Scripts/fuzz makes millions, guided by coverage.

import Foundation
import FuzzTargets
import Testing

@Suite struct `Parsers of bytes from elsewhere` {
  /// Fixed seed: a failure here fails again.
  private struct Generator: RandomNumberGenerator {
    var state: UInt64
    /// SplitMix64 (Steele, Lea & Flood 2014).
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  static let names = FuzzTarget.all.map(\.name)

  private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("corpus")

  /// Inputs that once found a new way through the parser, valid ones among them: a line each, in base64.
  private func corpus(of target: FuzzTarget) throws -> [[UInt8]] {
    let file = Self.folder.appendingPathComponent("\(target.name).base64")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
      [UInt8](try #require(Data(base64Encoded: String(line))))
    }
  }

  private func target(_ name: String) throws -> FuzzTarget {
    try #require(FuzzTarget.all.first { $0.name == name })
  }

  @Test(arguments: names)
  func `accept what is well-formed`(name: String) throws {
    let target = try target(name)
    let accepted = try corpus(of: target).filter { try target.parse($0) }
    #expect(!accepted.isEmpty, "the corpus of \(name) holds nothing that the parser accepts")
  }

  @Test(arguments: names)
  func `refuse what is not, and never trap`(name: String) throws {
    let target = try target(name)
    let corpus = try corpus(of: target)
    try #require(!corpus.isEmpty)
    var generator = Generator(state: 20_260_131)
    var refused = 0
    for _ in 0..<2_000 {
      let input = Self.mutant(of: corpus, limit: target.byteLimit, &generator)
      if try !target.parse(input) { refused += 1 }
    }
    // Of a few parsers every input is good: a splitter of text, say.
    let acceptsAll = ["archive-list", "sql-script", "media-reference"].contains(name)
    #expect(refused > 0 || acceptsAll)
  }

  /// One to four changes of an input: bits, bytes, lengths, pieces of another, numbers at the edge.
  private static func mutant(
    of corpus: [[UInt8]], limit: Int, _ generator: inout Generator
  ) -> [UInt8] {
    var bytes = corpus.randomElement(using: &generator) ?? []
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let at = Int.random(in: 0...bytes.count, using: &generator)
      switch Int.random(in: 0..<6, using: &generator) {
      case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &generator)
      case 2: bytes.removeSubrange(at...)
      case 3: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: at)
      case 4:
        let other = corpus.randomElement(using: &generator) ?? []
        let from = Int.random(in: 0...other.count, using: &generator)
        bytes.replaceSubrange(at..., with: other[from...])
      default:
        let width = [1, 2, 4, 8].randomElement(using: &generator) ?? 1
        let edge: UInt8 = Bool.random(using: &generator) ? 0xFF : 0x80
        for index in at..<min(bytes.count, at + width) { bytes[index] = edge }
      }
    }
    return Array(bytes.prefix(limit))
  }
}
