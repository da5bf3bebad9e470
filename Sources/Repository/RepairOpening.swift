// A repository that cannot even be opened: its configuration and key slots come from a copy.

import Format
package import Storage

extension Repository {
  /// What `storage` lacks to be opened as the repository that `other`, its copy, is.
  ///
  /// - Throws: ``RepositoryError``; `refused` if nothing in `storage` belongs to that repository.
  package static func planOpening(of storage: any Storage, from other: Repository) throws
    -> [RepairPlan.Step]
  {
    guard try belongs(storage, to: other) else {
      throw RepositoryError(
        .refused, what: "cannot repair \(storage.location) from \(other.storage.location)",
        why: "nothing in it says that it is repository \(other.id)",
        next: "check both paths; to begin anew, copy the whole directory")
    }
    var steps: [RepairPlan.Step] = []
    func wants(_ key: StorageKey, _ bytes: [UInt8]) -> Bool {
      guard let own = try? storage.load(key, limit: documentLimit) else { return true }
      return own != bytes
    }
    for object in try other.list(.keys) {
      guard let id = DocumentID(hex: object.key.name),
        let bytes = other.copy(of: object.key, hashingTo: id.digest), wants(object.key, bytes)
      else { continue }
      steps.append(
        .init(
          action: .fetch, object: object.key, reason: "it is gone or damaged", checksum: id.digest))
    }
    do {
      let config = try other.storage.load(.config, limit: documentLimit)
      if wants(.config, config) {
        steps.append(
          .init(
            action: .fetch, object: .config, reason: "it is gone or damaged",
            checksum: DocumentID(of: config).digest))
      }
    } catch { throw RepositoryError.storage("cannot read the copy", error) }
    return steps
  }

  /// Performs what ``planOpening(of:from:)`` planned; `config` comes last, which is what makes it one.
  package static func performOpening(
    of storage: any Storage, _ steps: [RepairPlan.Step], from other: Repository
  ) throws {
    for step in steps {
      guard let checksum = step.checksum,
        let bytes = other.copy(of: step.object, hashingTo: checksum)
      else { continue }
      do { try storage.replace(step.object, with: bytes.span) } catch {
        throw RepositoryError.storage("cannot repair \(step.object)", error)
      }
    }
  }

  /// Whether some object of `storage` names the repository of `other` in its header.
  private static func belongs(_ storage: any Storage, to other: Repository) throws -> Bool {
    var keys = [StorageKey.config]
    for folder in StorageFolder.allCases {
      do { keys += try storage.list(folder).prefix(20).map(\.key) } catch {
        throw RepositoryError.storage("cannot list \(folder.rawValue)", error)
      }
    }
    return keys.contains { key in
      var head = [UInt8](repeating: 0, count: ObjectHeader.byteCount)
      var span = head.mutableSpan
      guard (try? storage.read(key, at: 0, into: &span)) != nil else { return false }
      return (try? ObjectHeader(head))?.repository == other.id
    }
  }
}
