// Ids of what a repository holds: 32 bytes each, and a type each, so that a mix-up does not compile.

package import Sodium

/// A 32-byte id with its own type.
package protocol Identifier: Hashable, Comparable, Sendable, CustomStringConvertible {
  var digest: Digest { get }
  init(_ digest: Digest)
}

extension Identifier {
  package static func < (a: Self, b: Self) -> Bool { a.digest < b.digest }

  /// The first eight hexadecimal digits: enough for people, and what messages use.
  package var description: String { String(digest.hex.prefix(8)) }

  /// All 64 hexadecimal digits: the name of the object.
  package var hex: String { digest.hex }

  package init?(hex: some StringProtocol) {
    guard let digest = Digest(hex: hex) else { return nil }
    self.init(digest)
  }

  /// A random id.
  package static func random() -> Self { Self(Random.digest()) }
}

extension ByteWriter {
  package mutating func id(_ value: some Identifier) { digest(value.digest) }
  package mutating func digest(_ value: Digest) { raw(value.bytes) }
}

extension ByteReader {
  package mutating func digest() throws(FormatError) -> Digest {
    let bytes = try raw(32)
    guard let value = Digest(bytes.span) else { throw .truncated }
    return value
  }
}

/// Which repository: drawn at `init`, bound into everything sealed or signed.
package struct RepositoryID: Identifier {
  package var digest: Digest
  package init(_ digest: Digest) { self.digest = digest }
}

/// A chunk's identity: BLAKE2b-256 of its plaintext, keyed by the id key of its class.
package struct BlobID: Identifier {
  package var digest: Digest
  package init(_ digest: Digest) { self.digest = digest }
}

/// A pack's identity: random, because its contents are sealed under it before they are known.
package struct PackID: Identifier {
  package var digest: Digest
  package init(_ digest: Digest) { self.digest = digest }
}

/// An object that is named by the BLAKE2b-256 of its bytes: manifest, index run, log entry, doom.
package struct DocumentID: Identifier {
  package var digest: Digest
  package init(_ digest: Digest) { self.digest = digest }

  /// The id of an object with these bytes.
  package init(of bytes: [UInt8]) { digest = Blake2b.hash(bytes) }
}

/// A snapshot's identity: that of its manifest.
package typealias SnapshotID = DocumentID

/// Which kind of plaintext a blob holds, and so who may read it.
package enum BlobClass: UInt8, Sendable, CaseIterable {
  /// Catalog nodes and chunk lists: keeper and owner read them.
  case metadata = 1
  /// Rows, files, DDL: only the owner reads them.
  case content = 2
}

/// How a blob's bytes were made from its chunk.
package enum BlobEncoding: UInt8, Sendable {
  /// As they are.
  case raw = 0
  /// One Zstandard frame.
  case zstd = 1
  /// One Zstandard frame with the base blob's plaintext as prefix.
  case delta = 2
}

/// A chunk as catalogs name it.
package struct ChunkReference: Hashable, Sendable {
  package var id: BlobID
  /// Length of the plaintext in bytes.
  package var byteCount: UInt32

  package init(id: BlobID, byteCount: UInt32) {
    self.id = id
    self.byteCount = byteCount
  }
}
