// Proving the evidence log: every entry signed, none missing, each chained to the one before.

import Format
import Storage

/// What a verification of the evidence log found.
package struct LogVerification: Sendable {
  /// One thing that must not be.
  package struct Finding: Sendable {
    /// Stable word: `entry-damaged`, `entry-missing`, `chain`, `role`, `snapshot-missing`.
    package var code: String
    /// The entry, as `number-id`; empty if it is about none that is there.
    package var entry: String
    package var what: String
  }
  /// What could be read, oldest first.
  package var events: [RecordedEvent] = []
  package var findings: [Finding] = []
  /// Things to know that prove nothing: entries written at the same moment, clocks set back.
  package var notes: [String] = []
  /// The newest entry as the storage lists it.
  package var head: LogName?

  package var holds: Bool { findings.isEmpty }
}

extension Repository {
  /// Reads the whole log and proves it; what is wrong is collected, by name.
  ///
  /// That entries were cut off at the end shows only to who remembers the ``LogVerification/head``.
  /// - Throws: ``RepositoryError`` if the storage cannot be listed.
  package func verifyLog() throws -> LogVerification {
    let names = try logNames()
    var result = LogVerification()
    result.head = names.last
    for name in names {
      do { result.events.append(try event(name)) } catch let error as RepositoryError {
        if error.code == .storage || error.code == .keyMissing { throw error }
        result.findings.append(
          .init(code: "entry-damaged", entry: name.short, what: "entry \(name.short): \(error.why)")
        )
      }
    }
    let chain = LogVerification.chain(result.events, of: names, firstNumber: 1)
    result.findings += chain.findings
    result.notes += chain.notes
    result.findings += LogVerification.roles(result.events)
    let present = Set(try list(.snapshots).map(\.key.name))
    result.findings += LogVerification.snapshots(result.events, present: present)
    return result
  }
}

extension LogVerification {
  /// Whether `events`, oldest first, are one chain.
  ///
  /// - Parameters:
  ///   - names: every entry that the storage lists, also those that could not be read.
  ///   - firstNumber: where the chain that is looked at begins; what is before is not asked for.
  static func chain(
    _ events: [RecordedEvent], of names: [LogName], firstNumber: UInt64
  ) -> (findings: [Finding], notes: [String]) {
    var findings: [Finding] = []
    var notes: [String] = []
    let byNumber = Dictionary(grouping: names, by: \.number).mapValues { Set($0.map(\.id.hex)) }
    var expected = firstNumber
    for number in byNumber.keys.sorted() where number >= firstNumber {
      if number > expected {
        let range = number - expected == 1 ? "\(expected)" : "\(expected) to \(number - 1)"
        findings.append(
          Finding(code: "entry-missing", entry: "", what: "entry \(range) is missing"))
      }
      expected = number + 1
    }
    var named: Set<String> = []
    var newestTime: Timestamp?
    for event in events {
      named.formUnion([event.entry.previous].compactMap { $0 } + (event.entry.others ?? []))
      if event.number == 1 {
        if event.entry.previous != nil {
          findings.append(
            Finding(
              code: "chain", entry: event.name,
              what: "entry \(event.name) is the first, and names one before it"))
        }
      } else if event.number > firstNumber, let before = byNumber[event.number - 1] {
        for id in [event.entry.previous ?? ""] + (event.entry.others ?? [])
        where !before.contains(id) {
          findings.append(
            Finding(
              code: "chain", entry: event.name,
              what:
                "entry \(event.name) follows \(event.number - 1)-\(id.prefix(8)), which is not there: it was taken out or replaced"
            ))
        }
      }
      if let newestTime, event.entry.time < newestTime {
        notes.append("entry \(event.name) is dated before the one it follows: a clock was set back")
      }
      newestTime = max(newestTime ?? event.entry.time, event.entry.time)
    }
    let last = names.last?.number ?? 0
    for event in events where event.number < last && !named.contains(event.id.hex) {
      // Its successor named another: with two of a number, that is a race, or an entry put in later.
      if let beside = byNumber[event.number], beside.count > 1 {
        notes.append(
          "entry \(event.name) stands beside the chain: it was written at the same moment as another with its number, or later"
        )
      }
    }
    return (findings, notes)
  }

  /// The least role that can have done what an entry says; nil for words of later programs.
  private static func needed(for event: LogEntry.Event) -> Role? {
    switch event {
    case .backup, .rollback: .writer
    case .check, .forget, .prune: .keeper
    case .drill, .initialized: .owner
    default: nil
    }
  }

  /// Entries signed by a key that could not have done what they say.
  static func roles(_ events: [RecordedEvent]) -> [Finding] {
    events.compactMap { event in
      guard let needed = needed(for: event.entry.event), event.role.rawValue < needed.rawValue
      else { return nil }
      return Finding(
        code: "role", entry: event.name,
        what:
          "entry \(event.name) says '\(event.entry.event.rawValue)', which needs the \(needed.name)'s key, and is signed by a \(event.role.name)"
      )
    }
  }

  /// Snapshots that an entry says were made, that nobody says were forgotten, and that are gone.
  static func snapshots(_ events: [RecordedEvent], present: Set<String>) -> [Finding] {
    var forgotten: Set<String> = []
    for event in events where event.entry.event == .forget && event.role != .writer {
      forgotten.formUnion(event.entry.snapshots)
    }
    return events.flatMap { event -> [Finding] in
      guard event.entry.event == .backup else { return [] }
      return event.entry.snapshots.filter { !present.contains($0) && !forgotten.contains($0) }.map {
        Finding(
          code: "snapshot-missing", entry: event.name,
          what:
            "snapshot \($0.prefix(8)), which entry \(event.name) says was made, is gone, and no entry says it was forgotten"
        )
      }
    }
  }
}
