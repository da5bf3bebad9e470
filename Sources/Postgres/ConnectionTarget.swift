// Owns where to connect: what the user wrote, parsed by libpq, and never shown with its secrets.

import CLibpq

/// A libpq connection string: a URI or keywords and values, as the user wrote it.
///
/// What it leaves open comes from the `PG*` variables, a service file, a passfile and libpq's defaults,
/// exactly as for psql. Printing, interpolating or reflecting a target shows ``redacted``.
package struct ConnectionTarget: Sendable, Hashable {
  struct Option: Sendable, Hashable {
    var keyword, value: String
    /// libpq marks passwords with `*` in `PQconninfoOption.dispchar`.
    var isSecret: Bool
  }
  /// What was given, sorted by keyword, without defaults; libpq does not care for the order.
  var options: [Option]

  /// Parses a connection string.
  ///
  /// - Throws: ``PostgresError`` of kind `malformed-target`, which quotes nothing of `text`.
  package init(_ text: String) throws(PostgresError) {
    func malformed(_ why: String) -> PostgresError {
      PostgresError(.malformedTarget, what: "cannot read the connection string", why: why)
    }
    guard !text.utf8.contains(0) else { throw malformed("it contains a NUL byte") }
    var message: UnsafeMutablePointer<CChar>? = nil
    guard let list = unsafe PQconninfoParse(text, &message) else {
      // libpq's message quotes the offending part, which may be a password: keep what stands
      // before the first quotation mark.
      let said = unsafe repaired(message)
      unsafe PQfreemem(message)
      // On scalars: a combining mark behind the quotation mark must not hide it.
      var harmless = said.unicodeScalars.prefix { $0 != "\"" }
      while let last = harmless.last, last == " " || last == ":" { harmless.removeLast() }
      throw malformed(
        said.hasPrefix("missing \"=\"")
          ? "a keyword has no '=' behind it"
          : harmless.isEmpty ? "libpq rejects it" : String(harmless))
    }
    defer { unsafe PQconninfoFree(list) }
    options = []
    var entry = unsafe list
    while let keyword = unsafe entry.pointee.keyword {
      if let value = unsafe entry.pointee.val {
        let name = unsafe String(cString: keyword)
        let mark = unsafe entry.pointee.dispchar.map { unsafe $0.pointee } ?? 0
        options.append(
          Option(
            keyword: name, value: unsafe String(cString: value),
            isSecret: mark == CChar(UInt8(ascii: "*")) || Self.secretKeywords.contains(name)))
      }
      unsafe entry += 1
    }
    options.sort { $0.keyword < $1.keyword }
  }

  private init(options: [Option]) { self.options = options.sorted { $0.keyword < $1.keyword } }

  /// Secrets of libpq 9.2 to 18, in case the installed one marks fewer of them.
  private static let secretKeywords: Set<String> = [
    "password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key",
  ]

  /// The database that the string names; nil leaves the choice to `PGDATABASE`, a service or the user's
  /// name.
  package var databaseName: String? { value(of: "dbname") }

  /// The same server and role, another database.
  package func replacing(database: String) -> ConnectionTarget {
    setting("dbname", to: database)
  }

  /// The same target with one libpq keyword set, such as `user`; nil removes it.
  package func setting(_ keyword: String, to value: String?) -> ConnectionTarget {
    var changed = options.filter { $0.keyword != keyword }
    if let value {
      changed.append(
        Option(
          keyword: keyword, value: value, isSecret: Self.secretKeywords.contains(keyword)))
    }
    return ConnectionTarget(options: changed)
  }

  /// Where it leads, for messages: host, port, user, database, service; never a secret.
  package var redacted: String {
    let shown = ["service", "host", "hostaddr", "port", "user", "dbname"].compactMap { keyword in
      value(of: keyword).map { "\(keyword)=\(Self.quoted(repaired($0.utf8)))" }
    }
    return shown.isEmpty ? "libpq's default server" : shown.joined(separator: " ")
  }

  /// The value that the string gives a libpq keyword; nil if it gives none.
  func value(of keyword: String) -> String? {
    options.first { $0.keyword == keyword }?.value
  }

  /// Keywords and values without any secret, as argument for a child.
  var withoutSecrets: String {
    options.filter { !$0.isSecret }.map { "\($0.keyword)=\(Self.quoted($0.value))" }
      .joined(separator: " ")
  }

  /// A database's name for an argument that may also be a whole connection string.
  ///
  /// libpq takes a bare name for one if it holds `=` or begins like a URI (PQconnectdbParams, expand_dbname).
  package static func argument(forDatabase name: String) -> String { "dbname=\(quoted(name))" }

  /// Quotes a value by the rules of libpq's keyword strings (manual, section 34.1.1.1).
  static func quoted(_ value: String) -> String {
    let isPlain =
      !value.isEmpty
      && value.unicodeScalars.allSatisfy { !" \t\n\r'\\".unicodeScalars.contains($0) }
    if isPlain { return value }
    var quoted = "'"
    for scalar in value.unicodeScalars {
      if scalar == "'" || scalar == "\\" { quoted += "\\" }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "'"
  }
}

extension ConnectionTarget: CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  package var description: String { redacted }
  package var debugDescription: String { redacted }
  package var customMirror: Mirror { Mirror(self, children: [("target", redacted)]) }
}
