// The evidence log: what was done to a repository, signed and chained.

package import Format
import Storage

/// A log entry that was read and checked.
package struct RecordedEvent: Sendable {
  package let number: UInt64
  package let id: DocumentID
  package let entry: LogEntry
}

extension Repository {
  /// Appends an event.
  ///
  /// Entries are named `<number>-<id>` and hold the id of the one before.
  ///
  /// Two writers at once may take the same number; both entries stay, and both name their
  /// predecessor, so the chain forks visibly instead of losing one.
  package func record(
    _ event: LogEntry.Event, outcome: String, snapshots: [SnapshotID],
    details: [String: String], host: String, program: String, time: Timestamp
  ) throws {
    let last = try list(.log).compactMap { Self.logName($0.key.name) }.max { $0.0 < $1.0 }
    let number = (last?.0 ?? 0) + 1
    let entry = LogEntry(
      time: time, host: host, program: program, event: event, outcome: outcome,
      snapshots: snapshots.map(\.hex), details: details, previous: last?.1.hex)
    let digits = String(number)
    let prefix = String(repeating: "0", count: max(0, 10 - digits.count)) + digits + "-"
    _ = try saveDocument(
      try DocumentBody.encode(entry), kind: .logEntry, for: .keeper, in: .log, prefix: prefix)
  }

  /// The newest events, newest first; at most `limit` are read.
  package func events(limit: Int = .max) throws -> [RecordedEvent] {
    let names = try list(.log).compactMap { object in
      Self.logName(object.key.name).map { (number: $0.0, id: $0.1, key: object.key) }
    }.sorted { $0.number > $1.number }
    return try names.prefix(limit).map { name in
      let (_, body) = try loadDocument(name.key, kind: .logEntry)
      do {
        let entry = try DocumentBody.decode(LogEntry.self, from: body, kind: .logEntry)
        return RecordedEvent(number: name.number, id: name.id, entry: entry)
      } catch let error as FormatError {
        throw RepositoryError.damaged("log entry \(name.id)", error)
      }
    }
  }

  static func logName(_ name: String) -> (UInt64, DocumentID)? {
    let parts = name.split(separator: "-", maxSplits: 1)
    guard parts.count == 2, let number = UInt64(parts[0]), let id = DocumentID(hex: parts[1]) else {
      return nil
    }
    return (number, id)
  }
}
