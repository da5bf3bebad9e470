// Keys of the catalog: components joined by a zero byte, so that byte order is tree order.

/// Where in a snapshot something is: a path of components that hold no zero byte.
///
/// A directory sorts before what it holds, and all that it holds is contiguous, because the zero
/// that joins components is less than any byte in one. Numbers are 8 hexadecimal digits or more, so
/// that they, too, hold no zero byte and sort by value.
package struct CatalogKey: Hashable, Comparable, Sendable {
  package let bytes: [UInt8]

  /// Joins `components`; a zero byte inside one would be another key, so it is refused by `nil`.
  package init?(components: [[UInt8]]) {
    guard !components.isEmpty, components.allSatisfy({ !$0.contains(0) }) else { return nil }
    bytes = Array(components.joined(separator: [0]))
  }

  /// Takes the bytes of a key as they stand in a node.
  package init(bytes: [UInt8]) { self.bytes = bytes }

  package var components: [[UInt8]] {
    bytes.split(separator: 0, omittingEmptySubsequences: false).map { Array($0) }
  }

  package static func < (a: CatalogKey, b: CatalogKey) -> Bool {
    a.bytes.lexicographicallyPrecedes(b.bytes)
  }

  /// Whether this key is `other` or lies beneath it.
  package func isWithin(_ other: CatalogKey) -> Bool {
    bytes.starts(with: other.bytes)
      && (bytes.count == other.bytes.count || bytes[other.bytes.count] == 0)
  }

  /// The key of `component` beneath this one.
  package func appending(_ component: [UInt8]) -> CatalogKey {
    CatalogKey(bytes: bytes + [0] + component)
  }

  /// The key of `text` beneath this one.
  package func appending(_ text: String) -> CatalogKey { appending(Array(text.utf8)) }

  /// The key of a number beneath this one: 16 hexadecimal digits.
  package func appending(number: UInt64) -> CatalogKey {
    let digits = String(number, radix: 16)
    return appending(String(repeating: "0", count: 16 - digits.count) + digits)
  }
}

extension CatalogKey {
  /// Everything of the database source called `name`.
  package static func database(_ name: String) -> CatalogKey {
    CatalogKey(bytes: Array("d".utf8)).appending(name)
  }

  /// The root directory of the media source called `name`; paths lie beneath it.
  package static func media(_ name: String) -> CatalogKey {
    CatalogKey(bytes: Array("m".utf8)).appending(name)
  }
}

/// The parts of a database in a catalog, beneath its ``CatalogKey/database(_:)``, in key order.
package enum DatabasePart: String, Sendable, CaseIterable {
  /// One pg_dump custom-format archive: pre-data and post-data. A stream.
  case archive
  /// Roles and tablespaces as pg_dumpall writes them. A stream.
  case globals
  /// One line an object: class, tab, identity, tab, a digest of its definition; sorted. A stream.
  case inventory
  /// Beneath it one large object for each oid.
  case largeObjects = "large-objects"
  /// ``DatabaseProperties`` as JSON. A stream.
  case properties
  /// Beneath it schema, table, range: the rows.
  case rows
  /// ``SequenceValue`` list as JSON. A stream.
  case sequences
  /// Beneath it schema, table: digests of whole tables.
  case tables

  /// The key of this part of database `name`.
  package func key(in name: String) -> CatalogKey {
    CatalogKey.database(name).appending(rawValue)
  }
}
