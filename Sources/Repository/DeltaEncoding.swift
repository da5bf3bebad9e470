// Storing a chunk as its difference from one that the repository has: when it may, and when it pays.

import Format
import Workers
import Zstd

/// When a writer stores a chunk as a delta.
package struct DeltaPolicy: Sendable {
  /// Deltas between a chunk and a whole one, at most: each costs a restore one more decoding.
  ///
  /// 0: every chunk is stored whole.
  package var depthLimit: Int

  package init(depthLimit: Int = DeltaPolicy.standardDepthLimit) {
    self.depthLimit = min(max(depthLimit, 0), Self.greatestDepthLimit)
  }

  /// docs/performance.md shows what other limits cost and save.
  package static let standardDepthLimit = 16
  /// Half of what a reader takes: copies of bases may come to differ in depth.
  package static let greatestDepthLimit = PackFormat.deltaDepthLimit / 2

  /// Zstandard level of chunks that have predecessors and are not like them.
  static let levelOfNews: Int32 = 9

  /// Whether a delta is so small that it pays whatever the chunk compresses to.
  static func isSmall(_ deltaByteCount: Int, for chunkByteCount: Int) -> Bool {
    deltaByteCount <= chunkByteCount / 64
  }

  /// Whether a delta saves enough to make a chain longer: a quarter of the chunk stored whole.
  static func pays(_ deltaByteCount: Int, insteadOf wholeByteCount: Int) -> Bool {
    deltaByteCount <= wholeByteCount - wholeByteCount / 4
  }
}

/// What one worker thread needs to encode deltas: made when the first base is met.
final class DeltaEncoder {
  let compressor: ZstdEncoder
  let decoder: ChunkDecoder
  var base: [UInt8] = []
  var output = SharedBuffer(byteCount: 1 << 20)

  init() throws {
    compressor = try ZstdEncoder(level: Self.fastLevel, withLongMatches: true)
    decoder = try ChunkDecoder()
  }

  /// Nearly all of an edition is found in its base, at any level; only what is new in it is worth effort.
  static let fastLevel: Int32 = 3
  static let thoroughLevel: Int32 = 9

  /// Compresses `chunk` with the base as prefix into ``output``; returns the encoded length.
  func compress(_ chunk: Span<UInt8>, level: Int32) throws -> Int {
    let bound = ZstdEncoder.bound(chunk.count)
    output = SharedBuffer.reuse(output, atLeast: bound)
    // A span of a property would escape.
    let prefix = base
    compressor.setLevel(level)
    return try output.withRegion(at: 0, count: bound) { output in
      try compressor.compress(chunk, prefix: prefix.span, into: &output)
    }
  }
}

/// A chunk in ``DeltaEncoder/output``, encoded as a delta from the base that is in ``DeltaEncoder/base``.
struct EncodedDelta {
  var byteCount: Int
  var base: BlobID
  /// Deltas to a whole chunk.
  var depth: Int
}

/// A chunk as it was encoded.
enum EncodedChunk {
  case raw
  /// So many bytes of ``ChunkEncoder/compressed``.
  case zstd(Int)
  /// So many bytes of ``DeltaEncoder/output``.
  case delta(Int, base: BlobID)

  var encoding: BlobEncoding {
    switch self {
    case .raw: .raw
    case .zstd: .zstd
    case .delta: .delta
    }
  }
}

extension BlobWriter {
  /// Deltas from `base` to a whole chunk, if a new delta of `target` may be made from it.
  ///
  /// All of the chain must be what a writer may leave out of its packs: there, not doomed, and said to
  /// be there by somebody who is believed. A delta whose base goes is lost.
  private func depth(
    ofBase base: BlobID, for target: BlobID, class blobClass: BlobClass
  ) -> Int? {
    guard base != target else { return nil }
    if let fresh = freshDepth(of: base) { return fresh }
    let chain = repository.index.chain(of: base) { copy in
      copy.location.entry.id != target && copy.location.pack.blobClass == blobClass
        && copy.isTrusted(by: repository.keys.signer.publicKey)
        && !doomed.contains(copy.location.pack.id)
    }
    return chain.map { $0.count - 1 }
  }

  /// Encodes `chunk` as a delta from that of `bases` which leaves the least; nil if none may be used.
  ///
  /// The first that leaves little ends the search, and nearly always it is the first of all.
  func encodeDelta(
    _ chunk: Span<UInt8>, _ id: BlobID, from bases: [BlobID], class blobClass: BlobClass,
    using encoder: ChunkEncoder
  ) throws -> EncodedDelta? {
    guard !bases.isEmpty, repository.keys.canRead(blobClass), chunk.count >= Self.shortestDelta
    else { return nil }
    let delta = try encoder.delta()
    var best: EncodedDelta?
    var loaded: BlobID?
    for base in bases {
      guard let depth = depth(ofBase: base, for: id, class: blobClass), depth < policy.depthLimit,
        load(base, into: delta)
      else { continue }
      loaded = base
      let count = try delta.compress(chunk, level: DeltaEncoder.fastLevel)
      if count < best?.byteCount ?? .max {
        best = EncodedDelta(byteCount: count, base: base, depth: depth + 1)
      }
      if DeltaPolicy.isSmall(count, for: chunk.count) { return best }
    }
    guard var best, best.base == loaded || load(best.base, into: delta) else { return nil }
    best.byteCount = try delta.compress(chunk, level: DeltaEncoder.thoroughLevel)
    return best
  }

  /// Loads a base; false if that fails: no reason to stop, the chunk itself is here to be stored whole.
  private func load(_ base: BlobID, into delta: DeltaEncoder) -> Bool {
    do { try reader.load(base, into: &delta.base, using: delta.decoder) } catch { return false }
    return !delta.base.isEmpty
  }

  /// Shorter chunks gain less than a base costs: an entry in trailer and index is 32 to 36 bytes longer.
  private static let shortestDelta = 512
}
