// The program at a terminal: it asks without echo, shows progress, and hears Ctrl-C.

import Foundation
import Postgres
import TestSupport
import Testing

extension `The program` {
  @Suite struct `talks to a person at a terminal:` {
    let stage: Stage

    init() throws { stage = try Stage(initialise: false) }

    /// A pseudo-terminal that types each reply once the words before it were seen.
    private static let terminal = """
      import json, os, pty, sys
      steps = json.loads(sys.argv[1])
      process, terminal = pty.fork()
      if process == 0:
          os.execv(sys.argv[2], sys.argv[2:])
      said, seen = b"", 0
      while True:
          try:
              piece = os.read(terminal, 65536)
          except OSError:
              break
          if not piece:
              break
          said += piece
          while steps and steps[0][0].encode() in said[seen:]:
              word, reply = (text.encode() for text in steps.pop(0))
              seen = said.index(word, seen) + len(word)
              os.write(terminal, reply)
      sys.stdout.buffer.write(said)
      sys.exit(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
      """

    private func talk(_ steps: [[String]], _ arguments: String...) throws -> Ending {
      let script = String(decoding: try JSONEncoder().encode(steps), as: UTF8.self)
      return try Child(
        "/usr/bin/env", ["python3", "-c", Self.terminal, script, Place.program] + arguments,
        environment: stage.environment(["LIFEBOAT_PASSPHRASE_FILE": ""])
      ).finish(seconds: 120)
    }

    @Test func `it asks for the passphrase without showing it, twice for a new one`() throws {
      let made = try talk(
        [["new passphrase: ", "typed by hand\n"], ["again: ", "typed by hand\n"]], "init"
      ).expect(0)
      #expect(made.text.contains("created repository"))
      #expect(!made.text.contains("typed by hand"))
      let opened = try talk([["passphrase: ", "typed by hand\n"]], "check").expect(0)
      #expect(opened.text.contains("sound"))
      #expect(!opened.text.contains("typed by hand"))
      let wrong = try talk([["passphrase: ", "something else\n"]], "check").expect(12)
      #expect(wrong.text.contains("no key slot opens"))
    }

    @Test func `two passphrases that differ make no repository`() throws {
      let refused = try talk(
        [["new passphrase: ", "one\n"], ["again: ", "another\n"]], "init"
      ).expect(64)
      #expect(refused.text.contains("the passphrases differ"))
      #expect(!FileManager.default.fileExists(atPath: stage.repository))
    }

    @Test func `work of more than two seconds shows its progress, and Ctrl-C ends it`() throws {
      try stage.lifeboat("init", "--quiet").expect(0)
      let application = try Application(stage)
      let holder = try Connection(application.target)
      try holder.execute("BEGIN; LOCK TABLE account IN ACCESS EXCLUSIVE MODE")
      let ending = try talk(
        [["\r\u{1B}[K", "\u{3}"]], "backup", "--passphrase-file", stage.passphraseFile,
        "--database",
        "app=\(application.connection)"
      ).expect(130)
      #expect(ending.text.contains("stopping at the next safe point"))
      #expect(ending.text.contains("error: stopped on request"))
      // The line is taken away before anything else is said.
      let lines = ending.text.replacing("\r\n", with: "\n").split(separator: "\n")
      #expect(
        lines.contains {
          $0.hasSuffix("\u{1B}[Kerror: stopped on request: Ctrl-C or SIGTERM came")
            || $0 == "error: stopped on request: Ctrl-C or SIGTERM came"
        })
    }
  }
}
