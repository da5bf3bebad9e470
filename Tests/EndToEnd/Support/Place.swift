// Where things are: the program under test, the project, the fixtures, PostgreSQL's programs.

import Foundation
import Programs
import TestSupport

enum Place {
  /// The project's folder, found from this file.
  static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// The program under test: `LIFEBOAT_TEST_PROGRAM`, else the debug build.
  static let program =
    ProcessInfo.processInfo.environment["LIFEBOAT_TEST_PROGRAM"]
    ?? "\(project)/.build/debug/lifeboat"

  static let fixtures = "\(project)/Tests/Fixtures"

  /// A search path with the server's own client programs first.
  static func searchPath() throws -> String {
    let psql = try PostgresPrograms.find(
      .psql, atLeastMajor: try TestServer.shared.major()
    ).path
    let folder = URL(fileURLWithPath: psql).deletingLastPathComponent().path
    return "\(folder):/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
  }

  /// Whether this is root, who may mount, change users, and read everything.
  static let isRoot = NSUserName() == "root"

  /// How large the round trip is; smaller only for trying things out by hand.
  static let megabytes =
    ProcessInfo.processInfo.environment["LIFEBOAT_TEST_MEGABYTES"].flatMap { Int($0) } ?? 300
}
