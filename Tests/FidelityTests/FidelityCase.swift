// Owns the reading of the case files: one file a database, one case an object or kind of data.

import Foundation

/// One thing that must come back equal.
struct FidelityCase: Sendable {
  /// What the case builds, as docs/fidelity.md calls it.
  var name: String
  /// The first and the last major version that has it.
  var since = 14
  var until = Int.max
  /// What becomes of it, if it does not come back equal: in words that the snapshot or the restore says.
  var exception: String?
  /// Which check of a drill sees the damage, if not the inventory.
  var noticedBy = "inventory"
  var setup = ""
  /// A query whose answer, as text, is the object as PostgreSQL tells it.
  var witness = ""
  /// What breaks the object in a copy, so that the witness must answer otherwise.
  var damage = ""

  func exists(in major: Int) -> Bool { (since...until).contains(major) }
}

/// A database full of cases.
struct FidelityDatabase: Sendable {
  /// The file's name without its ending.
  var name: String
  var title = ""
  /// Its name on the server; may hold any character.
  var databaseName: String
  /// The words of CREATE DATABASE behind the name.
  var options = "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
  var since = 14
  /// Needs a server that was built with ICU, as Debian's is.
  var needsICU = false
  /// Beginnings of what a restore may remark.
  var remarks: [String] = []
  /// What the independent comparison must leave out, since a case says that it is not restored.
  var ignored: [String] = []
  var cases: [FidelityCase] = []

  /// Everything that makes the database, as a script for psql.
  func script(major: Int) -> String {
    cases.filter { $0.exists(in: major) }.map(\.setup).joined(separator: "\n")
  }
}

extension FidelityDatabase {
  /// A line of a case file that is not what it should be.
  struct Malformed: Error { var line: String }

  /// Every case file beside this source, by name.
  static func all() throws -> [FidelityDatabase] {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases")
    return try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".sql") }.sorted().map { name in
        let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
        return try FidelityDatabase(reading: text, name: String(name.dropLast(4)))
      }
  }

  /// Reads a case file: SQL in which lines that begin with `--!` say what the lines behind them are.
  ///
  /// `--! case: NAME` begins a case, `--! witness` and `--! damage` its parts; `--! WORD: VALUE` says
  /// something of the case, or before the first case of the database.
  init(reading text: String, name: String) throws {
    self.init(name: name, databaseName: "fidelity \(name)")
    var part = \FidelityCase.setup
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      guard line.hasPrefix("--! ") else {
        if let last = cases.indices.last { cases[last][keyPath: part] += line + "\n" }
        continue
      }
      let words = line.dropFirst(4).split(separator: ":", maxSplits: 1)
      let value = words.count > 1 ? words[1].trimmingCharacters(in: .whitespaces) : ""
      guard let word = words.first else { throw Malformed(line: String(line)) }
      switch (word, cases.indices.last) {
      case ("case", _):
        cases.append(FidelityCase(name: value))
        part = \.setup
      case ("witness", _?): part = \.witness
      case ("damage", _?): part = \.damage
      case ("since", let last?): cases[last].since = try Self.major(value, line)
      case ("until", let last?): cases[last].until = try Self.major(value, line)
      case ("exception", let last?): cases[last].exception = value
      case ("noticed by", let last?): cases[last].noticedBy = value
      case ("title", nil): title = value
      case ("since", nil): since = try Self.major(value, line)
      case ("database", nil): databaseName = value.replacing(#"\n"#, with: "\n")
      case ("options", nil): options = value
      case ("needs ICU", nil): needsICU = true
      case ("remark", nil): remarks.append(value)
      case ("ignore", nil): ignored.append(value)
      default: throw Malformed(line: String(line))
      }
    }
    guard !title.isEmpty, !cases.isEmpty, cases.allSatisfy({ !$0.witness.isEmpty }) else {
      throw Malformed(line: "\(name) lacks a title, cases or a witness")
    }
  }

  private static func major(_ value: String, _ line: Substring) throws -> Int {
    guard let major = Int(value) else { throw Malformed(line: String(line)) }
    return major
  }
}
