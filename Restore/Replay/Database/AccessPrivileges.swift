// Owns privileges as PostgreSQL prints them (aclitem[]): reading them, and the GRANTs that make them again.

import Postgres

/// One item of an access list: who may do what, and by whose grant.
struct AccessItem: Hashable {
  /// Empty for PUBLIC.
  var grantee: String
  /// Letters of the manual's table 5.1, such as `r` and `w`.
  var privileges: [Character]
  /// Those of ``privileges`` that the grantee may pass on.
  var grantable: [Character]
  var grantor: String
}

/// An access list, in the order of the catalog.
package struct AccessPrivileges: Hashable {
  var items: [AccessItem]

  /// The text is not an access list.
  package enum Malformed: Error { case array, item }

  /// Reads the text form of `aclitem[]`, such as `{alice=rw/alice,=r/alice}`.
  package init(_ text: String) throws(Malformed) {
    items = []
    for element in try Self.elements(of: text) { items.append(try Self.item(element)) }
  }

  /// Statements that make an object's access list, in order.
  ///
  /// Where somebody other than the owner granted, the role is taken on for that statement, and given
  /// back with `SET ROLE`. Run them in one transaction.
  /// - Parameters:
  ///   - object: as GRANT names it, e.g. `LARGE OBJECT 7`.
  ///   - recordedOwner: the owner at the source; his grants become `owner`'s.
  ///   - owner: the owner here.
  ///   - role: what to set the role to after another was taken on; nil for none.
  /// - Returns: a REVOKE of everything, then GRANTs.
  func statements(on object: String, recordedOwner: String, owner: String, role: String?)
    -> [String]
  {
    func mapped(_ name: String) -> String { name == recordedOwner ? owner : name }
    func quoted(_ name: String) -> String {
      name.isEmpty ? "PUBLIC" : Connection.quoteIdentifier(name)
    }
    // All go, and come back in the recorded order: also what is there already, so that the result is the
    // same list, not only the same set.
    var grantees: [String] = ["", owner]
    for item in items where !grantees.contains(mapped(item.grantee)) {
      grantees.append(mapped(item.grantee))
    }
    var statements = [
      "REVOKE ALL ON \(object) FROM \(grantees.map(quoted).joined(separator: ", ")) CASCADE"
    ]
    // Grants of others rest on grant options that the owner gave.
    let ordered =
      items.filter { mapped($0.grantor) == owner } + items.filter { mapped($0.grantor) != owner }
    for item in ordered {
      var grants: [String] = []
      let grantee = quoted(mapped(item.grantee))
      let plain = item.privileges.filter { !item.grantable.contains($0) }.compactMap(Self.word)
      let grantable = item.grantable.compactMap(Self.word)
      if !plain.isEmpty {
        grants.append("GRANT \(plain.joined(separator: ", ")) ON \(object) TO \(grantee)")
      }
      if !grantable.isEmpty {
        grants.append(
          "GRANT \(grantable.joined(separator: ", ")) ON \(object) TO \(grantee) WITH GRANT OPTION")
      }
      let grantor = mapped(item.grantor)
      if grantor == owner {
        statements += grants
      } else {
        statements += ["SET ROLE \(quoted(grantor))"] + grants
        statements.append(role.map { "SET ROLE \(quoted($0))" } ?? "RESET ROLE")
      }
    }
    return statements
  }

  /// Equal lists, whatever the order of their items and letters.
  static func areEqual(_ a: String?, _ b: String?) -> Bool {
    if a == b { return true }
    guard let a, let b, let first = try? AccessPrivileges(a), let second = try? AccessPrivileges(b)
    else { return false }
    return first.normalised == second.normalised
  }

  private var normalised: Set<AccessItem> {
    Set(
      items.map {
        AccessItem(
          grantee: $0.grantee, privileges: $0.privileges.sorted(),
          grantable: $0.grantable.sorted(), grantor: $0.grantor)
      })
  }

  /// Privileges of databases and large objects; nothing else comes through here.
  private static func word(_ letter: Character) -> String? {
    switch letter {
    case "r": "SELECT"
    case "w": "UPDATE"
    case "C": "CREATE"
    case "T": "TEMPORARY"
    case "c": "CONNECT"
    default: nil
    }
  }

  // MARK: Parsing

  /// The elements of an array literal: bare, or in double quotes with backslashes.
  private static func elements(of text: String) throws(Malformed) -> [String] {
    guard text.hasPrefix("{"), text.hasSuffix("}"), text.count >= 2 else { throw .array }
    var result: [String] = []
    var current = ""
    var isQuoted = false
    var isEscaped = false
    var isEmpty = true
    for character in text.dropFirst().dropLast() {
      isEmpty = false
      if isEscaped {
        current.append(character)
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
      } else if character == "\"" {
        isQuoted.toggle()
      } else if character == ",", !isQuoted {
        result.append(current)
        current = ""
      } else {
        current.append(character)
      }
    }
    guard !isQuoted, !isEscaped else { throw .array }
    if !isEmpty { result.append(current) }
    return result
  }

  /// `grantee=letters/grantor`, where names may stand in double quotes (putid in acl.c).
  private static func item(_ text: String) throws(Malformed) -> AccessItem {
    var rest = text[...]
    let grantee = try name(&rest)
    guard rest.popFirst() == "=" else { throw .item }
    var privileges: [Character] = []
    var grantable: [Character] = []
    while let letter = rest.first, letter != "/" {
      rest.removeFirst()
      if letter == "*" {
        guard let last = privileges.last else { throw .item }
        grantable.append(last)
      } else {
        privileges.append(letter)
      }
    }
    guard rest.popFirst() == "/" else { throw .item }
    let grantor = try name(&rest)
    guard rest.isEmpty else { throw .item }
    return AccessItem(
      grantee: grantee, privileges: privileges, grantable: grantable, grantor: grantor)
  }

  private static func name(_ rest: inout Substring) throws(Malformed) -> String {
    guard rest.first == "\"" else {
      let bare = rest.prefix { $0 != "=" && $0 != "/" }
      rest = rest.dropFirst(bare.count)
      return String(bare)
    }
    rest.removeFirst()
    var name = ""
    while let character = rest.popFirst() {
      if character != "\"" {
        name.append(character)
      } else if rest.first == "\"" {
        rest.removeFirst()
        name.append("\"")
      } else {
        return name
      }
    }
    throw .item
  }
}
