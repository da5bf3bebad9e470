// Reading a lot without pushing out of memory what the database server keeps there.

import CLinux
import Glibc

/// Reads a file from start to end and leaves the page cache as it was found.
///
/// Where the kernel has RWF_DONTCACHE (Linux 6.14) it takes care of that. Elsewhere the reader looks
/// once, before the first read, which parts are cached (later readahead would blur it), and drops
/// what it read of the others.
package struct CacheNeutralReader: ~Copyable {
  /// The granularity in which cached parts are told apart.
  package static let rangeByteCount = 1 << 16

  /// The file being read.
  package let file: OwnedDescriptor
  private var usesKernel: Bool
  /// One bit a range: whether any page of it was cached; nil until it is needed.
  private var warm: [UInt64]?

  /// - Parameters:
  ///   - file: a regular file open for reading.
  ///   - usingKernel: false to go without RWF_DONTCACHE.
  package init(_ file: consuming OwnedDescriptor, usingKernel: Bool = true) {
    self.file = file
    usesKernel = usingKernel
  }

  /// As ``OwnedDescriptor/read(into:at:)-(MutableRawSpan,_)``.
  package mutating func read(
    into buffer: inout MutableRawSpan, at offset: Int64
  ) throws(SystemError) -> Int {
    let number = file.rawValue
    var done = 0
    if usesKernel {
      let result = unsafe buffer.withUnsafeMutableBytes { memory in
        guard let base = memory.baseAddress else { return 0 }
        while done < memory.count {
          let count = unsafe clinux_read_uncached(
            number, base + done, memory.count - done, offset + Int64(done))
          if count < 0 { return Int(count) }
          if count == 0 { break }
          done += Int(count)
        }
        return done
      }
      if result != -Int(EOPNOTSUPP), result != -Int(EINVAL) { return try check(result, "read") }
      usesKernel = false
    }
    if warm == nil { warm = residency() }
    done = try file.read(into: &buffer, at: offset)
    dropCold(from: offset, byteCount: done)
    return done
  }

  /// As ``read(into:at:)-(MutableRawSpan,_)``.
  package mutating func read(
    into bytes: inout MutableSpan<UInt8>, at offset: Int64
  ) throws(SystemError) -> Int {
    var raw = unsafe bytes.mutableBytes
    return try read(into: &raw, at: offset)
  }

  /// As ``read(into:at:)-(MutableRawSpan,_)``, over all elements of an array.
  package mutating func read(into bytes: inout [UInt8], at offset: Int64) throws(SystemError) -> Int
  {
    var span = bytes.mutableSpan
    return try read(into: &span, at: offset)
  }

  /// Whether any byte of the range that holds `offset` was cached at the first read; true where that
  /// cannot be known, and then nothing is dropped.
  private func isWarm(_ range: Int64) -> Bool {
    guard let warm, let word = Int(exactly: range / 64), word < warm.count else { return true }
    return warm[word] >> UInt64(range % 64) & 1 == 1
  }

  private func dropCold(from offset: Int64, byteCount: Int) {
    let unit = Int64(Self.rangeByteCount)
    // The range a read ends in is dropped again with the next one, when it is complete.
    var range = offset / unit
    while range * unit < offset + Int64(byteCount) {
      if !isWarm(range) {
        _ = posix_fadvise(file.rawValue, off_t(range * unit), off_t(unit), POSIX_FADV_DONTNEED)
      }
      range += 1
    }
  }

  private func residency() -> [UInt64]? {
    guard let byteCount = try? file.byteCount() else { return nil }
    let unit = Int64(Self.rangeByteCount)
    let rangeCount = Int((byteCount + unit - 1) / unit)
    var bits = [UInt64](repeating: 0, count: (rangeCount + 63) / 64)
    let isKnown = file.forEachCachedPage(byteCount: byteCount) { offset in
      let range = Int(offset / unit)
      bits[range / 64] |= 1 << UInt64(range % 64)
    }
    return isKnown ? bits : nil
  }
}

extension OwnedDescriptor {
  /// How much of the open file is in the page cache, in whole pages; nil where that cannot be known.
  package borrowing func cachedByteCount() -> Int64? {
    guard let byteCount = try? byteCount() else { return nil }
    var pages: Int64 = 0
    guard forEachCachedPage(byteCount: byteCount, { _ in pages += 1 }) else { return nil }
    return pages * Int64(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// Calls `body` with the offset of each cached page: mincore(2), 256 MiB at a time.
  ///
  /// Without write permission or ownership the kernel answers "cached" for every page. Gives false
  /// if it answers nothing.
  fileprivate borrowing func forEachCachedPage(
    byteCount: Int64, _ body: (Int64) -> Void
  ) -> Bool {
    let page = Int64(sysconf(Int32(_SC_PAGESIZE)))
    let window: Int64 = 256 << 20
    var pages = [UInt8](repeating: 0, count: Int((min(byteCount, window) + page - 1) / page))
    var offset: Int64 = 0
    while offset < byteCount {
      let length = Int(min(window, byteCount - offset))
      let base = unsafe mmap(nil, length, PROT_READ, MAP_SHARED, rawValue, off_t(offset))
      guard let base = unsafe base, unsafe base != MAP_FAILED else { return false }
      // The mapping is never touched, so a file that shrinks meanwhile does no harm.
      let result = unsafe mincore(base, length, &pages)
      unsafe munmap(base, length)
      guard result == 0 else { return false }
      for i in 0..<Int((Int64(length) + page - 1) / page) where pages[i] & 1 == 1 {
        body(offset + Int64(i) * page)
      }
      offset += window
    }
    return true
  }

  /// Tells the kernel that a range will not be needed again; 0 bytes means to the end.
  ///
  /// It drops clean pages of it, also those that others had cached.
  package borrowing func adviseNotNeeded(from offset: Int64 = 0, byteCount: Int64 = 0) {
    _ = posix_fadvise(rawValue, off_t(offset), off_t(byteCount), POSIX_FADV_DONTNEED)
  }

  /// Tells the kernel that the file will be read from start to end, so that it reads ahead more.
  package borrowing func adviseSequential() {
    _ = posix_fadvise(rawValue, 0, 0, POSIX_FADV_SEQUENTIAL)
  }

  /// Turns bypassing of the page cache on or off (O_DIRECT); EINVAL where there is no such thing.
  package borrowing func setDirect(_ isOn: Bool) throws(SystemError) {
    try check(clinux_set_direct(rawValue, isOn ? 1 : 0), "fcntl O_DIRECT")
  }
}

/// Memory aligned to 4 KiB, as reads and writes past the page cache want it.
@safe package struct AlignedBuffer: ~Copyable, @unchecked Sendable {  // one owner
  /// The alignment, in bytes, that every block device in use accepts.
  package static let alignment = 4096

  /// The length.
  package let byteCount: Int
  private let base: UnsafeMutablePointer<UInt8>

  /// Allocates zeroed memory; a negative length is our own bug.
  package init(byteCount: Int) {
    precondition(byteCount >= 0)
    self.byteCount = byteCount
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: max(byteCount, 1), alignment: Self.alignment)
    unsafe base = unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: byteCount)
  }

  deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }

  /// Lends the content.
  package borrowing func withBytes<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(unsafe Span(_unsafeStart: base, count: byteCount))
  }

  /// Lends the content for writing.
  package mutating func withMutableBytes<Result, Failure: Error>(
    _ body: (inout MutableSpan<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var span = unsafe MutableSpan(_unsafeStart: base, count: byteCount)
    return try body(&span)
  }
}
