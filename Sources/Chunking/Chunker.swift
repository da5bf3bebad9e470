// Where files are cut: content-defined, keyed, and the same on every machine that has the key.

/// What a chunker refuses to be made from.
package enum ChunkingError: Error, Equatable, CustomStringConvertible {
  /// The table must have 4096 bytes.
  case tableByteCount(Int)
  /// The PRF key must have 16 bytes.
  case keyByteCount(Int)

  package var description: String {
    switch self {
    case .tableByteCount(let count):
      "cannot make a chunker: the table has \(count) bytes instead of \(RollingHash.tableByteCount)"
    case .keyByteCount(let count):
      "cannot make a chunker: the key has \(count) bytes instead of \(AES128.keyByteCount)"
    }
  }
}

/// How far one chunk has been looked at, so that more bytes are not scanned from the start again.
package struct ChunkScan: Sendable {
  /// Positions below this hold no cut.
  fileprivate var position = 0

  /// A scan at the start of a chunk.
  package init() {}
}

/// Cuts a stream of bytes into chunks by content.
///
/// A cut falls after a byte if the chunk has reached the minimum and AES-128 of the hash of the last
/// 64 bytes is below a threshold, or if the chunk has reached the maximum. So a chunk is a function
/// of the bytes from its start (and of the key) alone, an edit moves only the cuts near it, and who
/// sees chunk lengths learns which windows are equal and nothing else about content or key.
package struct Chunker: Sendable {
  /// The secret table's length in bytes.
  package static let tableByteCount = RollingHash.tableByteCount
  /// The secret PRF key's length in bytes.
  package static let prfKeyByteCount = AES128.keyByteCount

  /// The sizes it cuts to.
  package let parameters: ChunkerParameters
  private let reference: ReferenceScanner
  private let native: NativeScanner?

  /// Makes a chunker from secrets that the caller derived.
  ///
  /// - Parameters:
  ///   - table: 4096 uniformly random bytes: 256 words of 16 bytes, little-endian.
  ///   - prfKey: 16 uniformly random bytes, independent of the table.
  ///   - parameters: the sizes to cut to.
  ///   - portable: true to leave the processor's AES instructions alone; the cuts are the same.
  /// - Throws: ``ChunkingError`` if a secret has the wrong length.
  package init(
    table: [UInt8], prfKey: [UInt8], parameters: ChunkerParameters, portable: Bool = false
  ) throws(ChunkingError) {
    guard let hash = RollingHash(table: table) else { throw .tableByteCount(table.count) }
    guard let cipher = AES128(key: prfKey) else { throw .keyByteCount(prfKey.count) }
    self.parameters = parameters
    reference = ReferenceScanner(hash: hash, cipher: cipher)
    native = portable ? nil : NativeScanner(hash: hash, cipher: cipher)
  }

  /// The length of the first chunk of `bytes`, which start where a chunk starts.
  ///
  /// Nil if more bytes are needed to decide, which is never so once there are `maximumByteCount` of
  /// them or `isEnd` is true; nil also if there are no bytes at all, and so no chunk.
  package func nextCut(in bytes: Span<UInt8>, isEnd: Bool) -> Int? {
    var scan = ChunkScan()
    return nextCut(in: bytes, isEnd: isEnd, resuming: &scan)
  }

  /// As ``nextCut(in:isEnd:)``, but bytes that an earlier call saw are not scanned again.
  ///
  /// `bytes` must start with what the earlier calls were given. When a length is returned, `scan`
  /// stands at the start of the next chunk.
  package func nextCut(in bytes: Span<UInt8>, isEnd: Bool, resuming scan: inout ChunkScan) -> Int? {
    let lower = max(scan.position, parameters.minimumByteCount - 1)
    // After the last byte of the maximum a cut falls in any case.
    let upper = min(bytes.count, parameters.maximumByteCount - 1)
    if lower < upper {
      let position = firstCut(in: bytes, lower..<upper)
      if position < upper {
        scan = ChunkScan()
        return position + 1
      }
      scan.position = upper
    }
    if bytes.count >= parameters.maximumByteCount {
      scan = ChunkScan()
      return parameters.maximumByteCount
    }
    guard isEnd, !bytes.isEmpty else { return nil }
    scan = ChunkScan()
    return bytes.count
  }

  private func firstCut(in bytes: Span<UInt8>, _ range: Range<Int>) -> Int {
    let threshold = parameters.threshold
    guard let native else { return reference.firstCut(in: bytes, range, threshold: threshold) }
    return native.firstCut(in: bytes, range, threshold: threshold)
  }
}
