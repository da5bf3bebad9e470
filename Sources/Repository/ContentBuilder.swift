// Chunk lists of contents: short ones stand in the catalog, long ones in blobs of their own.

package import Format
import Sodium

/// Collects the chunks of one content in order.
package struct ContentBuilder {
  private let writer: BlobWriter
  private var byteCount: UInt64 = 0
  private var references: [ChunkReference] = []
  private var lists: [BlobID] = []

  package init(_ writer: BlobWriter) { self.writer = writer }

  /// Appends a stored chunk.
  ///
  /// Memory: at most ``Content/listLength`` references.
  package mutating func append(_ reference: ChunkReference, using encoder: ChunkEncoder) throws {
    references.append(reference)
    byteCount += UInt64(reference.byteCount)
    if references.count == Content.listLength { try spill(using: encoder) }
  }

  /// The content; the builder starts over.
  package mutating func finish(using encoder: ChunkEncoder) throws -> Content {
    if !lists.isEmpty || references.count > Content.directLimit {
      if !references.isEmpty { try spill(using: encoder) }
      let content = Content(byteCount: byteCount, chunks: .listed(lists))
      self = ContentBuilder(writer)
      return content
    }
    let content = Content(byteCount: byteCount, chunks: .direct(references))
    self = ContentBuilder(writer)
    return content
  }

  private mutating func spill(using encoder: ChunkEncoder) throws {
    let list = Content.encodeList(references)
    lists.append(try writer.store(list.span, class: .metadata, using: encoder).id)
    references.removeAll(keepingCapacity: true)
  }
}

extension BlobReader {
  /// Calls `body` with each chunk reference of `content`, in order.
  ///
  /// - Throws: ``RepositoryError`` if a list is damaged or the lengths don't add up; what `body` throws.
  package func forEachChunk(
    of content: Content, using decoder: ChunkDecoder,
    _ body: (ChunkReference) throws -> Void
  ) throws {
    switch content.chunks {
    case .direct(let references): for reference in references { try body(reference) }
    case .listed(let ids):
      var total: UInt64 = 0
      var list: [UInt8] = []
      for id in ids {
        try load(id, into: &list, using: decoder)
        let references: [ChunkReference]
        do { references = try Content.decodeList(list) } catch {
          throw RepositoryError.damaged("chunk list \(id)", error)
        }
        for reference in references {
          total &+= UInt64(reference.byteCount)
          try body(reference)
        }
      }
      guard total == content.byteCount else {
        throw RepositoryError.damaged("a chunk list", .invalid("content length"))
      }
    }
  }

  /// Calls `body` with the bytes of `content`, chunk by chunk.
  package func forEachPiece(
    of content: Content, using decoder: ChunkDecoder, _ body: (Span<UInt8>) throws -> Void
  ) throws {
    var chunk: [UInt8] = []
    try forEachChunk(of: content, using: decoder) { reference in
      try load(reference, into: &chunk, using: decoder)
      try body(chunk.span)
    }
  }

  /// All bytes of `content`, which must not have more than `limit`.
  package func bytes(of content: Content, limit: Int, using decoder: ChunkDecoder) throws -> [UInt8]
  {
    guard content.byteCount <= UInt64(limit) else {
      throw RepositoryError.damaged("a stream", .invalid("length"))
    }
    var result: [UInt8] = []
    result.reserveCapacity(Int(content.byteCount))
    try forEachPiece(of: content, using: decoder) { Bytes.append($0, to: &result) }
    return result
  }
}
