// Owns the loading of roles and tablespaces into a server that may have some of them already.

import Format
import Postgres
import Programs
import Repository

/// Cuts a script of plain SQL, as pg_dumpall writes it, into statements.
package struct SQLSplitter {
  /// The statements without comments, empty ones and psql's own commands (`\restrict`).
  ///
  /// Knows quoted names, literals (with backslashes only after `E`), comments and dollar quotes.
  package static func statements(of script: [UInt8]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var current: [UInt8] = []
    var index = 0
    func flush() {
      if current.contains(where: { $0 > 0x20 }) { result.append(current) }
      current = []
    }
    func byte(_ position: Int) -> UInt8? { position < script.count ? script[position] : nil }
    func skipLine() {
      while let next = byte(index), next != 0x0A { _ = next; index += 1 }
    }
    while let now = byte(index) {
      switch now {
      case UInt8(ascii: "-") where byte(index + 1) == UInt8(ascii: "-"):
        skipLine()
      case UInt8(ascii: "\\") where !current.contains(where: { $0 > 0x20 }):
        skipLine()
      case UInt8(ascii: "'"), UInt8(ascii: "\""):
        let hasBackslashes =
          now == UInt8(ascii: "'")
          && (current.last == UInt8(ascii: "E") || current.last == UInt8(ascii: "e"))
        current.append(now)
        index += 1
        while let next = byte(index) {
          current.append(next)
          index += 1
          if next == UInt8(ascii: "\\"), hasBackslashes, let escaped = byte(index) {
            current.append(escaped)
            index += 1
          } else if next == now {
            // A doubled mark opens again at once, which comes to the same.
            break
          }
        }
      case UInt8(ascii: ";"):
        index += 1
        flush()
      default:
        current.append(now)
        index += 1
      }
    }
    flush()
    return result
  }
}

/// Runs the recorded globals, tolerant of what exists.
struct GlobalsLoader {
  /// A session as a role that may create roles.
  let connection: Connection
  /// No installation has more than a few megabytes of roles.
  static let byteLimit = 256 << 20

  /// Runs every statement by itself.
  ///
  /// `CREATE ROLE` of one that exists is passed over: pg_dumpall alters each role right after. Nothing
  /// is changed about the role that connects: a wrong attribute or password would lock us out.
  /// - Returns: what failed or was left out, in words without secrets.
  /// - Throws: a cancellation, or the loss of the connection.
  func load(_ script: [UInt8], isScratch: Bool) throws -> [String] {
    let own = try connection.query("SELECT session_user")[0, 0] ?? ""
    var warnings: [String] = []
    for statement in SQLSplitter.statements(of: script) {
      let words = Self.words(statement)
      // On a private server the tablespaces' folders must not be touched: they are the source's.
      if isScratch, words.contains("TABLESPACE") { continue }
      if words.starts(with: ["ALTER", "ROLE"]), words.count > 2,
        Self.unquoted(words[2]) == own
      {
        if !isScratch {
          warnings.append("role '\(own)' was left as it is: this restore connects as it")
        }
        continue
      }
      do throws(PostgresError) {
        try connection.execute(statement)
      } catch {
        switch error.kind {
        case .server where error.sqlState == "42710" && words.starts(with: ["CREATE", "ROLE"]):
          continue
        case .server, .privilege:
          let subject = words.prefix(3).joined(separator: " ")
          warnings.append("globals: \(quotable(subject)): \(error.why)")
        default: throw error
        }
      }
    }
    return warnings
  }

  /// The first words of a statement, as written: a quoted name is one word.
  static func words(_ statement: [UInt8]) -> [String] {
    var words: [String] = []
    var current = ""
    var isQuoted = false
    for character in String(decoding: statement.prefix(4_096), as: UTF8.self) {
      if character == "\"" { isQuoted.toggle() }
      if character == "'", !isQuoted { break }
      if character.isWhitespace, !isQuoted {
        if !current.isEmpty { words.append(current) }
        current = ""
      } else {
        current.append(character)
      }
    }
    if !current.isEmpty { words.append(current) }
    return words
  }

  private static func unquoted(_ name: String) -> String {
    guard name.hasPrefix("\""), name.hasSuffix("\""), name.count >= 2 else { return name }
    return name.dropFirst().dropLast().split(separator: "\"\"", omittingEmptySubsequences: false)
      .joined(separator: "\"")
  }
}
