// A repository in a directory of this machine (or of one that is mounted here).

import Files
package import Format
import Glibc
import Synchronization

/// Objects as files: `config`, and one folder for each kind, packs spread over 256 more.
///
/// A file gets its name only after its content is on the device, and the folder is synced after
/// that: readers see all of an object or nothing, and what ``save(_:as:)`` returned from survives a
/// power cut. Nothing inside is reached through a symbolic link. Thread-safe; any number of
/// processes may use one directory at once.
package final class LocalStorage: Storage {
  /// Packs that stay open between reads: a restore moves among few at a time.
  static let openLimit = 32
  /// How much is written before the kernel is asked to start writing back.
  private static let writeByteCount = 8 << 20

  package let location: String
  private let root: OwnedDescriptor
  private let open = Mutex(OpenObjects(limit: openLimit))

  private init(_ path: String) throws(SystemError) {
    location = path
    root = try OwnedDescriptor.openDirectory(path, followingLinks: true)
  }

  // MARK: Opening

  /// Makes the directory (mode 0700, with those above it) and its folders, and opens it.
  ///
  /// Repeatable. A directory that holds nothing but our own folders, or a new filesystem's
  /// `lost+found`, counts as empty.
  /// - Throws: ``StorageError``; `.exists` for a directory with other things in it and no `config`.
  package static func create(_ path: String) throws(StorageError) -> LocalStorage {
    let what = "cannot create a repository at \(path)"
    do {
      try OwnedDescriptor.workingDirectory.makeDirectories(path)
      let storage = try LocalStorage(path)
      if let stranger = try storage.stranger() {
        throw StorageError(
          code: .exists, what: what, why: "the directory holds '\(stranger)' and no repository",
          next: "choose an empty or new directory")
      }
      for folder in StorageFolder.allCases {
        do throws(SystemError) { try storage.root.makeDirectory(folder.rawValue) } catch {
          guard error.isExisting else { throw error }
        }
      }
      try storage.root.sync()
      return storage
    } catch let error as StorageError {
      throw error
    } catch let error as SystemError {
      throw Self.explain(what, error)
    } catch {
      throw StorageError(code: .failed, what: what, why: "\(error)", next: "report this as a bug")
    }
  }

  /// Opens an existing directory; whether a repository is in it, `config` tells.
  ///
  /// - Throws: ``StorageError``; `.missing` if there is no such directory.
  package static func open(_ path: String) throws(StorageError) -> LocalStorage {
    do { return try LocalStorage(path) } catch {
      guard error.isNotFound || error.isNotDirectory else {
        throw explain("cannot open \(path)", error)
      }
      throw StorageError(
        code: .missing, what: "cannot open \(path)",
        why: error.isNotFound ? "there is no such directory" : "it is not a directory",
        next: "check the path and that its disk is mounted, or make one with 'lifeboat init'")
    }
  }

  /// The name of something that is not ours in a directory without a `config`; nil if all is well.
  private func stranger() throws(SystemError) -> String? {
    guard try root.statusIfAny(of: "config") == nil else { return nil }
    let own = Set(StorageFolder.allCases.map { Array($0.rawValue.utf8) })
    var entries = try root.entries()
    while let entry = try entries.next() {
      let bytes = entry.name.bytes
      if own.contains(bytes) || entry.name.isTemporary || bytes == Array("lost+found".utf8) {
        continue
      }
      return entry.name.description
    }
    return nil
  }

  // MARK: Writing

  package func save(_ bytes: Span<UInt8>, as key: StorageKey) throws(StorageError) {
    let what = "cannot write \(key) in \(location)"
    do throws(SystemError) {
      let folder = try self.folder(of: key, creating: true)
      // Most repetitions are found before 32 MiB are written in vain.
      if try folder.statusIfAny(of: key.name) != nil {
        return try confirm(key, holds: bytes, in: folder)
      }
      do throws(SystemError) {
        try write(bytes, as: key.name, in: folder)
      } catch {
        guard error.isExisting else { throw error }
        try confirm(key, holds: bytes, in: folder)
      }
    } catch {
      // `confirm` says so by this code; no system call that we make here does.
      guard !error.isExisting else {
        throw StorageError(
          code: .exists, what: what, why: "it holds other bytes", next: "run 'lifeboat check'")
      }
      guard !error.isNotFound else {
        throw StorageError(
          code: .failed, what: what, why: "the directory is gone",
          next: "check that its disk is mounted"
        )
      }
      throw Self.explain(what, error)
    }
  }

  package func replace(_ key: StorageKey, with bytes: Span<UInt8>) throws(StorageError) {
    do throws(SystemError) {
      try write(
        bytes, as: key.name, in: try self.folder(of: key, creating: true), replacing: true)
    } catch {
      throw Self.explain("cannot replace \(key) in \(location)", error)
    }
    // Readers would go on with the file that lost its name.
    open.withLock { $0.forget(key) }
  }

  private func write(
    _ bytes: Span<UInt8>, as name: String, in folder: borrowing OwnedDescriptor,
    replacing: Bool = false
  ) throws(SystemError) {
    let file = try DurableFile(at: name, in: folder, permissions: 0o400)
    // A full disk is known here, before anything is written.
    if bytes.count > 0 { _ = try file.descriptor.reserve(byteCount: Int64(bytes.count)) }
    var offset = 0
    while offset < bytes.count {
      let end = min(bytes.count, offset + Self.writeByteCount)
      try file.descriptor.write(bytes.extracting(offset..<end), at: Int64(offset))
      offset = end
    }
    try file.descriptor.sync()
    // What was written will not be read soon; the cache belongs to the database.
    file.descriptor.adviseNotNeeded()
    try file.publish(replacing: replacing)
  }

  /// Succeeds if the object holds exactly `bytes`, durably; throws EEXIST if not.
  private func confirm(
    _ key: StorageKey, holds bytes: Span<UInt8>, in folder: borrowing OwnedDescriptor
  ) throws(SystemError) {
    let differs = SystemError(call: "compare", path: key.path.pathBytes, code: EEXIST)
    let status = try folder.status(of: key.name)
    guard status.kind == .regular, status.byteCount == Int64(bytes.count) else { throw differs }
    let file = try OwnedDescriptor.openFile(key.name, in: folder)
    var piece = [UInt8](repeating: 0, count: min(1 << 20, max(1, bytes.count)))
    var offset = 0
    while offset < bytes.count {
      let count = try file.read(into: &piece, at: Int64(offset))
      guard count > 0, count <= bytes.count - offset else { throw differs }
      for i in 0..<count where piece[i] != bytes[offset + i] { throw differs }
      offset += count
    }
    // Whoever wrote it may not have come to this.
    try folder.sync()
  }

  package func delete(_ key: StorageKey) throws(StorageError) {
    open.withLock { $0.forget(key) }
    do throws(SystemError) {
      let folder = try self.folder(of: key, creating: false)
      try folder.remove(key.name)
      try folder.sync()
    } catch {
      if error.isNotFound { return }
      throw Self.explain("cannot delete \(key) in \(location)", error)
    }
  }

  /// Removes what interrupted writes left behind.
  ///
  /// - Parameters:
  ///   - age: younger ones may belong to a process that is still writing, and stay.
  ///   - now: the time to reckon from.
  /// - Returns: how many files were removed and their bytes.
  /// - Throws: ``StorageError``; what was removed stays so.
  @discardableResult
  package func removeLeftovers(olderThan age: Duration, now: Timestamp) throws(StorageError)
    -> (count: Int, byteCount: Int64)
  {
    let (age, _) = age.components
    let limit = Files.FileTime(seconds: now.microseconds / 1_000_000 - age)
    var (count, byteCount) = (0, Int64(0))
    do throws(SystemError) {
      for path in [""] + Self.paths(of: StorageFolder.allCases) {
        guard let folder = try folderIfAny(path) else { continue }
        var entries = try folder.entries()
        while let entry = try entries.next() {
          guard entry.name.isTemporary, let status = try folder.statusIfAny(of: entry.name),
            status.kind == .regular, status.modified < limit
          else { continue }
          try folder.remove(entry.name)
          count += 1
          byteCount += status.byteCount
        }
      }
    } catch {
      throw Self.explain("cannot remove leftovers in \(location)", error)
    }
    return (count, byteCount)
  }

  // MARK: Reading

  package func read(_ key: StorageKey, at offset: Int, into buffer: inout MutableSpan<UInt8>)
    throws(StorageError)
  {
    let what = "cannot read \(key) in \(location)"
    guard offset >= 0 else {
      throw StorageError(
        code: .short, what: what, why: "offset \(offset) is before its first byte",
        next: "run 'lifeboat check'")
    }
    let wanted = buffer.count
    let count: Int
    do throws(SystemError) {
      count = try openObject(key).descriptor.read(into: &buffer, at: Int64(offset))
    } catch {
      throw Self.explain(what, error)
    }
    guard count == wanted else {
      throw StorageError(
        code: .short, what: what,
        why: "it ends at byte \(offset + count), before byte \(offset + wanted)",
        next: "run 'lifeboat check'")
    }
  }

  package func byteCount(of key: StorageKey) throws(StorageError) -> Int {
    do throws(SystemError) {
      let status = try folder(of: key, creating: false).status(of: key.name)
      guard status.kind == .regular else {
        throw SystemError(call: "stat", path: key.path.pathBytes, code: ENOENT)
      }
      return Int(status.byteCount)
    } catch {
      throw Self.explain("cannot read \(key) in \(location)", error)
    }
  }

  package func list(_ folder: StorageFolder) throws(StorageError) -> [StoredObject] {
    var objects: [StoredObject] = []
    do throws(SystemError) {
      // Names ascend within a folder, folders in their order: so the whole is sorted.
      for path in Self.paths(of: [folder]) {
        guard let directory = try folderIfAny(path) else { continue }
        for entry in try directory.sortedEntries() {
          guard let name = String(validating: entry.name.bytes, as: UTF8.self),
            let key = StorageKey(folder, name), key.path == "\(path)/\(name)",
            // Nil: deleted since the listing began.
            let status = try directory.statusIfAny(of: name), status.kind == .regular
          else { continue }
          objects.append(StoredObject(key: key, byteCount: Int(status.byteCount)))
        }
      }
    } catch {
      throw Self.explain("cannot list \(folder.rawValue) in \(location)", error)
    }
    return objects
  }

  // MARK: Folders

  /// The folders that objects of these kinds lie in, relative to the repository.
  private static func paths(of folders: [StorageFolder]) -> [String] {
    folders.flatMap { folder in
      guard folder == .packs else { return [folder.rawValue] }
      let digits = Array("0123456789abcdef")
      return digits.flatMap { a in digits.map { b in "packs/\(a)\(b)" } }
    }
  }

  /// The folder of `key`, opened; an object in a folder that is missing is missing, too.
  private func folder(of key: StorageKey, creating: Bool) throws(SystemError) -> OwnedDescriptor {
    guard key.folder != nil else { return try root.open(beneath: ".", .directory) }
    let path = String(key.path.dropLast(key.name.utf8.count + 1))
    do throws(SystemError) {
      return try root.open(beneath: path, .directory)
    } catch {
      guard creating, error.isNotFound else { throw error }
    }
    // Only ever one or two levels: packs, packs/aa.
    let steps = path.split(separator: "/")
    for count in 1...steps.count {
      let parent = try root.open(
        beneath: count == 1 ? "." : steps.prefix(count - 1).joined(separator: "/"), .directory)
      do throws(SystemError) {
        try parent.makeDirectory(String(steps[count - 1]))
        try parent.sync()
      } catch {
        guard error.isExisting else { throw error }
      }
    }
    return try root.open(beneath: path, .directory)
  }

  private func folderIfAny(_ path: String) throws(SystemError) -> OwnedDescriptor? {
    do throws(SystemError) {
      return try root.open(beneath: path.isEmpty ? "." : path, .directory)
    } catch {
      guard error.isNotFound else { throw error }
      return nil
    }
  }

  // MARK: Open objects

  private func openObject(_ key: StorageKey) throws(SystemError) -> OpenObject {
    if let found = open.withLock({ $0.object(key) }) { return found }
    let folder = try self.folder(of: key, creating: false)
    let descriptor = try OwnedDescriptor.openFile(key.name, in: folder)
    guard try descriptor.status().kind == .regular else {
      throw SystemError(call: "open", path: key.path.pathBytes, code: ENOENT)
    }
    let object = OpenObject(descriptor)
    open.withLock { $0.remember(object, as: key) }
    return object
  }
}

/// An object open for reading; closes when the last reader lets go.
private final class OpenObject: Sendable {
  let descriptor: OwnedDescriptor
  init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
}

/// The objects used last.
///
/// They are immutable, so an open one never goes stale.
private struct OpenObjects {
  private var objects: [StorageKey: (object: OpenObject, use: UInt64)] = [:]
  private var uses: UInt64 = 0
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  mutating func object(_ key: StorageKey) -> OpenObject? {
    uses += 1
    objects[key]?.use = uses
    return objects[key]?.object
  }

  mutating func remember(_ object: OpenObject, as key: StorageKey) {
    if objects.count >= limit,
      let oldest = objects.min(by: { $0.value.use < $1.value.use })?.key
    {
      objects[oldest] = nil
    }
    uses += 1
    objects[key] = (object, uses)
  }

  mutating func forget(_ key: StorageKey) { objects[key] = nil }
}
