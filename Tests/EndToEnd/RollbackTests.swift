// A repository that is put back to an old state behind a client's back.

import Foundation
import Testing

extension `The program` {
  @Suite struct `notices a rollback:` {
    @Test func `an old copy is refused with a status of its own until it is accepted`() throws {
      let stage = try Stage()
      try stage.write("one", to: "media/file")
      let backup = ["backup", "--quiet", "--media", "uploads=\(stage.path)/media"]
      try stage.start(backup).finish().expect(0)
      try stage.run("/bin/cp", "-a", stage.repository, "\(stage.path)/old").expect(0)
      try stage.start(backup).finish().expect(0)
      let head = try #require(try stage.lifeboat("status", "--json").expect(0).json()["head"].text)
      #expect(try stage.lifeboat("status").expect(0).text.contains("head         \(head)"))
      try stage.run("/bin/mv", stage.repository, "\(stage.path)/new").expect(0)
      try stage.run("/bin/mv", "\(stage.path)/old", stage.repository).expect(0)

      for command in [
        ["snapshots"], backup,
        ["restore", "latest", "--media", "uploads", "--into", "\(stage.path)/x"],
      ] {
        let ending = try stage.start(command).finish()
        ending.expectRefusal(
          13,
          saying: ["is not what this client saw before", "the log entry 3-", "--accept-rollback"])
      }
      // Another machine knows nothing, and is told what to expect.
      let fresh = ["HOME": "\(stage.path)/elsewhere"]
      try stage.lifeboat("snapshots", environment: fresh).expect(0)
      let other = ["HOME": "\(stage.path)/elsewhere2"]
      try stage.refused(
        "snapshots", "--expect-head", head, status: 13, saying: ["the log entry 3-"],
        environment: other)
      try stage.refused(
        "snapshots", "--expect-head", "3-ab", status: 64, saying: ["at least 16 digits"],
        environment: other)

      let accepted = try stage.lifeboat("snapshots", "--accept-rollback").expect(0)
      #expect(accepted.errors.contains("warning: accepted: "))
      try stage.lifeboat("snapshots").expect(0)
      #expect(try stage.lifeboat("log").expect(0).text.contains("rollback"))
      // And now the state that was newer is the one that is not known.
      try stage.run("/bin/mv", stage.repository, "\(stage.path)/old").expect(0)
      try stage.run("/bin/mv", "\(stage.path)/new", stage.repository).expect(0)
      try stage.refused("snapshots", status: 13, saying: ["the log entry 3-"])
    }

    @Test func `another repository in its place is refused, and a new one made there is not`()
      throws
    {
      let stage = try Stage()
      try stage.lifeboat("snapshots").expect(0)
      try stage.run("/bin/mv", stage.repository, "\(stage.path)/first").expect(0)
      try stage.lifeboat(
        "init", "--quiet", "--repository", "\(stage.path)/second", "--passphrase-file",
        stage.passphraseFile
      ).expect(0)
      try stage.run("/bin/mv", "\(stage.path)/second", stage.repository).expect(0)
      try stage.refused(
        "snapshots", "--passphrase-file", stage.passphraseFile, status: 13,
        saying: ["was there before"], environment: Stage.keyless)
      try stage.run("/bin/mv", stage.repository, "\(stage.path)/second").expect(0)
      try stage.lifeboat(
        "init", "--quiet", "--passphrase-file", stage.passphraseFile, environment: Stage.keyless
      ).expect(0)
      try stage.lifeboat(
        "snapshots", "--passphrase-file", stage.passphraseFile, environment: Stage.keyless
      ).expect(0)
    }
  }
}
