// What the suites of this module share: instants, expressions, zones, folders.

import Configuration
import Foundation
import Testing

/// The instant written as `2026-03-29T01:00:00Z`.
func instant(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

func zone(_ name: String) throws -> TimeZone { try #require(TimeZone(identifier: name)) }

/// Timings of jobs; jitter in seconds.
func timing(
  _ cron: String, jitter: Int64 = 0, catchesUp: Bool = true
) throws -> Configuration.Schedule.Timing {
  var timing = Configuration.Schedule.Timing(cron: try CronExpression(cron))
  timing.jitter = .seconds(jitter)
  timing.catchesUp = catchesUp
  return timing
}

/// A folder of its own for one test, removed afterwards.
func withTemporaryFolder<R>(_ body: (URL) throws -> R) throws -> R {
  let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  return try body(folder)
}

/// The folder `Config/` of the project.
let configFolder = URL(filePath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appending(path: "Config")
