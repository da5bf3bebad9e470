// What the walk over a media tree finds, one item an entry.

import Files
import Format

/// One entry as the walk found it.
struct WalkItem: Sendable {
  /// What is known already, or what has to be done to know it.
  enum Task: Sendable {
    /// Complete: a directory, a link, a device; or a file that did not change.
    case entry(CatalogEntry, isUnchanged: Bool)
    /// A regular file whose content has to be read.
    case read(FileToRead)
    /// Another name of what stands under `target`; read like a file if that could not be.
    case link(target: CatalogKey, FileToRead)
    case unreadable(reason: String)
    /// Left out on purpose: told, but not in the catalog.
    case excluded(reason: String)
    /// It was listed, and then it was gone.
    case vanished
    /// Gone because it has another name now; told as unreadable if nothing was read under this one.
    case renamed(to: FileName)
    /// Something to tell of the entry.
    case note(String)
  }
  let key: CatalogKey
  let task: Task
  /// What of it could not be read, in words.
  var failures: [String] = []
  /// Shared by all names of one inode that has several.
  var linkGroup: FileIdentity?
}

/// Where to open a file.
struct FileToRead: Sendable {
  let directory: SharedDirectory
  let name: FileName
  let status: FileStatus
}

/// An inode.
struct FileIdentity: Hashable, Sendable {
  let device: DeviceNumber
  let inode: UInt64

  init(_ status: FileStatus) {
    device = status.device
    inode = status.inode
  }
}
