// Owns the statements that store settings with a database or a role, from how the catalog holds them.

import Postgres

/// `ALTER … SET` for items of `pg_db_role_setting.setconfig`.
enum SettingStatements {
  /// The statement for one item such as `search_path="$user", public`; nil if it is not `name=value`.
  ///
  /// `subject` is what follows ALTER, such as `DATABASE "shop"`.
  static func alter(_ subject: String, setting item: String) -> String? {
    guard let equals = item.firstIndex(of: "="), equals != item.startIndex else { return nil }
    let name = item[..<equals]
    let value = String(item[item.index(after: equals)...])
    let quoted: String
    if listNames.contains(name.lowercased()), let parts = list(value) {
      quoted =
        parts.isEmpty ? "''" : parts.map { Connection.quoteLiteral($0) }.joined(separator: ", ")
    } else {
      quoted = Connection.quoteLiteral(value)
    }
    return "ALTER \(subject) SET \(Connection.quoteIdentifier(String(name))) TO \(quoted)"
  }

  /// Settings whose stored value is a list of quoted names already, so that quoting it whole would make one
  /// name of it (variable_is_guc_list_quote in dumputils.c).
  private static let listNames: Set<String> = [
    "local_preload_libraries", "search_path", "session_preload_libraries",
    "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories",
  ]

  /// The items of a comma-separated list of names, unquoted; nil if a quotation mark is left open.
  private static func list(_ text: String) -> [String]? {
    var result: [String] = []
    var current = ""
    var isQuoted = false
    var wasQuoted = false
    func trimmed(_ text: String) -> String {
      String(
        text.drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
    var characters = text[...]
    while let character = characters.popFirst() {
      if character == "\"" {
        if isQuoted, characters.first == "\"" {
          characters.removeFirst()
          current.append("\"")
        } else {
          if !isQuoted { current = "" }
          isQuoted.toggle()
          wasQuoted = true
        }
      } else if character == ",", !isQuoted {
        result.append(wasQuoted ? current : trimmed(current))
        current = ""
        wasQuoted = false
      } else if !wasQuoted || isQuoted {
        current.append(character)
      }
    }
    guard !isQuoted else { return nil }
    if wasQuoted || !trimmed(current).isEmpty || !result.isEmpty {
      result.append(wasQuoted ? current : trimmed(current))
    }
    return result
  }
}
