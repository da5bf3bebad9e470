// The last step of a media capture: outcomes become catalog entries, in order, and are counted; what
// the rows name and the walk did not find comes from the parent.

import Files
import Format
import Repository

/// An entry with its outcome.
struct MediaOutcome: Sendable {
  enum Result: Sendable {
    case entry(CatalogEntry, isUnchanged: Bool)
    /// Another name of the inode first met under this key; read as the file if that failed.
    case link(target: CatalogKey, FileToRead)
    case unreadable(reason: String)
    case vanished
    /// Told, and not in the catalog.
    case excluded(reason: String)
    case renamed(to: FileName)
    case note(String)
  }
  let key: CatalogKey
  let result: Result
  var failures: [String] = []
  var linkGroup: FileIdentity?
  /// False if another file had the name by the time it was read.
  var isOfGroup = true
}

/// Appends to the catalog; for one thread at a time.
final class MediaDelivery: @unchecked Sendable {  // orderedParallel calls `deliver` one at a time
  private(set) var catalog: CatalogWriter
  private(set) var summary: MediaSummary
  private let source: CatalogKey
  private let parent: CatalogReader?
  private let writer: BlobWriter
  private let files: FileCapture
  private let required: () throws -> CatalogKey?
  private let onMissing: (CatalogKey, Bool) -> Void
  private let accounts = AccountNames()
  private var userIDs: Set<UInt32> = []
  private var groupIDs: Set<UInt32> = []
  private var nextRequired: CatalogKey?
  private var lastRequired: (key: CatalogKey, carriedForward: Bool?)?
  /// The key appended last, and whether a directory is there.
  private var last: (key: CatalogKey, isDirectory: Bool)?
  /// Inodes with several names whose first could not be read, and the name that replaces it.
  private var failedGroups: [FileIdentity: CatalogKey?] = [:]

  /// Entries that were listed and then gone, the first of them, and those that are remembered.
  private var vanishedCount: UInt64 = 0
  private var firstVanished: CatalogKey?
  private var vanished: Set<CatalogKey> = []

  /// How many entries of each kind the summary lists.
  private static let listLimit = 1000
  private static let vanishedLimit = 10_000

  init(
    source: MediaSource, catalog: CatalogWriter, parent: CatalogReader?, writer: BlobWriter,
    files: FileCapture, required: @escaping () throws -> CatalogKey?,
    onMissing: @escaping (CatalogKey, Bool) -> Void
  ) throws {
    self.catalog = catalog
    self.parent = parent
    self.writer = writer
    self.files = files
    self.required = required
    self.onMissing = onMissing
    self.source = CatalogKey.media(source.name)
    summary = MediaSummary(
      name: source.name, path: displayed(Array(source.path.utf8)), excluded: [], excludedCount: 0,
      notes: [])
    nextRequired = try required()
  }

  func deliver(_ outcome: MediaOutcome) throws {
    switch outcome.result {
    case .renamed(let name):
      if vanished.remove(outcome.key) != nil {
        unreadable(
          outcome.key, "it was renamed to '\(name)' before it was read; back up again to have it")
      }
      return
    case .note(let text): return note("\(Self.path(outcome.key)): \(text)")
    default: try carryForward(before: outcome.key)
    }
    var isMet = true
    for failure in outcome.failures { unreadable(outcome.key, failure) }
    switch outcome.result {
    case .entry(let entry, let isUnchanged):
      if isUnchanged, case .file = entry { writer.count { $0.filesUnchanged += 1 } }
      try append(outcome.key, entry)
      if !outcome.isOfGroup { failed(outcome.linkGroup) }
    case .link(let target, let file):
      isMet = try link(outcome, to: target, file)
    case .unreadable(let reason):
      try unreadableEntry(outcome, reason)
    case .vanished:
      isMet = false
      failed(outcome.linkGroup)
      wasGone(outcome.key)
    case .excluded(let reason):
      isMet = false
      excluded(outcome.key, reason)
    case .renamed, .note: break
    }
    if isMet {
      while nextRequired == outcome.key { nextRequired = try required() }
    }
  }

  /// Takes over what is still required and fills in the names of users and groups.
  func finish() throws {
    try carryForward(before: nil)
    if let firstVanished {
      note(
        "\(vanishedCount) entries were gone when they came to be read (first: "
          + "\(Self.path(firstVanished)))")
    }
    for id in userIDs { summary.users[String(id)] = accounts.userName(id) }
    for id in groupIDs { summary.groups[String(id)] = accounts.groupName(id) }
  }

  // MARK: Links

  /// False if the file is gone.
  private func link(_ outcome: MediaOutcome, to target: CatalogKey, _ file: FileToRead) throws
    -> Bool
  {
    guard let group = outcome.linkGroup, let replacement = failedGroups[group] else {
      try append(outcome.key, .hardLink(target: target))
      return true
    }
    if let replacement {
      try append(outcome.key, .hardLink(target: replacement))
      return true
    }
    switch try files.capture(file) {
    case .file(let entry, let failures, let identity):
      for failure in failures { unreadable(outcome.key, failure) }
      try append(outcome.key, .file(entry))
      if identity == group { failedGroups[group] = outcome.key }
      return true
    case .unreadable(let reason):
      try unreadableEntry(outcome, reason)
      return true
    case .vanished: return false
    }
  }

  private func failed(_ group: FileIdentity?) {
    if let group, failedGroups[group] == nil { failedGroups[group] = .some(nil) }
  }

  // MARK: Appending and counting

  private func append(_ key: CatalogKey, _ entry: CatalogEntry) throws {
    try catalog.append(key, entry)
    var isDirectory = false
    switch entry {
    case .directory(let metadata):
      isDirectory = true
      summary.directoryCount += 1
      count(metadata)
    case .file(let file):
      summary.fileCount += 1
      summary.byteCount += file.byteCount
      if file.changedWhileRead { summary.changedWhileReadCount += 1 }
      count(file.metadata)
    case .symlink(let metadata, _), .fifo(let metadata), .socket(let metadata),
      .characterDevice(let metadata, _, _), .blockDevice(let metadata, _, _):
      summary.otherCount += 1
      count(metadata)
    case .unreadable: break
    default: summary.otherCount += 1
    }
    last = (key, isDirectory)
  }

  private func count(_ metadata: FileMetadata) {
    userIDs.insert(metadata.userID)
    groupIDs.insert(metadata.groupID)
  }

  private func unreadableEntry(_ outcome: MediaOutcome, _ reason: String) throws {
    failed(outcome.linkGroup)
    unreadable(outcome.key, reason)
    try append(outcome.key, .unreadable(reason: reason))
  }

  private func unreadable(_ key: CatalogKey, _ reason: String) {
    summary.unreadableCount += 1
    guard summary.unreadable.count < Self.listLimit else { return }
    summary.unreadable.append("\(Self.path(key)): \(reason)")
  }

  private func excluded(_ key: CatalogKey, _ reason: String) {
    summary.excludedCount = (summary.excludedCount ?? 0) + 1
    guard summary.excluded?.count ?? 0 < Self.listLimit else { return }
    summary.excluded?.append("\(Self.path(key)): \(reason)")
  }

  private func wasGone(_ key: CatalogKey) {
    vanishedCount += 1
    if firstVanished == nil { firstVanished = key }
    if vanished.count < Self.vanishedLimit { vanished.insert(key) }
  }

  private func note(_ text: String) {
    if summary.notes?.count ?? 0 < Self.listLimit { summary.notes?.append(text) }
  }

  private static func path(_ key: CatalogKey) -> String {
    let path = Array(key.components.dropFirst(2).joined(separator: Array("/".utf8)))
    return path.isEmpty ? "." : displayed(path)
  }

  // MARK: What rows name

  /// Settles every required key before `key` (all, if it is nil): the walk has passed them.
  private func carryForward(before key: CatalogKey?) throws {
    while let wanted = nextRequired, key.map({ wanted < $0 }) ?? true {
      let carried: Bool
      if let lastRequired, lastRequired.key == wanted, let known = lastRequired.carriedForward {
        carried = known
      } else {
        carried = try carryForward(wanted)
      }
      lastRequired = (wanted, carried)
      onMissing(wanted, carried)
      nextRequired = try required()
    }
  }

  private func carryForward(_ key: CatalogKey) throws -> Bool {
    guard let parent, key != source, key.isWithin(source), let last, last.key < key,
      // A file stands where the parent had a directory: nothing can lie beneath it.
      last.isDirectory || !key.isWithin(last.key),
      let entry = try takenOver(key, from: parent)
    else { return false }
    let components = key.components
    for count in 2..<components.count {
      guard let above = CatalogKey(components: Array(components[..<count])),
        !last.key.isWithin(above)
      else { continue }
      guard let folder = try parent.entry(above), case .directory = folder else { return false }
      try append(above, folder)
    }
    try append(key, entry)
    return true
  }

  /// The parent's entry as it stands alone: a hard link with its target's content.
  private func takenOver(_ key: CatalogKey, from parent: CatalogReader) throws -> CatalogEntry? {
    switch try parent.entry(key) {
    case .file(var file):
      file.carriedForward = true
      return .file(file)
    case .hardLink(let target):
      guard target < key, target.isWithin(source), case .file(var file) = try parent.entry(target)
      else { return nil }
      file.carriedForward = true
      return .file(file)
    case .symlink(let metadata, let target): return .symlink(metadata, target: target)
    default: return nil
    }
  }
}
