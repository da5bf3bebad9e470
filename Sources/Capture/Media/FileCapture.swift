// Reading one regular file of a single moment, and storing its chunks.

import Chunking
import Files
import Format
import Glibc
import Repository
import Workers

/// What came of a file.
enum FileOutcome: Sendable {
  /// `identity` tells which inode was read: something else may have taken the name since the walk.
  case file(FileEntry, failures: [String], identity: FileIdentity)
  case unreadable(reason: String)
  /// It was deleted, or something else has its name, and there is nothing to keep.
  case vanished
}

/// Reads files and stores what they hold; each worker has its own.
final class FileCapture: @unchecked Sendable {  // each worker uses only its own
  private let writer: BlobWriter
  private let chunker: Chunker
  private let encoder: ChunkEncoder
  private let buffer: SharedBuffer
  private let workers: Int
  private let cancellation: Cancellation
  private let progress: Progress

  /// How often a file that changes while it is read is read.
  private static let attempts = 3
  /// From this length on the chunks of one file are stored by several threads.
  private static let parallelByteCount: Int64 = 64 << 20
  /// Extents that a sparse file's entry may have.
  private static let extentLimit = 4096

  init(
    writer: BlobWriter, chunker: Chunker, workers: Int, cancellation: Cancellation,
    progress: Progress
  ) throws {
    self.writer = writer
    self.chunker = chunker
    self.workers = workers
    self.cancellation = cancellation
    self.progress = progress
    encoder = try ChunkEncoder()
    buffer = SharedBuffer(byteCount: FileCutter.bufferByteCount(chunker.parameters))
  }

  /// What one reading of the file gave.
  private struct Reading {
    var entry: FileEntry
    var failures: [String]
    var identity: FileIdentity
    var isStable: Bool
    /// Length and modification time stayed, though the change time moved: renamed, linked, given
    /// other permissions.
    var contentIsStable: Bool
  }

  /// Reads the file until it stays the same meanwhile, at most three times.
  ///
  /// Failures of the file are an outcome; those of the repository are thrown.
  func capture(_ file: FileToRead) throws -> FileOutcome {
    var last: Reading?
    for attempt in 1...Self.attempts {
      let reading: Reading
      do {
        guard let found = try read(file) else { break }
        reading = found
      } catch let failure as FileFailure {
        let error = failure.error
        return .unreadable(
          reason: error.call == "open" ? error.reason : "\(error.call): \(error.reason)")
      }
      if reading.isStable {
        return .file(reading.entry, failures: reading.failures, identity: reading.identity)
      }
      last = reading
      if attempt == Self.attempts { break }
    }
    guard var kept = last else { return .vanished }
    kept.entry.changedWhileRead = !kept.contentIsStable
    return .file(kept.entry, failures: kept.failures, identity: kept.identity)
  }

  /// Nil if no regular file has the name any more.
  private func read(_ file: FileToRead) throws -> Reading? {
    guard let opened = try open(file) else { return nil }
    let status = try FileFailure.marking { () throws(SystemError) in try opened.status() }
    return status.kind == .regular ? try read(opened, status) : nil
  }

  private func open(_ file: FileToRead) throws(FileFailure) -> OwnedDescriptor? {
    do throws(SystemError) {
      return try OwnedDescriptor.openFile(file.name, in: file.directory.descriptor)
    } catch {
      // ELOOP, ENXIO: a symbolic link or a socket has the name now.
      if error.isNotFound || error.isSymbolicLink || error.code == ENXIO { return nil }
      throw FileFailure(error: error)
    }
  }

  private func read(_ file: consuming OwnedDescriptor, _ before: FileStatus) throws -> Reading {
    let collected = CollectedMetadata(of: file, status: before)
    var ranges = before.byteCount == 0 ? [] : [0..<before.byteCount]
    if before.storedByteCount < before.byteCount {
      // It may have holes. If it grew meanwhile, it is read as long as it was.
      ranges = try FileFailure.marking { () throws(SystemError) in try file.dataRanges() }
        .filter { $0.lowerBound < before.byteCount }
        .map { $0.clamped(to: 0..<before.byteCount) }
      ranges = FileCutter.joined(ranges, limit: Self.extentLimit)
    }
    let cutter = FileCutter(file, ranges: ranges, chunker: chunker, buffer: buffer)
    let content =
      before.byteCount >= Self.parallelByteCount && workers > 1
      ? try storeInParallel(cutter) : try store(cutter)
    let after = try cutter.status()
    let (bytesRead, byteCount) = (cutter.bytesRead, cutter.truncatedAt ?? before.byteCount)
    writer.count {
      $0.bytesRead += UInt64(bytesRead)
      $0.filesRead += 1
    }
    let entry = FileEntry(
      metadata: collected.metadata, byteCount: UInt64(byteCount), content: content,
      extents: cutter.extents(byteCount: byteCount))
    let contentIsStable =
      after.byteCount == before.byteCount && after.modified == before.modified
      && cutter.truncatedAt == nil
    return Reading(
      entry: entry, failures: collected.failures, identity: FileIdentity(before),
      isStable: contentIsStable && after.changed == before.changed,
      contentIsStable: contentIsStable)
  }

  private func store(_ cutter: FileCutter) throws -> Content {
    var content = ContentBuilder(writer)
    while let reference = try cutter.next({ chunk in
      try cancellation.check()
      progress.add(bytes: chunk.count)
      return try writer.store(chunk, class: .content, using: encoder)
    }) {
      try content.append(reference, using: encoder)
    }
    return try content.finish(using: encoder)
  }

  /// Cuts on whichever thread is free, one at a time, and stores on all.
  private func storeInParallel(_ cutter: FileCutter) throws -> Content {
    let file = ParallelFile(cutter, ContentBuilder(writer), encoder)
    let encoders = try (0..<workers).map { _ in WorkerEncoder(try ChunkEncoder()) }
    try orderedParallel(
      workers: workers, window: workers + 2, cancellation: cancellation,
      next: { try file.cut() },
      work: { [writer, progress] chunk, worker in
        progress.add(bytes: chunk.count)
        return try writer.store(
          chunk.span, class: .content, using: encoders[worker].encoder)
      },
      deliver: { try file.append($0) })
    return try file.finish()
  }
}

private final class WorkerEncoder: @unchecked Sendable {  // one worker's own
  let encoder: ChunkEncoder
  init(_ encoder: ChunkEncoder) { self.encoder = encoder }
}

/// The two ends of a file that several threads store: each end is used by one at a time.
private final class ParallelFile: @unchecked Sendable {  // see orderedParallel: next and deliver
  private let cutter: FileCutter
  private var content: ContentBuilder
  private let encoder: ChunkEncoder

  init(_ cutter: FileCutter, _ content: ContentBuilder, _ encoder: ChunkEncoder) {
    self.cutter = cutter
    self.content = content
    self.encoder = encoder
  }

  func cut() throws -> [UInt8]? {
    try cutter.next { chunk in
      var copy: [UInt8] = []
      copy.reserveCapacity(chunk.count)
      for i in chunk.indices { copy.append(chunk[i]) }
      return copy
    }
  }

  func append(_ reference: ChunkReference) throws {
    try content.append(reference, using: encoder)
  }

  func finish() throws -> Content { try content.finish(using: encoder) }
}
