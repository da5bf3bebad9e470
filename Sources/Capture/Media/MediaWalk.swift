// The walk over a media tree in key order: what there is, and what of it has to be read.

import Files
import Format
import Glibc
import Repository

/// One entry as the walk found it.
struct WalkItem: Sendable {
  /// What is known already, or what has to be done to know it.
  enum Task: Sendable {
    /// Complete: a directory, a link, a device; or a file that did not change.
    case entry(CatalogEntry, isUnchanged: Bool)
    /// A regular file whose content has to be read.
    case read(FileToRead)
    /// Another name of what stands under `target`; read like a file if that could not be.
    case link(target: CatalogKey, FileToRead)
    case unreadable(reason: String)
  }
  let key: CatalogKey
  let task: Task
  /// What of it could not be read, in words.
  var failures: [String] = []
  /// Shared by all names of one inode that has several.
  var linkGroup: FileIdentity?
}

/// Where to open a file.
struct FileToRead: Sendable {
  let directory: SharedDirectory
  let name: FileName
  let status: FileStatus
}

/// An inode.
struct FileIdentity: Hashable, Sendable {
  let device: DeviceNumber
  let inode: UInt64

  init(_ status: FileStatus) {
    device = status.device
    inode = status.inode
  }
}

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
  private var pending: WalkItem?

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
    pending = try directory(root, key: key)
    frames = [Frame(key: key, components: [], listing: listing)]
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
    if let item = pending {
      pending = nil
      return item
    }
    while !frames.isEmpty {
      let top = frames.count - 1
      guard let name = nextName(in: top) else {
        frames.removeLast()
        if !frames.isEmpty {
          do throws(SystemError) { try chain.leave() } catch {
            frames[top - 1].lost = "its directory was moved or replaced while it was read"
          }
        }
        continue
      }
      if let item = try item(named: name.name, kind: name.kind, in: top) { return item }
    }
    return nil
  }

  private func nextName(in frame: Int) -> (name: FileName, kind: FileKind?)? {
    let index = frames[frame].next
    frames[frame].next += 1
    if let only = frames[frame].only { return index == 0 ? (only, nil) : nil }
    guard let listing = frames[frame].listing, index < listing.count else { return nil }
    return (listing[index].name, listing[index].kind)
  }

  // MARK: One entry

  /// Nil if it is excluded or gone.
  private func item(named name: FileName, kind: FileKind?, in frame: Int) throws -> WalkItem? {
    let key = frames[frame].key.appending(name.bytes)
    if let reason = frames[frame].lost {
      return WalkItem(key: key, task: .unreadable(reason: reason))
    }
    guard let directory = chain.current else { return nil }
    // Most names need no look to be excluded or not.
    if let kind, isExcluded(name, kind, in: frame) { return nil }
    for _ in 0..<Self.attempts {
      let status: FileStatus
      do throws(SystemError) { status = try directory.descriptor.status(of: name) } catch {
        if error.isNotFound { return nil }
        return WalkItem(key: key, task: .unreadable(reason: error.reason))
      }
      if status.kind != kind, isExcluded(name, status.kind, in: frame) { return nil }
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

  private func isExcluded(_ name: FileName, _ kind: FileKind, in frame: Int) -> Bool {
    !rules.isEmpty
      && rules.excludes(
        frames[frame].components + [name.bytes], isDirectory: kind == .directory)
  }

  /// Anything but a directory; nil if it was replaced meanwhile.
  private func item(
    _ key: CatalogKey, _ name: FileName, _ status: FileStatus, in directory: SharedDirectory
  ) throws -> WalkItem? {
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
      key: key, components: frames[frame].components + [name.bytes], listing: listing)
    if source.honoursCacheDirTag, let tag = Self.cacheDirTag(in: opened, listing) {
      next.listing = nil
      next.only = tag
    }
    chain.enter(opened, name: name.bytes)
    frames.append(next)
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

  /// The tag file, if it is one (https://bford.info/cachedir/: these 43 bytes at its start).
  private static func cacheDirTag(in directory: SharedDirectory, _ listing: DirectoryListing)
    -> FileName?
  {
    guard let tag = FileName("CACHEDIR.TAG") else { return nil }
    var (low, high) = (0, listing.count)
    while low < high {
      let middle = (low + high) / 2
      if listing[middle].name < tag { low = middle + 1 } else { high = middle }
    }
    let signature = Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)
    guard low < listing.count, listing[low].name == tag,
      let status = try? directory.descriptor.status(of: tag), status.kind == .regular,
      let file = try? OwnedDescriptor.openFile(tag, in: directory.descriptor),
      let start = try? file.read(byteCount: signature.count, at: 0), start == signature
    else { return nil }
    return tag
  }
}
