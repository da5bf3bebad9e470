// Owns statements other than COPY: sending them and collecting what they return.

import CLibpq

extension Connection {
  /// Runs one or more statements and drops their rows.
  ///
  /// Several statements in one string run in one implicit transaction. After an error the rest is not run.
  /// - Throws: ``PostgresError``; the connection stays usable unless it was lost.
  package func execute(_ sql: String) throws(PostgresError) { try execute(Array(sql.utf8)) }

  /// Runs statements given in the session's encoding; for names that are not UTF-8.
  package func execute(_ sql: [UInt8]) throws(PostgresError) {
    try typed {
      try guarded {
        try send(sql)
        var first: PostgresError? = nil
        while let result = try nextResult() {
          switch result.status {
          case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: continue
          case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            throw PostgresError(
              .misuse, what: "cannot \(Self.verb(sql)) on \(place)",
              why: "a COPY through the client needs copyOut or copyIn")
          default: first = first ?? failure(result, doing: Self.verb(sql))
          }
        }
        if let first { throw first }
      }
    }
  }

  /// Runs one statement and returns its rows, in text form.
  ///
  /// - Parameters:
  ///   - sql: exactly one statement; `$1` stands for the first parameter.
  ///   - parameters: values in text form; nil is NULL.
  /// - Returns: the rows; none for a statement that returns none.
  /// - Throws: ``PostgresError``; the connection stays usable unless it was lost.
  package func query(_ sql: String, _ parameters: [String?] = []) throws(PostgresError) -> Rows {
    try query(Array(sql.utf8), parameters)
  }

  /// Runs one statement given in the session's encoding; for names that are not UTF-8.
  package func query(_ sql: [UInt8], _ parameters: [String?] = []) throws(PostgresError) -> Rows {
    try typed {
      try guarded {
        guard !parameters.contains(where: { $0?.utf8.contains(0) == true }) else {
          throw PostgresError(
            .misuse, what: "cannot \(Self.verb(sql)) on \(place)",
            why: "a parameter contains a NUL byte, which no text value can")
        }
        try send(sql, parameters)
        var rows: Rows? = nil
        while let result = try nextResult() {
          switch result.status {
          case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
            rows = Rows(result)
          case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            throw PostgresError(
              .misuse, what: "cannot \(Self.verb(sql)) on \(place)",
              why: "a COPY through the client needs copyOut or copyIn")
          default: throw failure(result, doing: Self.verb(sql))
          }
        }
        guard let rows else {
          throw PostgresError(
            .protocolViolation, what: "cannot \(Self.verb(sql)) on \(place)",
            why: "the server sent no result")
        }
        return rows
      }
    }
  }

  /// Sends a statement without waiting for its result.
  func send(_ sql: [UInt8], _ parameters: [String?]? = nil) throws {
    let handle = try unsafe requireHandle()
    // A C string ends at NUL: the server would run a different statement than was meant.
    guard !sql.contains(0) else {
      throw PostgresError(
        .misuse, what: "cannot \(Self.verb(sql)) on \(place)",
        why: "the statement contains a NUL byte")
    }
    try checkCancellation()
    let text = sql.map { CChar(bitPattern: $0) } + [0]
    let isSent: Bool
    if let parameters {
      isSent = unsafe withCStrings(parameters) { values in
        unsafe PQsendQueryParams(
          handle, text, Int32(clamping: parameters.count), nil, values, nil, nil, 0) == 1
      }
    } else {
      unsafe isSent = PQsendQuery(handle, text) == 1
    }
    guard isSent else { throw lost() }
    try flush()
  }

  /// The statement's first word: enough for a message, and unlike the rest it holds no secret.
  static func verb(_ sql: [UInt8]) -> String {
    let word = sql.drop { $0 <= 0x20 }.prefix { (0x41...0x5A).contains($0 & 0xDF) }.prefix(20)
    return word.isEmpty ? "run a statement" : String(decoding: word, as: UTF8.self).uppercased()
  }

  /// Narrows to the one error type that a statement without foreign code can throw.
  private func typed<Value>(_ work: () throws -> Value) throws(PostgresError) -> Value {
    do {
      return try work()
    } catch let error as PostgresError {
      throw error
    } catch {
      preconditionFailure("only PostgresError leaves guarded(_:) here: \(error)")
    }
  }
}
