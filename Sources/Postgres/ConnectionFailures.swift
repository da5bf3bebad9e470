// Owns the reading of libpq's and the server's error reports.

import CLibpq

extension ConnectionTarget {
  /// How many hosts libpq would try.
  var hostCount: Int {
    let list = value(of: "host") ?? value(of: "hostaddr") ?? ""
    return list.split(separator: ",", omittingEmptySubsequences: false).count
  }

  /// Takes the target's secrets out of a foreign text, should a server have echoed one.
  func withoutSecrets(in text: String) -> String {
    var cleaned = text
    for option in options where option.isSecret && option.value.utf8.count >= 4 {
      cleaned = cleaned.split(separator: option.value, omittingEmptySubsequences: false)
        .joined(separator: "***")
    }
    return cleaned
  }
}

extension Connection {
  /// The error of a failed attempt to connect, from libpq's text of verbosity `verbose`.
  func connectionFailure(_ target: ConnectionTarget, said: String) -> PostgresError {
    let state = Self.sqlState(in: said)
    var why = said
    if let location = why.range(ofText: " | LOCATION:") { why = String(why[..<location]) }
    why = target.withoutSecrets(in: why)
    let kind: PostgresError.Kind
    if let state {
      kind = PostgresError.kind(ofSQLState: state, isConnecting: true)
    } else {
      // Without a SQLSTATE the text is libpq's own, and English: we never call setlocale.
      let words = ["password", "authentication", "GSSAPI", "SCRAM"]
      kind = words.contains { said.range(ofText: $0) != nil } ? .authentication : .unreachable
    }
    var error = PostgresError(kind, what: "cannot connect to \(place)", why: why)
    error.sqlState = state
    error.isTransient =
      if let state { PostgresError.isTransient(sqlState: state) } else {
        kind == .unreachable
          && !["certificate", "SSL", "translate host name"].contains {
            said.range(ofText: $0) != nil
          }
      }
    return error
  }

  /// The SQLSTATE in "FATAL:  28P01: password …": five of 0-9A-Z between colons, one of them a digit.
  static func sqlState(in text: String) -> String? {
    text.utf8.split(separator: UInt8(ascii: ":")).lazy
      .map { part in part.drop { $0 == UInt8(ascii: " ") } }
      .first { word in
        word.count == 5
          && word.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
          && word.contains { (0x30...0x39).contains($0) }
      }
      .map { String(decoding: $0, as: UTF8.self) }
  }

  /// The connection broke, or libpq failed; the server's last word, if one is left, is preferred.
  func lost() -> PostgresError {
    guard let handle = try? unsafe requireHandle() else {
      return PostgresError(
        .misuse, what: "cannot use the connection to \(place)", why: "it was closed before")
    }
    let said = unsafe repaired(PQerrorMessage(handle))
    if unsafe PQstatus(handle) == CONNECTION_BAD {
      // A FATAL that arrived before the end of the stream is still in libpq's buffer. On a broken
      // connection PQgetResult does not wait.
      for _ in 0..<8 {
        guard let pointer = unsafe PQgetResult(handle) else { break }
        let result = unsafe ResultHandle(pointer)
        if result.field(PG_DIAG_SQLSTATE_) != nil { return failure(result, doing: "go on") }
      }
    }
    guard unsafe PQstatus(handle) == CONNECTION_BAD else {
      return PostgresError(.misuse, what: "cannot use the connection to \(place)", why: said)
    }
    return PostgresError(
      .connectionLost, what: "lost the connection to \(place)",
      why: said.isEmpty ? "the server closed it without a word" : said)
  }

  /// The error that a result reports.
  func failure(_ result: borrowing ResultHandle, doing verb: String) -> PostgresError {
    guard let state = result.field(PG_DIAG_SQLSTATE_) else {
      // No SQLSTATE: libpq made this result itself.
      var error = lost()
      if isOpen {
        error = PostgresError(
          .protocolViolation, what: "cannot \(verb) on \(place)", why: result.message)
      }
      return error
    }
    let kind = PostgresError.kind(ofSQLState: state, isConnecting: false)
    var error = PostgresError(
      kind,
      what: kind == .connectionLost
        ? "lost the connection to \(place)" : "cannot \(verb) on \(place)",
      why: result.field(PG_DIAG_MESSAGE_PRIMARY_) ?? result.message)
    error.sqlState = state
    error.severity = result.field(PG_DIAG_SEVERITY_NONLOCALIZED_)
    error.detail = result.field(PG_DIAG_MESSAGE_DETAIL_)
    error.hint = result.field(PG_DIAG_MESSAGE_HINT_)
    error.next = error.hint ?? PostgresError.advice(kind, sqlState: state)
    error.isTransient = PostgresError.isTransient(sqlState: state)
    // "COPY t, line 3, column a: \"value\"": the value is not ours to show.
    error.context = result.field(PG_DIAG_CONTEXT_).flatMap { context in
      context.hasPrefix("COPY ") ? String(context.unicodeScalars.prefix { $0 != ":" }) : nil
    }
    return error
  }
}

// Character macros of <postgres_ext.h>, which Swift cannot import.
private let PG_DIAG_SEVERITY_NONLOCALIZED_ = Int32(UInt8(ascii: "V"))
private let PG_DIAG_SQLSTATE_ = Int32(UInt8(ascii: "C"))
private let PG_DIAG_MESSAGE_PRIMARY_ = Int32(UInt8(ascii: "M"))
private let PG_DIAG_MESSAGE_DETAIL_ = Int32(UInt8(ascii: "D"))
private let PG_DIAG_MESSAGE_HINT_ = Int32(UInt8(ascii: "H"))
private let PG_DIAG_CONTEXT_ = Int32(UInt8(ascii: "W"))

extension String {
  /// Where `text` first begins, byte by byte.
  fileprivate func range(ofText text: String) -> Index? {
    let wanted = Array(text.utf8)
    var start = utf8.startIndex
    while start < utf8.endIndex {
      if utf8[start...].starts(with: wanted) { return start }
      start = utf8.index(after: start)
    }
    return nil
  }
}
