// Nodes of the catalog tree, and where one ends: by content, so that a change stays local.

package import Sodium

/// A leaf's entry, undecoded.
package struct CatalogItem: Hashable, Sendable {
  package var key: CatalogKey
  /// A ``CatalogEntry`` as bytes.
  package var value: [UInt8]

  package init(key: CatalogKey, value: [UInt8]) {
    self.key = key
    self.value = value
  }
}

/// An inner node's pointer to a subtree.
package struct CatalogChild: Hashable, Sendable {
  /// The least key in the subtree.
  package var firstKey: CatalogKey
  package var id: BlobID
  /// Entries in the subtree.
  package var entryCount: UInt64

  package init(firstKey: CatalogKey, id: BlobID, entryCount: UInt64) {
    self.firstKey = firstKey
    self.id = id
    self.entryCount = entryCount
  }
}

/// A node of the catalog: a metadata blob's plaintext.
///
/// Version (1), level (1), count (varint), then for each: bytes shared with the key before
/// (varint), the rest of the key (counted), and the value (counted) on level 0, or child id (32)
/// and entries beneath (varint) above. Keys ascend strictly.
package enum CatalogNode: Sendable {
  case leaf([CatalogItem])
  case inner(level: UInt8, [CatalogChild])

  /// A node ends once it has this many bytes and its last key says so.
  package static let minimumByteCount = 16 * 1024
  /// What that makes of the length of nodes, about.
  package static let meanByteCount = 64 * 1024
  /// A node that has this many bytes ends, whatever its last key says.
  package static let maximumByteCount = 256 * 1024
  /// More levels than 10¹⁸ entries need: a deeper tree is hostile.
  package static let maximumLevel: UInt8 = 16

  package static func encode(level: UInt8, _ count: Int, _ body: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(reserving: body.count + 12)
    writer.u8(1)
    writer.u8(level)
    writer.varint(UInt64(count))
    writer.raw(body)
    return writer.bytes
  }

  /// Parses a node's plaintext.
  package init(_ bytes: [UInt8]) throws(FormatError) {
    var reader = ByteReader(bytes)
    let version = try reader.u8()
    guard version == 1 else { throw .newer(kind: "catalog node", version: version) }
    let level = try reader.u8()
    guard level <= Self.maximumLevel else { throw .invalid("catalog level") }
    let count = try reader.count(limit: reader.remaining / 2)
    var key: [UInt8] = []
    var items: [CatalogItem] = []
    var children: [CatalogChild] = []
    for i in 0..<count {
      let shared = try reader.count(limit: key.count)
      let next = Array(key[..<shared]) + (try reader.counted())
      guard i == 0 || key.lexicographicallyPrecedes(next) else { throw .invalid("key order") }
      key = next
      if level == 0 {
        items.append(CatalogItem(key: CatalogKey(bytes: key), value: try reader.counted()))
      } else {
        let id = BlobID(try reader.digest())
        children.append(
          CatalogChild(
            firstKey: CatalogKey(bytes: key), id: id, entryCount: try reader.varint()))
      }
    }
    try reader.end()
    if level == 0 {
      self = .leaf(items)
    } else {
      guard !children.isEmpty else { throw .invalid("empty inner node") }
      self = .inner(level: level, children)
    }
  }
}

/// Collects the items of one level and says when a node is full.
package struct CatalogNodeBuilder: Sendable {
  private let boundaryKey: Secret
  private let level: UInt8
  private var body = ByteWriter(reserving: CatalogNode.maximumByteCount)
  private var previous: [UInt8] = []
  package private(set) var count = 0
  package private(set) var firstKey: CatalogKey?
  package private(set) var entryCount: UInt64 = 0

  /// - Parameter boundaryKey: secret of the repository; node lengths then tell nothing of names.
  package init(level: UInt8, boundaryKey: Secret) {
    self.level = level
    self.boundaryKey = boundaryKey
  }

  /// Adds an item of a leaf; true if the node ends with it.
  package mutating func append(_ key: CatalogKey, value: [UInt8]) -> Bool {
    let before = body.bytes.count
    append(key)
    body.counted(value)
    entryCount += 1
    return isFull(after: key, added: body.bytes.count - before)
  }

  /// Adds a child of an inner node; true if the node ends with it.
  package mutating func append(_ child: CatalogChild) -> Bool {
    let before = body.bytes.count
    append(child.firstKey)
    body.id(child.id)
    body.varint(child.entryCount)
    entryCount += child.entryCount
    return isFull(after: child.firstKey, added: body.bytes.count - before)
  }

  private mutating func append(_ key: CatalogKey) {
    var shared = 0
    let limit = min(previous.count, key.bytes.count)
    while shared < limit, previous[shared] == key.bytes[shared] { shared += 1 }
    if count == 0 {
      firstKey = key
      shared = 0
    }
    body.varint(UInt64(shared))
    body.counted(Array(key.bytes[shared...]))
    previous = key.bytes
    count += 1
  }

  /// Ends with a chance in proportion to the bytes added, decided by a keyed hash of the key alone:
  /// the same keys end nodes in every snapshot, whatever their values.
  private func isFull(after key: CatalogKey, added: Int) -> Bool {
    let size = body.bytes.count
    if size >= CatalogNode.maximumByteCount { return count > 1 }
    guard size >= CatalogNode.minimumByteCount, count > 1 else { return false }
    let span = UInt64(CatalogNode.meanByteCount - CatalogNode.minimumByteCount)
    let threshold = (UInt64.max / span).multipliedReportingOverflow(by: UInt64(added))
    return threshold.overflow
      || ShortHash.hash([level] + key.bytes, key: boundaryKey) < threshold.partialValue
  }

  /// The node's bytes; the builder starts over.
  package mutating func finish() -> [UInt8] {
    let bytes = CatalogNode.encode(level: level, count, body.bytes)
    self = CatalogNodeBuilder(level: level, boundaryKey: boundaryKey)
    return bytes
  }
}
