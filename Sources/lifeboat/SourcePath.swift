// SOURCE/PATH as people type it.

import Format
import Repository

/// A source of a snapshot and a place within it.
struct SourcePath {
  enum Source { case database(String), media(String) }
  let source: Source
  let components: [[UInt8]]
  let text: String

  /// - Throws: ``UsageError`` naming the sources that there are.
  init(_ text: String, in snapshot: Snapshot) throws {
    let parts = text.split(separator: "/", omittingEmptySubsequences: true).map { Array($0.utf8) }
    let name = parts.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    if snapshot.manifest.media.contains(where: { $0.name == name }) {
      source = .media(name)
    } else if snapshot.manifest.databases.contains(where: { $0.name == name }) {
      source = .database(name)
    } else {
      let names = snapshot.manifest.databases.map(\.name) + snapshot.manifest.media.map(\.name)
      throw UsageError(
        what: "there is no source '\(name)' in snapshot \(snapshot.id)",
        why: "it has \(names.joined(separator: ", "))",
        next: "a path begins with the name of a source")
    }
    components = Array(parts.dropFirst())
    self.text = text
  }

  func notFound() -> UsageError {
    UsageError(
      what: "there is no '\(text)' in the snapshot", why: "no entry has this path",
      next: "list what there is with 'lifeboat ls'")
  }
}
