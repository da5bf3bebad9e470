// The evidence log and prune's marks: who did what, chained.

/// One operation on the repository: the body of `log/<n>-<id>`.
package struct LogEntry: Codable, Hashable, Sendable {
  /// What was done.
  package enum Event: String, Codable, Sendable {
    case initialized, backup, check, drill, forget, prune, repair, key
  }
  package var version: Int
  package var time: Timestamp
  package var host: String
  package var program: String
  package var event: Event
  /// `pass`, `warnings` or `fail`; what the exit status said.
  package var outcome: String
  /// The snapshots concerned, hexadecimal ids.
  package var snapshots: [String]
  /// Figures and words of the event: names to text.
  package var details: [String: String]
  /// Id of the entry before this one, hexadecimal; nil for the first.
  package var previous: String?

  package init(
    time: Timestamp, host: String, program: String, event: Event, outcome: String,
    snapshots: [String], details: [String: String], previous: String?
  ) {
    version = 1
    self.time = time
    self.host = host
    self.program = program
    self.event = event
    self.outcome = outcome
    self.snapshots = snapshots
    self.details = details
    self.previous = previous
  }
}

/// Packs that nothing refers to any more and that a later prune deletes: the body of `doomed/<id>`.
package struct DoomMark: Codable, Hashable, Sendable {
  package var version: Int
  package var time: Timestamp
  /// How long the packs wait at least, in seconds: a backup that runs longer than half of it does
  /// not rely on them.
  package var graceSeconds: Int64
  /// Pack ids, hexadecimal.
  package var packs: [String]

  package init(time: Timestamp, graceSeconds: Int64, packs: [String]) {
    version = 1
    self.time = time
    self.graceSeconds = graceSeconds
    self.packs = packs
  }
}
