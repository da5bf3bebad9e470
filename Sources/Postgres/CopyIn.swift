// Owns COPY … FROM STDIN: writing with bounded buffers, ending well or badly on purpose.

import CLibpq
import Glibc

/// Where ``Connection/copyIn(_:_:)`` takes its data from its body.
package struct CopyInput: ~Copyable {
  private let connection: Connection
  private let sql: [UInt8]
  private var bytesSinceFlush = 0
  /// The server's refusal; once there, every write throws it again.
  private(set) var refusal: PostgresError?

  fileprivate init(_ connection: Connection, sql: [UInt8]) {
    self.connection = connection
    self.sql = sql
  }

  /// Sends bytes; rows may be cut anywhere.
  ///
  /// Blocks while the server is slower; keeps at most about 64 KiB plus one piece in memory.
  /// - Throws: the server's error, if it has given up already; a cancellation.
  package mutating func write(_ bytes: Span<UInt8>) throws {
    if let refusal { throw refusal }
    // libpq counts in Int32, and the server refuses messages of 1 GiB.
    let most = 1 << 20
    var offset = 0
    while offset < bytes.count {
      let piece = bytes.extracting(offset..<min(offset + most, bytes.count))
      try connection.putCopyData(piece)
      offset += piece.count
      bytesSinceFlush += piece.count
      guard bytesSinceFlush >= 1 << 16 else { continue }
      bytesSinceFlush = 0
      try connection.checkCancellation()
      connection.lookForError()
      if connection.hasSeenError {
        // Ends as failed, never as complete: should the guess be wrong, nothing is half loaded.
        try connection.endCopyIn(failing: "stopped because the server seems to refuse the data")
        do {
          _ = try connection.finishCopy(sql)
          throw connection.lost()
        } catch let error as PostgresError {
          refusal = error
          throw error
        }
      }
      try connection.flush()
    }
  }

  /// Sends bytes; see ``write(_:)-(Span<UInt8>)``.
  package mutating func write(_ bytes: [UInt8]) throws { try write(bytes.span) }
}

extension Connection {
  /// Runs a `COPY … FROM STDIN` with the data that `body` writes.
  ///
  /// If `body` throws, the COPY is ended as failed, so that the server keeps nothing of it, and the error
  /// passes through; the connection stays usable (an open transaction is aborted). If the server refuses the
  /// data, its error is thrown, from a `write` when that is noticed in time, else at the end.
  /// - Returns: the number of rows, as the server counted them.
  /// - Throws: ``PostgresError``, and what `body` throws.
  package func copyIn(_ sql: String, _ body: (inout CopyInput) throws -> Void) throws -> Int64 {
    try copyIn(Array(sql.utf8), body)
  }

  /// Runs a COPY given in the session's encoding; for names that are not UTF-8.
  package func copyIn(_ sql: [UInt8], _ body: (inout CopyInput) throws -> Void) throws -> Int64 {
    try guarded {
      try send(sql)
      try expectCopy(PGRES_COPY_IN, sql)
      isCopyingIn = true
      hasSeenError = false
      defer { isCopyingIn = false }
      var input = CopyInput(self, sql: sql)
      try body(&input)
      if let refusal = input.refusal { throw refusal }
      try endCopyIn(failing: nil)
      return try finishCopy(sql)
    }
  }

  /// Queues one piece; libpq sends it when its buffer is full.
  fileprivate func putCopyData(_ piece: Span<UInt8>) throws {
    let handle = try unsafe requireHandle()
    while true {
      let outcome = unsafe piece.withUnsafeBufferPointer { buffer -> Int32 in
        guard let start = buffer.baseAddress else { return 1 }
        return unsafe PQputCopyData(
          handle, UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self), Int32(buffer.count))
      }
      switch outcome {
      case 1: return
      case 0: try wait(alsoWritable: true)
      default: throw lost()
      }
    }
  }

  /// Ends the data, as complete (nil) or as failed with a reason.
  func endCopyIn(failing reason: String?) throws {
    let handle = try unsafe requireHandle()
    while true {
      switch unsafe PQputCopyEnd(handle, reason) {
      case 1: return try flush()
      case 0: try wait(alsoWritable: true)
      default: throw lost()
      }
    }
  }

  /// Notes whether an error report of the server is waiting, unread, on a plain socket.
  ///
  /// During COPY IN libpq looks at errors only after the end of the data, which for a large table may be
  /// an hour of data sent for nothing. So the next byte is peeked at: 'E' begins an ErrorResponse. A miss
  /// (TLS, or libpq has read it already) only means that the error shows at the end.
  func lookForError() {
    guard let handle = try? unsafe requireHandle(), unsafe PQsslInUse(handle) == 0 else { return }
    var byte: UInt8 = 0
    let count = unsafe recv(PQsocket(handle), &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
    if count == 1, byte == UInt8(ascii: "E") { hasSeenError = true }
  }
}
