// A child process that a test watches and signals while it runs.

import Foundation
import Glibc
import Testing

/// How a child ended, and what it said.
struct Ending {
  /// The exit status, or 128 + n after signal n.
  var status: Int32
  var output: [UInt8]
  var errors: String
  /// The most memory it had resident, in bytes; 0 if it was not measured.
  var peakByteCount = 0
  var command: String

  var text: String { String(decoding: output, as: UTF8.self) }
}

/// A process: started by `init`, ended by ``finish(seconds:)`` or `deinit`.
final class Child {
  private let process = Process()
  private let folder: URL
  let command: String

  /// - Parameters:
  ///   - environment: all of it; nothing is inherited.
  ///   - input: what it reads; nil is nothing.
  init(
    _ path: String, _ arguments: [String], environment: [String: String], input: String? = nil,
    directory: String = "/"
  ) throws {
    folder = FileManager.default.temporaryDirectory.appending(
      path: "lifeboat-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
    command = ([path] + arguments).joined(separator: " ")
    for name in ["output", "errors"] {
      try Data().write(to: folder.appending(path: name))
    }
    try Data((input ?? "").utf8).write(to: folder.appending(path: "input"))
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = environment
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    process.standardInput = try FileHandle(forReadingFrom: folder.appending(path: "input"))
    process.standardOutput = try FileHandle(forWritingTo: folder.appending(path: "output"))
    process.standardError = try FileHandle(forWritingTo: folder.appending(path: "errors"))
    try process.run()
  }

  deinit {
    if process.isRunning { _ = kill(id, SIGKILL) }
    try? FileManager.default.removeItem(at: folder)
  }

  var id: pid_t { process.processIdentifier }
  var isRunning: Bool { process.isRunning }

  /// What it has said on standard error so far.
  var errorsSoFar: String {
    let bytes = (try? Data(contentsOf: folder.appending(path: "errors"))) ?? Data()
    return String(decoding: bytes, as: UTF8.self)
  }

  func signal(_ number: Int32) { _ = kill(id, number) }

  /// Waits until `condition` holds or the child has ended.
  ///
  /// - Throws: if neither comes in `seconds`.
  func wait(for what: String, seconds: Double = 120, until condition: () throws -> Bool) throws {
    let deadline = Date(timeIntervalSinceNow: seconds)
    while try !condition(), process.isRunning {
      guard Date() < deadline else {
        signal(SIGKILL)
        throw Unexpected("\(what) did not come in \(seconds) s: \(command)\n\(errorsSoFar)")
      }
      usleep(10_000)
    }
  }

  /// Waits for its end, looking at its memory meanwhile.
  ///
  /// - Parameter watch: called about fifty times a second while it runs.
  func finish(seconds: Double = 600, watch: (() -> Void)? = nil) throws -> Ending {
    var peak = 0
    try wait(for: "its end", seconds: seconds) {
      peak = max(peak, residentPeak())
      watch?()
      return false
    }
    process.waitUntilExit()
    let said = { (name: String) in try Data(contentsOf: self.folder.appending(path: name)) }
    return Ending(
      status: process.terminationReason == .exit
        ? process.terminationStatus : 128 + process.terminationStatus,
      output: Array(try said("output")),
      errors: String(decoding: try said("errors"), as: UTF8.self),
      peakByteCount: peak, command: command)
  }

  /// VmHWM of the process itself, as the kernel counts it (proc(5)); its children are not in it.
  private func residentPeak() -> Int {
    guard let status = try? String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kibibytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first
    else { return 0 }
    return (Int(kibibytes) ?? 0) * 1024
  }
}

/// Something that makes going on senseless.
struct Unexpected: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}
