// Owns the description of a child process and of how it ended; running it is in ProgramRunning.swift.

/// A program to run: what, with which words, in which surroundings.
///
/// The child gets descriptors 0, 1 and 2 and no other, default signal dispositions, and a session
/// (so a process group) of its own: it has no terminal to ask questions on, and one signal reaches
/// its descendants too. Nothing secret belongs in `arguments` or `environment`: other users can
/// read the first, and crash reports carry the second.
package struct Program: Sendable {
  /// An absolute path; nothing is searched.
  package var path: String
  package var arguments: [String]
  /// Laid over the inherited environment; a nil value removes the variable.
  package var environment: [String: String?]
  /// Whom the child runs as, which needs root; nil means as this process does.
  package var account: Account?
  /// nil means this process's directory, or `/` under another account, which may be unable to
  /// enter ours.
  package var workingDirectory: String?

  package init(
    path: String, arguments: [String] = [], environment: [String: String?] = [:],
    account: Account? = nil, workingDirectory: String? = nil
  ) {
    self.path = path
    self.arguments = arguments
    self.environment = environment
    self.account = account
    self.workingDirectory = workingDirectory
  }

  /// The last path component, for messages.
  package var name: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// How a child ended, and what it said.
package struct ProgramResult: Sendable {
  /// The exit status; 128 + n after death by signal n, as shells count.
  package let exitStatus: Int32
  package let standardOutput: [UInt8]
  /// The last 64 KiB of standard error, invalid UTF-8 repaired, otherwise as written.
  package let standardError: String

  package var isSuccess: Bool { exitStatus == 0 }

  /// Returns itself after exit status 0.
  ///
  /// - Parameters:
  ///   - what: what was being attempted, e.g. "cannot dump the schema of shop".
  ///   - next: what the operator should do.
  /// - Returns: this result.
  /// - Throws: ``ProgramError`` with code `program-failed` that quotes the end of standard error.
  package func checked(_ what: String, next: String = "read the quoted message") throws
    -> ProgramResult
  {
    guard exitStatus != 0 else { return self }
    let said = quotable(String(standardError.suffix(1_500)))
    let how =
      exitStatus > 128 ? "killed by signal \(exitStatus - 128)" : "exit status \(exitStatus)"
    throw ProgramError(
      .failed, what: what, why: said.isEmpty ? "\(how), no message" : "\(how): \(said)", next: next)
  }
}
