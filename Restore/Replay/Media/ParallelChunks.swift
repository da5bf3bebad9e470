// What several threads share that move the chunks of one large file.

import Files
import Format
import Repository

/// Loads chunks on one thread.
final class ChunkLoader: @unchecked Sendable {  // one worker's own
  private let decoder: ChunkDecoder
  private var chunk: [UInt8] = []

  init() throws { decoder = try ChunkDecoder() }

  /// Lends the chunk, which lies at `offset` of its content.
  func load(
    _ reference: ChunkReference, at offset: UInt64, from reader: BlobReader,
    reusing older: OlderFile?, _ body: ([UInt8]) throws -> Void
  ) throws {
    if let older, older.read(reference, at: offset, into: &chunk) { return try body(chunk) }
    try reader.load(reference, into: &chunk, using: decoder)
    try body(chunk)
  }
}

/// One open file and a loader for each thread that writes to it.
final class SharedFile: Sendable {
  let file: OwnedDescriptor
  let loaders: [ChunkLoader]

  init(_ file: consuming OwnedDescriptor, count: Int) throws {
    self.file = file
    loaders = try (0..<count).map { _ in try ChunkLoader() }
  }
}

/// Hands out chunks with their offsets, one a call.
final class ChunkList: @unchecked Sendable {  // orderedParallel calls `next` one at a time
  private let items: [(ChunkReference, UInt64)]
  private var position = 0

  init(_ items: [(ChunkReference, UInt64)]) { self.items = items }

  func next() -> (ChunkReference, UInt64)? {
    guard position < items.count else { return nil }
    defer { position += 1 }
    return items[position]
  }
}
