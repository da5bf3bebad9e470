// Owns file descriptors of pipes: one owner each, closed once, never inherited by a child.

import Glibc

/// A file descriptor that is closed when its single owner lets go.
struct Descriptor: ~Copyable {
  let raw: Int32

  init(_ raw: Int32) { self.raw = raw }

  deinit { _ = close(raw) }

  /// Gives the descriptor away without closing it.
  consuming func released() -> Int32 {
    let raw = self.raw
    discard self
    return raw
  }

  /// Makes reads and writes return `EAGAIN` instead of waiting.
  borrowing func makeNonblocking() {
    _ = fcntl(raw, F_SETFL, fcntl(raw, F_GETFL) | O_NONBLOCK)
  }

  /// Asks for a 1 MiB pipe so that a dump crosses in fewer, larger pieces; a refusal is harmless.
  borrowing func widenPipe() { _ = fcntl(raw, F_SETPIPE_SZ_, 1 << 20) }
}

/// `F_SETPIPE_SZ` of `<linux/fcntl.h>`, which the Glibc module hides behind `_GNU_SOURCE`.
private let F_SETPIPE_SZ_: Int32 = 1031

/// The two ends of a pipe, both close-on-exec.
struct Pipe: ~Copyable {
  var reading: Descriptor?
  var writing: Descriptor?

  init() throws {
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else {
      throw ProgramError(
        .system, what: "cannot open a pipe to a child process", why: "errno \(errno)",
        next: "raise the limit of open files (ulimit -n)")
    }
    // pipe2(2) is hidden from Swift. A child started in between inherits nothing even so:
    // Subprocess closes every descriptor above 2 in it.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    reading = Descriptor(ends[0])
    writing = Descriptor(ends[1])
  }
}

/// Writes without the process dying of `SIGPIPE` when nobody reads.
///
/// The signal is blocked on this thread for the call, and one that the call raised is taken off
/// the thread's pending set, as libpq does (`pq_block_sigpipe`); the process's disposition is not
/// touched.
/// - Returns: the number of bytes written, or the negated `errno`.
func writeQuietly(_ descriptor: borrowing Descriptor, _ bytes: Span<UInt8>) -> Int {
  var pipeSignal = sigset_t()
  var previous = sigset_t()
  var pending = sigset_t()
  unsafe sigemptyset(&pipeSignal)
  unsafe sigaddset(&pipeSignal, SIGPIPE)
  unsafe sigpending(&pending)
  let wasPending = unsafe sigismember(&pending, SIGPIPE) == 1
  unsafe pthread_sigmask(SIG_BLOCK, &pipeSignal, &previous)
  defer { unsafe pthread_sigmask(SIG_SETMASK, &previous, nil) }
  while true {
    let written = unsafe bytes.withUnsafeBufferPointer {
      unsafe write(descriptor.raw, $0.baseAddress, $0.count)
    }
    if written >= 0 { return written }
    let code = errno
    if code == EINTR { continue }
    if code == EPIPE, !wasPending {
      var none = timespec(tv_sec: 0, tv_nsec: 0)
      unsafe sigtimedwait(&pipeSignal, nil, &none)
    }
    return -Int(code)
  }
}

/// Reads once, without waiting on a non-blocking descriptor.
/// - Returns: the number of bytes read, 0 at the end, or the negated `errno`.
func readOnce(_ descriptor: borrowing Descriptor, into buffer: inout [UInt8]) -> Int {
  while true {
    let count = buffer.count
    let got = unsafe read(descriptor.raw, &buffer, count)
    if got >= 0 { return got }
    let code = errno
    if code != EINTR { return -Int(code) }
  }
}
