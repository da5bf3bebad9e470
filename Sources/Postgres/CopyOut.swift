// Owns COPY … TO STDOUT: rows are lent straight from libpq's buffer, with no allocation of ours.

import CLibpq

extension Connection {
  /// Runs a `COPY … TO STDOUT` and lends each row to `row`.
  ///
  /// A row is lent as it came, in text format with its line end. In binary format a piece may be a header or
  /// a trailer as well. The bytes are libpq's and valid only during the call.
  /// If `row` throws, the server is asked to cancel, the rest is read and dropped, and the error passes
  /// through; the connection stays usable (an open transaction is aborted). If the server does not end the
  /// COPY within 10 s the connection is closed.
  /// - Returns: the number of rows, as the server counted them.
  /// - Throws: ``PostgresError``; `protocolViolation` if fewer rows came than the server says it sent; and
  ///   what `row` throws.
  package func copyOut(_ sql: String, _ row: (Span<UInt8>) throws -> Void) throws -> Int64 {
    try copyOut(Array(sql.utf8), row)
  }

  /// Runs a COPY given in the session's encoding; for names that are not UTF-8.
  package func copyOut(_ sql: [UInt8], _ row: (Span<UInt8>) throws -> Void) throws -> Int64 {
    try guarded {
      try send(sql)
      try expectCopy(PGRES_COPY_OUT, sql)
      var pieces: Int64 = 0
      var bytesSinceCheck = 0
      while let piece = try unsafe nextCopyRow() {
        pieces += 1
        bytesSinceCheck += piece.count
        defer { unsafe PQfreemem(UnsafeMutablePointer(mutating: piece.baseAddress)) }
        unsafe try row(Span(_unsafeElements: piece))
        if bytesSinceCheck > 1 << 18 {
          bytesSinceCheck = 0
          try checkCancellation()
        }
      }
      let rows = try finishCopy(sql)
      guard pieces >= rows else {
        throw PostgresError(
          .protocolViolation, what: "cannot COPY on \(place)",
          why: "the server counts \(rows) rows, but \(pieces) arrived")
      }
      return rows
    }
  }

  /// The next row of a running COPY, in memory that the caller must give to PQfreemem; nil at the end.
  func nextCopyRow() throws -> UnsafeBufferPointer<UInt8>? {
    let handle = try unsafe requireHandle()
    while true {
      var start: UnsafeMutablePointer<CChar>? = nil
      let count = unsafe PQgetCopyData(handle, &start, 1)
      switch count {
      case 1...:
        guard let start = unsafe start else { throw lost() }
        return unsafe UnsafeBufferPointer(
          start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self), count: Int(count))
      case 0: try wait()
      case -1: return nil
      default: throw lost()
      }
    }
  }

  /// Waits until the server has begun the COPY that `sql` asks for.
  func expectCopy(_ direction: ExecStatusType, _ sql: [UInt8]) throws {
    guard let result = try nextResult() else {
      throw PostgresError(
        .protocolViolation, what: "cannot \(Self.verb(sql)) on \(place)",
        why: "the server sent no result")
    }
    if result.status == direction { return }
    switch result.status {
    case PGRES_BAD_RESPONSE, PGRES_FATAL_ERROR: throw failure(result, doing: Self.verb(sql))
    default:
      throw PostgresError(
        .misuse, what: "cannot \(Self.verb(sql)) on \(place)",
        why: direction == PGRES_COPY_OUT
          ? "the statement is not a COPY TO STDOUT" : "the statement is not a COPY FROM STDIN")
    }
  }

  /// Reads the end of a COPY; a COPY that ends in anything but success is an error.
  func finishCopy(_ sql: [UInt8]) throws -> Int64 {
    var rows: Int64? = nil
    while let result = try nextResult() {
      guard result.status == PGRES_COMMAND_OK else {
        throw failure(result, doing: Self.verb(sql))
      }
      rows = result.affectedRows
    }
    guard let rows else {
      throw PostgresError(
        .protocolViolation, what: "cannot \(Self.verb(sql)) on \(place)",
        why: "the server did not say how many rows it copied")
    }
    return rows
  }
}
