// One entry of a tree against what the catalog says of it.

import Files
import Format
import Repository
import Workers

/// Compares entries; each worker has its own.
final class EntryComparer: @unchecked Sendable {  // each worker uses only its own
  private let checker: ContentChecker
  private let decoder: ChunkDecoder
  private let source: CatalogKey
  private let root: SharedDirectory
  private let owners: OwnerMap
  private let cancellation: Cancellation
  private let progress: Progress

  init(
    repository: Repository, reader: BlobReader, source: CatalogKey, root: SharedDirectory,
    owners: OwnerMap, cancellation: Cancellation, progress: Progress
  ) throws {
    checker = ContentChecker(repository: repository, reader: reader)
    decoder = try ChunkDecoder()
    self.source = source
    self.root = root
    self.owners = owners
    self.cancellation = cancellation
    self.progress = progress
  }

  /// - Throws: errors of the repository; ``Cancelled``. An entry that cannot be read differs.
  func differences(_ pair: ComparisonPair) throws -> [MediaDifference] {
    var found: [MediaDifference] = []
    func add(_ aspect: MediaDifference.Aspect, _ detail: String) {
      found.append(
        MediaDifference(path: displayedPath(pair.key), aspect: aspect, detail: detail))
    }
    guard let expected = pair.expected else {
      add(.extra, "the snapshot has no such entry")
      return found
    }
    if case .unreadable = expected {
      // Nothing is known of it, so nothing can differ.
      return found
    }
    guard let actual = pair.actual else {
      add(.missing, "the tree has no such entry")
      return found
    }
    do {
      try compare(expected, actual, add)
    } catch let error as SystemError {
      add(.unreadable, "\(error.call): \(error.reason)")
    } catch let error as EntryFailure {
      add(.content, error.description)
    }
    return found
  }

  private func compare(
    _ expected: CatalogEntry, _ actual: TreeItem, _ add: (MediaDifference.Aspect, String) -> Void
  ) throws {
    let status = actual.status
    if case .hardLink(let target) = expected {
      return try compareLink(target, status, add)
    }
    guard let kind = expected.kind, kind == status.kind else {
      let wanted = expected.kind.map { "\($0)" } ?? "something of a database"
      return add(.kind, "expected \(wanted), found \(status.kind)")
    }
    switch expected {
    case .file(let file): try compare(file, actual, add)
    case .directory(let metadata):
      if let opened = actual.opened { try compare(metadata, opened.descriptor, status, add) }
    case .symlink(let metadata, let target):
      try compare(metadata, actual, hasMode: false, add)
      if let place = actual.place {
        let found = try place.directory.descriptor.symbolicLink(place.name)
        if found != target {
          add(.linkTarget, "expected '\(displayed(target))', found '\(displayed(found))'")
        }
      }
    case .fifo(let metadata), .socket(let metadata):
      try compare(metadata, actual, hasMode: true, add)
    case .characterDevice(let metadata, let major, let minor),
      .blockDevice(let metadata, let major, let minor):
      try compare(metadata, actual, hasMode: true, add)
      if status.special != DeviceNumber(major: major, minor: minor) {
        add(
          .device,
          "expected \(major):\(minor), found \(status.special.major):\(status.special.minor)"
        )
      }
    default: break
    }
  }

  private func compare(
    _ file: FileEntry, _ actual: TreeItem, _ add: (MediaDifference.Aspect, String) -> Void
  ) throws {
    guard let place = actual.place else { return }
    let opened = try OwnedDescriptor.openFile(place.name, in: place.directory.descriptor)
    try compare(file.metadata, opened, actual.status, add)
    guard UInt64(actual.status.byteCount) == file.byteCount else {
      return add(
        .length, "expected \(file.byteCount) bytes, found \(actual.status.byteCount) bytes")
    }
    if let difference = try checker.difference(
      of: opened, from: file, try ExtentMap(file), using: decoder, cancellation: cancellation,
      progress: progress)
    {
      add(.content, difference)
    }
  }

  private func compareLink(
    _ target: CatalogKey, _ status: FileStatus, _ add: (MediaDifference.Aspect, String) -> Void
  ) throws {
    let path = try EntryPath(target, in: source)
    let other = try path.name.flatMap { name in
      try root.descriptor.openDirectory(beneath: path.parent).statusIfAny(of: name)
    }
    if other?.isSameFile(as: status) != true {
      add(.hardLink, "it is no other name of '\(displayedPath(target))'")
    }
  }

  // MARK: Metadata

  /// Of an open file or directory.
  private func compare(
    _ metadata: FileMetadata, _ opened: borrowing OwnedDescriptor, _ status: FileStatus,
    _ add: (MediaDifference.Aspect, String) -> Void
  ) throws {
    compare(metadata, status, hasMode: true, add)
    let flags = try opened.inodeFlags()?.intersection(.settable).rawValue ?? 0
    if flags != metadata.flags {
      add(
        .flags,
        "expected 0x\(String(metadata.flags, radix: 16)), found 0x\(String(flags, radix: 16))")
    }
    var found: [ExtendedAttribute] = []
    for name in try opened.extendedAttributeNames() {
      if let value = try opened.extendedAttribute(name) {
        found.append(ExtendedAttribute(name: name, value: value))
      }
    }
    compare(metadata.attributes, found, add)
  }

  /// Of an entry that is not opened.
  private func compare(
    _ metadata: FileMetadata, _ actual: TreeItem, hasMode: Bool,
    _ add: (MediaDifference.Aspect, String) -> Void
  ) throws {
    compare(metadata, actual.status, hasMode: hasMode, add)
    guard let (directory, name) = actual.place else { return }
    var found: [ExtendedAttribute] = []
    for attribute in try directory.descriptor.extendedAttributeNames(of: name) {
      if let value = try directory.descriptor.extendedAttribute(attribute, of: name) {
        found.append(ExtendedAttribute(name: attribute, value: value))
      }
    }
    compare(metadata.attributes, found, add)
  }

  private func compare(
    _ metadata: FileMetadata, _ status: FileStatus, hasMode: Bool,
    _ add: (MediaDifference.Aspect, String) -> Void
  ) {
    let (user, group) = (owners.user(metadata.userID), owners.group(metadata.groupID))
    if status.userID != user || status.groupID != group {
      add(.owner, "expected \(user):\(group), found \(status.userID):\(status.groupID)")
    }
    if hasMode, status.permissions != metadata.mode {
      add(
        .mode,
        "expected \(String(metadata.mode, radix: 8)), found \(String(status.permissions, radix: 8))"
      )
    }
    let modified = Files.FileTime(metadata.modified)
    if status.modified != modified {
      add(
        .modified,
        "expected \(modified.seconds).\(modified.nanoseconds), "
          + "found \(status.modified.seconds).\(status.modified.nanoseconds) (seconds.nanoseconds)")
    }
  }

  private func compare(
    _ expected: [ExtendedAttribute], _ found: [ExtendedAttribute],
    _ add: (MediaDifference.Aspect, String) -> Void
  ) {
    for attribute in expected where !found.contains(attribute) {
      let isThere = found.contains { $0.name == attribute.name }
      add(.attributes, "\(displayed(attribute.name)) is \(isThere ? "another" : "missing")")
    }
    for attribute in found where !expected.contains(where: { $0.name == attribute.name }) {
      add(.attributes, "\(displayed(attribute.name)) is new")
    }
  }
}

extension CatalogEntry {
  /// The kind of file it describes; nil for a hard link, what could not be read, and databases.
  var kind: FileKind? {
    switch self {
    case .directory: .directory
    case .file: .regular
    case .symlink: .symbolicLink
    case .fifo: .fifo
    case .socket: .socket
    case .characterDevice: .characterDevice
    case .blockDevice: .blockDevice
    default: nil
    }
  }
}
