// What a drill found: the record that is shown, signed and kept as evidence.

package import Format
import FoundationEssentials

/// How a check, or a whole drill, ended; the worse is the greater.
package enum Verdict: String, Codable, Hashable, Sendable, Comparable, CaseIterable {
  case pass
  /// Nothing that was recorded is lost, but somebody should look.
  case warnings
  case fail

  package static func < (a: Verdict, b: Verdict) -> Bool { a.rank < b.rank }

  private var rank: Int {
    switch self {
    case .pass: 0
    case .warnings: 1
    case .fail: 2
    }
  }
}

/// One question a drill asked, what it expected, and what it saw.
package struct DrillCheck: Codable, Hashable, Sendable {
  /// Stable across releases: a group, a dot, a name, such as `equality.table-content`.
  package var id: String
  package var title: String
  /// The database or media source it is about; nil if it is about the whole snapshot.
  package var subject: String?
  package var verdict: Verdict
  package var expected: String
  package var actual: String
  /// What differed, by name; at most ``detailLimit`` lines, the last then says how many more.
  package var details: [String]
  package var seconds: Double

  package static let detailLimit = 25

  /// The part of ``id`` before the dot.
  package var group: String { String(id.prefix { $0 != "." }) }

  package init(
    id: String, title: String, subject: String?, verdict: Verdict, expected: String,
    actual: String, details: [String], seconds: Double
  ) {
    self.id = id
    self.title = title
    self.subject = subject
    self.verdict = verdict
    self.expected = expected
    self.actual = actual
    self.details = details
    self.seconds = seconds
  }
}

/// A stretch of the recovery that was timed by itself.
package struct DrillPhase: Codable, Hashable, Sendable {
  package var name: String
  /// The database or media source; nil for what serves all of them.
  package var subject: String?
  package var seconds: Double

  package init(name: String, subject: String?, seconds: Double) {
    self.name = name
    self.subject = subject
    self.seconds = seconds
  }
}

/// How long the recovery took, comparisons not counted: the achieved recovery time.
package struct RecoveryTime: Codable, Hashable, Sendable {
  package var totalSeconds: Double
  package var targetSeconds: Double?
  package var phases: [DrillPhase]

  package init(totalSeconds: Double, targetSeconds: Double?, phases: [DrillPhase]) {
    self.totalSeconds = totalSeconds
    self.targetSeconds = targetSeconds
    self.phases = phases
  }
}

/// How old the snapshot was when the drill began: what would be lost.
package struct RecoveryPoint: Codable, Hashable, Sendable {
  package var ageSeconds: Double
  package var targetSeconds: Double?

  package init(ageSeconds: Double, targetSeconds: Double?) {
    self.ageSeconds = ageSeconds
    self.targetSeconds = targetSeconds
  }
}

/// The snapshot that was drilled.
package struct DrilledSnapshot: Codable, Hashable, Sendable {
  /// All 64 digits.
  package var id: String
  package var time: Timestamp
  package var host: String
  package var program: String
  package var tags: [String]
  package var databases: [String]
  package var media: [String]

  package init(
    id: String, time: Timestamp, host: String, program: String, tags: [String],
    databases: [String], media: [String]
  ) {
    self.id = id
    self.time = time
    self.host = host
    self.program = program
    self.tags = tags
    self.databases = databases
    self.media = media
  }
}

/// Where it was restored to.
package struct DrillScratch: Codable, Hashable, Sendable {
  package enum Kind: String, Codable, Sendable {
    /// A private server that was made for this drill.
    case privateCluster = "private-cluster"
    /// A database of its own on a server that the operator named.
    case server
    /// The snapshot holds no database.
    case none
  }
  package var kind: Kind
  /// One for each server, as it writes it.
  package var serverVersions: [String]
  /// The folder the media went to; nil if they were read and checked without being written.
  package var mediaFolder: String?

  package init(kind: Kind, serverVersions: [String], mediaFolder: String?) {
    self.kind = kind
    self.serverVersions = serverVersions
    self.mediaFolder = mediaFolder
  }
}

/// How much was brought back and compared.
package struct DrillVolume: Codable, Hashable, Sendable {
  /// Rows as COPY text, large objects and files, in bytes.
  package var bytes: UInt64
  package var tables: UInt64
  package var rows: UInt64
  package var largeObjects: UInt64
  package var files: UInt64

  package init(
    bytes: UInt64 = 0, tables: UInt64 = 0, rows: UInt64 = 0, largeObjects: UInt64 = 0,
    files: UInt64 = 0
  ) {
    self.bytes = bytes
    self.tables = tables
    self.rows = rows
    self.largeObjects = largeObjects
    self.files = files
  }
}

/// The outcome of one drill.
///
/// Times are UTC, durations seconds; `docs/drill-report.md` explains the JSON.
package struct DrillReport: Codable, Hashable, Sendable {
  package static let currentVersion = 1

  /// Version of this JSON.
  package var version: Int
  /// Name and version of the program that drilled.
  package var program: String
  /// When the drill began.
  package var time: Timestamp
  package var host: String
  package var snapshot: DrilledSnapshot
  package var scratch: DrillScratch
  package var verdict: Verdict
  /// In the order they were made.
  package var checks: [DrillCheck]
  package var recoveryTime: RecoveryTime
  package var recoveryPoint: RecoveryPoint
  /// Comparing, apart from recovering, in seconds.
  package var verificationSeconds: Double
  package var volume: DrillVolume
  /// What this drill says nothing about, in words.
  package var notCovered: [String]

  package init(
    version: Int = currentVersion, program: String, time: Timestamp, host: String,
    snapshot: DrilledSnapshot, scratch: DrillScratch, verdict: Verdict, checks: [DrillCheck],
    recoveryTime: RecoveryTime, recoveryPoint: RecoveryPoint, verificationSeconds: Double,
    volume: DrillVolume, notCovered: [String]
  ) {
    self.version = version
    self.program = program
    self.time = time
    self.host = host
    self.snapshot = snapshot
    self.scratch = scratch
    self.verdict = verdict
    self.checks = checks
    self.recoveryTime = recoveryTime
    self.recoveryPoint = recoveryPoint
    self.verificationSeconds = verificationSeconds
    self.volume = volume
    self.notCovered = notCovered
  }

  /// The report as JSON, keys sorted: the same report is the same bytes.
  package func json() throws -> [UInt8] { try DocumentBody.encode(self) }

  /// How many checks ended with `verdict`.
  package func count(_ verdict: Verdict) -> Int { checks.count { $0.verdict == verdict } }
}

extension DrillReport {
  /// The groups of checks in the order a report shows them, with their headings.
  static let groups: [(id: String, heading: String)] = [
    ("before", "Before the restore"), ("restore", "Restore"),
    ("equality", "Equality with the source"), ("health", "Health of the database"),
    ("files", "Files"), ("application", "The application's own checks"),
    ("honesty", "Honesty of the drill"), ("after", "Afterwards"),
  ]
}
