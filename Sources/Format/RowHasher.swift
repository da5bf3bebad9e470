// The digest of a table: a sum over row hashes, so that the order of rows does not matter.

package import Sodium

/// Rows, bytes and Σ row hash modulo 2²⁵⁶: equal for equal multisets of rows, and only for them.
package struct RowDigest: Hashable, Sendable {
  package var rowCount: UInt64 = 0
  package var byteCount: UInt64 = 0
  package var sum = Digest()

  package init() {}

  /// The digest of both multisets together.
  package mutating func add(_ other: RowDigest) {
    rowCount &+= other.rowCount
    byteCount &+= other.byteCount
    sum.add(other.sum)
  }
}

/// Hashes the rows of one table as COPY's text format writes them.
///
/// Row hash = BLAKE2b-256(table key ‖ row), table key = keyed BLAKE2b-256 of schema, name and
/// column list: a row of one table is not a row of another. The key is secret, so nobody can craft
/// rows whose sum collides (Bellare & Micciancio 1997, AdHash, needs a long modulus without one).
package final class RowHasher {
  private let stream: Blake2bStream
  package private(set) var digest = RowDigest()

  /// - Parameter key: the repository's row-hash key.
  package init(key: Secret, table: QualifiedName, columns: [String]) throws(SodiumError) {
    var info: [UInt8] = []
    for part in [table.schema, table.name] + columns { info += Array(part.utf8) + [0] }
    let tableKey = try Blake2b.derive(key, "lifeboat rows v1", info: info)
    stream = Blake2bStream(prefix: tableKey.withBytes { s in (0..<32).map { s[$0] } })
  }

  /// Adds one row: its line in COPY text format, with or without the newline that ends it.
  ///
  /// - Returns: the first bytes of its hash, which decide where chunks end.
  @discardableResult
  package func add(_ row: Span<UInt8>) -> UInt64 {
    let count = row.count
    let length = count > 0 && row[count - 1] == UInt8(ascii: "\n") ? count - 1 : count
    stream.update(row.extracting(0..<length))
    let hash = stream.finish()
    digest.sum.add(hash)
    digest.rowCount += 1
    digest.byteCount += UInt64(length + 1)
    return hash.prefix
  }

  /// The digest so far; the hasher starts over.
  package func take() -> RowDigest {
    defer { digest = RowDigest() }
    return digest
  }
}
