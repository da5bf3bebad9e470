// A look at every process of this machine, as any user with the same rights has it.

import Foundation

enum Processes {
  /// Numbers of processes whose command line, environment or folder contains `text`; this one is left out.
  static func mentioning(_ text: String) throws -> [String] {
    let names = try FileManager.default.contentsOfDirectory(atPath: "/proc")
    return names.filter { name in
      guard let number = Int32(name), number != ProcessInfo.processInfo.processIdentifier else {
        return false
      }
      let folder = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(name)/cwd")
      return folder?.contains(text) == true
        || ["cmdline", "environ"].contains { file(name, $0).contains(text.utf8) }
    }
  }

  /// A file of `/proc`; empty once the process is gone.
  static func file(_ process: String, _ name: String) -> [UInt8] {
    guard let handle = FileHandle(forReadingAtPath: "/proc/\(process)/\(name)") else { return [] }
    defer { try? handle.close() }
    return Array((try? handle.readToEnd()) ?? Data())
  }
}
