// Owns the results of queries: one owner for each libpq result, and a read-only view of its rows.

import CLibpq

/// One libpq result, cleared when its single owner lets go.
@safe struct ResultHandle: ~Copyable {
  let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }

  deinit { unsafe PQclear(pointer) }

  var status: ExecStatusType { unsafe PQresultStatus(pointer) }

  /// libpq's whole message, repaired.
  var message: String { unsafe repaired(PQresultErrorMessage(pointer)) }

  /// A field of an error report, repaired; nil if the server did not send it.
  func field(_ code: Int32) -> String? {
    guard let text = unsafe PQresultErrorField(pointer, code) else { return nil }
    return unsafe repaired(text)
  }

  /// The number at the end of the command tag, as the 7 of "COPY 7"; nil if there is none.
  var affectedRows: Int64? {
    unsafe PQcmdTuples(pointer).flatMap { unsafe Int64(String(cString: $0)) }
  }
}

/// Keeps a result alive for ``Rows``; immutable, and libpq allows reading a result from any thread.
@safe private final class ResultStorage: @unchecked Sendable {
  let pointer: OpaquePointer
  init(_ result: consuming ResultHandle) {
    unsafe pointer = result.pointer
    kept = result
  }
  private let kept: ResultHandle
}

/// The rows of a query, in text form.
///
/// A row or column that is not there reads as nil, like NULL: a server that answers with less than was
/// asked for must not be able to trap us.
package struct Rows: Sendable, RandomAccessCollection {
  private let storage: ResultStorage
  /// Column names, invalid UTF-8 repaired.
  package let columns: [String]
  package let count: Int

  init(_ result: consuming ResultHandle) {
    storage = ResultStorage(result)
    let pointer = unsafe storage.pointer
    count = unsafe Int(PQntuples(pointer))
    columns = unsafe (0..<PQnfields(pointer)).map { column in
      unsafe PQfname(pointer, column).map { unsafe String(cString: $0) } ?? ""
    }
  }

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }
  package subscript(position: Int) -> Row { Row(rows: self, row: position) }

  /// A value as text with invalid UTF-8 repaired (see ``bytes(_:_:)``); nil for NULL.
  package subscript(row: Int, column: Int) -> String? {
    bytes(row, column).map { String(decoding: $0, as: UTF8.self) }
  }

  /// A value by its column's name.
  package subscript(row: Int, column: String) -> String? {
    columns.firstIndex(of: column).flatMap { self[row, $0] }
  }

  /// A value exactly as it came, in the session's client encoding; nil for NULL.
  package func bytes(_ row: Int, _ column: Int) -> [UInt8]? {
    let pointer = unsafe storage.pointer
    guard (0..<count).contains(row), columns.indices.contains(column),
      let row = Int32(exactly: row), let column = Int32(exactly: column),
      unsafe PQgetisnull(pointer, row, column) == 0,
      let value = unsafe PQgetvalue(pointer, row, column)
    else { return nil }
    let length = unsafe Int(PQgetlength(pointer, row, column))
    guard length >= 0 else { return nil }
    return unsafe Array(UnsafeRawBufferPointer(start: value, count: length))
  }

  /// One row of a result.
  package struct Row: Sendable {
    fileprivate let rows: Rows
    fileprivate let row: Int

    package subscript(column: Int) -> String? { rows[row, column] }
    package subscript(column: String) -> String? { rows[row, column] }
    package func bytes(_ column: Int) -> [UInt8]? { rows.bytes(row, column) }
  }
}
