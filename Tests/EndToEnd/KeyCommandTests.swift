// Keys as an operator handles them: listed, added, exported for a server, changed, removed.

import Foundation
import Testing

extension `The program` {
  @Suite struct `manages keys:` {
    let stage: Stage

    init() throws { stage = try Stage() }

    private func keys() throws -> [JSON] {
      try stage.lifeboat("key", "list", "--json").expect(0).json().items
    }

    private func keyFile(_ path: String) -> [String: String] {
      Stage.keyless.merging(["LIFEBOAT_KEY_FILE": path]) { $1 }
    }

    @Test
    func
      `a server with a writer's key file backs up, and each stronger command says what it needs`()
      throws
    {
      try stage.writeNoise(300_000, to: "media/file")
      let backup = ["backup", "--json", "--media", "uploads=\(stage.path)/media"]
      try stage.start(backup).finish().expect(0)
      let file = "\(stage.path)/writer.key"
      let made = try stage.lifeboat(
        "key", "export", "--role", "writer", "--output", file, "--label", "web 1", "--json"
      ).expect(0).json()
      try made.expectDocumented("key export")
      #expect(made["key"]["role"] == .text("writer"))
      let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
      #expect(mode == 0o600)
      try stage.refused(
        "key", "export", "--role", "writer", "--output", file, status: 64,
        saying: ["there is a file already"])
      #expect(try keys().count == 3)

      let second = try stage.start(backup, environment: keyFile(file)).finish().expect(0).json()
      // The file is read again and not stored again.
      #expect(second["filesRead"] == .number(1))
      #expect(try #require(second["bytes"]["new"].number) < 10_000)
      let config = try stage.write("key: { key-file: \(file) }\n", to: "key.yaml")
      try stage.start(backup + ["--config", config], environment: Stage.keyless).finish().expect(0)

      for (arguments, role) in [
        (["snapshots"], "keeper"), (["check"], "keeper"), (["status"], "keeper"),
        (["log"], "keeper"),
        (["forget", "--keep-last", "1"], "keeper"), (["prune"], "keeper"),
        (["ls", "latest"], "keeper"),
        (["restore", "latest", "--media", "uploads", "--into", "\(stage.path)/x"], "owner"),
        (["dump", "latest", "--media", "uploads", "file"], "owner"), (["drill"], "owner"),
        (["key", "add", "--new-key-file", "\(stage.path)/k"], "owner"),
        (["key", "export", "--role", "keeper", "--output", "\(stage.path)/k"], "owner"),
      ] {
        let ending = try stage.start(arguments, environment: keyFile(file)).finish()
        ending.expectRefusal(1, saying: ["takes the \(role)'s key", "is a writer's"])
      }
      #expect(!FileManager.default.fileExists(atPath: "\(stage.path)/k"))
      #expect(try stage.snapshotFiles().count == 3)

      let keeper = "\(stage.path)/keeper.key"
      try stage.lifeboat("key", "export", "--role", "keeper", "--output", keeper).expect(0)
      for arguments in [
        ["snapshots"], ["ls", "latest", "uploads"], ["check", "--read-data"], ["log", "--verify"],
        ["forget", "--keep-last", "2"], ["prune", "--grace", "0s"], ["check"],
      ] {
        try stage.start(arguments, environment: keyFile(keeper)).finish().expect(0)
      }
      try stage.refused(
        "dump", "latest", "--media", "uploads", "file", saying: ["takes the owner's key"],
        environment: keyFile(keeper))
      // And the owner restores what the writer stored.
      let back = "\(stage.path)/back"
      try stage.lifeboat("restore", "latest", "--media", "uploads", "--into", back).expect(0)
      try stage.expectEqual("compare-trees", "\(stage.path)/media", back)
      #expect(try stage.lifeboat("log", "--verify").expect(0).text.hasPrefix("the log holds"))
    }

    @Test func `keys are added, changed and removed, but not the last of an owner`() throws {
      let more = try stage.write("another phrase\n", to: "more")
      let added = try stage.lifeboat(
        "key", "add", "--label", "ann", "--new-passphrase-file", more, "--json"
      ).expect(0).json()
      try added.expectDocumented("key add")
      let with = { (file: String) in
        Stage.keyless.merging(["LIFEBOAT_PASSPHRASE_FILE": file]) { $1 }
      }
      try stage.lifeboat("snapshots", environment: with(more)).expect(0)
      let changed = try stage.write("a third phrase\n", to: "changed")
      try stage.lifeboat(
        "key", "change-passphrase", "--new-passphrase-file", changed, environment: with(more)
      ).expect(0)
      try stage.refused(
        "snapshots", status: 12, saying: ["no key slot opens"], environment: with(more))
      try stage.lifeboat("snapshots", environment: with(changed)).expect(0)
      try stage.refused(
        "key", "change-passphrase", "--new-passphrase-file", more,
        saying: ["was not opened with one"])

      let list = try stage.lifeboat("key", "list", "--json").expect(0).json()
      try list.expectDocumented("key list")
      #expect(list.items.count == 3)
      #expect(try stage.lifeboat("key", "list").expect(0).text.contains("ann"))
      for key in list.items where key["isInUse"] == .bool(false) {
        try stage.lifeboat("key", "remove", try #require(key["id"].text)).expect(0)
      }
      let last = try #require(try keys().first?["id"].text)
      try stage.refused(
        "key", "remove", String(last.prefix(8)), saying: ["the last of an owner"])
      try stage.refused("key", "remove", "ffff0000", saying: ["no id begins so"])
      let printed = try stage.lifeboat("key", "add", "--new-recovery-key", "--json").expect(0)
        .json()
      let recovery = try stage.write(
        try #require(printed["recoveryKey"].text) + "\n", to: "printed")
      try stage.lifeboat(
        "snapshots", "--key-file", recovery, environment: Stage.keyless
      ).expect(0)
      let events = try stage.lifeboat("log", "--json").expect(0).json().items
      #expect(events.filter { $0["event"] == .text("key") }.count == 5)
    }
  }
}
