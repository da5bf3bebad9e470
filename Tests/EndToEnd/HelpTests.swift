// What the program says about itself: help, exit statuses, completions, its example and its schema.

import Configuration
import Foundation
import Testing

extension `The program` {
  @Suite struct `explains itself:` {
    let stage: Stage

    init() throws { stage = try Stage(initialise: false) }

    @Test func `the help has every command and the table of exit statuses`() throws {
      let help = try stage.lifeboat("--help").expect(0).text
      for command in [
        "init", "backup", "snapshots", "ls", "find", "diff", "restore", "dump", "drill", "check",
        "forget",
        "prune", "status", "run", "config", "discover",
      ] {
        #expect(help.contains("\n  \(command) "), "\(command)")
      }
      for status in [
        "0    done", "1    failed",
        "3    done, but some entries could not be read or wholly restored",
        "10   there is no repository", "11   something else is in the way", "12   the passphrase",
        "64   the command line", "130  stopped by Ctrl-C",
      ] {
        #expect(help.contains("\n  \(status)"), "\(status)")
      }
      // The manual has the same table.
      let manual = try String(
        contentsOfFile: "\(Place.project)/docs/operations.md", encoding: .utf8)
      for status in ["0", "1", "3", "10", "11", "12", "64", "130"] {
        #expect(manual.contains("\n| \(status) | "), "\(status)")
      }
      #expect(try stage.lifeboat("--version").expect(0).text.hasPrefix("lifeboat "))
    }

    @Test(arguments: [
      ("init", "--write-recovery-key --no-recovery-key"),
      (
        "backup",
        "--database --media --exclude --exclude-larger-than --no-ignore-files --file-reference --tag --connections"
      ),
      ("snapshots", "--tag --host"), ("ls", "--tag --host --recursive --left-out"),
      ("find", "--tag --host --snapshot --media --ignore-case"),
      ("diff", "<older> <newer>"),
      (
        "restore",
        "--database --media --into --globals --no-owner --no-privileges --role --table --connections --overwrite --delete --verify --no-devices --no-set-id --numeric-owners --keep-going --dry-run"
      ), ("dump", "--database --table --media"),
      (
        "drill",
        "--scratch --scratch-folder --media-into --rpo --rto --no-amcheck --report-html --report-json"
      ), ("check", "--read-data"),
      (
        "forget",
        "--keep-last --keep-hourly --keep-daily --keep-weekly --keep-monthly --keep-yearly --keep-within --keep-tag --dry-run --prune"
      ), ("prune", "--dry-run --grace"), ("status", ""), ("run", "--state"),
      ("discover", "--django --python"),
    ])
    func `the help of a command has its options and the common ones`(
      command: String, options: String
    ) throws {
      let help = try stage.lifeboat(command, "--help").expect(0)
      let common =
        "--repository --passphrase-file --passphrase-command --recovery-key-file --config --json --quiet --verbose --log-format"
      for option in (options + " " + common).split(separator: " ") {
        #expect(help.text.contains(option), "\(option)")
      }
      #expect(help.errors.isEmpty)
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `completions of a shell know the commands`(shell: String) throws {
      let script = try stage.lifeboat("--generate-completion-script", shell).expect(0).text
      for word in ["backup", "drill", "keep-daily"] { #expect(script.contains(word)) }
    }

    @Test func `the example configuration is valid, and the schema is the one in Config`() throws {
      let example = try stage.lifeboat("config", "example").expect(0)
      let kept = try Data(
        contentsOf: URL(fileURLWithPath: "\(Place.project)/Config/lifeboat.example.yaml"))
      #expect(Data(example.output) == kept)
      let file = try stage.write(example.text, to: "example.yaml")
      let check = try stage.lifeboat("config", "check", file).expect(0)
      #expect(check.text.contains("is valid: 1 databases, 1 media directories"))
      #expect(check.errors.isEmpty, "\(check.errors)")
      let json = try stage.lifeboat("config", "check", file, "--json").expect(0).json()
      #expect(json == .object(["valid": .bool(true), "warnings": .array([])]))

      let schema = try stage.lifeboat("config", "schema").expect(0)
      let published = try Data(
        contentsOf: URL(fileURLWithPath: "\(Place.project)/Config/lifeboat.schema.json"))
      #expect(Data(schema.output) == published)
      #expect(try schema.json().names.contains("properties"))
    }
  }
}
