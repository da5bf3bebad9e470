// Owns the loop that a calling thread runs while a child lives: feed it, read it, watch for its
// end and for cancellation. One thread, poll(2), no bytes handed between threads.

import Glibc

extension Program {
  /// Runs to the end and keeps what it wrote.
  ///
  /// Blocks the calling thread, which must not be one of the cooperative pool. On every thrown
  /// error the child and its process group have been ended before the call returns.
  /// - Parameters:
  ///   - input: its standard input; nil is an empty one.
  ///   - outputLimit: the most bytes of standard output that are accepted.
  ///   - cancellation: asked about ten times a second; true ends the child.
  /// - Returns: how it ended and all that it wrote.
  /// - Throws: ``ProgramError``: `program-not-found`, `launch-failed`, `output-limit`, `cancelled`.
  package func run(
    input: [UInt8]? = nil, outputLimit: Int, cancellation: (() -> Bool)? = nil
  ) throws -> ProgramResult {
    var collected: [UInt8] = []
    var rest = input
    let end = try drive(
      input: input == nil
        ? nil
        : {
          defer { rest = nil }
          return rest
        },
      cancellation: cancellation
    ) { piece in
      guard piece.count <= outputLimit - collected.count else {
        throw ProgramError(
          .outputLimit, what: "stopped \(name)",
          why: "it wrote more than \(outputLimit) bytes",
          next: "find out why its output is larger than expected")
      }
      for index in piece.indices { collected.append(piece[index]) }
    }
    return ProgramResult(
      exitStatus: end.status, standardOutput: collected, standardError: end.standardError)
  }

  /// Runs with empty input and lends each piece of standard output, at most 1 MiB, to `body`.
  ///
  /// `body` runs on the calling thread; the child waits while it does. If it throws, the child is
  /// ended and the error passes through.
  /// - Throws: as ``run(input:outputLimit:cancellation:)``, and what `body` throws.
  /// - Returns: the end of the child; `standardOutput` is empty. The caller must look at the exit
  ///   status: output that stops early is not an error by itself.
  package func stream(
    cancellation: (() -> Bool)? = nil, _ body: (Span<UInt8>) throws -> Void
  ) throws -> ProgramResult {
    let end = try drive(input: nil, cancellation: cancellation, body)
    return ProgramResult(
      exitStatus: end.status, standardOutput: [], standardError: end.standardError)
  }

  /// Runs and writes the pieces that `next` returns to its standard input, until nil.
  ///
  /// A child that stops reading is not an error here: feeding ends, `next` is not asked again, and
  /// the exit status tells. If `next` throws, the child is ended and the error passes through.
  /// - Throws: as ``run(input:outputLimit:cancellation:)``, and what `next` throws.
  /// - Returns: the end of the child, with the first 64 KiB of its standard output.
  package func feed(
    cancellation: (() -> Bool)? = nil, _ next: () throws -> [UInt8]?
  ) throws -> ProgramResult {
    var kept: [UInt8] = []
    let end = try withoutActuallyEscaping(next) { next in
      try drive(input: next, cancellation: cancellation) { piece in
        let room = min(piece.count, 65_536 - kept.count)
        for index in 0..<room { kept.append(piece[index]) }
      }
    }
    return ProgramResult(
      exitStatus: end.status, standardOutput: kept, standardError: end.standardError)
  }

  private struct End {
    var status: Int32
    var standardError: String
  }

  private func drive(
    input next: (() throws -> [UInt8]?)?, cancellation: (() -> Bool)?,
    _ body: (Span<UInt8>) throws -> Void
  ) throws -> End {
    try requireExecutable()
    var inputPipe: Pipe? = nil
    if next != nil { inputPipe = try Pipe() }
    var outputPipe = try Pipe()
    var errorPipe = try Pipe()
    var endPipe = try Pipe()

    var stdin = inputPipe?.writing.take()
    var stdout = outputPipe.reading.take()
    var stderr = errorPipe.reading.take()
    let ended = endPipe.reading.take()
    stdin?.makeNonblocking()
    stdout?.makeNonblocking()
    stdout?.widenPipe()
    stderr?.makeNonblocking()

    guard let childOutput = outputPipe.writing.take(), let childError = errorPipe.writing.take(),
      let childEnded = endPipe.writing.take(), let ended
    else { preconditionFailure("a pipe has two ends") }
    let child = ChildProcess(
      self, input: inputPipe?.reading.take(), output: childOutput, error: childError,
      ended: childEnded)

    var tail = Tail()
    do {
      var buffer = [UInt8](repeating: 0, count: 1 << 20)
      var piece: [UInt8] = []
      var offset = 0
      var hasEnded = false
      while true {
        if cancellation?() == true {
          throw ProgramError(
            .cancelled, what: "stopped \(name)", why: "the operation was cancelled",
            next: "run it again when ready")
        }
        while stdin != nil, !hasEnded, offset == piece.count, let next {
          if let fresh = try next() {
            piece = fresh
            offset = 0
          } else {
            stdin = nil
          }
        }
        // A negative descriptor is skipped by poll(2).
        var entries = [
          pollfd(fd: stdout?.raw ?? -1, events: Int16(POLLIN), revents: 0),
          pollfd(fd: stderr?.raw ?? -1, events: Int16(POLLIN), revents: 0),
          pollfd(fd: stdin?.raw ?? -1, events: Int16(POLLOUT), revents: 0),
          pollfd(fd: hasEnded ? -1 : ended.raw, events: Int16(POLLIN), revents: 0),
        ]
        // After the end of the child only what is already in the pipes counts: a descendant
        // that still holds them open cannot keep us.
        _ = unsafe poll(&entries, 4, hasEnded ? 0 : 100)
        var moved = false
        if entries[0].revents != 0 {
          switch Self.read(&stdout, into: &buffer) {
          case 0: break
          case let count:
            moved = true
            try body(buffer.span.extracting(0..<count))
          }
        }
        if entries[1].revents != 0 {
          let count = Self.read(&stderr, into: &buffer)
          if count > 0 {
            moved = true
            tail.append(buffer.span.extracting(0..<count))
          }
        }
        if entries[2].revents != 0 {
          if let descriptor = stdin.take() {
            let count = writeQuietly(descriptor, piece.span.extracting(offset..<piece.count))
            if count > 0 { offset += count }
            // EPIPE: the child stopped reading. Dropping the descriptor ends the feeding.
            if count >= 0 || count == -Int(EAGAIN) { stdin = consume descriptor }
          }
        }
        if hasEnded, !moved { break }
        if entries[3].revents != 0 { hasEnded = true }
      }
    } catch {
      // Closing our ends first lets a child that is blocked on a pipe notice.
      stdin = nil
      stdout = nil
      stderr = nil
      child.stop()
      var entry = pollfd(fd: ended.raw, events: Int16(POLLIN), revents: 0)
      while unsafe poll(&entry, 1, -1) < 0, errno == EINTR {}
      child.killRemains()
      throw error
    }
    switch child.status() {
    case .success(let status): return End(status: status, standardError: tail.text)
    case .failure(let error):
      throw ProgramError(
        .launchFailed, what: "cannot run \(path)", why: quotable("\(error)"),
        next: "try to run it by hand")
    case nil: preconditionFailure("the pipe closes after the outcome is set")
    }
  }

  /// Reads once and returns the count; at the end of the stream the descriptor is closed.
  private static func read(_ source: inout Descriptor?, into buffer: inout [UInt8]) -> Int {
    guard let descriptor = source.take() else { return 0 }
    let count = readOnce(descriptor, into: &buffer)
    if count > 0 || count == -Int(EAGAIN) { source = consume descriptor }
    return max(count, 0)
  }

  /// Says plainly what setpriv or a spawn would say obscurely.
  private func requireExecutable() throws {
    for path in account == nil ? [path] : [path, Self.setprivPath] {
      guard unsafe access(path, F_OK) == 0 else {
        throw ProgramError(
          .notFound, what: "cannot run \(path)", why: "there is no such file",
          next: path == Self.setprivPath ? "install the package util-linux" : "check the path")
      }
      guard unsafe access(path, X_OK) == 0 else {
        throw ProgramError(
          .launchFailed, what: "cannot run \(path)", why: "it is not executable",
          next: "check its permissions")
      }
    }
    for word in arguments + [path] where word.utf8.contains(0) {
      throw ProgramError(
        .launchFailed, what: "cannot run \(name)", why: "an argument contains a NUL byte",
        next: "report this; it is a bug of the caller")
    }
  }
}

/// The last 64 KiB of a stream.
private struct Tail {
  private static let byteCount = 65_536
  private var bytes: [UInt8] = []

  mutating func append(_ piece: Span<UInt8>) {
    for index in max(0, piece.count - Self.byteCount)..<piece.count { bytes.append(piece[index]) }
    if bytes.count > 4 * Self.byteCount { trim() }
  }

  private mutating func trim() { bytes.removeFirst(max(0, bytes.count - Self.byteCount)) }

  var text: String {
    var copy = self
    copy.trim()
    return String(decoding: copy.bytes, as: UTF8.self)
  }
}
