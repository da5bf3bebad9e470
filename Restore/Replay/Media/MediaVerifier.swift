// Proving that every file of a media source could be restored, without writing any.

import Files
import Format
package import Repository
import Synchronization
package import Workers

/// What loading every chunk of a source showed.
package struct MediaVerification: Sendable {
  package var fileCount: UInt64 = 0
  package var chunkCount: UInt64 = 0
  package var byteCount: UInt64 = 0
  /// Files that cannot be restored: path, why; at most ``MediaReplayReport/listLimit``.
  package var errors: [String] = []
  package var errorCount: UInt64 = 0

  package init() {}

  mutating func addError(_ line: String) {
    errorCount += 1
    if errors.count < MediaReplayReport.listLimit { errors.append(line) }
  }
}

/// Loads, authenticates and identifies every chunk that a source's files name.
package struct MediaVerifier {
  private let repository: Repository
  private let catalog: CatalogReader
  private let source: CatalogKey
  private let workers: Int
  private let cancellation: Cancellation
  private let progress: Progress

  package init(
    repository: Repository, catalog: CatalogReader, source name: String, workers: Int,
    cancellation: Cancellation, progress: Progress
  ) {
    self.repository = repository
    self.catalog = catalog
    self.workers = max(1, workers)
    self.cancellation = cancellation
    self.progress = progress
    source = CatalogKey.media(name)
  }

  /// Reads everything once; memory is bounded.
  ///
  /// - Returns: counts and every file that could not be read.
  /// - Throws: what reading the catalog threw; ``Cancelled``.
  package func perform() throws -> MediaVerification {
    let files = FileList(catalog, source: source)
    let result = Mutex(MediaVerification())
    let reader = repository.makeReader()
    let loaders = try (0..<workers).map { _ in try FileLoader(reader) }
    try orderedParallel(
      workers: workers, window: workers * 2 + 2, cancellation: cancellation,
      next: { try files.nextBatch() },
      work: { [cancellation, progress] batch, worker in
        try batch.map { key, file in
          var line: String?
          var chunkCount: UInt64 = 0
          do {
            guard let file else { throw EntryFailure("its catalog entry is damaged") }
            chunkCount = try loaders[worker].load(
              file, cancellation: cancellation, progress: progress)
          } catch let error as Cancelled {
            throw error
          } catch let error as RepositoryError {
            line = "\(displayedPath(key)): \(error.what): \(error.why)"
          } catch {
            line = "\(displayedPath(key)): \(error)"
          }
          progress.add(bytes: 0, items: 1)
          return (byteCount: file?.content.byteCount ?? 0, chunkCount: chunkCount, error: line)
        }
      },
      deliver: { batch in
        result.withLock { result in
          for item in batch {
            result.fileCount += 1
            result.chunkCount += item.chunkCount
            if let error = item.error {
              result.addError(error)
            } else {
              result.byteCount += item.byteCount
            }
          }
        }
      })
    return result.withLock { $0 }
  }
}

/// The files of a source in order; for one thread at a time.
private final class FileList: @unchecked Sendable {  // orderedParallel calls it one at a time
  private let cursor: CatalogCursor
  private let source: CatalogKey
  private var started = false
  private static let batchCount = 64
  private static let batchBytes: UInt64 = 4 << 20

  init(_ catalog: CatalogReader, source: CatalogKey) {
    cursor = CatalogCursor(catalog)
    self.source = source
  }

  /// Without an entry if it is malformed.
  func nextBatch() throws -> [(CatalogKey, FileEntry?)]? {
    if !started {
      started = true
      try cursor.seek(to: source)
    }
    var batch: [(CatalogKey, FileEntry?)] = []
    var byteCount: UInt64 = 0
    while batch.count < Self.batchCount, byteCount < Self.batchBytes,
      let item = try cursor.next(), item.key.isWithin(source)
    {
      switch try? CatalogReader.decode(item) {
      case .file(let file)?:
        batch.append((item.key, file))
        byteCount &+= file.content.byteCount
      case nil: batch.append((item.key, nil))
      default: break
      }
    }
    return batch.isEmpty ? nil : batch
  }
}

/// Loads the chunks of files on one thread.
private final class FileLoader: @unchecked Sendable {  // one worker's own
  private let reader: BlobReader
  private let decoder: ChunkDecoder
  private var chunk: [UInt8] = []

  init(_ reader: BlobReader) throws {
    self.reader = reader
    decoder = try ChunkDecoder()
  }

  /// The number of chunks.
  func load(_ file: FileEntry, cancellation: Cancellation, progress: Progress) throws -> UInt64 {
    _ = try ExtentMap(file)
    var count: UInt64 = 0
    try reader.forEachChunk(of: file.content, using: decoder) { reference in
      try cancellation.check()
      try reader.load(reference, into: &chunk, using: decoder)
      progress.add(bytes: chunk.count)
      count += 1
    }
    return count
  }
}
