// Reading a configuration from the disk, and files that are none.

import Configuration
import Foundation
import Testing

@Suite struct `Loading a configuration file` {
  @Test func `returns what it says`() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "l.yaml")
      try Data("\u{FEFF}repository: /srv/b\r\nlog:\r\n  level: debug\r\n".utf8).write(to: file)
      let configuration = try Configuration.load(file.path())
      #expect(configuration.repository == "/srv/b")
      #expect(configuration.log.level == .debug)
    }
  }

  @Test func `says how to make one that is missing`() throws {
    let error = try #require(throws: ConfigurationError.self) {
      try Configuration.load("/nonexistent/lifeboat.yaml")
    }
    #expect(error.code == .missing)
    #expect(
      error.description == """
        cannot read configuration /nonexistent/lifeboat.yaml: there is no such file
        hint: write one with 'lifeboat config example > /nonexistent/lifeboat.yaml', then edit it
        """)
  }

  @Test func `says that a directory is one`() throws {
    try withTemporaryFolder { folder in
      let error = try #require(throws: ConfigurationError.self) {
        try Configuration.load(folder.path())
      }
      #expect(error.code == .unreadable)
      #expect(error.why == "it is a directory")
    }
  }

  @Test func `stops reading a device that never ends`() throws {
    let error = try #require(throws: ConfigurationError.self) {
      try Configuration.load("/dev/zero")
    }
    #expect(error.code == .tooLarge)
    #expect(error.why == "it is longer than 1048576 bytes")
  }

  @Test func `accepts exactly one MiB and refuses a byte more`() throws {
    let head = "log: {}\n#"
    let text = head + String(repeating: "x", count: Configuration.byteLimit - head.utf8.count)
    #expect(try Configuration.parse(text).log == Configuration.Log())
    #expect(try refusal(of: text + "x").code == .tooLarge)
  }

  @Test(arguments: [
    ([0x6C, 0xFF, 0x0A] as [UInt8], "it is not UTF-8 text"),
    ([0xFF, 0xFE, 0x6C, 0x00], "it is UTF-16, not UTF-8"),
    ([0x23, 0xC3], "it is not UTF-8 text"),
    ([0x23, 0xED, 0xA0, 0x80], "it is not UTF-8 text"),
  ])
  func `refuses bytes that are not UTF-8`(bytes: [UInt8], why: String) throws {
    let error = try #require(throws: ConfigurationError.self) {
      try Configuration.parse(Data(bytes), file: "l.yaml")
    }
    #expect(error.code == .notText)
    #expect(error.why == why)
  }
}

@Suite struct `A hostile configuration` {
  @Test func `is judged wherever it is cut short`() throws {
    let bytes = Array(ConfigurationExample.text.utf8)
    for end in stride(from: 0, to: bytes.count, by: 11) { judge(bytes[..<end]) }
  }

  @Test func `is judged with any byte replaced`() throws {
    let bytes = Array(ConfigurationExample.text.utf8)
    let replacements = Array("*&!|>\"'{}[],:#-?%@`\t\n\u{0}".utf8)
    for (step, index) in stride(from: 0, to: bytes.count, by: 17).enumerated() {
      var changed = bytes
      changed[index] = replacements[step % replacements.count]
      judge(changed[...])
    }
  }

  @Test(arguments: ["[", "{", "- ", "? ", "a:\n", "{a: ", "[[", "- - "])
  func `does not exhaust the stack however deep it nests`(opener: String) throws {
    let text = String(repeating: opener, count: (256 << 10) / opener.utf8.count)
    #expect(throws: ConfigurationError.self) { try Configuration.parse(text) }
  }

  @Test func `does not grow through aliases`() throws {
    var lines = ["a0: &a0 [x, x]"]
    for level in 1...60 { lines.append("a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]") }
    let few = lines.prefix(10).joined(separator: "\n")
    let many = lines.joined(separator: "\n")
    for text in [few, many, "? \(many)"] {
      let error = try refusal(of: text)
      #expect(error.diagnostics.map(\.what) == ["YAML anchors and aliases are not supported"])
    }
  }

  @Test func `does not hide its keys in private-use characters`() throws {
    let error = try refusal(of: "\u{E001}\u{E001}: 1\n\u{E001}\u{E001}: 2\nlog: {}\nlog: {}\n")
    #expect(
      error.diagnostics.map(\.what) == [
        "unknown key '\\u{e001}\\u{e001}'", "the key '\\u{e001}\\u{e001}' is written twice",
        "the key 'log' is written twice",
      ])
  }

  /// Any verdict is right; only a trap is wrong.
  private func judge(_ bytes: ArraySlice<UInt8>) {
    do {
      _ = try Configuration.parse(Data(bytes), file: "")
    } catch {
      #expect(!error.description.isEmpty)
    }
  }
}
