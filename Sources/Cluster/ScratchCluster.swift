// Owns one private PostgreSQL server: made, started, stopped, and removed without a trace.
//
// It lies in a PrivateFolder (mode 0700, locked while we live), listens on a Unix socket in that folder only,
// and runs as an unprivileged account if we are root. A run that was killed leaves a folder that
// removeStale() recognises by its lock, which the kernel has let go, and removes together with its server.

import FoundationEssentials
package import Glibc
package import Postgres
import Programs
import Synchronization

/// A private, throw-away PostgreSQL server; its data does not survive a crash and is not meant to.
package final class ScratchCluster: Sendable {
  /// The name that every superuser connection uses.
  package static let superuser = "postgres"
  static let prefix = "lifeboat-scratch"
  private static let port = 5432

  /// The major version of the server's programs.
  package let major: Int
  private let folder: PrivateFolder
  /// Another folder for the socket if the data's path is too long for one.
  private let socketFolder: PrivateFolder?
  private let isStopped = Mutex(false)

  private var data: String { folder.path + "/data" }
  private var log: String { folder.path + "/server.log" }

  /// Makes and starts a server; blocks until it answers, a few seconds.
  ///
  /// - Throws: ``ClusterError`` that quotes initdb or the server's log, or `ProgramError` if no suitable
  ///   version or account exists. Nothing is left behind then.
  package init(_ options: ClusterOptions) throws {
    // libpq prefers an address from the environment to our socket: a drill would then restore
    // into whatever server that is.
    if let address = ProcessInfo.processInfo.environment["PGHOSTADDR"], !address.isEmpty {
      throw ClusterError(
        .environment, what: "cannot start a scratch cluster",
        why: "PGHOSTADDR is set, and would lead its clients to another server",
        next: "unset PGHOSTADDR")
    }
    let account = try Account.unprivileged()
    let initdb = try PostgresPrograms.find(
      .initdb, atLeastMajor: options.major, exactMajor: options.exactMajor)
    let control = try PostgresPrograms.find(
      .pgCtl, atLeastMajor: initdb.major, exactMajor: true)
    major = initdb.major
    let parent = options.parentFolder ?? Self.defaultParent()
    folder = try PrivateFolder(prefix: Self.prefix, in: parent, account: account)
    socketFolder =
      Self.fitsSocket(folder.path)
      ? nil : try PrivateFolder(prefix: Self.prefix, in: "/tmp", account: account)

    let made = try Program(
      path: initdb.path,
      arguments: options.initdbArguments(
        data: folder.path + "/data", user: Self.superuser, major: initdb.major),
      environment: ["TZ": "UTC"], account: account, workingDirectory: "/"
    ).run(outputLimit: 1 << 20)
    guard made.isSuccess else {
      throw ClusterError(
        .initialisation, what: "cannot make a scratch cluster of PostgreSQL \(initdb.major)",
        why: quotable(made.standardError),
        next: "install the locale or library that initdb misses, or choose another folder (TMPDIR)")
    }
    let socket = socketFolder?.path ?? folder.path
    let words = options.serverSettings(
      socketFolder: socket, port: Self.port, machine: Machine(folder: folder.path)
    ).map { "-c \(Self.shellQuoted("\($0)=\($1)"))" }.joined(separator: " ")
    let started = try Program(
      path: control.path,
      arguments: [
        "start", "--pgdata=\(folder.path)/data", "--log=\(folder.path)/server.log", "--wait",
        "--timeout=120", "--silent", "--options=\(words)",
      ],
      account: account, workingDirectory: "/"
    ).run(outputLimit: 1 << 20)
    do {
      guard started.isSuccess else {
        throw startError(
          quotable(started.standardError) + "; the log ends: " + quotable(logTail(1_500)))
      }
      // Proves that what answers is the server just made, whatever the environment says.
      let connection = try Connection(target(database: "postgres"))
      let answered = try connection.query("SHOW data_directory")[0, 0]
      guard answered == folder.path + "/data" else {
        throw startError("another server answers, with its data in \(answered ?? "no folder")")
      }
    } catch {
      abandon()
      throw error
    }
  }

  deinit { abandon() }

  /// How the superuser reaches `database`: over the socket, without a password.
  package func target(database: String) throws -> ConnectionTarget {
    try ConnectionTarget("")
      .setting("host", to: socketFolder?.path ?? folder.path)
      .setting("port", to: "\(Self.port)")
      .setting("user", to: Self.superuser)
      .setting("dbname", to: database)
  }

  /// What the server logged so far, at most the last 1 MiB.
  package func serverLog() -> String { logTail(1 << 20) }

  /// The bytes on disk below the server's folder are its own; a drill reports where they are.
  package var path: String { folder.path }

  /// The server's processes that live now, the postmaster's included.
  package func processes() -> [pid_t] { Self.processes(in: data) }

  /// Stops the server and removes every file; safe to repeat.
  ///
  /// A fast shutdown first (clients are cut off), after 60 s an immediate one, after 10 s more SIGKILL.
  /// - Parameter immediately: skips the fast shutdown, which writes all dirty buffers first.
  /// - Throws: ``ClusterError`` with code `cluster-left-behind` if a process or file is still there.
  package func stop(immediately: Bool = false) throws {
    try isStopped.withLock { isStopped in
      guard !isStopped else { return }
      // postmaster(1): SIGINT is the fast shutdown, SIGQUIT the immediate one.
      let steps: [(Int32, Double)] =
        immediately
        ? [(SIGQUIT, 10), (SIGKILL, 10)] : [(SIGINT, 60), (SIGQUIT, 10), (SIGKILL, 10)]
      for (signal, seconds) in steps {
        Self.send(signal, data: data)
        if Self.waitForEnd(data: data, seconds: seconds) { break }
      }
      let left = Self.processes(in: data)
      guard left.isEmpty else {
        throw ClusterError(
          .leftBehind, what: "cannot stop the scratch cluster in \(folder.path)",
          why: "processes \(left.map(String.init).joined(separator: ", ")) do not end",
          next: "end them by hand, then remove the folder")
      }
      do {
        try socketFolder?.remove()
        try folder.remove()
      } catch let error as ProgramError {
        throw ClusterError(.leftBehind, what: error.what, why: error.why, next: error.next)
      }
      isStopped = true
    }
  }

  /// The net below ``stop(immediately:)``: kills and removes without complaint, starting no program.
  package func abandon() {
    try? stop(immediately: true)
  }

  /// Removes what runs that were killed left behind, servers included.
  ///
  /// - Parameter parents: folders to look in, besides the ones used by default.
  /// - Returns: the folders that were removed.
  /// - Throws: `ProgramError` if one could not be removed.
  @discardableResult
  package static func removeStale(in parents: [String] = []) throws -> [String] {
    var removed: [String] = []
    for parent in Set(parents + [defaultParent(), "/tmp"]).sorted() {
      for path in PrivateFolder.stale(prefix: prefix, in: parent) {
        for pid in processes(in: path + "/data") { _ = kill(pid, SIGKILL) }
        _ = waitForEnd(data: path + "/data", seconds: 10)
        try PrivateFolder.removeTree(path)
        removed.append(path)
      }
    }
    return removed
  }

  // MARK: - Helpers

  private func startError(_ why: String) -> ClusterError {
    ClusterError(
      .start, what: "cannot start a scratch cluster of PostgreSQL \(major)", why: why,
      next: "read the quoted log; a missing preload library must be installed or left out")
  }

  private func logTail(_ byteCount: Int) -> String {
    let bytes = FileManager.default.contents(atPath: log) ?? Data()
    return String(decoding: bytes.suffix(byteCount), as: UTF8.self)
  }

  /// `TMPDIR` if it is an absolute path, else `/tmp`.
  private static func defaultParent() -> String {
    let wanted = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
    // An unprivileged account must be able to pass through each folder on the way.
    guard wanted.hasPrefix("/"), geteuid() != 0 || isOpenToAll(wanted) else { return "/tmp" }
    return wanted.count > 1 && wanted.hasSuffix("/") ? String(wanted.dropLast()) : wanted
  }

  private static func isOpenToAll(_ path: String) -> Bool {
    var current = ""
    for part in path.split(separator: "/") {
      current += "/" + part
      let attributes = try? FileManager.default.attributesOfItem(atPath: current)
      guard let mode = attributes?[.posixPermissions] as? Int, mode & 0o001 != 0 else {
        return false
      }
    }
    return true
  }

  /// sun_path holds 108 bytes with the closing NUL (unix(7)); the lock file is longer than the socket.
  private static func fitsSocket(_ folder: String) -> Bool {
    (folder + "/.s.PGSQL.\(port).lock").utf8.count < 108
  }

  /// pg_ctl hands its options to a shell.
  private static func shellQuoted(_ text: String) -> String {
    var quoted = "'"
    for scalar in text.unicodeScalars {
      if scalar == "'" { quoted += "'\\'" }
      quoted.unicodeScalars.append(scalar)
    }
    return quoted + "'"
  }

  /// Every process of a server works in its data folder; a zombie has no folder and counts as gone.
  private static func processes(in data: String) -> [pid_t] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { name in
      guard let pid = pid_t(name),
        let place = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/cwd"),
        place == data || place.hasPrefix(data + "/") || place == data + " (deleted)"
      else { return nil }
      return pid
    }.sorted()
  }

  /// Signals the postmaster, which ends the rest; SIGKILL goes to all.
  private static func send(_ signal: Int32, data: String) {
    let all = processes(in: data)
    let text = FileManager.default.contents(atPath: data + "/postmaster.pid")
    let first = text.map { String(decoding: $0, as: UTF8.self) }?.split(separator: "\n").first
    let postmaster = first.flatMap { pid_t(String($0)) }
    for pid in all where signal == SIGKILL || postmaster == nil || pid == postmaster {
      _ = kill(pid, signal)
    }
  }

  private static func waitForEnd(data: String, seconds: Double) -> Bool {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !processes(in: data).isEmpty {
      guard ContinuousClock.now < deadline else { return false }
      usleep(20_000)
    }
    return true
  }
}
