// Owns the list of everything that a database defines, in a form that is equal on a faithful copy.

package import Postgres
import Sodium

/// One object of a database: what it is, what it is called, and a digest of its definition.
package struct InventoryLine: Hashable, Sendable {
  /// Such as `table`, `column`, `index`, `owner`, `privileges`.
  package var kind: String
  /// Its qualified name, quoted as in SQL.
  package var identity: String
  /// 32 hexadecimal digits of the BLAKE2b-256 of the definition's text.
  package var digest: String
}

/// Everything that a database defines: a line an object, sorted by its bytes.
///
/// Holds no OID, no physical detail, nothing of system objects, of subscriptions, of large objects, and of
/// what an extension brings (only the extension itself, its version and grants that differ from what it set).
/// Comparable between servers of one major version.
package struct ObjectInventory: Hashable, Sendable {
  /// Sorted by the bytes of kind, then identity.
  package private(set) var lines: [InventoryLine]

  /// Reads the catalogs; in one transaction snapshot, or what changes meanwhile may be seen half.
  ///
  /// - Throws: ``PostgresError``.
  package static func read(over connection: Connection) throws(PostgresError) -> ObjectInventory {
    var lines: [InventoryLine] = []
    for statement in InventoryQueries.statements(serverMajor: connection.serverMajor) {
      for row in try connection.query(statement) {
        guard let kind = row[0], let identity = row[1] else { continue }
        let digest = Blake2b.hash(row.bytes(2) ?? []).hex
        lines.append(
          InventoryLine(kind: kind, identity: identity, digest: String(digest.prefix(32))))
      }
    }
    return ObjectInventory(lines)
  }

  private init(_ lines: [InventoryLine]) {
    self.lines = lines.sorted { a, b in
      a.kind != b.kind
        ? a.kind.precedesInBytes(b.kind)
        : a.identity.utf8.elementsEqual(b.identity.utf8)
          ? a.digest < b.digest : a.identity.precedesInBytes(b.identity)
    }
  }

  /// Kind, tab, identity, tab, digest, newline; tabs, line ends and backslashes in an identity are escaped.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for line in lines {
      bytes += line.kind.utf8
      bytes.append(UInt8(ascii: "\t"))
      for byte in line.identity.utf8 {
        switch byte {
        case UInt8(ascii: "\t"): bytes += "\\t".utf8
        case UInt8(ascii: "\n"): bytes += "\\n".utf8
        case UInt8(ascii: "\r"): bytes += "\\r".utf8
        case UInt8(ascii: "\\"): bytes += "\\\\".utf8
        default: bytes.append(byte)
        }
      }
      bytes.append(UInt8(ascii: "\t"))
      bytes += line.digest.utf8
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }

  /// Reads what ``encoded`` writes; nil if it is anything else.
  package init?(decoding bytes: [UInt8]) {
    var lines: [InventoryLine] = []
    guard bytes.isEmpty || bytes.last == UInt8(ascii: "\n") else { return nil }
    for line in bytes.split(separator: UInt8(ascii: "\n")) {
      let fields = line.split(separator: UInt8(ascii: "\t"), omittingEmptySubsequences: false)
      guard fields.count == 3, let kind = String(validating: fields[0], as: UTF8.self),
        let identity = Self.unescape(fields[1]),
        let digest = String(validating: fields[2], as: UTF8.self)
      else { return nil }
      lines.append(InventoryLine(kind: kind, identity: identity, digest: digest))
    }
    self.init(lines)
  }

  private static func unescape(_ text: ArraySlice<UInt8>) -> String? {
    var bytes: [UInt8] = []
    var isEscaped = false
    for byte in text {
      if isEscaped {
        switch byte {
        case UInt8(ascii: "t"): bytes.append(UInt8(ascii: "\t"))
        case UInt8(ascii: "n"): bytes.append(UInt8(ascii: "\n"))
        case UInt8(ascii: "r"): bytes.append(UInt8(ascii: "\r"))
        case UInt8(ascii: "\\"): bytes.append(byte)
        default: return nil
        }
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else {
        bytes.append(byte)
      }
    }
    return isEscaped ? nil : String(validating: bytes, as: UTF8.self)
  }
}

/// How one inventory differs from another.
package struct InventoryDifference: Hashable, Sendable {
  /// What happened to an object on the way from the first to the second.
  package enum Change: String, Sendable { case missing, added, changed }

  /// One object that is not the same in both.
  package struct Item: Hashable, Sendable, CustomStringConvertible {
    package var change: Change
    package var kind: String
    package var identity: String
    /// Such as `missing index app.t_name`.
    package var description: String { "\(change.rawValue) \(kind) \(identity)" }
  }

  /// In order of kind and identity.
  package private(set) var items: [Item] = []

  package var isEmpty: Bool { items.isEmpty }

  /// Compares `copy` with what it should equal.
  package init(from original: ObjectInventory, to copy: ObjectInventory) {
    var rest = copy.lines[...]
    for line in original.lines {
      while let other = rest.first, Self.precedes(other, line) {
        items.append(Item(change: .added, kind: other.kind, identity: other.identity))
        rest.removeFirst()
      }
      if let other = rest.first, !Self.precedes(line, other) {
        if other.digest != line.digest {
          items.append(Item(change: .changed, kind: line.kind, identity: line.identity))
        }
        rest.removeFirst()
      } else {
        items.append(Item(change: .missing, kind: line.kind, identity: line.identity))
      }
    }
    for other in rest {
      items.append(Item(change: .added, kind: other.kind, identity: other.identity))
    }
  }

  private static func precedes(_ a: InventoryLine, _ b: InventoryLine) -> Bool {
    a.kind != b.kind ? a.kind.precedesInBytes(b.kind) : a.identity.precedesInBytes(b.identity)
  }
}
