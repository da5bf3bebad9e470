// Files in a directory that say how it is to be backed up: CACHEDIR.TAG and .lifeboatignore.

import Files
import Glibc

extension DirectoryListing {
  /// Whether an entry has this name; finds it in the sorted names.
  func holds(_ name: FileName) -> Bool {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if self[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low < count && self[low].name == name
  }
}

/// The tag that marks a directory of things that can be made again (https://bford.info/cachedir/).
enum CacheDirectoryTag {
  private static let signature = Array("Signature: 8a477f597d28d172789f06886806bc55".utf8)

  /// The tag file's name, if the directory has one that is: these 43 bytes at its start.
  static func find(in directory: SharedDirectory, _ listing: DirectoryListing) -> FileName? {
    guard let tag = FileName("CACHEDIR.TAG"), listing.holds(tag),
      let status = try? directory.descriptor.status(of: tag), status.kind == .regular,
      let file = try? OwnedDescriptor.openFile(tag, in: directory.descriptor),
      let start = try? file.read(byteCount: signature.count, at: 0), start == signature
    else { return nil }
    return tag
  }
}

/// A .lifeboatignore file: patterns as in a .gitignore file, for its directory and all beneath it.
///
/// Whoever may write such a file decides what is not backed up. So it counts only if it belongs to
/// root or to the user who runs the backup, and nobody else may write it: an upload of that name in
/// a web application's media directory must not make other uploads vanish from the backups.
enum IgnoreFile {
  static let name = ".lifeboatignore"
  private static let byteLimit = 1 << 20

  /// The rules of the directory's ignore file; nil if it has none that counts.
  ///
  /// `note` is told why a file, or a line of it, does not count; both then exclude nothing.
  static func rules(
    in directory: SharedDirectory, _ listing: DirectoryListing, note: (String) -> Void
  ) -> ExcludeRules? {
    guard let name = FileName(Self.name), listing.holds(name) else { return nil }
    let content: [UInt8]
    do throws(SystemError) {
      let file = try OwnedDescriptor.openFile(name, in: directory.descriptor)
      let status = try file.status()
      if let reason = distrust(of: status) {
        note("does not count: \(reason)")
        return nil
      }
      content = try file.readToEnd(limit: byteLimit)
    } catch {
      if error.isNotFound { return nil }
      note("does not count: \(error.isSymbolicLink ? "it is a symbolic link" : error.reason)")
      return nil
    }
    return ExcludeRules(file: content) { line, reason in
      note("line \(line) does not count: \(reason)")
    }
  }

  private static func distrust(of status: FileStatus) -> String? {
    if status.kind != .regular { return "it is not a regular file" }
    if status.userID != 0, status.userID != geteuid() {
      return "it belongs to user \(status.userID), not to root or the user who runs the backup"
    }
    if status.permissions & 0o022 != 0 { return "others than its owner may write it" }
    return nil
  }
}
