// Secrets are planted, everything is done that can be done, and then everything is searched for them.

import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

extension `The program` {
  @Suite struct `keeps secrets:` {
    /// What is planted; each word is in no other place of this machine.
    private struct Planted {
      let passphrase = "passphrase-\(UUID().uuidString)"
      let password = "password-\(UUID().uuidString)"
      let row = "row-\(UUID().uuidString)"
      let content = "content-\(UUID().uuidString)"
      let file = "file-\(UUID().uuidString)"
    }

    /// A role that must give a password, on a server where nobody else must.
    private func makeRole(password: String) throws -> String {
      let role = TestServer.randomName()
      let postgres = try Connection(TestServer.shared.target(database: "postgres"))
      let rules = try #require(try postgres.query("SHOW hba_file")[0, 0])
      let old = try String(contentsOfFile: rules, encoding: .utf8)
      // In place: the file belongs to the server's user.
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: rules))
      try handle.write(contentsOf: Data("local all \(role) scram-sha-256\n\(old)".utf8))
      try handle.close()
      try postgres.execute(
        """
        SET password_encryption = 'scram-sha-256';
        CREATE ROLE \(role) LOGIN SUPERUSER PASSWORD '\(password)'; SELECT pg_reload_conf()
        """)
      return role
    }

    @Test
    func `no passphrase, password, row or name is said, stored in the clear, or shown to others`()
      throws
    {
      let planted = Planted()
      let stage = try Stage(initialise: false, passphrase: planted.passphrase)
      let application = try Application(stage)
      let role = try makeRole(password: planted.password)
      try psql(
        application.target,
        """
        UPDATE blog_article SET body = '\(planted.row)', cover = 'covers/\(planted.file)' WHERE id < 9;
        SELECT lo_put(4242, 0, '\(planted.row)')
        """)
      try stage.write(
        String(repeating: planted.content + "\n", count: 2000), to: "media/covers/\(planted.file)")
      let uri = { (database: String) in
        let host = try application.target.withChildAccess { access in
          access.connectionString.split(separator: " ").first { $0.hasPrefix("host=") }
            .map { String($0.dropFirst(5)) } ?? ""
        }
        return "postgresql://\(role):\(planted.password)@/\(database)?host=\(host)"
      }
      let name = try #require(application.target.databaseName)
      let copy = TestServer.randomName()
      let sources = [
        "--database", "app=\(try uri(name))", "--media", "uploads=\(application.media)",
        "--file-reference", "app.blog_article.cover",
      ]

      // The password proves to be needed: else nothing here would prove anything.
      let wrong = try uri(name).replacing(planted.password, with: "not-\(planted.password)-either")
      var said: [(String, Ending)] = []
      var exposed: [String] = []
      func run(_ arguments: [String], _ status: Int32) throws {
        let child = try stage.start(arguments)
        let secrets = [planted.passphrase, planted.password]
        let own = Array(([Place.program] + arguments).map { $0 + "\0" }.joined().utf8)
        let ending = try child.finish {
          // The user wrote the URI on our command line; what we start must not repeat it. A child has our
          // command line until it has become another program.
          for process in Self.processes() where process != "\(child.id)" {
            for place in ["cmdline", "environ"] {
              let bytes = Processes.file(process, place)
              if bytes != own, secrets.contains(where: { bytes.contains($0.utf8) }) {
                exposed.append("\(place) of \(process): \(arguments[0])")
              }
            }
          }
          let entries =
            (try? FileManager.default.contentsOfDirectory(atPath: stage.temporary)) ?? []
          for entry in entries {
            let attributes = try? FileManager.default.attributesOfItem(
              atPath: "\(stage.temporary)/\(entry)")
            if let mode = attributes?[.posixPermissions] as? Int, mode & 0o077 != 0 {
              exposed.append("\(entry) has mode \(String(mode, radix: 8))")
            }
          }
        }
        try ending.expect(status)
        #expect(try stage.files(beneath: stage.temporary) == [])
        said.append((arguments.joined(separator: " "), ending))
      }
      try run(["init", "--no-recovery-key", "--verbose"], 0)
      let keyFile = "\(stage.path)/writer.key"
      try run(["key", "export", "--role", "writer", "--output", keyFile, "--verbose"], 0)
      let keyText = try #require(
        try String(contentsOfFile: keyFile, encoding: .utf8).split(separator: "\n").last)
      try run(["key", "list", "--json"], 0)
      try run(["snapshots", "--key-file", keyFile, "--verbose"], 1)
      try run(["backup", "--database", "app=\(wrong)"], 1)
      try run(["backup", "--database", "app=\(try uri(name)) oops"], 1)
      try run(["backup", "--database", "app=host=x password=\(planted.password) port"], 64)
      try run(["backup", "--verbose"] + sources, 0)
      #expect(said[said.count - 1].1.errors.contains("--database app holds a password"))
      try run(["backup", "--json", "--log-format", "json"] + sources, 0)
      try run(["snapshots", "--verbose"], 0)
      try run(["snapshots", "--json"], 0)
      try run(["check", "--read-data", "--verbose"], 0)
      try run(
        [
          "restore", "latest", "--database", "app", "--into", try uri(copy), "--globals",
          "--verbose",
        ],
        0)
      try run(
        ["restore", "latest", "--database", "app", "--into", try uri(copy), "--json"], 1)
      try run(
        ["restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--verbose"], 0)
      try run(
        [
          "drill", "--verbose", "--report-html", "\(stage.path)/report.html", "--report-json",
          "\(stage.path)/report.json",
        ], 0)
      // It is the server that was backed up, which a drill never touches.
      try run(["drill", "--scratch", try uri("postgres"), "--json"], 1)
      try run(["status", "--json"], 0)
      try run(["forget", "--keep-last", "1", "--prune", "--verbose"], 0)
      try run(["prune", "--grace", "0s", "--json"], 0)
      try run(["log", "--verify", "--verbose"], 0)
      try run(["log", "--json"], 0)
      try run(["report", "--report-markdown", "\(stage.path)/evidence.md", "--json"], 0)

      #expect(exposed == [])
      for (command, ending) in said {
        for secret in [
          planted.passphrase, planted.password, planted.row, planted.content, planted.file,
          String(keyText),
        ] {
          #expect(!ending.text.contains(secret), "\(command)")
          #expect(!ending.errors.contains(secret), "\(command): \(ending.errors)")
        }
      }
      // What this machine remembers of the repository.
      let remembered = try stage.files(beneath: "\(stage.path)/home")
      #expect(!remembered.isEmpty)
      for report in ["report.html", "report.json", "evidence.md"] + remembered.map({ "home/\($0)" })
      {
        let text = try String(contentsOfFile: "\(stage.path)/\(report)", encoding: .utf8)
        for secret in [
          planted.passphrase, planted.password, planted.row, planted.content, String(keyText),
        ] {
          #expect(!text.contains(secret), "\(report)")
        }
      }
      // Everything planted, and the sources' names and places, which are metadata, too.
      for object in try stage.files(beneath: stage.repository) {
        let bytes = [UInt8](
          try Data(contentsOf: URL(fileURLWithPath: "\(stage.repository)/\(object)")))
        for secret in [
          planted.passphrase, planted.password, planted.row, planted.content, planted.file,
          "blog_article", "uploads", application.media, String(keyText),
        ] {
          #expect(!bytes.contains(secret.utf8), "\(secret) in \(object)")
        }
      }
      // The search finds what is there.
      let planted2 = try stage.lifeboat("dump", "latest", "--database", "app").expect(0)
      #expect(planted2.output.contains(planted.row.utf8))
    }

    /// Processes whose parents are ours to judge: all but this one.
    private static func processes() -> [String] {
      let own = "\(ProcessInfo.processInfo.processIdentifier)"
      let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
      return names.filter { Int32($0) != nil && $0 != own }
    }
  }
}
