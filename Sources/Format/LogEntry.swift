// The evidence log and prune's marks: who did what, chained.

/// One operation on the repository: the body of `log/<n>-<id>`.
package struct LogEntry: Codable, Hashable, Sendable {
  /// What was done, as one word; a word of a later program is kept as it is.
  package struct Event: RawRepresentable, Codable, Hashable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }

    package static let initialized = Event(rawValue: "initialized")
    package static let backup = Event(rawValue: "backup")
    package static let check = Event(rawValue: "check")
    package static let drill = Event(rawValue: "drill")
    package static let forget = Event(rawValue: "forget")
    package static let prune = Event(rawValue: "prune")
    package static let repair = Event(rawValue: "repair")
    package static let key = Event(rawValue: "key")
    /// A client was told to go on although the repository is older than what it had seen.
    package static let rollback = Event(rawValue: "rollback")
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
  /// Ids of all others with the number before this one's: two machines that append at the same
  /// moment take the same number, and both entries are chained by the next.
  package var others: [String]?

  package init(
    time: Timestamp, host: String, program: String, event: Event, outcome: String,
    snapshots: [String], details: [String: String], previous: String?,
    others: [String]? = nil
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
    self.others = others
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
