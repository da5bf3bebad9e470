// Looking at folders, and one file written there.

import Foundation

/// Questions about paths.
enum FolderLook {
  /// Whether anything is at `path`; false also if it cannot be seen.
  static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

  /// The names in a folder, sorted; nil if it is not there.
  static func contents(_ path: String) -> [String]? {
    try? FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

extension FolderLook {
  /// Where temporary files belong.
  static var temporary: String {
    let wanted = ProcessInfo.processInfo.environment["TMPDIR"] ?? ""
    return wanted.hasPrefix("/") ? wanted : "/tmp"
  }
}

extension FolderLook {
  /// Makes a folder that only we can enter; its parent must exist.
  static func makePrivate(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
  }
}

/// A file of ours, mode 0600, that is written once from front to back.
final class GrowingFile {
  private let handle: FileHandle

  init(_ path: String) throws {
    let made = FileManager.default.createFile(
      atPath: path, contents: nil, attributes: [.posixPermissions: 0o600])
    guard made, let handle = FileHandle(forWritingAtPath: path) else {
      throw DrillError(
        .scratch, what: "cannot create \(path)", why: "the system refuses it",
        next: "make room there, or set TMPDIR to another folder")
    }
    self.handle = handle
  }

  func append(_ bytes: [UInt8]) throws { try handle.write(contentsOf: Data(bytes)) }
  func close() throws { try handle.close() }
}
