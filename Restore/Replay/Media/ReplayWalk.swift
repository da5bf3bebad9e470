// The walk over the catalog of a source: directories are made on the way, everything else becomes a
// list of steps.

import Files
import Format
import Glibc
import Repository

/// One thing to do beneath the target.
enum ReplayStep: Sendable {
  case file(CatalogKey, FileEntry, SharedDirectory, FileName)
  /// A symbolic link, FIFO, socket or device.
  case other(CatalogKey, CatalogEntry, SharedDirectory, FileName)
  /// To be made when everything before it is done. `expected` is what the target must be, where the
  /// target may be something that was there before; it stands alone if it is not that.
  case hardLink(
    CatalogKey, target: EntryPath, expected: CatalogEntry?, SharedDirectory, FileName)
  /// All beneath it is done before this step.
  case finishDirectory(CatalogKey, SharedDirectory, FileMetadata)
  case notCaptured(CatalogKey, reason: String)
  case failed(CatalogKey, why: String)
}

/// Reads a source's entries in key order and makes its directories; for one thread at a time.
final class ReplayWalk: @unchecked Sendable {  // orderedParallel calls `nextBatch` one at a time
  private struct Level {
    var key: CatalogKey
    /// Nil: the directory existed and keeps its own.
    var metadata: FileMetadata?
  }

  private let catalog: CatalogReader
  private let source: CatalogKey
  private let overwrite: MediaReplayOptions.Overwrite
  private let ownsRoot: Bool
  private let cursor: CatalogCursor
  /// Subtrees to restore, ascending, none within another.
  private let selection: [CatalogKey]
  private var selected = 0
  private var started = false
  private var levels: [Level] = []
  private var chain: DirectoryChain
  /// A directory that could not be made: what lies in it is left out.
  private var lost: CatalogKey?
  /// Files restored in place of hard-link targets that are not selected.
  private var substitutes: [CatalogKey: CatalogKey] = [:]
  private var ready: [ReplayStep] = []

  private static let batchSteps = 64
  private static let batchBytes: UInt64 = 4 << 20
  private static let batchDirectories = 8

  /// - Parameters:
  ///   - catalog: of the snapshot.
  ///   - source: the key of the source's root.
  ///   - selection: subtrees to restore, ascending, none within another.
  ///   - root: the target directory.
  ///   - overwrite: what may happen to directories that exist.
  ///   - ownsRoot: it becomes as the source's root was.
  init(
    _ catalog: CatalogReader, source: CatalogKey, selection: [CatalogKey], root: SharedDirectory,
    overwrite: MediaReplayOptions.Overwrite, ownsRoot: Bool
  ) {
    self.catalog = catalog
    self.source = source
    self.selection = selection
    self.overwrite = overwrite
    self.ownsRoot = ownsRoot
    cursor = CatalogCursor(catalog)
    chain = DirectoryChain(root: root)
  }

  /// The next steps, in order; nil after the last.
  func nextBatch() throws -> [ReplayStep]? {
    var batch: [ReplayStep] = []
    var byteCount: UInt64 = 0
    var directories = 0
    var last: SharedDirectory?
    func note(_ directory: SharedDirectory) {
      if directory !== last { directories += 1 }
      last = directory
    }
    while batch.count < Self.batchSteps, byteCount < Self.batchBytes,
      directories < Self.batchDirectories, let step = try next()
    {
      batch.append(step)
      switch step {
      case .file(_, let file, let directory, _):
        byteCount &+= file.content.byteCount
        note(directory)
      case .other(_, _, let directory, _), .hardLink(_, _, _, let directory, _),
        .finishDirectory(_, let directory, _):
        note(directory)
      case .notCaptured, .failed: break
      }
    }
    return batch.isEmpty ? nil : batch
  }

  private func next() throws -> ReplayStep? {
    while true {
      if !ready.isEmpty { return ready.removeFirst() }
      guard let item = try nextItem() else {
        guard !levels.isEmpty else { return nil }
        leave()
        continue
      }
      if let entry = item.entry {
        try take(item.key, entry)
      } else {
        lost = item.key
        ready.append(.failed(item.key, why: "its catalog entry is damaged"))
      }
    }
  }

  /// The next entry that is selected; without an entry if it is malformed.
  private func nextItem() throws -> (key: CatalogKey, entry: CatalogEntry?)? {
    while selected < selection.count {
      let subtree = selection[selected]
      if !started {
        started = true
        try cursor.seek(to: subtree)
        try enterAncestors(of: subtree)
      }
      if let item = try cursor.next(), item.key.isWithin(subtree) {
        return (item.key, try? CatalogReader.decode(item))
      }
      selected += 1
      started = false
    }
    return nil
  }

  private func enterAncestors(of key: CatalogKey) throws {
    let components = key.components
    guard components.count > 2 else { return }
    for count in 2..<components.count {
      guard let above = CatalogKey(components: Array(components[..<count])) else { return }
      if levels.contains(where: { $0.key == above }) { continue }
      guard let entry = try catalog.entry(above) else { return }
      try take(above, entry)
    }
  }

  // MARK: One entry

  private func take(_ key: CatalogKey, _ entry: CatalogEntry) throws {
    if let lost {
      if key != lost, key.isWithin(lost) { return }
      self.lost = nil
    }
    while let top = levels.last, !key.isWithin(top.key) { leave() }
    do throws(EntryFailure) {
      let path = try EntryPath(key, in: source)
      // Nothing may hang in the air: a hostile catalog could put a file beneath a link.
      guard levels.count == path.components.count, let above = chain.current else {
        throw EntryFailure("no directory is recorded for it to lie in")
      }
      guard let name = path.name else {
        guard case .directory(let metadata) = entry else {
          throw EntryFailure("the root of the source is not a directory")
        }
        if overwrite == .always { try? Self.removeLeftovers(in: above) }
        levels.append(Level(key: key, metadata: ownsRoot ? metadata : nil))
        return
      }
      switch entry {
      case .directory(let metadata): try enter(key, name, metadata, in: above)
      case .file(let file): ready.append(.file(key, file, above, name))
      case .symlink, .fifo, .socket, .characterDevice, .blockDevice:
        ready.append(.other(key, entry, above, name))
      case .hardLink(let target): try link(key, name, to: target, in: above)
      case .unreadable(let reason): ready.append(.notCaptured(key, reason: reason))
      case .stream, .largeObject, .range, .table:
        throw EntryFailure("what is recorded for it belongs to a database")
      }
    } catch {
      lost = key
      ready.append(.failed(key, why: error.description))
    }
  }

  private func link(
    _ key: CatalogKey, _ name: FileName, to target: CatalogKey, in above: SharedDirectory
  ) throws(EntryFailure) {
    guard target < key else { throw EntryFailure("it links to an entry that comes after it") }
    let path = try EntryPath(target, in: source)
    var entry: CatalogEntry?
    let isSelected = selection.contains { target.isWithin($0) }
    if overwrite != .refuse || !isSelected {
      do { entry = try catalog.entry(target) } catch { throw EntryFailure("\(error)") }
    }
    if isSelected {
      ready.append(.hardLink(key, target: path, expected: entry, above, name))
    } else if let substitute = substitutes[target] {
      ready.append(
        .hardLink(
          key, target: try EntryPath(substitute, in: source), expected: entry, above, name))
    } else {
      switch entry {
      case .file(let file): ready.append(.file(key, file, above, name))
      case .symlink, .fifo, .socket, .characterDevice, .blockDevice:
        if let entry { ready.append(.other(key, entry, above, name)) }
      default: throw EntryFailure("it links to what is not there")
      }
      substitutes[target] = key
    }
  }

  // MARK: Directories

  private func enter(
    _ key: CatalogKey, _ name: FileName, _ metadata: FileMetadata, in above: SharedDirectory
  ) throws(EntryFailure) {
    var kept: FileMetadata? = metadata
    do throws(SystemError) {
      if let existing = try above.descriptor.statusIfAny(of: name) {
        if existing.kind == .directory {
          switch overwrite {
          case .refuse: throw SystemError(call: "mkdir", path: name.bytes, code: EEXIST)
          case .never: kept = nil
          case .ifNewer:
            if existing.modified >= Files.FileTime(metadata.modified) { kept = nil }
          case .always: break
          }
        } else {
          guard overwrite == .always else {
            throw SystemError(call: "mkdir", path: name.bytes, code: EEXIST)
          }
          try above.descriptor.remove(name)
          try above.descriptor.makeDirectory(name, permissions: 0o700)
        }
      } else {
        // Nobody else looks in before it has its own permissions.
        try above.descriptor.makeDirectory(name, permissions: 0o700)
      }
      let opened = try SharedDirectory(above.descriptor.open(beneath: name, .directory))
      if overwrite == .always {
        if opened.status.isProtected { MetadataWriter.unprotect(opened.descriptor) }
        try Self.removeLeftovers(in: opened)
      }
      chain.enter(opened, name: name.bytes)
    } catch {
      throw EntryFailure("\(error.call): \(error.reason)")
    }
    levels.append(Level(key: key, metadata: kept))
  }

  /// Removes what a restore that was killed left behind.
  private static func removeLeftovers(in directory: SharedDirectory) throws(SystemError) {
    var entries = try directory.descriptor.entries()
    while let entry = try entries.next() {
      if entry.name.isTemporary, entry.kind == .regular {
        try directory.descriptor.remove(entry.name)
      }
    }
  }

  private func leave() {
    let level = levels.removeLast()
    if let metadata = level.metadata {
      if let directory = chain.current {
        ready.append(.finishDirectory(level.key, directory, metadata))
      } else {
        ready.append(.failed(level.key, why: "the directory was moved while it was restored"))
      }
    }
    // A directory that is lost shows where it is next needed.
    if !levels.isEmpty { try? chain.leave() }
  }
}
