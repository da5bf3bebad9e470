// Where an object lies: a folder that says its kind, and a name.

/// The folders of a repository; the key says the kind.
package enum StorageFolder: String, Sendable, CaseIterable {
  case keys
  case packs
  case index
  case snapshots
  case log
  case doomed
}

/// The name of one immutable object.
package struct StorageKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Nil only for ``config``.
  package let folder: StorageFolder?
  package let name: String

  /// The one object outside the folders.
  package static let config = StorageKey()

  private init() {
    folder = nil
    name = "config"
  }

  /// The object `name` in `folder`; nil unless the name is 8 to 128 characters.
  ///
  /// Names are lower-case letters, digits and `-`.
  package init?(_ folder: StorageFolder, _ name: some StringProtocol) {
    let allowed = name.utf8.allSatisfy {
      (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
    }
    guard allowed, (8...128).contains(name.utf8.count) else { return nil }
    self.folder = folder
    self.name = String(name)
  }

  /// Path relative to the repository: packs are spread over 256 folders by their first two digits.
  package var path: String {
    guard let folder else { return name }
    return folder == .packs
      ? "packs/\(name.prefix(2))/\(name)" : "\(folder.rawValue)/\(name)"
  }

  package var description: String { path }

  package static func < (a: StorageKey, b: StorageKey) -> Bool { a.path < b.path }
}

/// An object as a listing shows it.
package struct StoredObject: Hashable, Sendable {
  package var key: StorageKey
  package var byteCount: Int

  package init(key: StorageKey, byteCount: Int) {
    self.key = key
    self.byteCount = byteCount
  }
}
