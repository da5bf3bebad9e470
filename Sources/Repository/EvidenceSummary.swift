// What a stretch of the evidence log says: the figures of a report, computed from its entries alone.

package import Format

/// The figures of a report.
///
/// Everything in it can be computed again from the entries: `docs/verify-report.py` does. Numbers of
/// entries stay the text that they are there, so that equal means equal.
package struct EvidenceSummary: Codable, Hashable, Sendable {
  /// How often something was done, and how it ended.
  package struct Total: Codable, Hashable, Sendable {
    package var event: String
    package var pass = 0
    package var warnings = 0
    package var fail = 0
  }

  /// A drill, its targets and what was achieved.
  package struct Drill: Codable, Hashable, Sendable {
    package var entry: UInt64
    package var time: Timestamp
    package var outcome: String
    package var snapshot: String?
    package var rtoSeconds, rtoTargetSeconds: String?
    package var rpoSeconds, rpoTargetSeconds: String?
    /// Absent without a target.
    package var rtoMet, rpoMet: Bool?
    /// Ids of checks that failed, joined by commas.
    package var failed: String?
  }

  /// A database or media directory: how often it was saved, and how often that was proven.
  package struct Source: Codable, Hashable, Sendable {
    package var source: String
    package var backups = 0
    /// Drills that did not fail and that brought this source back.
    package var drills = 0
    package var lastDrill: Timestamp?
  }

  /// Something that failed, and the next time it did not.
  package struct Failure: Codable, Hashable, Sendable {
    package var entry: UInt64
    package var time: Timestamp
    package var event: String
    package var what: String?
    /// The entry of the first later success of the same kind; absent if there is none in the period.
    package var closedBy: UInt64?
    package var closedAt: Timestamp?
  }

  package var totals: [Total]
  package var drills: [Drill]
  package var sources: [Source]
  package var failures: [Failure]

  /// The summary of `events`, oldest first.
  package init(_ events: [RecordedEvent]) {
    var totals: [String: Total] = [:]
    for event in events {
      let word = event.entry.event.rawValue
      var total = totals[word] ?? Total(event: word)
      switch event.entry.outcome {
      case "pass": total.pass += 1
      case "warnings": total.warnings += 1
      default: total.fail += 1
      }
      totals[word] = total
    }
    self.totals = totals.values.sorted { $0.event < $1.event }
    drills = events.filter { $0.entry.event == .drill }.map(Drill.init)
    sources = Self.sources(events)
    failures = Self.failures(events)
  }

  private static func sources(_ events: [RecordedEvent]) -> [Source] {
    var found: [String: Source] = [:]
    for event in events where event.entry.outcome != "fail" {
      let names = (event.entry.details["sources"] ?? "").split(separator: ",").map(String.init)
      for name in names {
        var source = found[name] ?? Source(source: name)
        if event.entry.event == .backup { source.backups += 1 }
        if event.entry.event == .drill {
          source.drills += 1
          source.lastDrill = event.entry.time
        }
        found[name] = source
      }
    }
    return found.values.filter { $0.backups + $0.drills > 0 }.sorted { $0.source < $1.source }
  }

  private static func failures(_ events: [RecordedEvent]) -> [Failure] {
    events.enumerated().compactMap { place, event in
      let isFailure = event.entry.outcome != "pass" && event.entry.outcome != "warnings"
      guard isFailure else { return nil }
      let closing = events[(place + 1)...].first {
        $0.entry.event == event.entry.event
          && ($0.entry.outcome == "pass" || $0.entry.outcome == "warnings")
      }
      return Failure(
        entry: event.number, time: event.entry.time, event: event.entry.event.rawValue,
        what: event.entry.details["error"] ?? event.entry.details["failed"]
          ?? event.entry.details["findings"].map { "\($0) findings" },
        closedBy: closing?.number, closedAt: closing?.entry.time)
    }
  }
}

extension EvidenceSummary.Drill {
  init(_ event: RecordedEvent) {
    let details = event.entry.details
    entry = event.number
    time = event.entry.time
    outcome = event.entry.outcome
    snapshot = event.entry.snapshots.first
    rtoSeconds = details["rto-seconds"]
    rtoTargetSeconds = details["rto-target-seconds"]
    rpoSeconds = details["rpo-seconds"]
    rpoTargetSeconds = details["rpo-target-seconds"]
    rtoMet = Self.isMet(rtoSeconds, rtoTargetSeconds)
    rpoMet = Self.isMet(rpoSeconds, rpoTargetSeconds)
    failed = details["failed"].flatMap { $0.isEmpty ? nil : $0 }
  }

  private static func isMet(_ actual: String?, _ target: String?) -> Bool? {
    guard let target = target.flatMap(Double.init), let actual = actual.flatMap(Double.init)
    else { return nil }
    return actual <= target
  }
}
