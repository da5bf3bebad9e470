// Files seen as memory. Only for files that nobody else can shorten: touching a page past the end
// of a mapped file kills the process.

import Glibc

/// A private file (nameless, or in a folder of ours) mapped for reading; unmapped with its last
/// owner.
@safe package final class MappedFile: @unchecked Sendable {  // the memory is never written here
  /// The mapped length.
  package let byteCount: Int
  private let base: UnsafeMutableRawPointer?

  /// Maps the first `byteCount` bytes; the descriptor may be closed after.
  ///
  /// - Throws: ``SystemError``; EINVAL if the file is shorter than `byteCount`.
  package init(_ file: borrowing OwnedDescriptor, byteCount: Int) throws(SystemError) {
    guard byteCount >= 0, try file.byteCount() >= Int64(byteCount) else {
      throw SystemError(call: "mmap", code: EINVAL)
    }
    self.byteCount = byteCount
    unsafe base = try unsafe map(file, byteCount: byteCount, PROT_READ)
  }

  deinit { if let base = unsafe base { unsafe munmap(base, byteCount) } }

  /// Lends the content for one call.
  package func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let base = unsafe base else { return try body(RawSpan()) }
    return try body(unsafe RawSpan(_unsafeStart: base, byteCount: byteCount))
  }

  /// As ``withBytes(_:)``, for readers that index bytes.
  package func withSpan<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let base = unsafe base else { return try body(Span()) }
    let bytes = unsafe base.assumingMemoryBound(to: UInt8.self)
    return try body(unsafe Span(_unsafeStart: bytes, count: byteCount))
  }

  /// Tells the kernel that accesses jump about, so that it reads no pages ahead.
  package func adviseRandomAccess() {
    if let base = unsafe base { _ = unsafe madvise(base, byteCount, Int32(MADV_RANDOM)) }
  }
}

/// A table of 64-bit slots in a nameless file: it can be larger than memory, because the kernel
/// writes cold pages back to the file.
///
/// Slots start as 0. The space is reserved at once, so a full device is an error here and not a
/// crash later.
@safe package struct MappedTable: ~Copyable, @unchecked Sendable {  // one owner, checked bounds
  /// The number of slots.
  package let count: Int
  private let slots: UnsafeMutablePointer<UInt64>?
  private let byteCount: Int

  /// Makes a table in a folder whose filesystem has 8 bytes a slot to spare.
  ///
  /// - Throws: ``SystemError``; ENOSPC if it has not, EINVAL for a negative or absurd count.
  package init(count: Int, in folder: some PathName) throws(SystemError) {
    let (byteCount, overflow) = count.multipliedReportingOverflow(by: 8)
    guard count >= 0, !overflow else { throw SystemError(call: "mmap", code: EINVAL) }
    unsafe slots = try unsafe Self.makeSlots(count: count, byteCount: byteCount, in: folder)
    self.count = count
    self.byteCount = byteCount
  }

  private static func makeSlots(
    count: Int, byteCount: Int, in folder: some PathName
  ) throws(SystemError) -> UnsafeMutablePointer<UInt64>? {
    guard count > 0 else { return nil }
    let file = try OwnedDescriptor.createTemporary(in: folder)
    try file.allocate(byteCount: Int64(byteCount))
    let base = try unsafe map(file, byteCount: byteCount, PROT_READ | PROT_WRITE)
    let slots = unsafe base?.bindMemory(to: UInt64.self, capacity: count)
    if let slots = unsafe slots { _ = unsafe madvise(slots, byteCount, Int32(MADV_RANDOM)) }
    return unsafe slots
  }

  deinit { if let slots = unsafe slots { unsafe munmap(slots, byteCount) } }

  /// One slot; an index outside `0 ..< count` is our own bug.
  package subscript(index: Int) -> UInt64 {
    get {
      guard let slots = unsafe slots, index >= 0, index < count else {
        preconditionFailure("slot \(index) of \(count)")
      }
      return unsafe slots[index]
    }
    set {
      guard let slots = unsafe slots, index >= 0, index < count else {
        preconditionFailure("slot \(index) of \(count)")
      }
      unsafe slots[index] = newValue
    }
  }
}

/// Maps a file shared, from its start; nil for no bytes, which mmap refuses.
private func map(
  _ file: borrowing OwnedDescriptor, byteCount: Int, _ protection: Int32
) throws(SystemError) -> UnsafeMutableRawPointer? {
  guard byteCount > 0 else { return nil }
  let base = unsafe mmap(nil, byteCount, protection, MAP_SHARED, file.rawValue, 0)
  let code = errno
  guard let base = unsafe base, unsafe base != MAP_FAILED else {
    throw SystemError(call: "mmap", code: code)
  }
  return unsafe base
}
