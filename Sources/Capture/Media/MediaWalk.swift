// The walk over a media tree in key order: what there is, and what of it has to be read.

import Files
import Format
import Glibc
import Repository

/// Walks a tree depth first, each directory's names sorted by bytes: the order of catalog keys.
///
/// Used by one thread at a time. Holds the names of the directories on the way down, few open
/// directories, and the key of each inode with several names until all were seen.
final class MediaWalk: @unchecked Sendable {  // orderedParallel calls `nextBatch` one at a time
  private struct Frame {
    var key: CatalogKey
    var components: [[UInt8]]
    var listing: DirectoryListing?
    /// Instead of a listing, for a directory of which only this is kept.
    var only: FileName?
    /// Of the directory's .lifeboatignore.
    var ignoreRules: ExcludeRules?
    /// As it was when it was listed, and when that was.
    var status: FileStatus
    var listed: Files.FileTime
    var next = 0
    /// Why its entries cannot be looked at any more.
    var lost: String?
  }
  private struct FirstName {
    var key: CatalogKey
    var status: FileStatus
    var missing: UInt32
  }

  private let source: MediaSource
  private let rules: ExcludeRules
  private let parent: ParentMerge?
  private let rootStatus: FileStatus
  private var chain: DirectoryChain
  private var frames: [Frame] = []
  private var firstNames: [FileIdentity: FirstName] = [:]
  private var ready: [WalkItem] = []
  /// How many of the frames have rules of an ignore file.
  private var ignoreFileCount = 0
  private var isFinished = false

  /// Entries, bytes to read and open directories at which a batch is full.
  private static let batchItems = 64
  private static let batchBytes: Int64 = 1 << 20
  private static let batchDirectories = 8
  /// How often an entry that is replaced between two looks is looked at again.
  private static let attempts = 3

  /// Opens the root.
  ///
  /// - Throws: ``MediaError`` if it is missing, no directory or not readable, or if a pattern or the
  ///   name is invalid; ``RepositoryError`` if the parent's catalog cannot be read.
  init(_ source: MediaSource, parent: ParentMerge?) throws {
    self.source = source
    self.parent = parent
    rules = try ExcludeRules(source.excludes)
    guard !source.name.isEmpty, !source.name.utf8.contains(0) else {
      throw MediaError(
        .invalidName, what: "cannot capture the media source '\(source.name)'",
        why: "its name is empty or holds a zero byte", next: "give it another name")
    }
    let root: SharedDirectory
    let listing: DirectoryListing
    do throws(SystemError) {
      root = try SharedDirectory(OwnedDescriptor.openDirectory(source.path, followingLinks: true))
      listing = try root.descriptor.sortedEntries()
    } catch {
      throw Self.explain(source, error)
    }
    rootStatus = root.status
    chain = DirectoryChain(root: root)
    let key = CatalogKey.media(source.name)
    ready = [try directory(root, key: key)]
    push(
      Frame(
        key: key, components: [], listing: listing, status: root.status, listed: Self.now), root)
  }

  private static func explain(_ source: MediaSource, _ error: SystemError) -> MediaError {
    let what = "cannot capture the media source '\(source.name)'"
    if error.isNotFound {
      return MediaError(
        .sourceMissing, what: what, why: "there is no directory \(source.path)",
        next: "check the path and that its disk is mounted")
    }
    if error.isNotDirectory {
      return MediaError(
        .sourceNotDirectory, what: what, why: "\(source.path) is not a directory",
        next: "name the directory that holds the files")
    }
    return MediaError(
      .sourceUnreadable, what: what, why: "\(source.path): \(error.reason)",
      next: "let the user who runs the backup read and search it")
  }

  /// The next entries in key order; nil after the last.
  func nextBatch() throws -> [WalkItem]? {
    var batch: [WalkItem] = []
    var byteCount: Int64 = 0
    var directories = 0
    var lastDirectory: SharedDirectory?
    while batch.count < Self.batchItems, byteCount < Self.batchBytes,
      directories < Self.batchDirectories, let item = try next()
    {
      batch.append(item)
      switch item.task {
      case .read(let file), .link(_, let file):
        if case .read = item.task { byteCount += file.status.byteCount }
        if file.directory !== lastDirectory { directories += 1 }
        lastDirectory = file.directory
      default: break
      }
    }
    return batch.isEmpty ? nil : batch
  }

  private func next() throws -> WalkItem? {
    while true {
      if !ready.isEmpty { return ready.removeFirst() }
      guard !frames.isEmpty else {
        guard !isFinished else { return nil }
        isFinished = true
        ready = closingNotes()
        continue
      }
      let top = frames.count - 1
      guard let name = nextName(in: top) else {
        leave()
        continue
      }
      let key = frames[top].key.appending(name.name.bytes)
      return try item(named: name.name, kind: name.kind, in: top)
        ?? WalkItem(key: key, task: .vanished)
    }
  }

  private func closingNotes() -> [WalkItem] {
    guard let first = firstNames.values.map(\.key).min() else { return [] }
    let text =
      "\(firstNames.count) files have names outside of what was read, too, and come back without "
      + "them (first: \(displayed(Array(first.components.dropFirst(2).joined(separator: [0x2f])))))"
    return [WalkItem(key: CatalogKey.media(source.name), task: .note(text))]
  }

  private func push(_ frame: Frame, _ directory: SharedDirectory) {
    var frame = frame
    if source.honoursIgnoreFiles, let listing = frame.listing {
      frame.ignoreRules = IgnoreFile.rules(in: directory, listing) { text in
        let file = frame.key.appending(IgnoreFile.name)
        ready.append(WalkItem(key: file, task: .note(text)))
      }
      if frame.ignoreRules != nil { ignoreFileCount += 1 }
    }
    frames.append(frame)
  }

  private func leave() {
    let frame = frames.removeLast()
    if frame.ignoreRules != nil { ignoreFileCount -= 1 }
    if frame.lost == nil, let directory = chain.current, let listing = frame.listing {
      ready += Self.renamed(
        in: directory, since: listing, before: frame.status, listed: frame.listed
      ).map { WalkItem(key: frame.key.appending($0.old.bytes), task: .renamed(to: $0.new)) }
    }
    guard !frames.isEmpty else { return }
    do throws(SystemError) { try chain.leave() } catch {
      frames[frames.count - 1].lost = "its directory was moved or replaced while it was read"
    }
  }

  private func nextName(in frame: Int) -> (name: FileName, kind: FileKind?)? {
    let index = frames[frame].next
    frames[frame].next += 1
    if let only = frames[frame].only { return index == 0 ? (only, nil) : nil }
    guard let listing = frames[frame].listing, index < listing.count else { return nil }
    return (listing[index].name, listing[index].kind)
  }

  // MARK: One entry

  /// Nil if it is gone.
  private func item(named name: FileName, kind: FileKind?, in frame: Int) throws -> WalkItem? {
    let key = frames[frame].key.appending(name.bytes)
    if let reason = frames[frame].lost {
      return WalkItem(key: key, task: .unreadable(reason: reason))
    }
    guard let directory = chain.current else { return nil }
    // Most names need no look to be excluded or not.
    if let kind, let reason = exclusion(name, kind, in: frame) {
      return WalkItem(key: key, task: .excluded(reason: reason))
    }
    for _ in 0..<Self.attempts {
      let status: FileStatus
      do throws(SystemError) { status = try directory.descriptor.status(of: name) } catch {
        if error.isNotFound { return nil }
        return WalkItem(key: key, task: .unreadable(reason: error.reason))
      }
      if status.kind != kind, let reason = exclusion(name, status.kind, in: frame) {
        return WalkItem(key: key, task: .excluded(reason: reason))
      }
      if status.kind == .directory {
        if let item = try enter(name, status: status, key: key, from: directory, frame) {
          return item
        }
      } else if let item = try self.item(key, name, status, in: directory) {
        return item
      }
    }
    return WalkItem(key: key, task: .unreadable(reason: "it was replaced again and again"))
  }

  /// Why it is left out by a pattern: the configured ones first, then the ignore files, the nearest
  /// first.
  private func exclusion(_ name: FileName, _ kind: FileKind, in frame: Int) -> String? {
    guard !rules.isEmpty || ignoreFileCount > 0 else { return nil }
    let path = frames[frame].components + [name.bytes]
    let isDirectory = kind == .directory
    switch rules.decision(path, isDirectory: isDirectory) {
    case .excluded(let pattern): return "excluded by '\(pattern)'"
    case .included: return nil
    case nil: break
    }
    guard ignoreFileCount > 0 else { return nil }
    for above in frames.reversed() {
      guard let rules = above.ignoreRules else { continue }
      let place = above.components.count
      switch rules.decision(path.dropFirst(place), isDirectory: isDirectory) {
      case .excluded(let pattern):
        let file = above.components + [Array(IgnoreFile.name.utf8)]
        let shown = displayed(Array(file.joined(separator: [UInt8(ascii: "/")])))
        return "excluded by '\(pattern)' in \(shown)"
      case .included: return nil
      case nil: continue
      }
    }
    return nil
  }

  /// Anything but a directory; nil if it was replaced meanwhile.
  private func item(
    _ key: CatalogKey, _ name: FileName, _ status: FileStatus, in directory: SharedDirectory
  ) throws -> WalkItem? {
    if status.kind == .regular, let limit = source.largestByteCount,
      status.byteCount > limit
    {
      return WalkItem(
        key: key,
        task: .excluded(reason: "\(status.byteCount) bytes, more than the limit of \(limit)"))
    }
    let file = FileToRead(directory: directory, name: name, status: status)
    let group = status.linkCount > 1 ? FileIdentity(status) : nil
    if let group, let target = firstName(of: group, status, now: key) {
      return WalkItem(key: key, task: .link(target: target, file), linkGroup: group)
    }
    if let known = try parent?.unchangedEntry(key, status) {
      return WalkItem(key: key, task: .entry(known, isUnchanged: true), linkGroup: group)
    }
    if status.kind == .regular {
      return WalkItem(key: key, task: .read(file), linkGroup: group)
    }
    let collected = CollectedMetadata(of: name, in: directory.descriptor, status: status)
    let entry: CatalogEntry
    let (major, minor) = (status.special.major, status.special.minor)
    switch status.kind {
    case .symbolicLink:
      do throws(SystemError) {
        entry = .symlink(
          collected.metadata, target: try directory.descriptor.symbolicLink(name))
      } catch {
        // EINVAL: it is a link no longer; ENOENT: the next look finds that out.
        if error.isNotFound || error.code == EINVAL { return nil }
        return WalkItem(key: key, task: .unreadable(reason: error.reason))
      }
    case .fifo: entry = .fifo(collected.metadata)
    case .socket: entry = .socket(collected.metadata)
    case .characterDevice:
      entry = .characterDevice(collected.metadata, major: major, minor: minor)
    case .blockDevice: entry = .blockDevice(collected.metadata, major: major, minor: minor)
    case .regular, .directory: return nil
    }
    return WalkItem(
      key: key, task: .entry(entry, isUnchanged: false), failures: collected.failures,
      linkGroup: group)
  }

  /// The key under which the inode was met before; nil, and remembered, if this is the first.
  private func firstName(
    of group: FileIdentity, _ status: FileStatus, now key: CatalogKey
  ) -> CatalogKey? {
    guard var first = firstNames[group], first.status.kind == status.kind,
      // An inode that was freed and given to another file is not the same file.
      first.status.byteCount == status.byteCount, first.status.modified == status.modified
    else {
      firstNames[group] = FirstName(key: key, status: status, missing: status.linkCount - 1)
      return nil
    }
    first.missing -= 1
    firstNames[group] = first.missing == 0 ? nil : first
    return first.key
  }

  // MARK: Directories

  /// Goes into a directory; nil if it was replaced meanwhile.
  private func enter(
    _ name: FileName, status: FileStatus, key: CatalogKey, from above: SharedDirectory, _ frame: Int
  ) throws -> WalkItem? {
    if source.oneFileSystem, isMountPoint(status) {
      let collected = CollectedMetadata(of: name, in: above.descriptor, status: status)
      ready.append(
        WalkItem(
          key: key,
          task: .excluded(reason: "what it holds: another file system is mounted there")))
      return WalkItem(
        key: key, task: .entry(.directory(collected.metadata), isUnchanged: false),
        failures: collected.failures)
    }
    let opened: SharedDirectory
    let listing: DirectoryListing
    do throws(SystemError) {
      opened = try SharedDirectory(OwnedDescriptor.openDirectory(name, in: above.descriptor))
      guard opened.status.isSameFile(as: status) else { return nil }
      listing = try opened.descriptor.sortedEntries()
    } catch {
      if error.isNotFound || error.isNotDirectory || error.isSymbolicLink { return nil }
      // What it holds is lost to this snapshot, it itself is not.
      let collected = CollectedMetadata(of: name, in: above.descriptor, status: status)
      return WalkItem(
        key: key, task: .entry(.directory(collected.metadata), isUnchanged: false),
        failures: ["what it holds: \(error.reason)"] + collected.failures)
    }
    let item = try directory(opened, key: key)
    var next = Frame(
      key: key, components: frames[frame].components + [name.bytes], listing: listing,
      status: opened.status, listed: Self.now)
    if source.honoursCacheDirTag, let tag = CacheDirectoryTag.find(in: opened, listing) {
      next.listing = nil
      next.only = tag
      if listing.count > 1 {
        ready.append(
          WalkItem(key: key, task: .excluded(reason: "what it holds: it has a CACHEDIR.TAG")))
      }
    }
    chain.enter(opened, name: name.bytes)
    push(next, opened)
    return item
  }

  private func directory(_ directory: SharedDirectory, key: CatalogKey) throws -> WalkItem {
    if let known = try parent?.unchangedEntry(key, directory.status) {
      return WalkItem(key: key, task: .entry(known, isUnchanged: true))
    }
    let collected = CollectedMetadata(of: directory.descriptor, status: directory.status)
    return WalkItem(
      key: key, task: .entry(.directory(collected.metadata), isUnchanged: false),
      failures: collected.failures)
  }

  /// Whether something else is mounted there: another device, or, for bind mounts, another mount.
  private func isMountPoint(_ status: FileStatus) -> Bool {
    if status.device != rootStatus.device { return true }
    guard let mount = status.mountID, let rootMount = rootStatus.mountID else { return false }
    return mount != rootMount
  }
}
