// How a media tree is restored, what came of it, and what stops it.

import Files

/// What may happen to a tree that exists already, and what of the snapshot is wanted.
package struct MediaReplayOptions: Sendable {
  /// What to do where the target has an entry already.
  package enum Overwrite: Sendable {
    /// The target must be empty or new.
    case refuse
    /// Existing entries stay as they are; what is missing is added.
    case never
    /// Files that are older than the snapshot's are replaced.
    case ifNewer
    /// Files become as in the snapshot; those that are so already are not written again.
    case always
  }
  package var overwrite: Overwrite
  /// Removes what the target has and the snapshot has not, beneath what is restored; asks for
  /// ``Overwrite/always``.
  package var deletesExtra: Bool
  /// Paths beneath the source's root, as bytes, a directory for all it holds, or patterns
  /// (``PathPattern``); empty for everything.
  package var include: [[UInt8]]
  /// Restores user and group ids as they are; otherwise by the names they had, where this machine
  /// knows them.
  package var numericOwners: Bool
  /// Makes device nodes; they need privileges too.
  package var devices: Bool
  /// Restores set-user-id and set-group-id bits, where the owner could be restored.
  package var setID: Bool
  /// Threads that load and write, at least 1.
  package var workers: Int { didSet { workers = max(1, workers) } }
  /// Goes on after an entry that failed and lists it; otherwise the first failure ends the run.
  package var keepGoing: Bool

  package init(
    overwrite: Overwrite = .refuse, include: [[UInt8]] = [], numericOwners: Bool = false,
    deletesExtra: Bool = false, devices: Bool = true, setID: Bool = true, workers: Int = 2,
    keepGoing: Bool = true
  ) {
    self.overwrite = overwrite
    self.include = include
    self.numericOwners = numericOwners
    self.deletesExtra = deletesExtra
    self.devices = devices
    self.setID = setID
    self.workers = max(1, workers)
    self.keepGoing = keepGoing
  }
}

/// What a restore did.
///
/// Lists hold at most ``listLimit`` lines; counts are complete.
package struct MediaReplayReport: Sendable {
  package static let listLimit = 1000

  package var directoryCount: UInt64 = 0
  /// Files written.
  package var fileCount: UInt64 = 0
  /// Files that had the right content already.
  package var unchangedCount: UInt64 = 0
  /// Entries that stayed as they were because the options say so.
  package var keptCount: UInt64 = 0
  package var hardLinkCount: UInt64 = 0
  /// Symbolic links, FIFOs, sockets and devices.
  package var otherCount: UInt64 = 0
  /// Bytes of content written.
  package var byteCount: UInt64 = 0
  /// What could not be set although its entry is there: path, what, why.
  package var notSet: [String] = []
  package var notSetCount: UInt64 = 0
  /// Entries that the snapshot does not have, because they could not be read when it was taken.
  package var notCaptured: [String] = []
  package var notCapturedCount: UInt64 = 0
  /// Entries that could not be restored: path, why.
  package var errors: [String] = []
  package var errorCount: UInt64 = 0

  /// What was removed, if that was asked for.
  package var deletion: MediaDeletionReport?

  package init() {}

  /// Everything that was asked for is there, with all that belongs to it.
  package var isComplete: Bool {
    errorCount == 0 && notSetCount == 0 && notCapturedCount == 0
      && (deletion?.errorCount ?? 0) == 0
  }

  mutating func addError(_ line: String) { Self.add(line, &errors, &errorCount) }
  mutating func addNotSet(_ line: String) { Self.add(line, &notSet, &notSetCount) }
  mutating func addNotCaptured(_ line: String) { Self.add(line, &notCaptured, &notCapturedCount) }

  private static func add(_ line: String, _ list: inout [String], _ count: inout UInt64) {
    count += 1
    if list.count < listLimit { list.append(line) }
  }
}

/// A restore of media that cannot begin or go on.
package struct MediaReplayError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases: exit statuses and scripts depend on it.
  package enum Code: String, Sendable {
    case sourceMissing = "source-missing"
    case pathMissing = "path-missing"
    case targetNotEmpty = "target-not-empty"
    case targetUnusable = "target-unusable"
    /// It cannot be told what the snapshot left out, so nothing may be removed for being absent.
    case deletionUnsafe = "deletion-unsafe"
    case failed
  }
  package var code: Code
  package var what, why, next: String

  package init(_ code: Code, what: String, why: String, next: String) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }
}

/// Why one entry is not restored; becomes a line of the report.
struct EntryFailure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
