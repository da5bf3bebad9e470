// What an operator's configuration file says, as typed values; `Configuration.load` fills it.

package import Foundation

/// One application as its operator describes it: where its state lies, where the repository lies,
/// how long snapshots are kept, and when jobs run.
///
/// A value of this type that came from ``load(_:)`` or ``parse(_:)`` has passed every check: names
/// refer to something, paths are absolute, cron expressions and time zones exist.
package struct Configuration: Sendable, Equatable {
  /// The local folder of the repository, absolute; `nil` leaves it to the command line.
  package var repository: String?
  /// Where the passphrase or key is read from; `nil` leaves it to the command line.
  package var key: KeySource?
  /// The databases, in the order of the file.
  package var databases: [Database] = []
  /// The media directories, in the order of the file.
  package var media: [Media] = []
  package var backup = Backup()
  /// What `forget` keeps; `nil` when the file states no policy.
  package var retention: Retention?
  package var drill = Drill()
  package var schedule = Schedule()
  /// The zone in which cron expressions are read.
  package var timeZone = TimeZone.current
  package var log = Log()
  /// Findings that do not stop anything, in the order of the file.
  package var warnings: [ConfigurationDiagnostic] = []

  /// A configuration that says nothing.
  package init() {}
}

extension Configuration {
  /// Where a secret is read from; the file never holds the secret itself.
  package enum KeySource: Sendable, Equatable {
    /// A file whose first line is the passphrase.
    case passphraseFile(String)
    /// A program and its arguments, run without a shell, that prints the passphrase.
    case passphraseCommand([String])
    /// A credential that systemd passes in `$CREDENTIALS_DIRECTORY`.
    case systemdCredential(String)
    /// A file descriptor that the parent process left open.
    case fileDescriptor(Int32)
    /// A file that holds the recovery key printed by `init`.
    case recoveryKeyFile(String)
  }

  /// A PostgreSQL database to back up.
  package struct Database: Sendable, Equatable {
    /// The source's name in snapshots.
    package var name: String
    /// What libpq connects to: a URI or a keyword string.
    ///
    /// May hold a password: never print it.
    package var connection: String
    /// Columns whose values are paths inside a media source.
    package var fileReferences: [FileReference] = []
    /// The name of the media source in which the references resolve; `nil` only without references.
    package var media: String?
    /// Tables whose rows are left out; their definitions are kept.
    package var excludedTables: [TableName] = []

    package init(name: String, connection: String) {
      self.name = name
      self.connection = connection
    }
  }

  /// A directory of files to back up.
  package struct Media: Sendable, Equatable {
    /// The source's name in snapshots.
    package var name: String
    /// The directory, absolute.
    package var path: String
    /// Patterns in the manner of gitignore.
    package var excludes: [String] = []
    /// Files that are longer are left out; nil for no limit.
    package var largestByteCount: UInt64?
    /// Whether .lifeboatignore files in the tree count.
    package var honoursIgnoreFiles = true
    /// Whether other filesystems mounted beneath `path` are left out.
    package var staysOnOneFilesystem = true

    package init(name: String, path: String) {
      self.name = name
      self.path = path
    }
  }

  /// A table as the file names it; spelt exactly as PostgreSQL stores it, never folded to lower case.
  package struct TableName: Sendable, Equatable, Hashable {
    /// `nil` means: the one table of that name on the search path.
    package var schema: String?
    package var table: String

    package init(schema: String? = nil, table: String) {
      self.schema = schema
      self.table = table
    }
  }

  /// A column whose values name files, as Django's `FileField` does.
  package struct FileReference: Sendable, Equatable, Hashable {
    package var table: TableName
    package var column: String

    package init(table: TableName, column: String) {
      self.table = table
      self.column = column
    }
  }

  /// How a backup is taken.
  package struct Backup: Sendable, Equatable {
    /// Connections at once to one database server.
    package var connections = 2
    package var tags: [String] = []
    /// How long a backup waits for its table locks before it gives up.
    package var lockTimeout: Duration = .seconds(60)

    package init() {}
  }

  /// The retention policy: a snapshot that any rule keeps is kept.
  package struct Retention: Sendable, Equatable {
    package var keepLast: Int?
    package var keepHourly: Int?
    package var keepDaily: Int?
    package var keepWeekly: Int?
    package var keepMonthly: Int?
    package var keepYearly: Int?
    /// Keeps every snapshot at most this much older than the newest.
    package var keepWithin: Duration?
    /// Keeps every snapshot that carries one of these tags.
    package var keepTags: [String] = []

    package init() {}
  }

  /// What a drill restores into and what it must achieve.
  package struct Drill: Sendable, Equatable {
    /// Where a drill restores to.
    package enum Scratch: Sendable, Equatable {
      /// A private server from local binaries, removed afterwards.
      case privateCluster
      /// A database server named by a URI or keyword string. May hold a password: never print it.
      case server(String)
    }

    package var scratch = Scratch.privateCluster
    /// The loss promised at most: the age of the data may not exceed it.
    package var rpo: Duration?
    /// The downtime promised at most: the restore may not take longer.
    package var rto: Duration?

    package init() {}
  }

  /// When jobs run; a job that is absent never runs by itself.
  package struct Schedule: Sendable, Equatable {
    /// When one job runs.
    package struct Timing: Sendable, Equatable {
      package var cron: CronExpression
      /// Each run starts late by a part of this, so that many hosts do not start at once.
      package var jitter: Duration = .zero
      /// Whether a time that was missed is made up for, once.
      package var catchesUp = true

      package init(cron: CronExpression) { self.cron = cron }
    }

    package var timings: [JobKind: Timing] = [:]
    /// Whether the scheduled check also reads and authenticates all data.
    package var checkReadsData = false
    /// Whether the scheduled forget also prunes.
    package var forgetPrunes = false

    package init() {}
  }

  /// How events are written.
  package struct Log: Sendable, Equatable {
    package enum Format: String, Sendable, CaseIterable { case text, json }
    package enum Level: String, Sendable, CaseIterable { case error, warning, info, debug }

    package var format = Format.text
    package var level = Level.info

    package init() {}
  }
}

/// The jobs that a schedule can hold, named as the commands that do them.
package enum JobKind: String, Sendable, CaseIterable, Codable, Comparable {
  case backup, check, drill, forget

  /// Orders by name, so that plans and state files read the same every time.
  package static func < (left: JobKind, right: JobKind) -> Bool { left.rawValue < right.rawValue }
}
