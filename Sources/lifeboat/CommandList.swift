// Every command, in the order --help lists them.

import ArgumentParser

enum CommandList {
  static let all: [any ParsableCommand.Type] = [
    InitCommand.self, SnapshotsCommand.self, ListCommand.self, DiffCommand.self,
    BackupCommand.self, CheckCommand.self, ForgetCommand.self, PruneCommand.self, StatusCommand.self,
    ConfigCommand.self,
  ]
}
