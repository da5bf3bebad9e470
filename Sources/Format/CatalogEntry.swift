// What a catalog key maps to, as bytes: a tag, then fields.

package import Sodium

/// The bytes of a file, stream or table range, as chunks in order.
package struct Content: Hashable, Sendable {
  /// The chunks themselves, or the blobs that list them (for more than ``directLimit`` chunks).
  package enum Chunks: Hashable, Sendable {
    case direct([ChunkReference])
    /// Metadata blobs, each a run of 36-byte chunk references (id, length); in order.
    case listed([BlobID])
  }

  package static let directLimit = 256
  /// References in one list blob.
  package static let listLength = 16_384

  package var byteCount: UInt64
  package var chunks: Chunks

  package init(byteCount: UInt64, chunks: Chunks) {
    self.byteCount = byteCount
    self.chunks = chunks
  }

  package static let empty = Content(byteCount: 0, chunks: .direct([]))

  func encode(to writer: inout ByteWriter) {
    writer.varint(byteCount)
    switch chunks {
    case .direct(let references):
      writer.u8(0)
      writer.varint(UInt64(references.count))
      for reference in references {
        writer.id(reference.id)
        writer.varint(UInt64(reference.byteCount))
      }
    case .listed(let ids):
      writer.u8(1)
      writer.varint(UInt64(ids.count))
      for id in ids { writer.id(id) }
    }
  }

  init(from reader: inout ByteReader) throws(FormatError) {
    byteCount = try reader.varint()
    let form = try reader.u8()
    let count = try reader.count(limit: reader.remaining / 32)
    if form == 0 {
      var references: [ChunkReference] = []
      references.reserveCapacity(count)
      var total: UInt64 = 0
      for _ in 0..<count {
        let id = BlobID(try reader.digest())
        let length = try reader.number32("chunk length")
        references.append(ChunkReference(id: id, byteCount: length))
        total &+= UInt64(length)
      }
      guard total == byteCount else { throw .invalid("content length") }
      chunks = .direct(references)
    } else if form == 1 {
      var ids: [BlobID] = []
      ids.reserveCapacity(count)
      for _ in 0..<count { ids.append(BlobID(try reader.digest())) }
      chunks = .listed(ids)
    } else {
      throw .invalid("content form")
    }
  }

  /// The bytes of a list blob.
  package static func encodeList(_ references: [ChunkReference]) -> [UInt8] {
    var writer = ByteWriter(reserving: references.count * 36)
    for reference in references {
      writer.id(reference.id)
      writer.u32(reference.byteCount)
    }
    return writer.bytes
  }

  /// The references of a list blob.
  package static func decodeList(_ bytes: [UInt8]) throws(FormatError) -> [ChunkReference] {
    guard bytes.count % 36 == 0 else { throw .invalid("chunk list") }
    var reader = ByteReader(bytes)
    var references: [ChunkReference] = []
    references.reserveCapacity(bytes.count / 36)
    while reader.remaining > 0 {
      let id = BlobID(try reader.digest())
      references.append(ChunkReference(id: id, byteCount: try reader.u32()))
    }
    return references
  }
}

/// A data extent of a sparse file, in bytes.
package struct Extent: Hashable, Sendable {
  package var offset: UInt64
  package var byteCount: UInt64

  package init(offset: UInt64, byteCount: UInt64) {
    self.offset = offset
    self.byteCount = byteCount
  }
}

/// A regular file.
package struct FileEntry: Hashable, Sendable {
  package var metadata: FileMetadata
  /// The file's length in bytes, holes included.
  package var byteCount: UInt64
  /// Its data: all of it, or the data extents one after the other.
  package var content: Content
  /// Where data lies, if the file has holes; nil if it has none.
  package var extents: [Extent]?
  /// It changed while it was read, also on the last try: the content may be of no single moment.
  package var changedWhileRead: Bool
  /// It was gone when its source was read, but a row named it: this is the parent snapshot's.
  package var carriedForward: Bool

  package init(
    metadata: FileMetadata, byteCount: UInt64, content: Content, extents: [Extent]? = nil,
    changedWhileRead: Bool = false, carriedForward: Bool = false
  ) {
    self.metadata = metadata
    self.byteCount = byteCount
    self.content = content
    self.extents = extents
    self.changedWhileRead = changedWhileRead
    self.carriedForward = carriedForward
  }
}

/// Consecutive rows of a table, as COPY lines.
package struct TableRange: Hashable, Sendable {
  /// How the rows are written.
  package enum RowFormat: UInt8, Sendable {
    /// COPY's text format, one line a row.
    case text = 0
    /// COPY's binary format with its header and trailer.
    case binary = 1
  }
  package var rowCount: UInt64
  package var format: RowFormat
  package var content: Content
  package var digest: Digest

  package init(rowCount: UInt64, format: RowFormat, content: Content, digest: Digest) {
    self.rowCount = rowCount
    self.format = format
    self.content = content
    self.digest = digest
  }
}

/// A whole table's rows: what a drill compares.
package struct TableSummary: Hashable, Sendable {
  /// Copied columns in COPY's order.
  package var columns: [String]
  package var rowCount: UInt64
  /// Bytes of all rows as COPY text.
  package var byteCount: UInt64
  /// Σ of row hashes modulo 2²⁵⁶; see ``RowHasher``.
  package var digest: Digest
  /// Rows of an extension's configuration table are added, never replaced.
  package var isExtensionConfiguration: Bool
  /// The partitioned table that rows must be routed through; nil to load the table itself.
  package var loadThrough: QualifiedName?
  /// Why the table's rows are not here; nil if they are.
  package var excluded: String?

  package init(
    columns: [String], rowCount: UInt64, byteCount: UInt64, digest: Digest,
    isExtensionConfiguration: Bool = false, loadThrough: QualifiedName? = nil,
    excluded: String? = nil
  ) {
    self.columns = columns
    self.rowCount = rowCount
    self.byteCount = byteCount
    self.digest = digest
    self.isExtensionConfiguration = isExtensionConfiguration
    self.loadThrough = loadThrough
    self.excluded = excluded
  }
}

/// Schema and name of a relation, unquoted.
package struct QualifiedName: Hashable, Comparable, Sendable, Codable, CustomStringConvertible {
  package var schema: String
  package var name: String

  package init(schema: String, name: String) {
    self.schema = schema
    self.name = name
  }

  package static func < (a: QualifiedName, b: QualifiedName) -> Bool {
    (a.schema, a.name) < (b.schema, b.name)
  }

  package var description: String { "\(schema).\(name)" }
}

/// A large object with its bytes.
package struct LargeObject: Hashable, Sendable {
  package var owner: String
  /// `aclitem[]` as text; nil for the default privileges.
  package var privileges: String?
  package var comment: String?
  package var content: Content

  package init(owner: String, privileges: String?, comment: String?, content: Content) {
    self.owner = owner
    self.privileges = privileges
    self.comment = comment
    self.content = content
  }
}

/// What lies under a catalog key.
package enum CatalogEntry: Hashable, Sendable {
  case directory(FileMetadata)
  case file(FileEntry)
  case symlink(FileMetadata, target: [UInt8])
  /// Another name of the file under `target`, a key that sorts before this one.
  case hardLink(target: CatalogKey)
  case fifo(FileMetadata)
  case socket(FileMetadata)
  case characterDevice(FileMetadata, major: UInt32, minor: UInt32)
  case blockDevice(FileMetadata, major: UInt32, minor: UInt32)
  /// An entry that could not be read, and why; nothing of it is here.
  case unreadable(reason: String)
  case stream(Content)
  case largeObject(LargeObject)
  case range(TableRange)
  case table(TableSummary)

  /// The content, if this kind has any.
  package var content: Content? {
    switch self {
    case .file(let file): file.content
    case .stream(let content): content
    case .largeObject(let object): object.content
    case .range(let range): range.content
    default: nil
    }
  }
}
