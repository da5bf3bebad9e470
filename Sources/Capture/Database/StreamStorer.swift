// Owns the storing of streams that have no rows: archives, lists, large objects.

import Chunking
import Format
import Repository

/// Cuts one stream after the other by content and stores the chunks; one thread's own.
final class StreamStorer {
  private let writer: BlobWriter
  let encoder: ChunkEncoder
  private let chunker: Chunker
  private var pending: [UInt8] = []
  private var scan = ChunkScan()
  private var content: ContentBuilder

  /// The chunk lengths to use: short ones for text, where changes are scattered; the repository's for others.
  static func parameters(forText isText: Bool, profile: UInt8) -> ChunkerParameters {
    isText ? .small : ChunkerParameters(number: profile) ?? .bulk
  }

  /// Makes the buffers and the chunker.
  ///
  /// - Parameters:
  ///   - writer: stores the chunks.
  ///   - keys: hold the chunker's secrets.
  ///   - parameters: how long chunks are; `.small` suits text with scattered changes.
  /// - Throws: errors of zstd, libsodium and the chunker, all of which mean that memory is out.
  init(_ writer: BlobWriter, keys: RoleKeys, parameters: ChunkerParameters) throws {
    self.writer = writer
    encoder = try ChunkEncoder()
    let tables = try keys.chunkerTables()
    chunker = try Chunker(table: tables.table, prfKey: tables.prfKey, parameters: parameters)
    content = ContentBuilder(writer)
    pending.reserveCapacity(2 * parameters.maximumByteCount + (1 << 20))
  }

  /// Appends bytes to the stream.
  func add(_ bytes: Span<UInt8>) throws {
    pending.append(addingCapacity: bytes.count) { output in
      for index in bytes.indices { output.append(bytes[index]) }
    }
    // Cutting at every small piece would move the rest to the front each time.
    if pending.count >= 2 * chunker.parameters.maximumByteCount { try cut(isEnd: false) }
  }

  /// Appends bytes to the stream.
  func add(_ bytes: [UInt8]) throws { try add(bytes.span) }

  /// Appends zeros.
  func add(zeros count: UInt64) throws {
    let block = [UInt8](repeating: 0, count: 1 << 20)
    var rest = count
    while rest > 0 {
      let length = Int(min(rest, UInt64(block.count)))
      try add(block.span.extracting(0..<length))
      rest -= UInt64(length)
    }
  }

  /// Ends the stream; the next one starts.
  func finish() throws -> Content {
    try cut(isEnd: true)
    let result = try content.finish(using: encoder)
    writer.count { $0.bytesRead += result.byteCount }
    return result
  }

  /// Forgets the stream, after an error that is not the end of the capture.
  func discard() {
    pending.removeAll(keepingCapacity: true)
    scan = ChunkScan()
    content = ContentBuilder(writer)
  }

  private func cut(isEnd: Bool) throws {
    // A span of a property would keep the property from being changed.
    var bytes: [UInt8] = []
    swap(&bytes, &pending)
    defer { swap(&bytes, &pending) }
    var start = 0
    while let length = chunker.nextCut(
      in: bytes.span.extracting(start..<bytes.count), isEnd: isEnd, resuming: &scan)
    {
      let reference = try writer.store(
        bytes.span.extracting(start..<start + length), class: .content, using: encoder)
      try content.append(reference, using: encoder)
      start += length
    }
    bytes.removeSubrange(0..<start)
  }
}
