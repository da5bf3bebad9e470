// The table of what comes back names a test in each row; a row whose test is gone is found here.

import Foundation
import Testing

/// Rows of Markdown tables: their cells, without the heads.
private func rows(of text: String) -> [[String]] {
  let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  return lines.indices.compactMap { index in
    let isHead = index + 1 < lines.count && lines[index + 1].hasPrefix("|---")
    guard lines[index].hasPrefix("| "), lines[index].hasSuffix(" |"), !isHead else { return nil }
    return lines[index].dropFirst(2).dropLast(2).components(separatedBy: " | ")
  }
}

/// What is wrong with rows of three cells, the last of which is the name of a test.
private func faults(in rows: [[String]], tests: Set<String>) -> [String] {
  rows.compactMap { row in
    guard row.count == 3, row.allSatisfy({ !$0.isEmpty }) else {
      return "not three cells: \(row.joined(separator: " | "))"
    }
    let name = row[2]
    guard name.hasPrefix("`"), name.hasSuffix("`"), name.count > 2 else {
      return "no test: \(row[0])"
    }
    return tests.contains(String(name.dropFirst().dropLast())) ? nil : "no such test: \(name)"
  }
}

@Suite struct `The table of what comes back of a file tree` {
  private static let project = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The names of all tests of the project, as its sources have them.
  private func tests() throws -> Set<String> {
    let folder = Self.project.appendingPathComponent("Tests")
    let walk = try #require(FileManager.default.enumerator(atPath: folder.path))
    var names: Set<String> = []
    for case let path as String in walk where path.hasSuffix(".swift") {
      let text = try String(contentsOf: folder.appendingPathComponent(path), encoding: .utf8)
      for match in text.matches(of: /@Test[^`]*?func `([^`]+)`/) { names.insert(String(match.1)) }
    }
    return names
  }

  @Test func `names a test in every row`() throws {
    let text = try String(
      contentsOf: Self.project.appendingPathComponent("docs/fidelity-files.md"), encoding: .utf8)
    let table = rows(of: text)
    #expect(table.count > 50)
    #expect(faults(in: table, tests: try tests()) == [])
  }

  @Test func `is refused with a row whose test is gone or was never named`() throws {
    let text = """
      | entry | verdict | test |
      |---|---|---|
      | a | equal | `names a test in every row` |
      | b | equal | `a test that nobody wrote` |
      | c | equal | not tested |
      | d | equal |
      | e | | `names a test in every row` |

      """
    let found = faults(in: rows(of: text), tests: try tests())
    #expect(
      found == [
        "no such test: `a test that nobody wrote`", "no test: c", "not three cells: d | equal",
        "not three cells: e | | `names a test in every row`",
      ])
  }
}
