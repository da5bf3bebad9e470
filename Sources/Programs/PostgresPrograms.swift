// Owns the search for PostgreSQL's own programs of a sufficient major version.

import FoundationEssentials
import Glibc

/// A program of PostgreSQL that we run as a child.
package enum PostgresProgram: String, CaseIterable, Sendable {
  case pgDump = "pg_dump"
  case pgRestore = "pg_restore"
  case pgDumpall = "pg_dumpall"
  case initdb
  case postgres
  case pgCtl = "pg_ctl"
  case psql
  case pgAmcheck = "pg_amcheck"

  /// The Debian package that brings it.
  package func package(major: Int) -> String {
    switch self {
    case .initdb, .postgres, .pgCtl: "postgresql-\(major)"
    // pg_amcheck moved from the server's package to the client's; the server's pulls in both.
    case .pgAmcheck: "postgresql-\(major)"
    case .pgDump, .pgRestore, .pgDumpall, .psql: "postgresql-client-\(major)"
    }
  }
}

/// Finds PostgreSQL's programs; stateless.
package enum PostgresPrograms {
  /// Finds `program` of at least (or exactly) the given major version.
  ///
  /// Looks in the folders of `LIFEBOAT_PG_BIN` (colon separated), then in `/usr/lib/postgresql/*/bin`,
  /// then along `PATH`; the first of these places that has a sufficient one wins. Within the first two
  /// the smallest sufficient major wins, so that one list serves servers of several versions, each with
  /// its own programs: what a newer pg_dump or pg_restore writes may mean nothing to an older server.
  /// Each candidate is asked with `--version`; a folder's name is not believed. Blocks for about 10 ms
  /// per candidate.
  /// - Throws: ``ProgramError``: `program-not-found` or `program-too-old`, naming what was seen and the
  ///   Debian package to install.
  package static func find(
    _ program: PostgresProgram, atLeastMajor major: Int, exactMajor: Bool = false,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> (path: String, major: Int) {
    var seen: [(path: String, major: Int)] = []
    let suffices = { (found: Int) in exactMajor ? found == major : found >= major }
    let places: [[String]] = [
      folders(in: environment["LIFEBOAT_PG_BIN"]), debianFolders(),
      folders(in: environment["PATH"]),
    ]
    for (rank, place) in places.enumerated() {
      var candidates: [(path: String, major: Int)] = []
      for folder in place {
        let path = folder + "/" + program.rawValue
        guard unsafe access(path, X_OK) == 0, let found = version(of: path) else { continue }
        candidates.append((path, found))
        // A shell takes the first of PATH, and the smallest major possible is not to be undercut.
        if suffices(found), rank == places.count - 1 || found == major { break }
      }
      seen += candidates
      let sufficient = candidates.filter { suffices($0.major) }
      if let best = sufficient.min(by: { $0.major < $1.major }) { return best }
    }
    let wanted = exactMajor ? "exactly version \(major)" : "version \(major) or newer"
    let next =
      "install the Debian package \(program.package(major: major)), or set LIFEBOAT_PG_BIN to the folder that holds \(program.rawValue)"
    guard !seen.isEmpty else {
      throw ProgramError(
        .notFound, what: "cannot find \(program.rawValue)",
        why:
          "\(wanted) is needed, and none is in LIFEBOAT_PG_BIN, /usr/lib/postgresql/*/bin or PATH",
        next: next)
    }
    let list = seen.map { "\($0.path) is \($0.major)" }.joined(separator: ", ")
    throw ProgramError(
      .tooOld, what: "cannot use \(program.rawValue)", why: "\(wanted) is needed, but \(list)",
      next: next)
  }

  /// The major version in the answer to `--version`, such as "pg_dump (PostgreSQL) 15.20 (Debian …)" or
  /// "postgres (PostgreSQL) 18beta1"; nil if there is none.
  package static func major(inVersionLine line: String) -> Int? {
    let words = line.split(whereSeparator: \.isWhitespace)
    guard let marker = words.firstIndex(of: "(PostgreSQL)"), marker + 1 < words.count
    else { return nil }
    let digits = words[marker + 1].prefix { $0.isASCII && $0.isNumber }
    guard digits.count < 4, let major = Int(digits) else { return nil }
    return major
  }

  private static func version(of path: String) -> Int? {
    guard
      let result = try? Program(path: path, arguments: ["--version"]).run(outputLimit: 4_096),
      result.isSuccess
    else { return nil }
    return major(inVersionLine: String(decoding: result.standardOutput, as: UTF8.self))
  }

  /// Absolute folders only: a relative one would depend on where we happen to stand.
  private static func folders(in list: String?) -> [String] {
    (list ?? "").split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
  }

  private static func debianFolders() -> [String] {
    let root = "/usr/lib/postgresql"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
    return names.sorted().map { "\(root)/\($0)/bin" }
  }
}
