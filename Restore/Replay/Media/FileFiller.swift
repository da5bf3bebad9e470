// Writing what one file holds: from the repository, or from an older copy where that has it already.

import Files
import Format
import Repository
import Workers

/// The file that stands where another is restored: whatever chunk of the new one it has in the same
/// place need not be loaded, decrypted and decompressed.
final class OlderFile: Sendable {
  private let file: OwnedDescriptor
  private let extents: ExtentMap
  private let repository: Repository

  /// No chunk that we cut is longer (64 MiB is what the packer takes).
  private static let chunkLimit: UInt32 = 64 << 20

  /// `extents` are those of the new file.
  init(_ file: consuming OwnedDescriptor, _ extents: ExtentMap, _ repository: Repository) {
    self.file = file
    self.extents = extents
    self.repository = repository
  }

  /// Fills `chunk` with the bytes at `offset` of the content, if they are those of `reference`, by
  /// their id; the file may change meanwhile.
  func read(_ reference: ChunkReference, at offset: UInt64, into chunk: inout [UInt8]) -> Bool {
    guard reference.byteCount <= Self.chunkLimit else { return false }
    let count = Int(reference.byteCount)
    if chunk.count != count { chunk = [UInt8](repeating: 0, count: count) }
    var isShort = false
    do throws(SystemError) {
      try extents.forEachRun(at: offset, count: count) { fileOffset, bytes throws(SystemError) in
        guard !isShort else { return }
        var span = chunk.mutableSpan
        var part = span._mutatingExtracting(bytes)
        if try file.read(into: &part, at: Int64(fileOffset)) < bytes.count { isShort = true }
      }
    } catch { return false }
    return !isShort && repository.keys.blobID(of: chunk.span, class: .content) == reference.id
  }
}

/// Writes the content of files; each worker has its own.
final class FileFiller: @unchecked Sendable {  // each worker uses only its own
  private let reader: BlobReader
  private let loader: ChunkLoader
  private let decoder: ChunkDecoder
  private let workers: Int
  private let cancellation: Cancellation
  private let progress: Progress

  /// From this length on the chunks of one file are written by several threads.
  private static let parallelByteCount: UInt64 = 64 << 20
  /// Chunks that are handed to them together: 1 GiB of content.
  private static let parallelChunks = 1024

  init(reader: BlobReader, workers: Int, cancellation: Cancellation, progress: Progress) throws {
    self.reader = reader
    self.workers = workers
    self.cancellation = cancellation
    self.progress = progress
    loader = try ChunkLoader()
    decoder = try ChunkDecoder()
  }

  /// Writes everything into an empty file.
  ///
  /// - Throws: ``SystemError``, errors of the repository, ``Cancelled``; part is written then.
  func fill(
    _ opened: borrowing OwnedDescriptor, with file: FileEntry, _ extents: ExtentMap,
    reusing older: OlderFile?
  ) throws {
    if file.extents == nil, file.byteCount > 0 {
      // A full disk is known before anything is written.
      _ = try opened.reserve(byteCount: Int64(file.byteCount))
    }
    if file.content.byteCount >= Self.parallelByteCount, workers > 1 {
      try fillInParallel(opened.duplicate(), file.content, extents, reusing: older)
    } else {
      var offset: UInt64 = 0
      try reader.forEachChunk(of: file.content, using: decoder) { reference in
        try cancellation.check()
        try loader.load(reference, at: offset, from: reader, reusing: older) { chunk in
          try Self.write(chunk, at: offset, extents, to: opened)
        }
        offset += UInt64(reference.byteCount)
        progress.add(bytes: Int(reference.byteCount))
      }
    }
    if file.extents != nil { try opened.truncate(toByteCount: Int64(file.byteCount)) }
  }

  private static func write(
    _ chunk: [UInt8], at offset: UInt64, _ extents: ExtentMap, to file: borrowing OwnedDescriptor
  ) throws(SystemError) {
    try extents.forEachRun(at: offset, count: chunk.count) {
      (fileOffset, bytes) throws(SystemError) in
      try file.write(chunk.span.extracting(bytes), at: Int64(fileOffset))
    }
  }

  private func fillInParallel(
    _ file: consuming OwnedDescriptor, _ content: Content, _ extents: ExtentMap,
    reusing older: OlderFile?
  ) throws {
    let shared = try SharedFile(file, count: workers)
    var waiting: [(ChunkReference, UInt64)] = []
    var offset: UInt64 = 0
    func write() throws {
      let list = ChunkList(waiting)
      waiting = []
      try orderedParallel(
        workers: workers, window: workers, cancellation: cancellation,
        next: { list.next() },
        work: { [reader, progress] item, worker in
          try shared.loaders[worker].load(item.0, at: item.1, from: reader, reusing: older) {
            try Self.write($0, at: item.1, extents, to: shared.file)
          }
          progress.add(bytes: Int(item.0.byteCount))
        },
        deliver: { _ in })
    }
    try reader.forEachChunk(of: content, using: decoder) { reference in
      waiting.append((reference, offset))
      offset += UInt64(reference.byteCount)
      if waiting.count == Self.parallelChunks { try write() }
    }
    if !waiting.isEmpty { try write() }
  }
}
