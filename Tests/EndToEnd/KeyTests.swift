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
