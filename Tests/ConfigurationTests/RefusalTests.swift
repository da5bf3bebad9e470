// What a wrong configuration is told, word for word.

import Configuration
import Foundation
import Testing

@Suite struct `A wrong configuration` {
  @Test(arguments: Refusal.all)
  func `is told every problem with its place, its reason and what to write`(
    refusal expected: Refusal
  ) throws {
    let error = try refusal(of: expected.text)
    #expect(error.diagnostics.map(\.description) == expected.findings)
  }

  @Test func `names the file before each place, and ends with what to do`() throws {
    let error = try #require(throws: ConfigurationError.self) {
      try Configuration.parse(Data("log: { levl: 1 }\nkey: {}".utf8), file: "/etc/l.yaml")
    }
    #expect(error.code == .invalid)
    #expect(
      error.description == """
        cannot use configuration /etc/l.yaml: it has 2 errors
        /etc/l.yaml:1:8: error: unknown key 'log.levl': the log settings has no such key
        hint: did you mean 'level'?
        /etc/l.yaml:2:6: error: 'key' is empty: it needs a key
        hint: use one of 'passphrase-file', 'passphrase-command', 'systemd-credential', \
        'file-descriptor', 'recovery-key-file', 'key-file'
        hint: correct them, then run 'lifeboat config check'
        """)
  }

  @Test func `never has a secret in its error`() throws {
    let documents = [
      "key: { passphrase: hunter2 }", "key: hunter2", "key: [hunter2]", "passphrase: hunter2",
      "key: { passphrase-command: hunter2 }", "key: { passphrase-command: [[hunter2]] }",
      "databases: { a: { connection: 'postgresql://u:hunter2@h/d', x: 1 } }",
      "databases: { a: { connection: 'user:hunter2@h' } }",
      "databases: { a: { connection: { password: hunter2 } } }",
      "drill: { scratch: 'hunter2' }", "repository: 'sftp://u:hunter2@host/'",
      "key: { passphrase: 'hunter2 }", "key:\n  passphrase: hunter2\n bad\n",
      "databases: { a: { connection: 'password=hunter2', connection: 'password=hunter2' } }",
    ]
    for document in documents {
      #expect(!(try refusal(of: document).description.contains("hunter2")), "\(document)")
    }
  }

  @Test func `prints fifty findings and counts the rest`() throws {
    let text = (0..<80).map { "key\($0)zz: 1\n" }.joined()
    let error = try refusal(of: text)
    #expect(error.diagnostics.count == 80)
    #expect(error.description.contains("\nand 30 more\nhint:"))
  }
}
