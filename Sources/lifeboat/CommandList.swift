// Every command, in the order --help lists them.

import ArgumentParser

enum CommandList {
  static let all: [any ParsableCommand.Type] = [
    InitCommand.self, BackupCommand.self, SnapshotsCommand.self, ListCommand.self,
    FindCommand.self, DiffCommand.self, RestoreCommand.self, DumpCommand.self, DrillCommand.self,
    CheckCommand.self, RepairCommand.self, ForgetCommand.self, PruneCommand.self,
    StatusCommand.self,
    LogCommand.self, ReportCommand.self, KeyCommand.self,
    RunCommand.self, ConfigCommand.self, DiscoverCommand.self,
  ]
}
