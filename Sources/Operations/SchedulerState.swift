// What a scheduler must remember over a restart: which times each job has answered.

package import Configuration
package import Foundation

/// The records of all jobs; kept as JSON in one small file.
package struct SchedulerState: Sendable, Equatable, Codable {
  /// What is remembered of one kind of job.
  package struct Record: Sendable, Equatable, Codable {
    /// Times up to this moment are answered: the start of the last run that ended.
    package var answered: Date
    /// The start of the last run.
    package var started: Date?
    /// The end of the last run that ended.
    package var ended: Date?
    /// Why the last run that ended failed; `nil` when it was done.
    package var failure: String?
    /// Starts since the last end: more than zero at a start of the scheduler means that the last
    /// scheduler died with the job.
    package var unfinishedStarts = 0

    package init(answered: Date) { self.answered = answered }
  }

  static let currentVersion = 1

  private var version = Self.currentVersion
  private var jobs: [String: Record] = [:]

  package init() {}

  /// The record of `kind`; `nil` before the kind was first scheduled.
  package subscript(kind: JobKind) -> Record? {
    get { jobs[kind.rawValue] }
    set { jobs[kind.rawValue] = newValue }
  }

  /// The moments up to which each kind's times are answered.
  package var answered: [JobKind: Date] {
    JobKind.allCases.reduce(into: [:]) { $0[$1] = self[$1]?.answered }
  }

  // MARK: The file

  /// Longer than any state file; bounds what a wrong path costs.
  private static let byteLimit = 1 << 16

  /// Reads the file at `path`; a file that does not exist is an empty state.
  ///
  /// - Throws: ``SchedulerStateError`` when it cannot be read or is no state of this version.
  package static func load(_ path: String) throws(SchedulerStateError) -> SchedulerState {
    guard FileManager.default.fileExists(atPath: path) else { return SchedulerState() }
    do {
      let handle = try FileHandle(forReadingFrom: URL(filePath: path))
      defer { try? handle.close() }  // opened for reading: nothing can be lost
      let bytes = try handle.read(upToCount: byteLimit) ?? Data()
      let state = try JSONDecoder.scheduler.decode(SchedulerState.self, from: bytes)
      guard state.version == currentVersion else {
        throw SchedulerStateError(path, "read", "its version is \(state.version), not 1")
      }
      return state
    } catch let error as SchedulerStateError {
      throw error
    } catch is DecodingError {
      throw SchedulerStateError(path, "read", "it is not a scheduler's state")
    } catch {
      throw SchedulerStateError(path, "read", (error as NSError).localizedDescription)
    }
  }

  /// Writes the state to `path`: readers see the old file or the new one, never a part, also after a
  /// power cut (Foundation writes a temporary file, syncs it and renames it).
  ///
  /// Makes the folder if it is missing. The old file stays when the write fails.
  /// - Throws: ``SchedulerStateError``.
  package func save(_ path: String) throws(SchedulerStateError) {
    do {
      let file = URL(filePath: path)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try JSONEncoder.scheduler.encode(self).write(to: file, options: .atomic)
    } catch {
      throw SchedulerStateError(path, "write", (error as NSError).localizedDescription)
    }
  }
}

/// A state file that cannot be used; the scheduler goes on without it and says so.
package struct SchedulerStateError: Error, Sendable, Equatable, CustomStringConvertible {
  package var what: String
  package var why: String
  package var next: String

  init(_ path: String, _ verb: String, _ why: String) {
    what = "cannot \(verb) scheduler state \(path)"
    self.why = why
    next =
      verb == "read"
      ? "missed times are not made up for this once; remove the file if this repeats"
      : "make its folder writable for the user that runs lifeboat"
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }
}

extension JSONDecoder {
  fileprivate static var scheduler: JSONDecoder {
    let decoder = JSONDecoder()
    decoder.dateDecodingStrategy = .secondsSince1970
    return decoder
  }
}

extension JSONEncoder {
  fileprivate static var scheduler: JSONEncoder {
    let encoder = JSONEncoder()
    encoder.dateEncodingStrategy = .secondsSince1970
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    return encoder
  }
}
