// Owns how pg_dump and its kin learn a password: from a private file, never from argv or environment,
// both of which other processes can read.

package import Glibc

/// What a child needs to connect where a ``ConnectionTarget`` leads.
package struct ChildAccess: Sendable {
  /// The argument for `--dbname`; holds no secret.
  package let connectionString: String
  /// Variables to set, or with nil to remove, in the child; names of files, no secret.
  package let environment: [String: String?]
}

extension ConnectionTarget {
  /// Lends what a child needs to connect; files that hold secrets live only during `body`.
  ///
  /// A password goes into a passfile, other secrets (`sslpassword`) into a service file; both have mode 0600
  /// and lie in a new folder of mode 0700 in `TMPDIR` or `/tmp`. A target without secrets gets no files.
  /// - Parameters:
  ///   - owner: who must be able to read the files, if the child runs as someone else (needs root).
  ///   - body: starts the child and waits for it.
  /// - Returns: what `body` returns.
  /// - Throws: ``PostgresError`` of kind `misuse` if a secret other than the password comes together with a
  ///   service (libpq reads one service only), or a file cannot be written; and what `body` throws.
  package func withChildAccess<Result>(
    owner: (userID: uid_t, groupID: gid_t)? = nil, _ body: (ChildAccess) throws -> Result
  ) throws -> Result {
    let password = value(of: "password")
    let others = options.filter { $0.isSecret && $0.keyword != "password" }
    guard password != nil || !others.isEmpty else {
      return try body(ChildAccess(connectionString: withoutSecrets, environment: [:]))
    }
    let folder = try Self.makeFolder()
    var files: [String] = []
    defer {
      for file in files { unsafe unlink(file) }
      unsafe rmdir(folder)
    }
    var open = self
    var environment: [String: String?] = [:]
    if let password {
      var escaped = ""
      for scalar in password.unicodeScalars {
        if scalar == "\\" || scalar == ":" { escaped += "\\" }
        escaped.unicodeScalars.append(scalar)
      }
      guard Self.isOneLine(escaped) else {
        throw PostgresError(
          .misuse, what: "cannot hand the password to a child process",
          why: "it contains a line end, which a passfile cannot hold", next: "change it")
      }
      // Both would win over our file.
      environment["PGPASSWORD"] = .some(nil)
      open = open.setting("passfile", to: nil)
      let path = folder + "/passfile"
      files.append(path)
      try Self.write("*:*:*:*:\(escaped)\n", to: path, owner: owner)
      environment["PGPASSFILE"] = path
    }
    if !others.isEmpty {
      let lines = others.map { "\($0.keyword)=\($0.value)\n" }
      guard value(of: "service") == nil, unsafe getenv("PGSERVICE") == nil,
        others.allSatisfy({ Self.isOneLine($0.value) })
      else {
        throw PostgresError(
          .misuse, what: "cannot hand \(others[0].keyword) to a child process",
          why: "the target also names a service", next: "move it into the service file")
      }
      let path = folder + "/service"
      files.append(path)
      try Self.write("[lifeboat]\n" + lines.joined(), to: path, owner: owner)
      environment["PGSERVICEFILE"] = path
      open = open.setting("service", to: "lifeboat")
    }
    if let owner {
      guard unsafe chown(folder, owner.userID, owner.groupID) == 0 else {
        throw Self.failure("cannot hand \(folder) over")
      }
    }
    return try body(
      ChildAccess(connectionString: open.withoutSecrets, environment: environment))
  }

  private static func isOneLine(_ text: String) -> Bool {
    !text.utf8.contains { $0 == 0x0A || $0 == 0x0D }
  }

  private static func makeFolder() throws(PostgresError) -> String {
    let parent = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/lifeboat-access-XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else {
      throw failure("cannot create a private folder in \(parent)")
    }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func write(
    _ text: String, to path: String, owner: (userID: uid_t, groupID: gid_t)?
  ) throws(PostgresError) {
    let descriptor = unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw failure("cannot create \(path)") }
    defer { _ = close(descriptor) }
    let bytes = Array(text.utf8)
    guard unsafe Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      throw failure("cannot write \(path)")
    }
    if let owner, fchown(descriptor, owner.userID, owner.groupID) != 0 {
      throw failure("cannot hand \(path) over")
    }
  }

  private static func failure(_ what: String) -> PostgresError {
    let code = errno
    return PostgresError(
      .misuse, what: what, why: unsafe String(cString: strerror(code)),
      next: "check TMPDIR: it must be writable and have room")
  }
}
