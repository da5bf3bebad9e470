// Compression round trips, and frames that are damaged, cut, foreign or bombs.

import Testing
import Zstd

/// Bytes that look random and are the same for the same seed: xorshift64*.
private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
  var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
  return (0..<count).map { _ in
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return UInt8(truncatingIfNeeded: (state &* 0x2545_F491_4F6C_DD1D) >> 56)
  }
}

private func compress(
  _ source: [UInt8], prefix: [UInt8]? = nil, level: Int32 = 3
) throws -> [UInt8] {
  let encoder = try ZstdEncoder(level: level)
  return try compress(source, prefix: prefix, using: encoder)
}

private func compress(
  _ source: [UInt8], prefix: [UInt8]? = nil, using encoder: ZstdEncoder
) throws -> [UInt8] {
  var output = [UInt8](repeating: 0, count: ZstdEncoder.bound(source.count))
  var span = output.mutableSpan
  let count =
    if let prefix {
      try encoder.compress(source.span, prefix: prefix.span, into: &span)
    } else {
      try encoder.compress(source.span, into: &span)
    }
  return Array(output[..<count])
}

private func decompress(
  _ frame: [UInt8], prefix: [UInt8]? = nil, count: Int, using decoder: ZstdDecoder? = nil
) throws -> [UInt8] {
  let decoder = try decoder ?? ZstdDecoder()
  var output = [UInt8](repeating: 0, count: count)
  var span = output.mutableSpan
  if let prefix {
    try decoder.decompress(frame.span, prefix: prefix.span, into: &span)
  } else {
    try decoder.decompress(frame.span, into: &span)
  }
  return output
}

@Suite struct `A chunk` {
  @Test(arguments: [0, 1, 2, 63, 64, 1000, 65_536, 1_000_000], [1, 3, 9] as [Int32])
  func `comes back from compression byte for byte`(count: Int, level: Int32) throws {
    for source in [noise(count, seed: 1), [UInt8](repeating: 65, count: count)] {
      #expect(try decompress(try compress(source, level: level), count: count) == source)
    }
  }

  @Test func `compresses to much less if it repeats itself`() throws {
    #expect(try compress([UInt8](repeating: 65, count: 1_000_000)).count < 200)
  }

  @Test func `compresses to the same bytes whatever the context did before`() throws {
    let encoder = try ZstdEncoder(level: 3)
    let source = (0..<5000).flatMap { Array("row \($0 % 100)\n".utf8) }
    let first = try compress(source, using: encoder)
    _ = try compress(noise(100_000, seed: 2), prefix: noise(50_000, seed: 3), using: encoder)
    #expect(try compress(source, using: encoder) == first)
  }
}

@Suite struct `A delta` {
  static let base = noise(300_000, seed: 7)
  /// The base with a piece gone, a piece new and a byte changed.
  static var edited: [UInt8] {
    var bytes = Array(base[..<100_000]) + noise(500, seed: 8) + Array(base[120_000...])
    bytes[50_000] ^= 1
    return bytes
  }

  @Test func `comes back with its base, and is small`() throws {
    let frame = try compress(Self.edited, prefix: Self.base)
    #expect(frame.count < 2000)
    let decoded = try decompress(frame, prefix: Self.base, count: Self.edited.count)
    #expect(decoded == Self.edited)
  }

  @Test func `reaches back over all of a long base, whatever the level's own window`() throws {
    // Zeros in between, or the level's small tables would have forgotten the beginning.
    let base = noise(1000, seed: 9) + [UInt8](repeating: 0, count: 6_000_000)
    let frame = try compress(Array(base[..<1000]), prefix: base, level: 1)
    #expect(frame.count < 200)
    #expect(try decompress(frame, prefix: base, count: 1000) == Array(base[..<1000]))
  }

  @Test func `does not come back with another base or none`() throws {
    let frame = try compress(Self.edited, prefix: Self.base)
    for wrong in [noise(300_000, seed: 10), Array(Self.base.dropFirst(3)), [1, 2, 3]] {
      let decoded = try? decompress(frame, prefix: wrong, count: Self.edited.count)
      #expect(decoded != Self.edited)
    }
    #expect(throws: ZstdError.damaged) { try decompress(frame, count: Self.edited.count) }
  }

  @Test func `leaves nothing of its base to the next frame`() throws {
    let decoder = try ZstdDecoder()
    let frame = try compress(Self.edited, prefix: Self.base)
    _ = try decompress(frame, prefix: Self.base, count: Self.edited.count, using: decoder)
    #expect(throws: ZstdError.damaged) {
      try decompress(frame, count: Self.edited.count, using: decoder)
    }
  }
}

@Suite struct `A frame` {
  static let source = (0..<3000).flatMap { Array("row \($0)\n".utf8) }

  @Test func `that is cut anywhere is damaged`() throws {
    let frame = try compress(Self.source)
    for length in 0..<frame.count {
      #expect(throws: ZstdError.damaged, "cut to \(length)") {
        try decompress(Array(frame[..<length]), count: Self.source.count)
      }
    }
  }

  @Test func `with bytes behind it is damaged`() throws {
    let frame = try compress(Self.source)
    #expect(throws: ZstdError.damaged) { try decompress(frame + [0], count: Self.source.count) }
    #expect(throws: ZstdError.damaged) { try decompress(frame + frame, count: Self.source.count) }
  }

  @Test func `that decodes to another length than announced is damaged`() throws {
    let frame = try compress(Self.source)
    for count in [0, 1, Self.source.count - 1, Self.source.count + 1, Self.source.count * 2] {
      #expect(throws: ZstdError.damaged, "announced as \(count)") {
        try decompress(frame, count: count)
      }
    }
  }

  @Test func `of garbage is damaged and never crashes`() throws {
    let decoder = try ZstdDecoder()
    for seed in 1...300 as ClosedRange<UInt64> {
      let garbage = noise(Int(seed) * 3, seed: seed)
      #expect(throws: ZstdError.damaged) { try decompress(garbage, count: 1000, using: decoder) }
      // With the magic number in front it gets further.
      let framed = [0x28, 0xb5, 0x2f, 0xfd] + garbage
      #expect((try? decompress(framed, count: 1000, using: decoder)) == nil)
    }
    // The context still works.
    let frame = try compress(Self.source)
    #expect(try decompress(frame, count: Self.source.count, using: decoder) == Self.source)
  }

  @Test func `with any bit flipped throws or yields other bytes of the announced length`() throws {
    let decoder = try ZstdDecoder()
    let frame = try compress(Self.source)
    for i in frame.indices {
      var other = frame
      other[i] ^= 0x10
      if let decoded = try? decompress(other, count: Self.source.count, using: decoder) {
        #expect(decoded.count == Self.source.count)
      }
    }
  }

  @Test func `that unpacks to a hundred million zeros writes no more than was announced`() throws {
    let bomb = try compress([UInt8](repeating: 0, count: 100_000_000))
    #expect(bomb.count < 20_000)
    #expect(throws: ZstdError.damaged) { try decompress(bomb, count: 1000) }
  }

  @Test func `that claims a window of 256 MiB is decoded in place, without one`() throws {
    // RFC 8878, 3.1.1: no single segment, window descriptor exponent 18, one raw block.
    let frame: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3, 0x09, 0x00, 0x00, 0x41]
    #expect(try decompress(frame, count: 1) == [0x41])
  }

  @Test func `does not fit where there is too little room`() throws {
    let encoder = try ZstdEncoder(level: 3)
    let source = noise(1000, seed: 4)
    var output = [UInt8](repeating: 0, count: 500)
    var span = output.mutableSpan
    do {
      _ = try encoder.compress(source.span, into: &span)
      Issue.record("1,000 random bytes fitted in 500")
    } catch {
      guard case .refused = error else {
        Issue.record("\(error)")
        return
      }
    }
  }
}
