// Looks for a password in what libpq would connect to, without understanding the rest.

/// Connection URIs and keyword strings, as far as a configuration must know them.
package enum ConnectionText {
  /// Parameters of libpq that are secrets (PostgreSQL documentation, section 34.1.2).
  private static let secretParameters = ["password", "sslpassword", "oauth_client_secret"]

  /// Whether `text` holds a password where a reference could stand.
  package static func holdsSecret(_ text: String) -> Bool {
    let scheme = text.prefixMatch(of: /postgres(ql)?:\/\//)
    guard let scheme else { return keywordString(text) }
    let rest = text[scheme.range.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    if let at = authority.lastIndex(of: "@"),
      let colon = authority[..<at].firstIndex(of: ":"),
      authority.index(after: colon) < at
    {
      return true
    }
    guard let question = rest.firstIndex(of: "?") else { return false }
    return rest[rest.index(after: question)...].split(separator: "&").contains { parameter in
      let halves = parameter.split(separator: "=", maxSplits: 1)
      return halves.count == 2 && secretParameters.contains(String(halves[0]))
    }
  }

  private static func keywordString(_ text: String) -> Bool {
    text.matches(of: /(?:^|\s)([a-z_]+)\s*=\s*(\S+)/).contains { match in
      secretParameters.contains(String(match.1)) && match.2 != "''"
    }
  }
}
