// The parent snapshot beside the walk: both in key order, so one pass tells what did not change.

import Files
package import Format
package import Repository

/// The snapshot that tells what did not change since.
package struct MediaParent {
  package var catalog: CatalogReader
  /// When its capture began, by the clock that stamps the files (``Manifest/time``).
  package var started: Timestamp

  package init(catalog: CatalogReader, started: Timestamp) {
    self.catalog = catalog
    self.started = started
  }
}

/// A cursor in the parent's catalog that follows the walk.
final class ParentMerge {
  private let cursor: CatalogCursor
  private let source: CatalogKey
  private let changes: ChangeDetection
  private let repository: Repository
  private var item: CatalogItem?
  private var atEnd = false

  /// Moves to the first entry of `source`.
  init(_ parent: MediaParent, source: CatalogKey, now: Timestamp, repository: Repository) throws {
    self.source = source
    self.repository = repository
    changes = ChangeDetection(parentStarted: parent.started, now: now)
    cursor = CatalogCursor(parent.catalog)
    try cursor.seek(to: source)
    try advance()
  }

  private func advance() throws {
    item = try cursor.next()
    if item?.key.isWithin(source) != true { atEnd = true }
  }

  /// What the parent has under `key`, as it should stand in the new catalog; nil if it has nothing
  /// there, or something that has to be looked at again.
  ///
  /// Keys must ascend from call to call.
  func unchangedEntry(_ key: CatalogKey, _ status: FileStatus) throws -> CatalogEntry? {
    while !atEnd, let item, item.key < key { try advance() }
    guard !atEnd, let item, item.key == key else { return nil }
    let entry = try CatalogReader.decode(item)
    switch (entry, status.kind) {
    case (.file(var file), .regular):
      guard !file.changedWhileRead,
        changes.isUnchanged(status, file.metadata, byteCount: file.byteCount),
        isStored(file.content)
      else { return nil }
      file.carriedForward = false
      return .file(file)
    case (.directory(let metadata), .directory), (.symlink(let metadata, _), .symbolicLink),
      (.fifo(let metadata), .fifo), (.socket(let metadata), .socket):
      return changes.isUnchanged(status, metadata) ? entry : nil
    case (.characterDevice(let metadata, let major, let minor), .characterDevice),
      (.blockDevice(let metadata, let major, let minor), .blockDevice):
      return changes.isUnchanged(status, metadata)
        && status.special == DeviceNumber(major: major, minor: minor) ? entry : nil
    default: return nil
    }
  }

  /// Whether the index knows all that the content names: what a damaged repository lost is read
  /// and stored again.
  private func isStored(_ content: Content) -> Bool {
    switch content.chunks {
    case .direct(let references):
      references.allSatisfy { !repository.index.positions(of: $0.id).isEmpty }
    case .listed(let lists): lists.allSatisfy { !repository.index.positions(of: $0).isEmpty }
    }
  }
}
