// Reading, writing and their durability. Offsets are absolute; nothing here moves a file offset
// except `append` and `readNext`.

import CLinux
import Glibc

extension OwnedDescriptor {
  // MARK: Reading

  /// Fills `buffer` from `offset` on, or to the end of the file: a short count means the end.
  package borrowing func read(
    into buffer: inout MutableRawSpan, at offset: Int64
  ) throws(SystemError) -> Int {
    let number = rawValue
    return try unsafe fill(&buffer) { base, count, done in
      posix { unsafe pread(number, base, count, off_t(offset) + off_t(done)) }
    }
  }

  /// As ``read(into:at:)-(MutableRawSpan,_)``.
  package borrowing func read(
    into bytes: inout MutableSpan<UInt8>, at offset: Int64
  ) throws(SystemError) -> Int {
    var raw = unsafe bytes.mutableBytes
    return try read(into: &raw, at: offset)
  }

  /// As ``read(into:at:)-(MutableRawSpan,_)``, over all elements of an array.
  package borrowing func read(into bytes: inout [UInt8], at offset: Int64) throws(SystemError)
    -> Int
  {
    var span = bytes.mutableSpan
    return try read(into: &span, at: offset)
  }

  /// At most `byteCount` bytes from `offset` on; fewer only at the end of the file.
  package borrowing func read(byteCount: Int, at offset: Int64) throws(SystemError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: byteCount)
    let count = try read(into: &bytes, at: offset)
    if count < byteCount { bytes.removeLast(byteCount - count) }
    return bytes
  }

  /// Fills `buffer` from where the descriptor stands: pipes, sockets, standard input.
  ///
  /// A short count means the end.
  package borrowing func readNext(into buffer: inout MutableRawSpan) throws(SystemError) -> Int {
    let number = rawValue
    return try unsafe fill(&buffer) { base, count, _ in
      posix { unsafe Glibc.read(number, base, count) }
    }
  }

  /// As ``readNext(into:)-(MutableRawSpan)``, over all elements of an array.
  package borrowing func readNext(into bytes: inout [UInt8]) throws(SystemError) -> Int {
    var span = bytes.mutableSpan
    var raw = unsafe span.mutableBytes
    return try readNext(into: &raw)
  }

  /// Everything from where the descriptor stands.
  ///
  /// - Throws: ``SystemError`` with EFBIG if there are more than `limit` bytes.
  package borrowing func readToEnd(limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      let room = limit - bytes.count
      var piece = [UInt8](repeating: 0, count: room < 1 << 16 ? room + 1 : 1 << 16)
      let wanted = piece.count
      let count = try readNext(into: &piece)
      bytes += piece[..<count]
      guard bytes.count <= limit else { throw SystemError(call: "read", code: EFBIG) }
      if count < wanted { return bytes }
    }
  }

  /// The content of a small file; of a FIFO, it waits for a writer.
  ///
  /// - Throws: ``SystemError`` with EFBIG if it has more than `limit` bytes.
  package static func contents(
    of path: some PathName, in directory: borrowing OwnedDescriptor = .workingDirectory,
    limit: Int = 1 << 20, followingLinks: Bool = true
  ) throws(SystemError) -> [UInt8] {
    let how = clinux_read | (followingLinks ? 0 : clinux_no_follow)
    let file = try open(path.pathBytes, in: directory, how)
    do {
      return try file.readToEnd(limit: limit)
    } catch {
      throw SystemError(call: error.call, path: path.pathBytes, code: error.code)
    }
  }

  /// Reads until `buffer` is full or a read gives nothing; `read` is told what is done already.
  private borrowing func fill(
    _ buffer: inout MutableRawSpan, _ read: (UnsafeMutableRawPointer, Int, Int) -> Int
  ) throws(SystemError) -> Int {
    let result = unsafe buffer.withUnsafeMutableBytes { memory in
      guard let base = memory.baseAddress else { return 0 }
      var done = 0
      while done < memory.count {
        let count = unsafe read(base + done, memory.count - done, done)
        if count < 0 { return count }
        if count == 0 { break }
        done += count
      }
      return done
    }
    return try check(result, "read")
  }

  // MARK: Writing

  /// Writes all of `bytes` at `offset`; after an error any part of them may have been written.
  package borrowing func write(_ bytes: RawSpan, at offset: Int64) throws(SystemError) {
    let number = rawValue
    try unsafe drain(bytes) { base, count, done in
      posix { unsafe pwrite(number, base, count, off_t(offset) + off_t(done)) }
    }
  }

  /// As ``write(_:at:)-(RawSpan,_)``.
  package borrowing func write(_ bytes: Span<UInt8>, at offset: Int64) throws(SystemError) {
    try write(unsafe bytes.bytes, at: offset)
  }

  /// As ``write(_:at:)-(RawSpan,_)``.
  package borrowing func write(_ bytes: [UInt8], at offset: Int64) throws(SystemError) {
    try write(bytes.span, at: offset)
  }

  /// Writes all of `bytes` where the descriptor stands, and moves it on.
  package borrowing func append(_ bytes: RawSpan) throws(SystemError) {
    let number = rawValue
    try unsafe drain(bytes) { base, count, _ in
      posix { unsafe Glibc.write(number, base, count) }
    }
  }

  /// As ``append(_:)-(RawSpan)``.
  package borrowing func append(_ bytes: Span<UInt8>) throws(SystemError) {
    try append(unsafe bytes.bytes)
  }

  /// As ``append(_:)-(RawSpan)``.
  package borrowing func append(_ bytes: [UInt8]) throws(SystemError) {
    try append(bytes.span)
  }

  private borrowing func drain(
    _ bytes: RawSpan, _ write: (UnsafeRawPointer, Int, Int) -> Int
  ) throws(SystemError) {
    let result = unsafe bytes.withUnsafeBytes { memory in
      guard let base = memory.baseAddress else { return 0 }
      var done = 0
      while done < memory.count {
        let count = unsafe write(base + done, memory.count - done, done)
        if count < 0 { return count }
        // A device that takes nothing and reports nothing would keep us here for ever.
        if count == 0 { return -Int(EIO) }
        done += count
      }
      return done
    }
    try check(result, "write")
  }

  // MARK: Durability and length

  /// Waits until content and metadata are on the device.
  ///
  /// After an error they may be lost for good: the kernel may have dropped the pages, so writing
  /// again is the only way on.
  package borrowing func sync() throws(SystemError) {
    let number = rawValue
    try check(posix { fsync(number) }, "fsync")
  }

  /// As ``sync()``, of a directory: names made, moved and removed in it last.
  ///
  /// Filesystems that cannot sync a directory say EINVAL or EBADF; nothing better can be done there
  /// (PostgreSQL does the same: `fsync_fname_ext` in fd.c).
  package borrowing func syncDirectory() throws(SystemError) {
    do {
      try sync()
    } catch {
      guard error.code == EINVAL || error.code == EBADF else { throw error }
    }
  }

  /// As ``sync()``, but only the metadata needed to read the content back.
  package borrowing func syncContent() throws(SystemError) {
    let number = rawValue
    try check(posix { fdatasync(number) }, "fdatasync")
  }

  /// Writes a range to the device and waits for it, so that a later sync has less to do.
  ///
  /// No promise of durability.
  package borrowing func writeBack(from offset: Int64, byteCount: Int64) throws(SystemError) {
    try check(clinux_write_back(rawValue, offset, byteCount), "sync_file_range")
  }

  /// The file's length in bytes.
  package borrowing func byteCount() throws(SystemError) -> Int64 { try status().byteCount }

  /// Cuts the file off, or lengthens it with a hole.
  package borrowing func truncate(toByteCount byteCount: Int64) throws(SystemError) {
    let number = rawValue
    try check(posix { ftruncate(number, off_t(byteCount)) }, "ftruncate")
  }

  /// Reserves space past the length, so that writing there cannot run out of it; the length stays.
  ///
  /// - Returns: false where the filesystem cannot reserve; nothing has changed then.
  package borrowing func reserve(byteCount: Int64) throws(SystemError) -> Bool {
    do {
      try check(clinux_reserve(rawValue, 0, byteCount), "fallocate")
      return true
    } catch {
      guard error.isUnsupported else { throw error }
      return false
    }
  }

  /// Lengthens the file to at least `byteCount` with space that is really there, reading as zeros.
  package borrowing func allocate(byteCount: Int64) throws(SystemError) {
    // Reports by its result, not by errno.
    var code: Int32
    repeat { code = posix_fallocate(rawValue, 0, off_t(byteCount)) } while code == EINTR
    guard code == 0 else { throw SystemError(call: "fallocate", code: code) }
  }

  // MARK: Holes

  /// The ranges that hold data, in order; what lies between them reads as zeros.
  ///
  /// A filesystem that knows no holes reports one range. On a file that changes meanwhile the
  /// ranges may be out of date, but they never overlap. Moves the file offset.
  package borrowing func dataRanges() throws(SystemError) -> [Range<Int64>] {
    let end = try byteCount()
    var ranges: [Range<Int64>] = []
    var offset: Int64 = 0
    while offset < end {
      let start = clinux_seek(rawValue, offset, 0)
      if start == -Int64(ENXIO) { break }  // only a hole follows
      if start == -Int64(EINVAL), ranges.isEmpty { return [0..<end] }
      let first = max(try check(start, "lseek"), offset)
      let hole = clinux_seek(rawValue, first, 1)
      if hole == -Int64(ENXIO) { break }  // the file was cut off meanwhile
      let last = min(try check(hole, "lseek"), end)
      guard last > first else { break }
      ranges.append(first..<last)
      offset = last
    }
    return ranges
  }
}
