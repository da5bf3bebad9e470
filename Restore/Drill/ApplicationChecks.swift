// The application's own word on its copy: commands that the operator names.

import Format
import Postgres
import Programs
import Workers

extension Drill {
  /// Runs each command against the copy it is for; those for other databases than `names` are passed
  /// over.
  ///
  /// A command finds the copy through `PGHOST`, `PGPORT`, `PGUSER` and `PGDATABASE` (and `PGPASSFILE` if
  /// there is a password), or through `LIFEBOAT_DATABASE`, a libpq connection string without secrets;
  /// restored files lie in `LIFEBOAT_MEDIA`, in a folder for each media source, if they were written.
  /// It passes by exit status 0.
  func checkApplication(_ copies: [Copy], among names: [String]) throws {
    for check in options.applicationChecks {
      let name = check.database ?? manifest.databases.first?.name
      guard name.map({ names.contains($0) }) ?? true else { continue }
      try findings.check(
        "application.command", check.name, on: name,
        expected: "'\(check.command)' ends with exit status 0"
      ) {
        guard name != nil else { return try run(check, environment: [:]) }
        guard let copy = copies.first(where: { $0.source == name }) else {
          return Finding(.fail, "not made: the database it is for was not restored")
        }
        return try run(check, on: copy)
      }
    }
  }

  /// Tells of commands for databases that the snapshot does not have.
  func checkApplicationNames() {
    let known = Set(manifest.databases.map(\.name))
    for check in options.applicationChecks {
      guard let name = check.database, !known.contains(name) else { continue }
      findings.skipped(
        [("application.command", check.name)], on: name,
        because: "the snapshot has no database of that name")
    }
  }

  private func run(_ check: ApplicationCheck, on copy: Copy) throws -> Finding {
    let connection = try connect(copy.target)
    let place = connection.hostDescription
    let user = try connection.query("SELECT current_user")[0, 0]
    let database = connection.databaseName
    connection.close()
    guard let colon = place.lastIndex(of: ":") else { return Finding(.fail, "no address") }
    return try copy.target.withChildAccess { access in
      var environment = access.environment
      environment["LIFEBOAT_DATABASE"] = access.connectionString
      environment["PGHOST"] = String(place[..<colon])
      environment["PGPORT"] = String(place[place.index(after: colon)...])
      environment["PGDATABASE"] = database
      environment["PGUSER"] = user
      return try run(check, environment: environment)
    }
  }

  private func run(_ check: ApplicationCheck, environment: [String: String?]) throws -> Finding {
    var environment = environment
    environment["LIFEBOAT_MEDIA"] = .some(nil)
    if case .folder(let folder) = options.media { environment["LIFEBOAT_MEDIA"] = folder }
    let program = Program(
      path: "/bin/sh", arguments: ["-c", check.command], environment: environment)
    let deadline = ContinuousClock.now + .seconds(min(max(check.timeoutSeconds, 1), 86_400))
    do {
      let result = try program.run(outputLimit: 1 << 20) {
        ContinuousClock.now > deadline || self.cancellation.isCancelled
      }
      let said = Self.lastLines(
        String(decoding: result.standardOutput, as: UTF8.self) + result.standardError)
      return result.isSuccess
        ? .pass("exit status 0")
        : Finding(.fail, "exit status \(result.exitStatus)", details: said)
    } catch let error as ProgramError where error.code == .cancelled {
      try cancellation.check()
      return Finding(
        .fail, "still running after \(ReportWords.duration(check.timeoutSeconds)), and ended")
    }
  }

  private static func lastLines(_ text: String) -> [String] {
    text.split(separator: "\n").suffix(20).map(String.init)
  }
}
