// Files as the commands treat them: what is left out, found, restored in parts, removed and read back.

import Foundation
import Testing

extension `The program` {
  @Suite struct `handles files:` {
    @Test func `what a backup leaves out is listed by ls, and a drill says that it is not covered`()
      throws
    {
      let stage = try Stage()
      try stage.write("*.tmp\n", to: "media/.lifeboatignore")
      for name in ["a.tmp", "cache/x", "keep"] { try stage.write("x", to: "media/\(name)") }
      try stage.writeNoise(2 << 20, to: "media/large")
      let backup = try stage.lifeboat(
        "backup", "--media", "uploads=\(stage.path)/media", "--exclude", "cache/",
        "--exclude-larger-than", "1M"
      ).expect(0)
      #expect(backup.errors.contains("3 entries of uploads were left out"), "\(backup.errors)")
      let listed = try stage.lifeboat("ls", "latest", "--left-out").expect(0)
      #expect(
        listed.text == """
          uploads: excluded: a.tmp: excluded by '*.tmp' in .lifeboatignore
          uploads: excluded: cache: excluded by 'cache/'
          uploads: excluded: large: 2097152 bytes, more than the limit of 1048576

          """)
      let json = try stage.lifeboat("ls", "latest", "--left-out", "--json").expect(0).json()
      #expect(json.items.count == 3)
      try json.expectDocumented("ls SNAPSHOT --left-out")
      let drill = try stage.lifeboat("drill").expect(0)
      #expect(drill.text.contains("uploads: 3 entries left out on purpose"), "\(drill.text)")
      let whole = try stage.lifeboat(
        "backup", "--json", "--media", "uploads=\(stage.path)/media", "--no-ignore-files"
      ).expect(0).json()
      #expect(whole["media"][0]["files"].number == 5)
      #expect(whole["media"][0]["excludedCount"].number == 0)
      try stage.refused(
        "backup", "--media", "uploads=\(stage.path)/media", "--exclude-larger-than", "5",
        status: 64, saying: ["--exclude-larger-than '5'", "512K"])
    }

    @Test func `find looks through all snapshots, the newest first`() throws {
      let stage = try Stage()
      try stage.write("1", to: "media/2025/photo.JPG")
      try stage.write("1", to: "media/2025/photo.jpg")
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      try FileManager.default.removeItem(atPath: "\(stage.path)/media/2025/photo.jpg")
      try stage.write("22", to: "media/2026/new.jpg")
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)

      let found = try stage.lifeboat("find", "*.jpg").expect(0).text
      let lines = found.split(separator: "\n").map(String.init)
      #expect(lines.count == 4, "\(found)")
      #expect(lines[0].hasPrefix("snapshot ") && lines[1].hasSuffix("uploads/2026/new.jpg"))
      #expect(lines[3].hasSuffix("uploads/2025/photo.jpg"))
      func paths(_ arguments: String...) throws -> [String] {
        try stage.start(["find", "--json"] + arguments).finish().expect(0).json().items
          .compactMap { $0["path"].text }
      }
      #expect(
        try paths("*.jpg", "-i", "--snapshot", "latest") == ["2025/photo.JPG", "2026/new.jpg"])
      #expect(try paths("/2025/*") == ["2025/photo.JPG", "2025/photo.JPG", "2025/photo.jpg"])
      #expect(try paths("2026/", "--media", "uploads") == ["2026"])
      #expect(try paths("*.gif") == [])
      try stage.lifeboat("find", "new.jpg", "--json").expect(0).json().expectDocumented("find")
      let nothing = try stage.lifeboat("find", "*.gif").expect(0)
      #expect(nothing.errors == "nothing found in 2 snapshots\n" && nothing.text == "")
      try stage.refused("find", "[z-a]", status: 64, saying: ["[z-a]", "wrong way round"])
      try stage.refused(
        "find", "x", "--media", "videos", status: 64,
        saying: ["no media source 'videos'", "uploads"]
      )
    }

    @Test func `a restore with --delete does what its plan says, and --verify reads it back`()
      throws
    {
      let stage = try Stage()
      for name in ["a/one.jpg", "a/two.txt", "b/three.jpg"] {
        try stage.write(name, to: "media/\(name)")
      }
      try stage.write("x", to: "media/skip.tmp")
      try stage.lifeboat(
        "backup", "--quiet", "--media", "uploads=\(stage.path)/media", "--exclude", "*.tmp"
      ).expect(0)
      let back = "\(stage.path)/back"
      let first = try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", back, "--verify"
      ).expect(0)
      #expect(first.text.contains("verified 6 entries"), "\(first.text)")
      for name in ["a/mine", "new/deep/er", "skip.tmp"] {
        try stage.write("mine", to: "back/\(name)")
      }
      let arguments = [
        "restore", "latest", "--media", "uploads", "--into", back, "--overwrite", "always",
        "--delete",
      ]
      let plan = try stage.start(arguments + ["--dry-run"]).finish().expect(0).text
      #expect(
        plan.split(separator: "\n").dropFirst() == [
          "would remove a/mine", "would remove new",
          "would not remove skip.tmp: the snapshot left it out",
        ])
      #expect(try stage.files(beneath: back).count == 6)
      let result = try stage.start(arguments + ["--json", "--verify"]).finish().expect(0)
      let json = try result.json()
      #expect(json["removed"] == .array([.text("a/mine"), .text("new")]))
      #expect(json["spared"] == .array([.text("skip.tmp")]))
      #expect(json["complete"] == .bool(true))
      #expect(json["verification"]["differenceCount"].number == 0)
      try json.expectDocumented("restore --media")
      #expect(
        try stage.files(beneath: back) == ["a/one.jpg", "a/two.txt", "b/three.jpg", "skip.tmp"])

      let parts = "\(stage.path)/parts"
      try stage.lifeboat(
        "restore", "latest", "*.jpg", "--media", "uploads", "--into", parts, "--verify", "--quiet"
      ).expect(0)
      #expect(try stage.files(beneath: parts) == ["a/one.jpg", "b/three.jpg"])
      for (words, said) in [
        (["--delete"], "--delete goes with --overwrite always"),
        (["--verify", "--overwrite", "never"], "--verify goes with"),
      ] {
        let refusal = try stage.start(
          ["restore", "latest", "--media", "uploads", "--into", back] + words
        ).finish().expect(64)
        #expect(refusal.errors.contains(said), "\(refusal.errors)")
      }
    }

    @Test func `--verify names what a damaged repository could not give back`() throws {
      let stage = try Stage()
      try stage.writeNoise(300_000, to: "media/file")
      try stage.write("small", to: "media/other")
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      try stage.damage()
      let ending = try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--verify",
        "--keep-going"
      ).expect(3)
      #expect(ending.errors.contains("differs: file: missing"), "\(ending.errors)")
    }

    @Test func `a killed restore is finished by the next, which writes only what is not there`()
      throws
    {
      let stage = try Stage()
      let count = 120
      for number in 0..<count { try stage.writeNoise(500_000, to: "media/f\(number)") }
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      let back = "\(stage.path)/back"
      let child = try stage.start(["restore", "latest", "--media", "uploads", "--into", back])
      try child.wait(for: "some files") {
        try stage.files(beneath: back).filter { !$0.hasPrefix(".lifeboat-tmp-") }.count > 3
      }
      child.signal(SIGKILL)
      _ = try child.finish()
      let again = try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", back, "--overwrite", "always",
        "--delete", "--verify", "--json"
      ).expect(0).json()
      let (written, unchanged) = (again["files"].number ?? 0, again["unchanged"].number ?? 0)
      #expect(Int(written + unchanged) == count && unchanged > 3)
      #expect(again["bytes"].number == written * 500_000)
      #expect(again["verification"]["differenceCount"].number == 0)
      try stage.expectEqual("compare-trees", "\(stage.path)/media", back)
    }

    @Test func `what somebody who is not root cannot set is listed, with status 3`() throws {
      guard Place.isRoot else { return }
      let stage = try Stage(initialise: false)
      let other = try Host.Other(stage)
      try stage.write("root's", to: "media/file")
      try other.lifeboat("init", "--quiet").expect(0)
      try other.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      let ending = try other.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(other.folder)/back", "--verify"
      ).expect(3)
      for path in [".", "file"] {
        #expect(
          ending.errors.contains("could not set \(path): owner 0:0: operation not permitted"),
          "\(ending.errors)")
      }
      #expect(try String(contentsOfFile: "\(other.folder)/back/file", encoding: .utf8) == "root's")
    }

    @Test func `devices and set-user-id bits stay away if they are not wanted`() throws {
      guard Place.isRoot else { return }
      let stage = try Stage()
      try stage.write("program", to: "media/program")
      try stage.run("/bin/chmod", "4755", "\(stage.path)/media/program").expect(0)
      try stage.run("/bin/mknod", "\(stage.path)/media/null", "c", "1", "3").expect(0)
      try stage.lifeboat("backup", "--quiet", "--media", "uploads=\(stage.path)/media").expect(0)
      let ending = try stage.lifeboat(
        "restore", "latest", "--media", "uploads", "--into", "\(stage.path)/back", "--no-devices",
        "--no-set-id"
      ).expect(3)
      #expect(ending.errors.contains("could not set null: device node: not wanted"))
      #expect(ending.errors.contains("could not set program: set-user-id and set-group-id bits"))
      #expect(try stage.files(beneath: "\(stage.path)/back") == ["program"])
      let mode = try stage.run("/usr/bin/stat", "-c", "%a", "\(stage.path)/back/program").text
      #expect(mode == "755\n")
    }
  }
}
