// The one error of this module: which call the kernel refused, on which path, with which errno.

import CLinux
import Glibc

/// A refused system call; callers above turn it into what an operator reads.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The system call, or the name of ours that stands for several.
  package let call: String
  /// The path it was given, as bytes; relative to the directory it was given with.
  package let path: [UInt8]?
  /// The errno.
  package let code: Int32

  package init(call: String, path: [UInt8]? = nil, code: Int32) {
    self.call = call
    self.path = path
    self.code = code
  }

  /// No such entry, or a directory on the way to it does not exist.
  package var isNotFound: Bool { code == ENOENT }
  /// An entry of that name exists already.
  package var isExisting: Bool { code == EEXIST }
  /// The user may not do this.
  package var isPermission: Bool { code == EACCES || code == EPERM }
  /// The device, or the user's quota, is full.
  package var isNoSpace: Bool { code == ENOSPC || code == EDQUOT }
  /// The filesystem is mounted read-only.
  package var isReadOnly: Bool { code == EROFS }
  /// A symbolic link stands where none is allowed.
  package var isSymbolicLink: Bool { code == ELOOP }
  /// The path leads out of the directory it must stay beneath, or to another filesystem.
  package var isCrossing: Bool { code == EXDEV }
  /// A directory was expected.
  package var isNotDirectory: Bool { code == ENOTDIR }
  /// The directory still has entries.
  package var isNotEmpty: Bool { code == ENOTEMPTY }
  /// The device failed.
  package var isInputOutput: Bool { code == EIO }
  /// The kernel or the filesystem has no such thing.
  package var isUnsupported: Bool { [ENOSYS, EOPNOTSUPP, ENOTTY].contains(code) }

  /// The errno in words, lower case: `no such file or directory`.
  package var reason: String {
    let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      guard let base = buffer.baseAddress,
        unsafe clinux_reason(code, base, buffer.count) == 0
      else { return "error \(code)" }
      return unsafe String(cString: base)
    }
    // `I/O error` and the like keep their capitals.
    guard let first = text.first, let second = text.dropFirst().first, second.isLowercase else {
      return text
    }
    return first.lowercased() + text.dropFirst()
  }

  /// `open '/srv/media/a.jpg': permission denied`.
  package var description: String {
    guard let path else { return "\(call): \(reason)" }
    return "\(call) '\(displayed(path))': \(reason)"
  }
}

/// Makes a C call that reports by -1 and errno, again while signals interrupt it; gives its result
/// or the negative errno.
@inline(__always)
func posix<Result: SignedInteger & FixedWidthInteger>(_ call: () -> Result) -> Result {
  while true {
    let result = call()
    guard result == -1 else { return result }
    let code = errno
    if code != EINTR { return -Result(code) }
  }
}

/// Throws what a call returned as a negative errno.
@inline(__always) @discardableResult
func check<Result: SignedInteger & FixedWidthInteger>(
  _ result: Result, _ call: String, _ path: [UInt8]? = nil
) throws(SystemError) -> Result {
  guard result < 0 else { return result }
  throw SystemError(call: call, path: path, code: Int32(truncatingIfNeeded: 0 - result))
}

/// Makes a call that takes a path and reports by a negative errno.
///
/// The path goes to the stack if it is short. A path with a NUL in it is refused with EINVAL: the
/// kernel would see another path.
@discardableResult
func check<Result: SignedInteger & FixedWidthInteger>(
  _ call: String, _ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Result
) throws(SystemError) -> Result {
  try check(unsafe withCString(path, body), call, path)
}

/// As above without the check: the negative errno stays a value.
func withCString<Result: SignedInteger & FixedWidthInteger>(
  _ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> Result
) -> Result {
  guard !bytes.contains(0) else { return -Result(EINVAL) }
  return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
    for i in bytes.indices { unsafe buffer[i] = CChar(bitPattern: bytes[i]) }
    unsafe buffer[bytes.count] = 0
    guard let base = buffer.baseAddress else { return -Result(ENOMEM) }
    return unsafe body(base)
  }
}
