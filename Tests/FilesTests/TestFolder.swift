// A folder of its own for each test, removed with everything in it.

import Files
import Foundation
import Testing

struct TestFolder: ~Copyable {
  let path: String
  let descriptor: OwnedDescriptor

  init() throws {
    path = NSTemporaryDirectory() + "files-tests-" + UUID().uuidString
    try OwnedDescriptor.workingDirectory.makeDirectory(path)
    descriptor = try OwnedDescriptor.openDirectory(path)
  }

  deinit { try? OwnedDescriptor.workingDirectory.removeTree(path) }

  func write(_ text: String, to name: some PathName) throws {
    try OwnedDescriptor.createFile(name, in: descriptor).append(Array(text.utf8))
  }

  func text(of name: some PathName) throws -> String {
    String(decoding: try OwnedDescriptor.contents(of: name, in: descriptor), as: UTF8.self)
  }

  func names() throws -> [String] {
    try descriptor.sortedEntries().map { $0.name.description }
  }
}

/// What a call that must fail threw.
func failure(_ body: () throws -> Void) -> SystemError? {
  do {
    try body()
    Issue.record("the call succeeded")
  } catch let error as SystemError {
    return error
  } catch {
    Issue.record("another error: \(error)")
  }
  return nil
}

extension String {
  var bytes: [UInt8] { Array(utf8) }
}
