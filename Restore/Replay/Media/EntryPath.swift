// Catalog keys of a media source as paths, checked: a snapshot may be hostile.

import Files
import Format

/// Where an entry lies beneath the root of its source: components that can each name a file.
struct EntryPath: Sendable {
  let components: [FileName]

  /// - Throws: ``EntryFailure`` unless `key` is `source` or lies beneath it and every component is
  ///   a name: not empty, not `.` or `..`, without a slash, at most 255 bytes.
  init(_ key: CatalogKey, in source: CatalogKey) throws(EntryFailure) {
    guard key.isWithin(source) else { throw EntryFailure("its key lies in another source") }
    var components: [FileName] = []
    for bytes in key.components.dropFirst(source.components.count) {
      guard let name = FileName(bytes) else {
        throw EntryFailure("'\(displayed(bytes))' cannot be the name of a file")
      }
      components.append(name)
    }
    self.components = components
  }

  var name: FileName? { components.last }

  /// The directory's path, for opening beneath the root.
  var parent: [UInt8] {
    components.count < 2
      ? Array(".".utf8)
      : Array(components.dropLast().map(\.bytes).joined(separator: Array("/".utf8)))
  }
}

/// The path of `key` beneath its source, for messages; never fails.
func displayedPath(_ key: CatalogKey) -> String {
  let path = Array(key.components.dropFirst(2).joined(separator: Array("/".utf8)))
  return path.isEmpty ? "." : displayed(path)
}

extension OwnedDescriptor {
  /// Opens a directory beneath this one by a path of any length, through no symbolic link.
  borrowing func openDirectory(beneath path: [UInt8]) throws(SystemError) -> OwnedDescriptor {
    // openat2 takes at most PATH_MAX (4096) bytes.
    try open(beneath: path, .directory, componentwise: path.count > 4000)
  }
}
