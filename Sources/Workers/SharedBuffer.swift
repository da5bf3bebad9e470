// Memory that several threads fill at once, each its own region.

/// Page-aligned bytes of fixed length whose regions are lent to one thread each.
///
/// Whoever hands out regions (the packer) must never lend overlapping ones at the same time; that
/// is the whole safety argument, and why this is a class with an unchecked promise.
@safe package final class SharedBuffer: @unchecked Sendable {
  package let byteCount: Int
  private let memory: UnsafeMutableRawPointer

  /// Allocates `byteCount` bytes at a page boundary; untouched pages take no memory.
  package init(byteCount: Int) {
    self.byteCount = byteCount
    unsafe memory = UnsafeMutableRawPointer.allocate(byteCount: byteCount, alignment: 4096)
  }

  /// Lends the `count` bytes at `offset` for writing.
  package func withRegion<R, E: Error>(
    at offset: Int, count: Int, _ body: (inout MutableSpan<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    precondition(offset >= 0 && count >= 0 && offset <= byteCount - count, "region out of bounds")
    var span = unsafe MutableSpan<UInt8>(
      _unsafeStart: (memory + offset).assumingMemoryBound(to: UInt8.self), count: count)
    return try body(&span)
  }

  /// Lends the `count` bytes at `offset` for reading; they must have been written before.
  package func withBytes<R, E: Error>(
    at offset: Int, count: Int, _ body: (Span<UInt8>) throws(E) -> R
  ) throws(E) -> R {
    precondition(offset >= 0 && count >= 0 && offset <= byteCount - count, "region out of bounds")
    return try body(
      unsafe Span<UInt8>(
        _unsafeStart: (memory + offset).assumingMemoryBound(to: UInt8.self), count: count))
  }

  deinit { unsafe memory.deallocate() }
}

extension SharedBuffer {
  /// `buffer` if it holds `byteCount` bytes, else a larger one: for scratch that is reused.
  package static func reuse(_ buffer: SharedBuffer?, atLeast byteCount: Int) -> SharedBuffer {
    if let buffer, buffer.byteCount >= byteCount { return buffer }
    return SharedBuffer(byteCount: byteCount + byteCount / 4)
  }
}
