// What is left out of a media tree: patterns with the meaning they have in a .gitignore file
// (gitignore(5)).

import Files

/// Patterns as in a .gitignore file, of which the last that matches a path decides.
///
/// Each is a ``PathPattern`` relative to one directory; `!` in front takes a path back in, `#` starts
/// a comment. What lies in an excluded directory is never looked at, so it cannot be taken back in.
package struct ExcludeRules: Sendable {
  private struct Rule {
    var pattern: PathPattern
    var text: String
    var isNegated: Bool
  }
  /// What the rules say of a path.
  package enum Decision: Equatable, Sendable {
    /// Left out, by this pattern.
    case excluded(by: String)
    /// Taken in, by a pattern with `!`.
    case included
  }
  private var rules: [Rule] = []

  /// - Throws: ``MediaError`` `invalidExclude` for a pattern that could never match.
  package init(_ patterns: [String]) throws(MediaError) {
    for pattern in patterns {
      do throws(PathPatternError) { try add(Array(pattern.utf8)) } catch {
        throw MediaError(
          .invalidExclude, what: "cannot exclude '\(pattern)'", why: error.description,
          next: "write it as in a .gitignore file; a backslash takes the next character as it is")
      }
    }
  }

  /// The lines of an ignore file.
  ///
  /// `onInvalid` is told each line that could never match, by its number; it excludes nothing.
  init(file: [UInt8], onInvalid: (Int, String) -> Void) {
    var bytes = file[...]
    // As git does: the mark that some editors begin a file with is no part of the first pattern.
    if bytes.starts(with: [0xef, 0xbb, 0xbf]) { bytes = bytes.dropFirst(3) }
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      do throws(PathPatternError) { try add(Array(line)) } catch {
        onInvalid(index + 1, error.description)
      }
    }
  }

  private mutating func add(_ pattern: [UInt8]) throws(PathPatternError) {
    var bytes = pattern
    let escape = UInt8(ascii: "\\")
    while bytes.last == UInt8(ascii: " "), bytes.dropLast().last != escape { bytes.removeLast() }
    guard let first = bytes.first, first != UInt8(ascii: "#") else { return }
    let isNegated = first == UInt8(ascii: "!")
    rules.append(
      Rule(
        pattern: try PathPattern(isNegated ? Array(bytes.dropFirst()) : bytes),
        text: displayed(bytes), isNegated: isNegated))
  }

  /// What the last pattern that matches `path`, components from the rules' directory on, says of it;
  /// nil if none matches.
  ///
  /// To be asked for each directory on the way first.
  package func decision(_ path: some Collection<[UInt8]>, isDirectory: Bool) -> Decision? {
    for rule in rules.reversed() where rule.pattern.matches(path, isDirectory: isDirectory) {
      return rule.isNegated ? .included : .excluded(by: rule.text)
    }
    return nil
  }

  /// Whether the entry at `path` is left out.
  package func excludes(_ path: [[UInt8]], isDirectory: Bool) -> Bool {
    if case .excluded = decision(path, isDirectory: isDirectory) { return true }
    return false
  }

  package var isEmpty: Bool { rules.isEmpty }
}
