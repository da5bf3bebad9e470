// Owns the bridge from a blocking thread to swift-subprocess, which only knows `await`.
//
// Subprocess starts, watches, stops and reaps the child; bytes never pass through it. The child's
// streams are our own pipes, which the calling thread reads and writes itself, and the end of the
// child is one more descriptor to poll.

import FoundationEssentials
import Glibc
import Subprocess
import Synchronization
import SystemPackage

/// A child in flight.
final class ChildProcess: Sendable {
  private let outcome: Outcome
  private let task: Task<Void, Never>

  private final class Outcome: Sendable {
    let result = Mutex<Result<TerminationStatus, any Error>?>(nil)
    let processID = Mutex<pid_t?>(nil)
  }

  /// Starts `program` on the given descriptors, all of which are closed in this process.
  ///
  /// - Parameters:
  ///   - program: what to run.
  ///   - input: its standard input; nil is an empty one.
  ///   - output: its standard output.
  ///   - error: its standard error.
  ///   - ended: the writing end of a pipe that is closed once the child is gone and ``status()`` will
  ///     answer.
  init(
    _ program: Program, input: consuming Descriptor?, output: consuming Descriptor,
    error: consuming Descriptor, ended: consuming Descriptor
  ) {
    let configuration = Self.configuration(for: program)
    let inputNumber: Int32?
    switch consume input {
    case .some(let descriptor): inputNumber = descriptor.released()
    case nil: inputNumber = nil
    }
    let output = SystemPackage.FileDescriptor(rawValue: output.released())
    let error = SystemPackage.FileDescriptor(rawValue: error.released())
    let ended = ended.released()
    let outcome = Outcome()
    self.outcome = outcome
    // Utility priority is a matter of liveness, not of speed: on Linux each priority has its own
    // queue of one thread per core, so a caller that (against the rules) blocks threads of the
    // default queue, as synchronous tests do, cannot starve the tasks that it waits for.
    task = Task.detached(priority: .utility) {
      let result: Result<TerminationStatus, any Error>
      do {
        if let inputNumber {
          let status = try await run(
            configuration,
            input: .fileDescriptor(
              .init(rawValue: inputNumber), closeAfterSpawningProcess: true),
            output: .fileDescriptor(output, closeAfterSpawningProcess: true),
            error: .fileDescriptor(error, closeAfterSpawningProcess: true)
          ) { child in
            outcome.processID.withLock { $0 = child.processIdentifier.value }
          }.terminationStatus
          result = .success(status)
        } else {
          let status = try await run(
            configuration, input: .none,
            output: .fileDescriptor(output, closeAfterSpawningProcess: true),
            error: .fileDescriptor(error, closeAfterSpawningProcess: true)
          ) { child in
            outcome.processID.withLock { $0 = child.processIdentifier.value }
          }.terminationStatus
          result = .success(status)
        }
      } catch {
        result = .failure(error)
      }
      outcome.result.withLock { $0 = result }
      _ = close(ended)
    }
  }

  /// Asks the whole process group to end, and kills it 5 s later; returns at once.
  func stop() { task.cancel() }

  /// Kills what the ended child left of its process group, and waits up to 1 s for it to vanish.
  ///
  /// A group keeps its number while it has members; that an emptied one's number has gone to a new group
  /// in the moment since the child was reaped would take a full round of the kernel's process ids.
  func killRemains() {
    guard let processID = outcome.processID.withLock({ $0 }), processID > 1 else { return }
    for _ in 0..<100 {
      guard kill(-processID, SIGKILL) == 0, Self.hasLivingMembers(processID) else { return }
      usleep(10_000)
    }
  }

  /// Whether a process of the group still runs; kill(2) counts zombies too, which wait for init.
  private static func hasLivingMembers(_ group: pid_t) -> Bool {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.contains { name in
      guard pid_t(name) != nil,
        let line = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8)
      else { return false }
      // proc_pid_stat(5): the name in parentheses may hold anything; then state, parent, group.
      let fields = line.split(separator: ")").last?.split(separator: " ") ?? []
      return fields.count > 2 && fields[0] != "Z" && fields[2] == "\(group)"
    }
  }

  /// The outcome once the `ended` pipe is closed; nil before.
  func status() -> Result<Int32, any Error>? {
    outcome.result.withLock { result in
      switch result {
      case nil: nil
      case .success(.exited(let code)): .success(code)
      case .success(.signaled(let signal)): .success(128 &+ signal)
      case .failure(let error): .failure(error)
      }
    }
  }

  private static func configuration(for program: Program) -> Configuration {
    var options = PlatformOptions()
    options.createSession = true
    options.teardownSequence = [
      .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
    ]
    var environment: [Environment.Key: String?] = [:]
    var path = program.path
    var arguments = program.arguments
    var folder = program.workingDirectory
    if let account = program.account {
      // Subprocess can set user and groups itself, but then it forks with a bare clone3(2) and
      // calls setuid in the child, where glibc takes a lock that another thread of ours may have
      // held at that moment. setpriv(1) is started by posix_spawn and does it in a fresh process;
      // it also looks the supplementary groups up, and bars regaining privilege through setuid files.
      arguments =
        [
          "--reuid=\(account.userID)", "--regid=\(account.groupID)", "--init-groups",
          "--no-new-privs", "--", path,
        ] + arguments
      path = Program.setprivPath
      for (name, value) in [
        ("HOME", account.home), ("USER", account.name), ("LOGNAME", account.name),
      ] {
        environment[Environment.Key(stringLiteral: name)] = .some(value)
      }
      folder = folder ?? "/"
    }
    for (name, value) in program.environment {
      environment[Environment.Key(stringLiteral: name)] = .some(value)
    }
    return Configuration(
      executable: .path(FilePath(path)), arguments: Arguments(arguments),
      environment: Environment.inherit.updating(environment),
      workingDirectory: folder.map { FilePath($0) }, platformOptions: options)
  }
}

extension Program {
  /// Part of util-linux, which Debian marks essential.
  static let setprivPath = "/usr/bin/setpriv"
}
