// The ways into a repository: passphrase from a file, a command or a credential, and the recovery key.

import Foundation
import Testing

extension `The program` {
  @Suite struct `opens a repository` {
    let stage: Stage

    init() throws { stage = try Stage(initialise: false) }

    @Test func `with the recovery key that init printed, and with the passphrase from anywhere`()
      throws
    {
      let made = try stage.lifeboat("init", "--json").expect(0).json()
      #expect(made.names == ["path", "recoveryKey", "repository"])
      try made.expectDocumented("init")
      let key = try #require(made["recoveryKey"].text)
      let file = try stage.write(key + "\n", to: "recovery-key")
      let none = ["LIFEBOAT_PASSPHRASE_FILE": ""]
      try stage.lifeboat("snapshots", "--recovery-key-file", file, environment: none).expect(0)
      try stage.lifeboat(
        "snapshots",
        environment: none.merging(["LIFEBOAT_RECOVERY_KEY_FILE": file]) { $1 }
      ).expect(0)
      try stage.lifeboat(
        "snapshots", "--passphrase-command", "cat \(stage.passphraseFile)", environment: none
      ).expect(0)
      let config = try stage.write(
        "key: { systemd-credential: passphrase }\n", to: "credential.yaml")
      try stage.lifeboat(
        "snapshots", "--config", config,
        environment: none.merging(["CREDENTIALS_DIRECTORY": stage.path]) { $1 }
      ).expect(0)
      let descriptor = try stage.write("key: { file-descriptor: 0 }\n", to: "descriptor.yaml")
      try stage.lifeboat(
        "snapshots", "--config", descriptor, environment: none,
        input: "correct horse battery staple\n"
      ).expect(0)
    }

    @Test func `with a whole key file, wherever a passphrase may come from`() throws {
      try stage.lifeboat("init", "--quiet").expect(0)
      let file = "\(stage.path)/keeper"
      try stage.lifeboat("key", "export", "--role", "keeper", "--output", file).expect(0)
      let none = ["LIFEBOAT_PASSPHRASE_FILE": ""]
      let credential = try stage.write("key: { systemd-credential: keeper }\n", to: "c.yaml")
      let descriptor = try stage.write("key: { file-descriptor: 0 }\n", to: "d.yaml")
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try stage.lifeboat("snapshots", "--key-file", file, environment: none).expect(0)
      try stage.lifeboat("snapshots", "--passphrase-file", file, environment: none).expect(0)
      try stage.lifeboat("snapshots", "--passphrase-command", "cat \(file)", environment: none)
        .expect(0)
      try stage.lifeboat(
        "snapshots", "--config", credential,
        environment: none.merging(["CREDENTIALS_DIRECTORY": stage.path]) { $1 }
      ).expect(0)
      try stage.lifeboat("snapshots", "--config", descriptor, environment: none, input: text)
        .expect(0)
      try stage.refused(
        "dump", "latest", "--media", "a", "b", saying: ["takes the owner's key"],
        environment: none.merging(["LIFEBOAT_KEY_FILE": file]) { $1 })
    }

    @Test func `without a core dump, and shut to other processes of the same user`() throws {
      let other = try Host.Other(stage)
      try other.lifeboat("init", "--quiet", "--no-recovery-key").expect(0)
      let script = "\(other.folder)/slow"
      try Data(
        "echo $$ >\(other.folder)/asked.new; mv \(other.folder)/asked.new \(other.folder)/asked\nwhile [ -e \(other.folder)/asked ]; do sleep 0.1; done\n"
          .utf8
      ).write(
        to: URL(fileURLWithPath: script))
      let words =
        (Place.isRoot
          ? ["/usr/bin/setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] : [])
        + ["\(other.folder)/lifeboat", "snapshots", "--passphrase-command", "/bin/sh \(script)"]
      let child = try Child(
        words[0], Array(words.dropFirst()),
        environment: try stage.environment([
          "LIFEBOAT_REPOSITORY": other.repository, "LIFEBOAT_PASSPHRASE_FILE": "",
          "HOME": other.folder, "TMPDIR": "\(other.folder)/tmp",
        ]))
      try child.wait(for: "the question for the passphrase") {
        FileManager.default.fileExists(atPath: "\(other.folder)/asked")
      }
      let limits = String(decoding: Processes.file("\(child.id)", "limits"), as: UTF8.self)
      let core = try #require(limits.split(separator: "\n").first { $0.contains("core file") })
      #expect(core.split(whereSeparator: \.isWhitespace).suffix(3) == ["0", "0", "bytes"])
      // proc(5): what belongs to a process that may not be dumped belongs to root.
      let memory = try FileManager.default.attributesOfItem(atPath: "/proc/\(child.id)/mem")
      #expect(memory[.ownerAccountID] as? Int == 0)
      // A process without secrets, for comparison: the program that it asks.
      let asked = try String(contentsOfFile: "\(other.folder)/asked", encoding: .utf8)
      let shell = asked.trimmingCharacters(in: .whitespacesAndNewlines)
      let open = try FileManager.default.attributesOfItem(atPath: "/proc/\(shell)/mem")
      #expect(open[.ownerAccountID] as? Int != 0)
      try FileManager.default.removeItem(atPath: "\(other.folder)/asked")
      #expect(try child.finish().status == 64)
    }

    @Test func `not with a key that was copied wrongly, nor with another repository's`() throws {
      let file = "\(stage.path)/key"
      try stage.lifeboat("init", "--write-recovery-key", file, "--quiet").expect(0)
      let text = try String(contentsOfFile: file, encoding: .utf8)
      let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      let none = ["LIFEBOAT_PASSPHRASE_FILE": ""]
      try stage.lifeboat("snapshots", "--recovery-key-file", file, environment: none).expect(0)
      let first = try #require(text.first)
      let wrong = try stage.write((first == "A" ? "B" : "A") + text.dropFirst(), to: "wrong")
      try stage.refused(
        "snapshots", "--recovery-key-file", wrong, status: 64,
        saying: ["its checksum does not match"], environment: none)
      let other = "\(stage.path)/other"
      try stage.lifeboat(
        "init", "--repository", other, "--write-recovery-key", "\(stage.path)/other-key", "--quiet"
      ).expect(0)
      try stage.refused(
        "snapshots", "--recovery-key-file", "\(stage.path)/other-key", status: 12,
        saying: ["no key slot opens"], environment: none)
      // An existing file is never overwritten, and then nothing is made.
      try stage.refused(
        "init", "--repository", "\(stage.path)/third", "--write-recovery-key", file, status: 64,
        saying: ["there is a file already"])
      #expect(!FileManager.default.fileExists(atPath: "\(stage.path)/third"))
    }
  }
}
