// Making single entries beneath the target: a name appears only when what it names is complete.

import Files
import Format
import Glibc
import Repository
import Workers

/// What writing an entry gave.
enum EntryResult: Sendable {
  case written(byteCount: UInt64)
  case unchanged
  case kept
}

/// Makes files, links and special files; each worker has its own.
final class EntryWriter: @unchecked Sendable {  // each worker uses only its own
  private let repository: Repository
  private let reader: BlobReader
  private let decoder: ChunkDecoder
  private let metadata: MetadataWriter
  private let options: MediaReplayOptions
  private let cancellation: Cancellation
  private let filler: FileFiller

  init(
    repository: Repository, reader: BlobReader, metadata: MetadataWriter,
    options: MediaReplayOptions, cancellation: Cancellation, progress: Progress
  ) throws {
    self.repository = repository
    self.reader = reader
    self.metadata = metadata
    self.options = options
    self.cancellation = cancellation
    decoder = try ChunkDecoder()
    filler = try FileFiller(
      reader: reader, workers: options.workers, cancellation: cancellation, progress: progress)
  }

  /// The regular file that will be replaced, to take from it what it has already.
  private func older(
    _ name: FileName, _ status: FileStatus?, _ extents: ExtentMap, in directory: SharedDirectory
  ) -> OlderFile? {
    guard let status, status.kind == .regular, status.byteCount > 0,
      let file = try? OwnedDescriptor.openFile(name, in: directory.descriptor)
    else { return nil }
    return OlderFile(file, extents, repository)
  }

  // MARK: Files

  /// Writes a file under a temporary name, gives it its metadata, then its name.
  ///
  /// `notSet` gets what of the metadata could not be set.
  /// - Throws: ``EntryFailure``, ``SystemError``, or an error of the repository; the name is as it
  ///   was before then, and the temporary file gone.
  func write(
    _ file: FileEntry, as name: FileName, in directory: SharedDirectory, notSet: inout [String]
  ) throws -> EntryResult {
    let extents = try ExtentMap(file)
    var inTheWay: FileStatus?
    if let existing = try existing(name, in: directory.descriptor, newerThan: file.metadata) {
      guard let existing else { return .kept }
      inTheWay = existing
      if options.overwrite == .always, existing.kind == .regular, existing.linkCount == 1,
        try holds(file, extents, name, existing, in: directory.descriptor)
      {
        let opened = try OwnedDescriptor.openFile(name, in: directory.descriptor)
        notSet += metadata.apply(file.metadata, to: opened)
        notSet += metadata.setFlags(file.metadata, of: opened)
        return .unchanged
      }
    }
    let temporary = FileName.temporary()
    let opened = try OwnedDescriptor.createFile(temporary, in: directory.descriptor)
    do {
      try filler.fill(
        opened, with: file, extents, reusing: older(name, inTheWay, extents, in: directory))
      notSet += metadata.apply(file.metadata, to: opened)
      try place(temporary, as: name, over: inTheWay, in: directory.descriptor)
    } catch {
      try? directory.descriptor.remove(temporary)
      throw error
    }
    notSet += metadata.setFlags(file.metadata, of: opened)
    return .written(byteCount: file.content.byteCount)
  }

  /// Nil if the name is free, `.some(nil)` if what has it is to be kept, else what has it.
  ///
  /// - Throws: ``EntryFailure`` if nothing may take its place.
  private func existing(
    _ name: FileName, in folder: borrowing OwnedDescriptor, newerThan metadata: FileMetadata
  ) throws -> FileStatus?? {
    guard let status = try folder.statusIfAny(of: name) else { return nil }
    switch options.overwrite {
    case .refuse: throw EntryFailure("something else made an entry of this name meanwhile")
    case .never: return .some(nil)
    case .ifNewer where status.modified >= Files.FileTime(metadata.modified): return .some(nil)
    case .ifNewer, .always:
      guard status.kind != .directory || options.deletesExtra else {
        throw EntryFailure("a directory of this name is in the way; remove it if it may go")
      }
      return .some(status)
    }
  }

  /// Gives a complete entry its name, in place of what has it.
  private func place(
    _ temporary: FileName, as name: FileName, over existing: FileStatus?,
    in folder: borrowing OwnedDescriptor
  ) throws(SystemError) {
    guard let existing else {
      return try folder.rename(temporary, to: name, replacing: options.overwrite != .refuse)
    }
    if existing.isProtected, existing.kind == .regular || existing.kind == .directory {
      if let opened = try? OwnedDescriptor.openFile(name, in: folder) {
        MetadataWriter.unprotect(opened)
      }
    }
    guard existing.kind == .directory else {
      return try folder.rename(temporary, to: name, replacing: true)
    }
    let aside = FileName.temporary()
    try folder.rename(name, to: aside, replacing: false)
    try folder.rename(temporary, to: name, replacing: false)
    try folder.removeTree(aside)
  }

  /// Whether an existing file has exactly this content already.
  private func holds(
    _ file: FileEntry, _ extents: ExtentMap, _ name: FileName, _ status: FileStatus,
    in folder: borrowing OwnedDescriptor
  ) throws -> Bool {
    guard UInt64(status.byteCount) == file.byteCount else { return false }
    let opened = try OwnedDescriptor.openFile(name, in: folder)
    let checker = ContentChecker(repository: repository, reader: reader)
    return try checker.difference(
      of: opened, from: file, extents, using: decoder, cancellation: cancellation) == nil
  }

  // MARK: Others

  /// Makes a symbolic link, FIFO, socket or device; as ``write(_:as:in:notSet:)``.
  func make(
    _ entry: CatalogEntry, as name: FileName, in directory: SharedDirectory, notSet: inout [String]
  ) throws -> EntryResult {
    guard let metadata = entry.metadata else { throw EntryFailure("it is no such entry") }
    if case .characterDevice = entry, !mayMakeDevices(&notSet) { return .kept }
    if case .blockDevice = entry, !mayMakeDevices(&notSet) { return .kept }
    let inTheWay: FileStatus?
    switch try existing(name, in: directory.descriptor, newerThan: metadata) {
    case nil: inTheWay = nil
    case .some(nil): return .kept
    case .some(let status): inTheWay = status
    }
    let isTaken = inTheWay != nil
    let temporary = isTaken ? FileName.temporary() : name
    do {
      try make(entry, at: temporary, in: directory.descriptor)
      var hasPermissions = true
      if case .symlink = entry { hasPermissions = false }
      notSet += self.metadata.apply(
        metadata, to: temporary, in: directory.descriptor, hasPermissions: hasPermissions)
      if isTaken { try place(temporary, as: name, over: inTheWay, in: directory.descriptor) }
    } catch {
      if isTaken { try? directory.descriptor.remove(temporary) }
      throw error
    }
    return .written(byteCount: 0)
  }

  private func make(
    _ entry: CatalogEntry, at name: FileName, in folder: borrowing OwnedDescriptor
  ) throws {
    switch entry {
    case .symlink(_, let target): try folder.makeSymbolicLink(name, to: target)
    case .fifo: try folder.makeSpecial(name, kind: .fifo, permissions: 0o600)
    case .socket: try folder.makeSpecial(name, kind: .socket, permissions: 0o600)
    case .characterDevice(_, let major, let minor):
      try folder.makeSpecial(
        name, kind: .characterDevice, permissions: 0o600,
        device: DeviceNumber(major: major, minor: minor))
    case .blockDevice(_, let major, let minor):
      try folder.makeSpecial(
        name, kind: .blockDevice, permissions: 0o600,
        device: DeviceNumber(major: major, minor: minor))
    default: throw EntryFailure("it is no such entry")
    }
  }

  private func mayMakeDevices(_ notSet: inout [String]) -> Bool {
    if options.devices, Host.userID == 0 { return true }
    notSet.append("device node: \(options.devices ? "only root can make it" : "not wanted")")
    return false
  }

  /// Whether `target` is the file that was restored there, and not another that was kept.
  func isRestored(
    _ file: FileEntry, at target: EntryPath, root: borrowing OwnedDescriptor
  ) -> Bool {
    guard let name = target.name, let folder = try? root.openDirectory(beneath: target.parent),
      let status = try? folder.status(of: name)
    else { return false }
    return status.kind == .regular && UInt64(status.byteCount) == file.byteCount
      && status.modified == Files.FileTime(file.metadata.modified)
  }

  /// Makes a name for an entry that was restored before.
  func link(
    _ target: EntryPath, as name: FileName, in directory: SharedDirectory,
    root: borrowing OwnedDescriptor
  ) throws -> EntryResult {
    guard let targetName = target.name else { throw EntryFailure("it links to a directory") }
    let source = try root.openDirectory(beneath: target.parent)
    let wanted = try source.status(of: targetName)
    guard wanted.kind != .directory else { throw EntryFailure("it links to a directory") }
    var inTheWay: FileStatus?
    if let status = try directory.descriptor.statusIfAny(of: name) {
      if status.isSameFile(as: wanted) { return .unchanged }
      switch options.overwrite {
      case .refuse: throw EntryFailure("something else made an entry of this name meanwhile")
      case .never: return .kept
      case .ifNewer where status.modified >= wanted.modified: return .kept
      case .ifNewer, .always:
        guard status.kind != .directory || options.deletesExtra else {
          throw EntryFailure("a directory of this name is in the way; remove it if it may go")
        }
        inTheWay = status
      }
    }
    let isTaken = inTheWay != nil
    let temporary = isTaken ? FileName.temporary() : name
    try Self.makeLink(temporary, in: directory.descriptor, to: targetName, in: source)
    if isTaken {
      do { try place(temporary, as: name, over: inTheWay, in: directory.descriptor) } catch {
        try? directory.descriptor.remove(temporary)
        throw error
      }
    }
    return .written(byteCount: 0)
  }

  /// An immutable file takes no further names: the flag steps aside for a moment.
  private static func makeLink(
    _ name: FileName, in folder: borrowing OwnedDescriptor, to target: FileName,
    in source: borrowing OwnedDescriptor
  ) throws(SystemError) {
    do throws(SystemError) {
      try folder.makeLink(name, to: target, in: source)
    } catch {
      guard error.code == EPERM, try source.status(of: target).kind == .regular else { throw error }
      let file = try OwnedDescriptor.openFile(target, in: source)
      guard let flags = try file.inodeFlags(),
        !flags.isDisjoint(with: [.immutable, .appendOnly])
      else { throw error }
      try file.setInodeFlags(flags.subtracting([.immutable, .appendOnly]))
      do throws(SystemError) { try folder.makeLink(name, to: target, in: source) } catch {
        try? file.setInodeFlags(flags)
        throw error
      }
      try file.setInodeFlags(flags)
    }
  }
}

extension CatalogEntry {
  /// Owner, permissions and times, of kinds that have their own.
  var metadata: FileMetadata? {
    switch self {
    case .directory(let metadata), .symlink(let metadata, _), .fifo(let metadata),
      .socket(let metadata), .characterDevice(let metadata, _, _),
      .blockDevice(let metadata, _, _):
      metadata
    case .file(let file): file.metadata
    default: nil
    }
  }
}
