// Which part of a media source is meant: the whole, or paths and patterns beneath its root.

import Files
import Format
import Repository

/// Subtrees of a source, ascending, none within another.
struct MediaSelection: Sendable {
  let keys: [CatalogKey]

  enum Relation {
    /// Within a subtree that is meant.
    case inside
    /// A directory on the way to one.
    case above
    case outside
  }

  /// - Parameters:
  ///   - include: paths beneath the root, or patterns (``PathPattern``); empty for everything.
  ///   - catalog: of the snapshot.
  ///   - name: the source.
  /// - Throws: ``MediaReplayError`` `sourceMissing`, or `pathMissing` for one that nothing matches;
  ///   errors of the repository.
  init(_ include: [[UInt8]], of catalog: CatalogReader, source name: String) throws {
    let source = CatalogKey.media(name)
    guard try catalog.entry(source) != nil else {
      throw MediaReplayError(
        .sourceMissing, what: "cannot restore the media source '\(name)'",
        why: "the snapshot has no such source", next: "list what it has with 'lifeboat ls'")
    }
    var keys: [CatalogKey] = include.isEmpty ? [source] : []
    var patterns: [(pattern: PathPattern, text: [UInt8])] = []
    for path in include {
      let names = path.split(separator: UInt8(ascii: "/")).map { Array($0) }
        .filter { $0 != [0x2e] }
      if let key = CatalogKey(components: source.components + names),
        try catalog.entry(key) != nil
      {
        keys.append(key)
      } else if PathPattern.isPattern(path) {
        do throws(PathPatternError) {
          patterns.append((try PathPattern(path), path))
        } catch { throw Self.missing(path, "the pattern could never match: \(error)") }
      } else {
        throw Self.missing(path, "the snapshot has no such path in '\(name)'")
      }
    }
    keys += try Self.matches(patterns, of: catalog, source)
    self.keys = keys.sorted().reduce(into: []) { result, key in
      if let last = result.last, key.isWithin(last) { return }
      result.append(key)
    }
  }

  private static func matches(
    _ patterns: [(pattern: PathPattern, text: [UInt8])], of catalog: CatalogReader,
    _ source: CatalogKey
  ) throws -> [CatalogKey] {
    guard !patterns.isEmpty else { return [] }
    var keys: [CatalogKey] = []
    var isMatched = [Bool](repeating: false, count: patterns.count)
    try catalog.forEach(within: source) { key, entry in
      let path = key.components.dropFirst(source.components.count)
      var isDirectory = false
      if case .directory = entry { isDirectory = true }
      for (index, item) in patterns.enumerated()
      where item.pattern.matches(path, isDirectory: isDirectory) {
        isMatched[index] = true
        if let last = keys.last, key.isWithin(last) { continue }
        keys.append(key)
      }
    }
    if let index = isMatched.firstIndex(of: false) {
      throw missing(patterns[index].text, "no path of the snapshot matches this pattern")
    }
    return keys
  }

  private static func missing(_ path: [UInt8], _ why: String) -> MediaReplayError {
    MediaReplayError(
      .pathMissing, what: "cannot restore '\(displayed(path))'", why: why,
      next: "list its paths with 'lifeboat ls'")
  }

  func relation(of key: CatalogKey) -> Relation {
    // The first subtree after the key; only the one before it can hold the key.
    var (low, high) = (0, keys.count)
    while low < high {
      let middle = (low + high) / 2
      if key < keys[middle] { high = middle } else { low = middle + 1 }
    }
    if low > 0, key.isWithin(keys[low - 1]) { return .inside }
    return low < keys.count && keys[low].isWithin(key) ? .above : .outside
  }
}
