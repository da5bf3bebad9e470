// One finding about a configuration file, and the error that carries all of them.

/// A finding at one place of a configuration file: what is wrong, why, and what to write instead.
///
/// Holds no secret: values of keys that may carry one are never quoted.
package struct ConfigurationDiagnostic: Sendable, Equatable, CustomStringConvertible {
  /// How grave a finding is: an error refuses the file, a warning does not.
  package enum Severity: String, Sendable { case error, warning }

  /// A place in the file; both count from 1, columns in Unicode scalars.
  package struct Position: Sendable, Equatable, Comparable, CustomStringConvertible {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
      self.line = line
      self.column = column
    }

    package var description: String { "\(line):\(column)" }

    package static func < (left: Position, right: Position) -> Bool {
      (left.line, left.column) < (right.line, right.column)
    }
  }

  package var severity: Severity
  package var position: Position
  /// The path of the key, as `media.uploads.path` or `backup.tags[0]`; empty for the whole file.
  package var key: String
  package var what: String
  package var why: String
  package var next: String

  init(
    _ severity: Severity = .error, at position: Position, key: String, what: String, why: String,
    next: String
  ) {
    self.severity = severity
    self.position = position
    self.key = key
    self.what = what
    self.why = why
    self.next = next
  }

  /// `LINE:COLUMN: error: what: why`, and the hint on a line of its own.
  package var description: String {
    "\(position): \(severity.rawValue): \(what): \(why)\nhint: \(next)"
  }
}

/// A configuration file that cannot be used.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Stable across releases: exit statuses and scripts depend on it.
  package enum Code: String, Sendable {
    case missing, unreadable, syntax, invalid
    case tooLarge = "too-large"
    case notText = "not-text"
  }

  /// More findings than this are counted, not printed.
  static let printedFindingLimit = 50

  package var code: Code
  /// The file as it was named; empty for text that came from elsewhere.
  package var file: String
  package var what: String
  package var why: String
  package var next: String
  /// Every finding, warnings too, in the order of the file.
  package var diagnostics: [ConfigurationDiagnostic] = []

  /// All findings, each as `FILE:LINE:COLUMN: …` that an editor can jump to, then the hint.
  package var description: String {
    var lines = ["\(what): \(why)"]
    for finding in diagnostics.prefix(Self.printedFindingLimit) {
      lines.append(file.isEmpty ? finding.description : "\(file):\(finding)")
    }
    if diagnostics.count > Self.printedFindingLimit {
      lines.append("and \(diagnostics.count - Self.printedFindingLimit) more")
    }
    lines.append("hint: \(next)")
    return lines.joined(separator: "\n")
  }
}
