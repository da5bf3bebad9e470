// What the suites of this module share: the project's files, and reading a text that is refused.

import Configuration
import Foundation
import Testing

/// The folder `Config/` of the project.
let configFolder = URL(filePath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "Config")

/// The error that `text` is refused with; fails the test when it is accepted.
func refusal(
  of text: String, _ location: SourceLocation = #_sourceLocation
) throws -> ConfigurationError {
  try #require(throws: ConfigurationError.self, sourceLocation: location) {
    try Configuration.parse(text)
  }
}

/// A folder of its own for one test, removed afterwards.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}
