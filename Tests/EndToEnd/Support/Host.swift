// What this machine lets a test do: mount, be somebody else.

import Foundation
import Testing

enum Host {
  /// Whether root may mount here, in a mount namespace of its own; containers often forbid it.
  static let canMount: Bool = {
    guard Place.isRoot else { return false }
    let ending = try? Child(
      "/usr/bin/unshare", ["--mount", "/bin/mount", "-t", "tmpfs", "none", "/mnt"],
      environment: ["PATH": "/usr/bin:/bin"]
    ).finish()
    return ending?.status == 0
  }()

  /// Runs a program where Debian's PostgreSQL programs cannot be seen.
  static let hidingPrograms = [
    "/usr/bin/unshare", "--mount", "/bin/sh", "-c",
    "/bin/mount -t tmpfs none /usr/lib/postgresql && exec \"$0\" \"$@\"",
  ]

  /// Somebody who is not root, with a folder, a passphrase and a repository of their own.
  struct Other {
    let stage: Stage
    let folder: String
    var repository: String { "\(folder)/repository" }
    private let program: String

    init(_ stage: Stage) throws {
      self.stage = stage
      folder = try stage.folder("other")
      program = "\(folder)/lifeboat"
      try FileManager.default.copyItem(
        atPath: URL(fileURLWithPath: Place.program).resolvingSymlinksInPath().path, toPath: program)
      try stage.write("another phrase\n", to: "other/passphrase")
      try stage.folder("other/tmp")
      if Place.isRoot { try stage.run("/bin/chown", "-R", "nobody:nogroup", folder).expect(0) }
    }

    /// Runs the program as them.
    func lifeboat(_ arguments: String...) throws -> Ending { try run([program] + arguments) }

    /// Runs any program as them.
    func run(_ words: String...) throws -> Ending { try run(words) }

    private func run(_ words: [String]) throws -> Ending {
      let wrapper =
        Place.isRoot
        ? ["/usr/bin/setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"] : []
      let words = wrapper + words
      let environment = try stage.environment([
        "LIFEBOAT_REPOSITORY": repository, "LIFEBOAT_PASSPHRASE_FILE": "\(folder)/passphrase",
        "HOME": folder, "TMPDIR": "\(folder)/tmp",
      ])
      return try Child(words[0], Array(words.dropFirst()), environment: environment).finish()
    }
  }
}
