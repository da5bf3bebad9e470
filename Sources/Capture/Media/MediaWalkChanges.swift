// What changed in a directory while it was walked, as far as it made the walk miss something.

import Files
import Format
import FoundationEssentials

extension MediaWalk {
  /// Now, or a little before: the clock that stamps files may lag by a tick.
  static var now: Files.FileTime {
    let time = Date().timeIntervalSince1970 - 0.1
    let seconds = time.rounded(.down)
    return Files.FileTime(
      seconds: Int64(seconds), nanoseconds: UInt32((time - seconds) * 1_000_000_000))
  }

  /// Entries that were there all the time, under a name that came too late to be listed.
  ///
  /// A name that is new since `listing` was made is of no interest if its inode is: such an entry is
  /// younger than this snapshot. One whose inode was listed under a name that is gone was renamed
  /// between being listed and being read, and would be missing without a word.
  static func renamed(
    in directory: SharedDirectory, since listing: DirectoryListing, before status: FileStatus,
    listed: Files.FileTime
  ) -> [(old: FileName, new: FileName)] {
    guard let now = try? directory.descriptor.status(),
      now.modified != status.modified || now.changed != status.changed,
      let later = try? directory.descriptor.sortedEntries()
    else { return [] }
    var gone: [UInt64: FileName] = [:]
    for entry in listing where !later.holds(entry.name) { gone[entry.inode] = entry.name }
    guard !gone.isEmpty else { return [] }
    var found: [(old: FileName, new: FileName)] = []
    for entry in later where !listing.holds(entry.name) {
      guard let old = gone[entry.inode] else { continue }
      // An inode that was freed is soon given to a new file: that one was born after the listing.
      if let born = (try? directory.descriptor.status(of: entry.name))?.born, born > listed {
        continue
      }
      found.append((old, entry.name))
    }
    return found
  }
}
