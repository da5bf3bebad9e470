// Proves the promises of Programs with real children.

import FoundationEssentials
import Glibc
import Programs
import Synchronization
import TestSupport
import Testing

private func shell(_ script: String) -> Program {
  Program(path: "/bin/sh", arguments: ["-c", script])
}

private func text(_ result: ProgramResult) -> String {
  String(decoding: result.standardOutput, as: UTF8.self)
}

@Suite struct `A child process` {
  @Test func `returns its output, its complaints and its status`() throws {
    let result = try shell("echo out; echo err >&2; exit 7").run(outputLimit: 100)
    #expect(text(result) == "out\n")
    #expect(result.standardError == "err\n")
    #expect(result.exitStatus == 7)
    let error = #expect(throws: ProgramError.self) { try result.checked("cannot try") }
    #expect(error?.description.hasPrefix("cannot try: exit status 7: err\nhint: ") == true)
  }

  @Test func `gets its input whole, and gives back more than a pipe holds`() throws {
    let input = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let result = try Program(path: "/bin/cat").run(input: input, outputLimit: input.count)
    #expect(result.standardOutput == input)
  }

  @Test func `has empty input unless given some`() throws {
    #expect(try Program(path: "/bin/cat").run(outputLimit: 10).standardOutput.isEmpty)
    #expect(try Program(path: "/bin/cat").run(input: [], outputLimit: 10).standardOutput.isEmpty)
  }

  @Test func `dead by a signal has status 128 plus its number`() throws {
    #expect(try shell("kill -KILL $$").run(outputLimit: 10).exitStatus == 137)
    #expect(try shell("kill -TERM $$").run(outputLimit: 10).exitStatus == 143)
  }

  @Test func `that writes more than the limit is stopped`() throws {
    let error = #expect(throws: ProgramError.self) {
      try shell("while :; do echo xxxxxxxxxxxxxxxx; done").run(outputLimit: 100_000)
    }
    #expect(error?.code == .outputLimit)
    #expect(try shell("printf 12345").run(outputLimit: 5).standardOutput.count == 5)
    #expect(throws: ProgramError.self) { try shell("printf 123456").run(outputLimit: 5) }
  }

  @Test func `keeps the last 64 KiB of its complaints`() throws {
    let result = try shell("head -c 300000 /dev/zero | tr '\\0' a >&2; printf END >&2")
      .run(outputLimit: 10)
    #expect(result.standardError.utf8.count == 65_536)
    #expect(result.standardError.hasSuffix("aEND"))
  }

  @Test func `that stops reading early ends the feeding and not this process`() throws {
    var pieces = 0
    let result = try shell("head -c 10 >/dev/null; exec 0<&-; echo done; exit 3").feed {
      pieces += 1
      return pieces > 1_000 ? nil : [UInt8](repeating: 1, count: 100_000)
    }
    #expect(result.exitStatus == 3)
    #expect(text(result) == "done\n")
    #expect(pieces < 1_000)
  }

  @Test func `is fed piece by piece, empty pieces included`() throws {
    var pieces: [[UInt8]] = [[], Array("ab".utf8), [], Array("c\n".utf8)].reversed()
    let result = try Program(path: "/bin/cat").feed { pieces.popLast() }
    #expect(text(result) == "abc\n")
    #expect(result.isSuccess)
  }

  @Test func `streams whole and in order`() throws {
    var expected = 0
    var isInOrder = true
    let program = shell("i=0; while [ $i -lt 200 ]; do head -c 30000 /dev/zero; i=$((i+1)); done")
    var largest = 0
    let result = try program.stream { piece in
      largest = max(largest, piece.count)
      expected += piece.count
      for index in piece.indices where piece[index] != 0 { isInOrder = false }
    }
    #expect(result.isSuccess)
    #expect(isInOrder)
    #expect(expected == 6_000_000)
    #expect(largest <= 1 << 20)
  }

  struct Enough: Error {}

  @Test func `is ended, descendants too, when the reader throws`() throws {
    let folder = try ScratchFolder()
    let file = folder.path + "/pids"
    #expect(throws: Enough.self) {
      try shell("(trap '' TERM; sleep 1000) & echo $! $$ >\(file); echo go; wait").stream { _ in
        throw Enough()
      }
    }
    let pids = try String(contentsOfFile: file, encoding: .utf8)
      .split(whereSeparator: \.isWhitespace).compactMap { pid_t(String($0)) }
    #expect(pids.count == 2)
    for pid in pids { #expect(isGone(pid)) }
  }

  @Test func `that ignores SIGTERM is killed in the end`() throws {
    var pid: pid_t = 0
    #expect(throws: Enough.self) {
      try shell("trap '' TERM; echo $$; while :; do sleep 1; done").stream { piece in
        var digits: [UInt8] = []
        for index in piece.indices { digits.append(piece[index]) }
        pid = pid_t(String(decoding: digits.prefix { $0 != 10 }, as: UTF8.self)) ?? 0
        throw Enough()
      }
    }
    #expect(pid > 0)
    #expect(isGone(pid))
  }

  @Test func `is ended by cancellation`() throws {
    let asked = Mutex(0)
    let error = #expect(throws: ProgramError.self) {
      try shell("sleep 1000").run(outputLimit: 10) {
        asked.withLock {
          $0 += 1
          return $0 > 3
        }
      }
    }
    #expect(error?.code == .cancelled)
  }

  @Test func `inherits no descriptor, no blocked signal, and has a session of its own`() throws {
    let inherited = dup(2)  // deliberately without O_CLOEXEC
    defer { close(inherited) }
    let result = try shell("ls /proc/self/fd | wc -l; cat /proc/$$/stat").run(outputLimit: 10_000)
    let lines = text(result).split(separator: "\n")
    // 0, 1, 2, and the folder that ls itself reads.
    #expect(lines.first == "4")
    let fields = lines[1].split(separator: " ")
    #expect(fields[0] == fields[4], "process group")
    #expect(fields[0] == fields[5], "session")
    let status = try Program(path: "/bin/cat", arguments: ["/proc/self/status"])
      .run(outputLimit: 10_000)
    for name in ["SigBlk:", "SigIgn:"] {
      let line = try #require(text(status).split(separator: "\n").first { $0.hasPrefix(name) })
      let mask = try #require(UInt64(line.split(separator: "\t")[1], radix: 16))
      // 32 and 33 are glibc's own; its posix_spawn leaves them ignored.
      #expect(mask & 0x7FFF_FFFF == 0, "\(line)")
    }
  }

  @Test func `gets variables set and removed`() throws {
    let home = try #require(ProcessInfo.processInfo.environment["HOME"])
    var program = shell("echo ${HOME-none} ${LIFEBOAT_TEST_NEW-none}")
    #expect(text(try program.run(outputLimit: 1_000)) == "\(home) none\n")
    program.environment = ["HOME": nil, "LIFEBOAT_TEST_NEW": "new"]
    #expect(text(try program.run(outputLimit: 1_000)) == "none new\n")
    program.environment = ["HOME": "/other"]
    #expect(text(try program.run(outputLimit: 1_000)) == "/other none\n")
  }

  @Test func `that does not exist or cannot run is a clear error`() throws {
    let missing = #expect(throws: ProgramError.self) {
      try Program(path: "/nonexistent/tool").run(outputLimit: 1)
    }
    #expect(missing?.code == .notFound)
    let text = #expect(throws: ProgramError.self) {
      try Program(path: "/etc/hostname").run(outputLimit: 1)
    }
    #expect(text?.code == .launchFailed)
    let folder = #expect(throws: ProgramError.self) {
      try Program(path: "/bin/true", workingDirectory: "/nonexistent").run(outputLimit: 1)
    }
    #expect(folder?.code == .launchFailed)
  }

  @Test(.enabled(if: geteuid() == 0))
  func `under another account has its user, its groups and no way back`() throws {
    let account = try #require(try Account.unprivileged())
    var program = shell("id -u; id -g; id -G; grep NoNewPrivs /proc/$$/status; pwd; echo $HOME")
    program.account = account
    let lines = text(try program.run(outputLimit: 10_000)).split(separator: "\n")
    #expect(lines[0] == "\(account.userID)")
    #expect(lines[1] == "\(account.groupID)")
    #expect(!lines[2].split(separator: " ").contains("0"))
    #expect(lines[3].hasSuffix("1"))
    #expect(lines[4] == "/")
    #expect(lines[5] == account.home)
  }

  private func isGone(_ pid: pid_t) -> Bool {
    // A descendant's zombie waits for init; it is as gone as we can make it.
    let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
    return stat.map { $0.contains(") Z ") } ?? true
  }
}

@Suite struct `The finder of PostgreSQL's programs` {
  @Test(arguments: PostgresProgram.allCases)
  func `finds one that says its version`(program: PostgresProgram) throws {
    let found = try PostgresPrograms.find(program, atLeastMajor: 10)
    #expect(found.major >= 10)
    #expect(found.path.hasSuffix("/" + program.rawValue))
  }

  @Test func `names the Debian package when none is new enough`() throws {
    let client = #expect(throws: ProgramError.self) {
      try PostgresPrograms.find(.pgDump, atLeastMajor: 99)
    }
    #expect(client?.code == .tooOld)
    #expect(client?.next.contains("postgresql-client-99") == true)
    let server = #expect(throws: ProgramError.self) {
      try PostgresPrograms.find(.initdb, atLeastMajor: 9, exactMajor: true)
    }
    #expect(server?.next.contains("postgresql-9,") == true)
  }

  @Test func `prefers the folders of LIFEBOAT_PG_BIN and believes only what a program says`() throws
  {
    let folder = try ScratchFolder()
    try script(folder.path + "/pg_dump", "echo 'pg_dump (PostgreSQL) 77.1 (Fake)'")
    try script(folder.path + "/pg_restore", "echo 'something else entirely'")
    let environment = ["LIFEBOAT_PG_BIN": "/nonexistent:relative:\(folder.path)"]
    let found = try PostgresPrograms.find(.pgDump, atLeastMajor: 15, environment: environment)
    #expect(found.path == folder.path + "/pg_dump")
    #expect(found.major == 77)
    let other = try PostgresPrograms.find(.pgRestore, atLeastMajor: 10, environment: environment)
    #expect(!other.path.hasPrefix(folder.path))
    // Too old for the wish, so the search goes on.
    let exact = try PostgresPrograms.find(
      .pgDump, atLeastMajor: other.major, exactMajor: true, environment: environment)
    #expect(exact.major == other.major)
  }

  @Test func `takes the oldest that will do of LIFEBOAT_PG_BIN, and the first of PATH`() throws {
    let folder = try ScratchFolder()
    var places: [String] = []
    for major in [81, 77, 79] {
      let place = folder.path + "/\(major)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
      try script(place + "/pg_dump", "echo 'pg_dump (PostgreSQL) \(major).1 (Fake)'")
      places.append(place)
    }
    let list = places.joined(separator: ":")
    for (wanted, found) in [(77, 77), (78, 79), (80, 81)] {
      let program = try PostgresPrograms.find(
        .pgDump, atLeastMajor: wanted, environment: ["LIFEBOAT_PG_BIN": list])
      #expect(program.major == found)
      #expect(program.path == folder.path + "/\(found)/pg_dump")
    }
    #expect(
      try PostgresPrograms.find(.pgDump, atLeastMajor: 77, environment: ["PATH": list]).major == 81)
  }

  @Test(
    arguments: [
      ("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)", 15),
      ("postgres (PostgreSQL) 18beta1", 18),
      ("psql (PostgreSQL) 9.6.24", 9), ("pg_dump (PostgreSQL)", nil),
      ("pg_dump (PostgreSQL) x", nil),
      ("", nil), ("pg_dump (PostgreSQL) 99999999999999999999", nil),
    ] as [(String, Int?)])
  func `reads a major version or nothing`(line: String, major: Int?) {
    #expect(PostgresPrograms.major(inVersionLine: line) == major)
  }

  private func script(_ path: String, _ body: String) throws {
    try Data("#!/bin/sh\n\(body)\n".utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }
}

@Suite struct `A private folder` {
  @Test func `is for its owner alone, and goes with it`() throws {
    let parent = try ScratchFolder()
    var folder: PrivateFolder? = try PrivateFolder(prefix: "probe", in: parent.path)
    let path = try #require(folder?.path)
    let mode =
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o700)
    #expect(PrivateFolder.stale(prefix: "probe", in: parent.path).isEmpty)
    folder = nil
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `whose process is gone is stale, and only then`() throws {
    let parent = try ScratchFolder()
    // Made by a process that died: unlocked.
    let dead = parent.path + "/probe-1-abc"
    try FileManager.default.createDirectory(atPath: dead, withIntermediateDirectories: false)
    try Data().write(to: URL(filePath: dead + "/owner.lock"))
    // Without a lock file only the process id can tell: ours lives, this one cannot.
    let young = parent.path + "/probe-\(getpid())-abc"
    try FileManager.default.createDirectory(atPath: young, withIntermediateDirectories: false)
    let orphan = parent.path + "/probe-2147483646-abc"
    try FileManager.default.createDirectory(atPath: orphan, withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: parent.path + "/probe-2147483645-x", withDestinationPath: dead)
    #expect(PrivateFolder.stale(prefix: "probe", in: parent.path) == [dead, orphan])
  }
  @Test func `can be removed by two at once`() throws {
    let parent = try ScratchFolder()
    for round in 0..<5 {
      let path = parent.path + "/tree-\(round)"
      for folder in 0..<20 {
        try FileManager.default.createDirectory(
          atPath: path + "/\(folder)", withIntermediateDirectories: true)
        for file in 0..<20 { try Data().write(to: URL(filePath: path + "/\(folder)/\(file)")) }
      }
      let others = try (0..<3).map { _ in
        try WatchThread { try PrivateFolder.removeTree(path) }
      }
      try PrivateFolder.removeTree(path)
      for other in others { try other.join() }
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }
}
