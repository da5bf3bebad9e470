// A directory tree to back up, and what can be wrong with it as a whole.

/// A media tree as the configuration names it.
package struct MediaSource: Sendable {
  /// Names it in the snapshot; without a zero byte.
  package var name: String
  /// The root directory; only this path may lead through symbolic links.
  package var path: String
  /// Patterns as in a .gitignore file at the root; see ``ExcludeRules``.
  ///
  /// They go before those of .lifeboatignore files.
  package var excludes: [String]
  /// Keeps out of what is mounted inside: such a directory is recorded, but not what it holds.
  package var oneFileSystem: Bool
  /// Leaves out what lies in directories with a CACHEDIR.TAG (https://bford.info/cachedir/), except
  /// the tag; the root itself is always read.
  package var honoursCacheDirTag: Bool
  /// Leaves out what .lifeboatignore files in the tree name, where they count; see ``IgnoreFile``.
  package var honoursIgnoreFiles: Bool
  /// Leaves out regular files that are longer, holes included; nil for no limit.
  package var largestByteCount: UInt64?

  package init(
    name: String, path: String, excludes: [String] = [], oneFileSystem: Bool = true,
    honoursCacheDirTag: Bool = true, honoursIgnoreFiles: Bool = true,
    largestByteCount: UInt64? = nil
  ) {
    self.name = name
    self.path = path
    self.excludes = excludes
    self.oneFileSystem = oneFileSystem
    self.honoursCacheDirTag = honoursCacheDirTag
    self.honoursIgnoreFiles = honoursIgnoreFiles
    self.largestByteCount = largestByteCount
  }
}

/// A media source that cannot be captured at all; single entries that cannot be read are counted in
/// the summary instead.
package struct MediaError: Error, CustomStringConvertible, Sendable {
  /// Stable across releases: exit statuses and scripts depend on it.
  package enum Code: String, Sendable {
    case sourceMissing = "source-missing"
    case sourceNotDirectory = "source-not-directory"
    case sourceUnreadable = "source-unreadable"
    case invalidName = "invalid-name"
    case invalidExclude = "invalid-exclude"
  }
  package var code: Code
  package var what, why, next: String

  package init(_ code: Code, what: String, why: String, next: String) {
    self.code = code
    self.what = what
    self.why = why
    self.next = next
  }

  package var description: String { "\(what): \(why)\nhint: \(next)" }
}
