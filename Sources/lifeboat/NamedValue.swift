// NAME=VALUE as options take it.

import ArgumentParser

/// A source on the command line: its name in snapshots, and where it is.
struct NamedValue: ExpressibleByArgument {
  let name: String
  let value: String

  init?(argument: String) {
    guard let equals = argument.firstIndex(of: "=") else { return nil }
    name = String(argument[..<equals])
    value = String(argument[argument.index(after: equals)...])
    guard NamedValue.isName(name), !value.isEmpty else { return nil }
  }

  /// Letters, digits, dot, hyphen and underscore; at most 64.
  static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count)
      && text.unicodeScalars.allSatisfy {
        $0.isASCII
          && ($0.properties.isAlphabetic || $0.properties.numericType != nil
            || $0 == "." || $0 == "-" || $0 == "_")
      }
  }

  static func checkUnique(_ values: [NamedValue]) throws {
    var seen: Set<String> = []
    for value in values where !seen.insert(value.name).inserted {
      throw UsageError(
        what: "two sources are called '\(value.name)'", why: "a name stands for one source",
        next: "give each its own name")
    }
  }
}
