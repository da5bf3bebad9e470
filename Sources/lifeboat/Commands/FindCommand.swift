import ArgumentParser
import Files
import Format
import Foundation
import Repository
import Workers

struct FindCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "find", abstract: "Find files in all snapshots by a pattern.",
    discussion: """
      A pattern is as in .gitignore: '*.jpg' matches at any depth, '/2026/*' from the top of a \
      media source, '**' any directories; a slash at the end matches directories only. The newest \
      snapshot comes first.
      """)

  @OptionGroup var global: GlobalOptions
  @OptionGroup var filter: FilterOptions

  @Argument(help: "What to look for; repeatable.")
  var patterns: [String]

  @Option(
    help: ArgumentHelp(
      "Only in this snapshot: latest, or the first digits of an id; repeatable.",
      valueName: "snapshot"))
  var snapshot: [String] = []

  @Option(help: ArgumentHelp("Only in this media source.", valueName: "name"))
  var media: String?

  @Flag(name: [.customShort("i"), .long], help: "Let 'a' match 'A' (ASCII letters).")
  var ignoreCase = false

  func validate() throws {
    guard !patterns.isEmpty else { throw ValidationError("give a pattern") }
  }

  /// Where something was found.
  private struct Match: Encodable {
    var snapshot, time, source: String
    var entry: EntryRecord

    enum Key: String, CodingKey { case snapshot, time, source }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: Key.self)
      try container.encode(snapshot, forKey: .snapshot)
      try container.encode(time, forKey: .time)
      try container.encode(source, forKey: .source)
      try entry.encode(to: encoder)
    }
  }

  func run() throws {
    let patterns = try self.patterns.map(pattern)
    let session = try Session(global)
    let repository = try session.openRepository()
    let chosen = SnapshotFilter(tags: filter.tag, host: filter.host)
    let snapshots =
      snapshot.isEmpty
      ? try repository.snapshots(matching: chosen).reversed()
      : try snapshot.map { try repository.snapshot(named: $0, matching: chosen) }
    try checkMedia(snapshots)
    try repository.loadIndex()
    let reader = repository.makeReader()
    var matches: [Match] = []
    var count = 0
    for snapshot in snapshots {
      let catalog = try repository.catalog(of: snapshot, reader: reader)
      var isNamed = false
      for source in snapshot.manifest.media where media == nil || media == source.name {
        let root = CatalogKey.media(source.name)
        try catalog.forEach(within: root) { key, entry in
          try session.cancellation.check()
          let path = key.components.dropFirst(2)
          guard !path.isEmpty, patterns.contains(where: { $0.matches(path, entry) }) else { return }
          count += 1
          let match = Match(
            snapshot: snapshot.id.hex, time: snapshot.manifest.time.description,
            source: source.name, entry: EntryRecord(path: Array(path), entry))
          if global.json { return matches.append(match) }
          if !isNamed {
            isNamed = true
            try Terminal.shared.print(
              "snapshot \(snapshot.id) of \(Display.time(snapshot.manifest.time)):")
          }
          var record = match.entry
          record.path = "\(source.name)/\(record.path)"
          try Terminal.shared.print("  \(record.line)")
        }
      }
    }
    if global.json { return try Terminal.shared.print(JSONText.pretty(matches)) }
    if count == 0 { session.messages.info("nothing found in \(snapshots.count) snapshots") }
  }

  private func checkMedia(_ snapshots: [Snapshot]) throws {
    guard let media else { return }
    let names = Set(snapshots.flatMap { $0.manifest.media.map(\.name) }).sorted()
    guard !names.contains(media) else { return }
    throw UsageError(
      what: "there is no media source '\(media)' in the snapshots",
      why: names.isEmpty ? "they have none" : "they have \(names.joined(separator: ", "))",
      next: "leave --media away to look in all")
  }

  private func pattern(_ text: String) throws -> PathPattern {
    do throws(PathPatternError) {
      return try PathPattern(Array(text.utf8), ignoringCase: ignoreCase)
    } catch {
      throw UsageError(
        what: "cannot look for '\(text)'", why: error.description,
        next: "write it as in a .gitignore file; a backslash takes the next character as it is")
    }
  }
}

extension PathPattern {
  fileprivate func matches(_ path: some Collection<[UInt8]>, _ entry: CatalogEntry) -> Bool {
    var isDirectory = false
    if case .directory = entry { isDirectory = true }
    return matches(path, isDirectory: isDirectory)
  }
}
