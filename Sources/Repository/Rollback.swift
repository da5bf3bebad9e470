// Noticing storage that serves an old state, withholds what is newest, or another repository.

import Format
import Sodium
import Storage
import Synchronization

/// An entry of the evidence log as a person writes it down: its number and the first digits of its id.
package struct LogHead: Sendable, CustomStringConvertible {
  package let number: UInt64
  package let digits: String
  /// Fewer digits could be met by chance or by work.
  package static let leastDigits = 16

  /// Reads `number-digits`, at least 16 of the id.
  package init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "-", maxSplits: 1).map { $0.lowercased() }
    guard parts.count == 2, let number = UInt64(parts[0]),
      (1...LogName.greatestNumber).contains(number),
      (Self.leastDigits...64).contains(parts[1].utf8.count),
      parts[1].utf8.allSatisfy({ "0123456789abcdef".utf8.contains($0) })
    else { return nil }
    self.number = number
    digits = parts[1]
  }

  package var description: String { "\(number)-\(digits.prefix(8))" }

  func matches(_ name: LogName) -> Bool {
    name.number == number && name.id.hex.hasPrefix(digits)
  }
}

extension Repository {
  /// Proves that this repository is what was seen of it before, or newer.
  ///
  /// The remembered entry of the evidence log must be there, byte for byte; who may read the log also
  /// follows the chain from it to the newest entry, and finds a `forget` for every snapshot that is gone.
  /// A writer cannot tell whether a snapshot was forgotten or is withheld: the next keeper does.
  /// - Throws: ``RepositoryError``, `rolledBack`.
  package func prove(
    head: LogHead?, snapshots remembered: [String], of place: String
  ) throws {
    let names = try logNames()
    var firstNumber: UInt64 = 1
    if let head {
      guard let found = names.first(where: { head.matches($0) }), try holds(found) else {
        let newest = names.last.map { "the newest that it has is \($0.short)" } ?? "it has none"
        throw RepositoryError.rolledBack(
          place, "the log entry \(head), which was there before, is not: \(newest)")
      }
      firstNumber = head.number
    }
    guard keys.canRead(.metadata) else { return }
    if head != nil {
      let events = try names.filter { $0.number >= firstNumber }.compactMap(eventIfSound)
      let broken = LogVerification.chain(events, of: names, firstNumber: firstNumber).findings.first
      if let broken { throw RepositoryError.rolledBack(place, broken.what) }
    }
    let present = Set(try list(.snapshots).map(\.key.name))
    let gone = remembered.filter { !present.contains($0) }
    guard !gone.isEmpty else { return }
    var unexplained = Set(gone)
    for name in names.reversed() {
      guard let event = try eventIfSound(name) else { continue }
      if event.entry.event == .forget, event.role != .writer {
        unexplained.subtract(event.entry.snapshots)
      }
      if unexplained.isEmpty { return }
    }
    let first = unexplained.sorted()[0]
    throw RepositoryError.rolledBack(
      place,
      "snapshot \(first.prefix(8)), which was there before, is not, and no log entry says it was forgotten"
    )
  }

  /// The entry, or nil if it is damaged: rot in the log must not keep anybody from a restore, and
  /// ``verifyLog()`` names it.
  private func eventIfSound(_ name: LogName) throws -> RecordedEvent? {
    do { return try event(name) } catch let error as RepositoryError {
      if error.code == .damaged || error.code == .newerFormat { return nil }
      throw error
    }
  }

  /// Whether the entry's bytes are what its name says.
  private func holds(_ name: LogName) throws -> Bool {
    guard let key = StorageKey(.log, name.objectName) else { return false }
    do {
      return DocumentID(of: try storage.load(key, limit: Self.documentLimit)) == name.id
    } catch {
      if error.code == .missing { return false }
      throw RepositoryError.storage("cannot read log entry \(name.short)", error)
    }
  }

  /// Compares the repository with what `memory` has of its place.
  ///
  /// - Parameter expected: an entry that somebody wrote down, for a machine that remembers nothing.
  /// - Throws: ``RepositoryError``, `rolledBack`, also if another repository was there before.
  package func recall(from memory: ClientMemory, expecting expected: LogHead?) throws {
    let place = storage.location
    if let expected { try prove(head: expected, snapshots: [], of: place) }
    let known = try memory.load()
    guard let mine = known[id.hex] else {
      if let other = known.keys.sorted().first {
        throw RepositoryError.rolledBack(
          place, "it is repository \(id), and only \(other.prefix(8)) was there before")
      }
      return
    }
    try prove(head: mine.head.flatMap { LogHead($0) }, snapshots: mine.snapshots, of: place)
    recollection.withLock { $0 = mine }
  }

  /// Remembers the repository as it is now, unless it has become older than what is remembered: then
  /// that stays.
  ///
  /// - Parameters:
  ///   - accepting: whether to remember it even then.
  ///   - alone: whether whatever was at its place before is forgotten.
  /// - Throws: ``RepositoryError``; `rolledBack` if it became older while it was open.
  package func remember(in memory: ClientMemory, accepting: Bool = false, alone: Bool = false)
    throws
  {
    var known = accepting || alone ? (try? memory.load()) ?? [:] : try memory.load()
    let before = known[id.hex]
    let names = try logNames()
    if !accepting, let head = before?.head.flatMap({ LogHead($0) }),
      !names.contains(where: { head.matches($0) })
    {
      throw RepositoryError.rolledBack(
        storage.location, "the log entry \(head), which was there before, is not")
    }
    var mine = recollection.withLock { $0 } ?? RepositoryMemory()
    // Another process may have committed meanwhile.
    for (signer, link) in before?.chains ?? [:]
    where link.sequence > mine.chains[signer]?.sequence ?? 0 {
      mine.chains[signer] = link
    }
    mine.head = names.last?.description
    mine.snapshots = try list(.snapshots).map(\.key.name).filter { SnapshotID(hex: $0) != nil }
    recollection.withLock { $0 = mine }
    if alone { known = [:] }
    guard known != [id.hex: mine] else { return }
    known[id.hex] = mine
    try memory.save(known)
  }
}

extension RepositoryError {
  /// What is at `place` is older than, or not, what was there.
  static func rolledBack(_ place: String, _ why: String) -> RepositoryError {
    RepositoryError(
      .rolledBack, what: "the repository at \(place) is not what this client saw before", why: why,
      next:
        "find out who put it back, or withheld or replaced it; only if you did, go on with --accept-rollback"
    )
  }
}
