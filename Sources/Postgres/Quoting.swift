// Owns the quoting of names and values that must stand inside SQL text.
//
// Correct for standard_conforming_strings=on, the default since 9.1 and forced by
// applyDumpSettings(): a backslash is then an ordinary character. Every server encoding keeps the
// bytes 0x22, 0x27 and 0x5C for ", ' and \ (only client-only encodings such as SJIS do not), so the
// forms on bytes hold for a name in any database's encoding.

extension Connection {
  /// Quotes a name: `a"b` becomes `"a""b"`.
  ///
  /// The name must not hold a NUL byte; no server's can.
  package static func quoteIdentifier(_ name: String) -> String {
    String(decoding: quoteIdentifier(Array(name.utf8)), as: UTF8.self)
  }

  /// Quotes a name given in the encoding of the session.
  package static func quoteIdentifier(_ name: [UInt8]) -> [UInt8] {
    quote(name, with: UInt8(ascii: "\""))
  }

  /// Quotes a value: `it's` becomes `'it''s'`.
  ///
  /// The value must not hold a NUL byte.
  package static func quoteLiteral(_ value: String) -> String {
    String(decoding: quoteLiteral(Array(value.utf8)), as: UTF8.self)
  }

  /// Quotes a value given in the encoding of the session.
  package static func quoteLiteral(_ value: [UInt8]) -> [UInt8] {
    quote(value, with: UInt8(ascii: "'"))
  }

  private static func quote(_ text: [UInt8], with mark: UInt8) -> [UInt8] {
    var quoted = [mark]
    quoted.reserveCapacity(text.count + 2)
    for byte in text {
      if byte == mark { quoted.append(mark) }
      quoted.append(byte)
    }
    quoted.append(mark)
    return quoted
  }
}
