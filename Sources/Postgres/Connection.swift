// Owns one session with a PostgreSQL server: connecting, waiting with an ear for cancellation, closing.
//
// The socket is never waited on inside libpq: statements are sent without blocking and every wait is a
// poll(2) of at most 100 ms, after which the cancellation token is asked.

import CLibpq
import Glibc
import Synchronization

/// A session with a PostgreSQL server, used by one thread at a time; only ``cancel()`` may come from others.
///
/// Every call blocks its thread. When the token says so, the running statement is cancelled on the server,
/// its remains are read, and `cancelled` is thrown; the connection stays usable (a transaction is then
/// aborted). If the server does not answer the cancellation within 10 s the connection is closed.
@safe package final class Connection: @unchecked Sendable {
  // Sendable because libpq lets a connection move between threads, one at a time, which is the rule
  // above; what other threads may touch stands behind a Mutex.

  private var handle: OpaquePointer?
  private let canceller: Mutex<CancelHandle?>
  private let noticeBox: NoticeBox
  private let cancellation: (@Sendable () -> Bool)?
  /// While an abandoned statement is read to its end the token must not interrupt again.
  private var isDraining = false
  /// Whether a statement is under way, so that the body of a COPY cannot start another.
  private var isRunning = false
  /// Whether a COPY IN is under way, and whether the server was seen to refuse it.
  var isCopyingIn = false
  var hasSeenError = false
  private var drainDeadline: ContinuousClock.Instant?
  /// Where it leads, for messages.
  let place: String

  /// Connects.
  ///
  /// - Parameters:
  ///   - target: where to; what it leaves open comes from libpq's usual sources.
  ///   - applicationName: shown in `pg_stat_activity`, unless the target names another.
  ///   - connectTimeoutSeconds: for each host, unless the target says `connect_timeout`. Resolving the
  ///     host's name is not counted: libpq does that without a time limit of its own.
  ///   - cancellation: asked about ten times a second during each wait of this connection; true ends it.
  /// - Throws: `unreachable`, `authentication`, `databaseMissing`, `privilege`, `cancelled`.
  package init(
    _ target: ConnectionTarget, applicationName: String = "lifeboat",
    connectTimeoutSeconds: Int = 15, cancellation: (@Sendable () -> Bool)? = nil
  ) throws(PostgresError) {
    place = target.redacted
    self.cancellation = cancellation
    noticeBox = NoticeBox()
    canceller = Mutex(nil)
    unsafe handle = nil
    let timeout = target.value(of: "connect_timeout").flatMap { Int($0) } ?? connectTimeoutSeconds
    unsafe handle = Self.start(
      target, applicationName: applicationName, timeout: timeout)
    do throws(PostgresError) {
      try finishConnecting(target, timeout: timeout > 0 ? timeout : 86_400)
    } catch {
      close()
      throw error
    }
  }

  deinit { close() }

  /// Ends the session; safe to repeat.
  ///
  /// Every later statement throws `misuse`.
  package func close() {
    canceller.withLock { $0?.free() }
    canceller.withLock { $0 = nil }
    if let connection = unsafe handle { unsafe PQfinish(connection) }
    unsafe handle = nil
  }

  package var isOpen: Bool {
    guard let handle = unsafe handle else { return false }
    return unsafe PQstatus(handle) == CONNECTION_OK
  }

  /// The server's version as one number, 150020 for 15.20; 0 once closed.
  package var serverVersion: Int { unsafe handle.map { unsafe Int(PQserverVersion($0)) } ?? 0 }

  /// The server's major version (10 and later).
  package var serverMajor: Int { serverVersion / 10_000 }

  /// The connected database, with invalid UTF-8 repaired.
  package var databaseName: String {
    unsafe handle.map { unsafe repaired(PQdb($0)) } ?? ""
  }

  /// The host and port, or the socket's folder and port.
  package var hostDescription: String {
    guard let handle = unsafe handle else { return "closed connection" }
    return unsafe "\(repaired(PQhost(handle))):\(repaired(PQport(handle)))"
  }

  /// Whether a transaction block is open, aborted ones included.
  package var isInTransaction: Bool {
    guard let handle = unsafe handle else { return false }
    return unsafe [PQTRANS_INTRANS, PQTRANS_INERROR].contains(PQtransactionStatus(handle))
  }

  /// A parameter the server reports, such as `server_encoding` or `TimeZone`.
  package func parameter(_ name: String) -> String? {
    guard let handle = unsafe handle, let value = unsafe PQparameterStatus(handle, name)
    else { return nil }
    return unsafe repaired(value)
  }

  /// The newest 100 notices and warnings of this session, oldest first.
  package var notices: [String] { noticeBox.texts.withLock { $0 } }

  /// Asks the server to stop the running statement; callable from any thread, blocks for a round trip.
  ///
  /// No effect if none runs. The thread that waits for the statement gets `cancelled`.
  package func cancel() {
    canceller.withLock { handle in
      // 256 bytes is what the manual recommends for errbuf; the text is of no use.
      guard let handle = handle else { return }
      var message = [CChar](repeating: 0, count: 256)
      _ = unsafe PQcancel(handle.pointer, &message, 256)
    }
  }

  // MARK: - Waiting

  /// The open handle.
  func requireHandle() throws(PostgresError) -> OpaquePointer {
    guard let handle = unsafe handle else {
      throw PostgresError(
        .misuse, what: "cannot use the connection to \(place)", why: "it was closed before")
    }
    return unsafe handle
  }

  /// Thrown by waits; ``guarded(_:)`` turns it into the server-side cancellation.
  struct Interrupted: Error {}

  /// Waits until the socket can be read (or, if asked, written) and takes in what has arrived.
  func wait(alsoWritable: Bool = false) throws {
    let handle = try unsafe requireHandle()
    var entry = unsafe pollfd(
      fd: PQsocket(handle), events: Int16(alsoWritable ? POLLIN | POLLOUT : POLLIN), revents: 0)
    while true {
      if isDraining {
        if let drainDeadline, ContinuousClock.now > drainDeadline { throw Interrupted() }
      } else if cancellation?() == true {
        throw Interrupted()
      }
      let ready = unsafe poll(&entry, 1, 100)
      if ready > 0 { break }
      if ready < 0, errno != EINTR { break }
    }
    if entry.revents & Int16(POLLOUT) != 0, entry.revents & Int16(POLLIN | POLLHUP | POLLERR) == 0 {
      return
    }
    if isCopyingIn { lookForError() }
    if unsafe PQconsumeInput(handle) == 0 { throw lost() }
  }

  /// Asks the token without waiting; for loops that never run dry.
  func checkCancellation() throws {
    if !isDraining, cancellation?() == true { throw Interrupted() }
  }

  /// Sends what libpq has buffered.
  func flush() throws {
    let handle = try unsafe requireHandle()
    while true {
      switch unsafe PQflush(handle) {
      case 0: return
      case 1: try wait(alsoWritable: true)
      default: throw lost()
      }
    }
  }

  /// The next result of the running statement; nil when it is over.
  func nextResult() throws -> ResultHandle? {
    let handle = try unsafe requireHandle()
    while unsafe PQisBusy(handle) == 1 { try wait() }
    guard let result = unsafe PQgetResult(handle) else { return nil }
    return unsafe ResultHandle(result)
  }

  /// Runs one statement's work, and leaves the connection ready for the next, whatever happens.
  ///
  /// On any error the remains of the statement are read; on an interruption and on a foreign error, the
  /// server is asked to cancel it first. What cannot be brought to an end in 10 s is closed.
  func guarded<Value>(_ work: () throws -> Value) throws -> Value {
    guard !isRunning else {
      throw PostgresError(
        .misuse, what: "cannot run a statement on \(place)",
        why: "this connection is in the middle of another one")
    }
    isRunning = true
    defer { isRunning = false }
    do {
      return try work()
    } catch let error as PostgresError {
      drain(cancelling: false)
      throw error
    } catch is Interrupted {
      drain(cancelling: true)
      throw PostgresError(
        .cancelled, what: "stopped working on \(place)", why: "the operation was cancelled")
    } catch {
      drain(cancelling: true)
      throw error
    }
  }

  private func drain(cancelling: Bool) {
    guard isOpen else { return }
    if cancelling { cancel() }
    isDraining = true
    drainDeadline = .now + .seconds(10)
    defer {
      isDraining = false
      drainDeadline = nil
    }
    do {
      while let result = try nextResult() {
        switch result.status {
        case PGRES_COPY_OUT, PGRES_COPY_BOTH:
          while try unsafe nextCopyRow() != nil {}
        case PGRES_COPY_IN:
          try endCopyIn(failing: "given up by the client")
        default: break
        }
      }
    } catch {
      close()
    }
  }

  // MARK: - Connecting

  private static func start(
    _ target: ConnectionTarget, applicationName: String, timeout: Int
  ) -> OpaquePointer? {
    var pairs = target.options.map { ($0.keyword, $0.value) }
    pairs.append(("fallback_application_name", applicationName))
    // Only PQconnectdb moves on to the next host of a list when one does not answer.
    if target.hostCount > 1 {
      pairs.append(("connect_timeout", String(timeout)))
      return unsafe withCStrings(pairs.map { $0.0 }) { keywords in
        unsafe withCStrings(pairs.map { $0.1 }) { values in
          unsafe PQconnectdbParams(keywords, values, 0)
        }
      }
    }
    return unsafe withCStrings(pairs.map { $0.0 }) { keywords in
      unsafe withCStrings(pairs.map { $0.1 }) { values in
        unsafe PQconnectStartParams(keywords, values, 0)
      }
    }
  }

  private func finishConnecting(_ target: ConnectionTarget, timeout: Int) throws(PostgresError) {
    guard let handle = unsafe handle else {
      throw PostgresError(
        .misuse, what: "cannot connect to \(place)", why: "out of memory",
        next: "free some memory")
    }
    // The SQLSTATE of a refused login stands nowhere but in the verbose text.
    unsafe PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
    unsafe PQsetNoticeReceiver(
      handle, NoticeBox.receive, Unmanaged.passUnretained(noticeBox).toOpaque())
    let deadline = ContinuousClock.now + .seconds(timeout)
    // The manual: behave as if PQconnectPoll had last returned PGRES_POLLING_WRITING.
    var step = PGRES_POLLING_WRITING
    while unsafe PQstatus(handle) != CONNECTION_OK {
      if unsafe PQstatus(handle) == CONNECTION_BAD || step == PGRES_POLLING_FAILED {
        throw connectionFailure(target, said: unsafe repaired(PQerrorMessage(handle)))
      }
      if cancellation?() == true {
        throw PostgresError(
          .cancelled, what: "stopped connecting to \(place)", why: "the operation was cancelled")
      }
      guard ContinuousClock.now < deadline else {
        throw connectionFailure(target, said: "no answer within \(timeout) s")
      }
      var entry = unsafe pollfd(
        fd: PQsocket(handle),
        events: Int16(step == PGRES_POLLING_READING ? POLLIN : POLLOUT), revents: 0)
      if unsafe poll(&entry, 1, 100) > 0 { unsafe step = PQconnectPoll(handle) }
    }
    unsafe PQsetErrorVerbosity(handle, PQERRORS_DEFAULT)
    guard unsafe PQsetnonblocking(handle, 1) == 0, let cancel = unsafe PQgetCancel(handle) else {
      throw lost()
    }
    let cancelHandle = unsafe CancelHandle(pointer: cancel)
    canceller.withLock { $0 = cancelHandle }
  }
}

/// What PQcancel needs; libpq allows using it from any thread, and ours do so under the lock only.
@safe private struct CancelHandle: @unchecked Sendable {
  let pointer: OpaquePointer
  func free() { unsafe PQfreeCancel(pointer) }
}

/// Collects notices; the newest 100 are kept.
private final class NoticeBox: Sendable {
  let texts = Mutex<[String]>([])

  static let receive: PQnoticeReceiver = { context, result in
    guard let context = unsafe context, let result = unsafe result else { return }
    let text = unsafe repaired(PQresultErrorMessage(result))
    let box = unsafe Unmanaged<NoticeBox>.fromOpaque(context).takeUnretainedValue()
    box.texts.withLock { texts in
      texts.append(text)
      if texts.count > 100 { texts.removeFirst() }
    }
  }
}

/// Lends a null-terminated array of C strings.
func withCStrings<Result>(
  _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
  var copies: [UnsafePointer<CChar>?] = unsafe strings.map { string in
    guard let string, let copy = unsafe strdup(string) else { return nil }
    return unsafe UnsafePointer(copy)
  }
  defer { unsafe copies.forEach { unsafe free(UnsafeMutablePointer(mutating: $0)) } }
  unsafe copies.append(nil)
  return unsafe copies.withUnsafeBufferPointer { list in
    guard let start = list.baseAddress else { preconditionFailure("it has an element") }
    return unsafe body(start)
  }
}
