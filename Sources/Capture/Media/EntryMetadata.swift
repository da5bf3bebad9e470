// From what the kernel says of an entry to what the catalog keeps, and whether the two still agree.

import Files
import Format

extension Format.FileTime {
  init(_ time: Files.FileTime) {
    self.init(seconds: time.seconds, nanoseconds: time.nanoseconds)
  }
}

extension FileMetadata {
  init(_ status: FileStatus, flags: UInt32 = 0, attributes: [ExtendedAttribute] = []) {
    self.init(
      mode: status.permissions, userID: status.userID, groupID: status.groupID,
      modified: Format.FileTime(status.modified), changed: Format.FileTime(status.changed),
      inode: status.inode, flags: flags, attributes: attributes)
  }
}

/// Metadata, and what of it could not be read.
struct CollectedMetadata {
  var metadata: FileMetadata
  var failures: [String] = []

  /// Of an open file or directory.
  init(of file: borrowing OwnedDescriptor, status: FileStatus) {
    var failures: [String] = []
    var attributes: [ExtendedAttribute] = []
    do throws(SystemError) {
      for name in try file.extendedAttributeNames() {
        do throws(SystemError) {
          if let value = try file.extendedAttribute(name) {
            attributes.append(ExtendedAttribute(name: name, value: value))
          }
        } catch { failures.append("attribute \(displayed(name)): \(error.reason)") }
      }
    } catch { failures.append("attributes: \(error.reason)") }
    var flags: UInt32 = 0
    do throws(SystemError) {
      flags = try file.inodeFlags()?.intersection(.settable).rawValue ?? 0
    } catch { failures.append("inode flags: \(error.reason)") }
    metadata = FileMetadata(status, flags: flags, attributes: attributes)
    self.failures = failures
  }

  /// Of an entry that is not opened: a symbolic link, a FIFO, a device, or what may not be read.
  init(
    of name: FileName, in directory: borrowing OwnedDescriptor, status: FileStatus
  ) {
    var failures: [String] = []
    var attributes: [ExtendedAttribute] = []
    do throws(SystemError) {
      for attribute in try directory.extendedAttributeNames(of: name) {
        do throws(SystemError) {
          if let value = try directory.extendedAttribute(attribute, of: name) {
            attributes.append(ExtendedAttribute(name: attribute, value: value))
          }
        } catch { failures.append("attribute \(displayed(attribute)): \(error.reason)") }
      }
    } catch  where error.isNotFound {
      // It vanished; whoever looks at the entry next will see that.
    } catch { failures.append("attributes: \(error.reason)") }
    metadata = FileMetadata(status, attributes: attributes)
    self.failures = failures
  }
}

/// Decides whether an entry is as the parent snapshot has it, so that it need not be opened.
///
/// The change time can be set by nobody and moves with content and metadata alike. Two changes
/// within one tick of the filesystem's clock look the same, though, so an entry that changed so
/// shortly before the parent's scan that the scan may have seen only the first of two is read again.
struct ChangeDetection: Sendable {
  /// Coarser than any filesystem's clock: FAT counts in 2 seconds, ext3 in 1.
  static let tickSeconds: Int64 = 2
  private let limit: Files.FileTime
  private let now: Files.FileTime

  /// - Parameters:
  ///   - parentStarted: when the parent's capture began.
  ///   - now: a time set later than this was set by hand, and is no sign of a recent write.
  init(parentStarted: Timestamp, now: Timestamp) {
    func time(_ stamp: Timestamp) -> Files.FileTime {
      let seconds = stamp.microseconds / 1_000_000 - (stamp.microseconds % 1_000_000 < 0 ? 1 : 0)
      return Files.FileTime(seconds: seconds)
    }
    limit = Files.FileTime(seconds: time(parentStarted).seconds - Self.tickSeconds)
    self.now = Files.FileTime(seconds: time(now).seconds + Self.tickSeconds)
  }

  /// Whether the entry is as the parent has it.
  ///
  /// `byteCount` is the parent's; nil for what has no length.
  func isUnchanged(_ status: FileStatus, _ metadata: FileMetadata, byteCount: UInt64? = nil) -> Bool
  {
    if let byteCount, UInt64(status.byteCount) != byteCount { return false }
    return status.inode == metadata.inode
      && Format.FileTime(status.changed) == metadata.changed
      && Format.FileTime(status.modified) == metadata.modified
      && status.permissions == metadata.mode && status.userID == metadata.userID
      && status.groupID == metadata.groupID && status.changed < limit
      && !(status.modified >= limit && status.modified <= now)
  }
}
