// The generated inputs of the chunking tests; the generator is the one chunk-vectors.txt documents.

import Chunking

/// Marsaglia's xorshift64 with the shifts 13, 7, 17.
struct Xorshift64 {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}

enum Input {
  static func random(seed: UInt64, byteCount: Int) -> [UInt8] {
    var generator = Xorshift64(seed: seed)
    var bytes = [UInt8](repeating: 0, count: byteCount + 8)
    do {
      var span = bytes.mutableSpan
      var raw = unsafe span.mutableBytes
      var offset = 0
      while offset < byteCount {
        raw.storeBytes(of: generator.next().littleEndian, toByteOffset: offset, as: UInt64.self)
        offset += 8
      }
    }
    bytes.removeLast(8)
    return bytes
  }

  static func rows(seed: UInt64, byteCount: Int) -> [UInt8] {
    var generator = Xorshift64(seed: seed)
    var bytes: [UInt8] = []
    var number = 0
    while bytes.count < byteCount {
      bytes += "\(number)\t\(generator.next() % 1000)\n".utf8
      number += 1
    }
    return Array(bytes.prefix(byteCount))
  }

  static func zeros(byteCount: Int) -> [UInt8] { [UInt8](repeating: 0, count: byteCount) }
}

/// The secrets that the tests cut with; `seed` 1 is the table of chunk-vectors.txt.
func table(seed: UInt64 = 1) -> [UInt8] { Input.random(seed: seed, byteCount: 4096) }

let prfKey = [UInt8](0..<16)

/// The lengths of all chunks of `bytes`.
func lengths(of bytes: [UInt8], by chunker: Chunker) -> [Int] {
  var lengths: [Int] = []
  var rest = bytes[...]
  while let length = chunker.nextCut(in: rest.span, isEnd: true) {
    lengths.append(length)
    rest = rest.dropFirst(length)
  }
  return lengths
}
