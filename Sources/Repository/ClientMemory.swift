// What a client remembers of the repositories it saw: outside of them, so that they cannot lie about it.

import Files
import Format
import FoundationEssentials
import Sodium

/// What was seen of one repository at one place when it was last open.
package struct RepositoryMemory: Codable, Hashable, Sendable {
  /// A signer's last manifest: who cannot read manifests must remember its own.
  package struct Link: Codable, Hashable, Sendable {
    package var sequence: UInt64
    package var snapshot: String
  }
  /// The newest entry of the evidence log, as `number-id`; nil if there was none.
  package var head: String?
  /// Ids of the snapshots that were there.
  package var snapshots: [String] = []
  /// By the signer's verification key, in hexadecimal digits.
  package var chains: [String: Link] = [:]

  package init() {}
}

/// The memory of one place: a small file in a folder of this machine.
///
/// A place may hold several repositories in turn, as a drive bay does. Files are replaced whole; of two
/// processes that remember at once one wins, and both saw the truth.
package struct ClientMemory: Sendable {
  private struct Contents: Codable {
    var version = 1
    var location: String
    var repositories: [String: RepositoryMemory]
  }
  private static let limit = 64 << 20
  private let folder: String
  private let location: String
  package var path: String { "\(folder)/\(name)" }

  /// - Parameters:
  ///   - folder: the client's state; made when something is first remembered.
  ///   - location: the place of the repository, absolute.
  package init(folder: String, location: String) {
    self.folder = folder + "/heads"
    self.location = location
  }

  private var name: String {
    String(Blake2b.hash(Array(location.utf8)).hex.prefix(32)) + ".json"
  }

  /// What is remembered of this place, by repository id in hexadecimal digits.
  ///
  /// - Throws: ``RepositoryError`` if the file is there and cannot be read: forgetting in silence would be
  ///   what an attacker wants.
  package func load() throws -> [String: RepositoryMemory] {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try OwnedDescriptor.contents(of: path, limit: Self.limit)
    } catch {
      if error.isNotFound { return [:] }
      throw unreadable("\(error)")
    }
    guard let contents = try? JSONDecoder().decode(Contents.self, from: Data(bytes)),
      contents.version == 1, contents.location == location
    else { throw unreadable("it is not what this program writes") }
    return contents.repositories
  }

  private func unreadable(_ why: String) -> RepositoryError {
    RepositoryError(
      .rolledBack, what: "cannot read what this client remembers, \(path)", why: why,
      next: "repair or remove the file, or accept what is there with --accept-rollback")
  }

  /// Replaces what is remembered of this place.
  package func save(_ repositories: [String: RepositoryMemory]) throws {
    let bytes = try DocumentBody.encode(Contents(location: location, repositories: repositories))
    do throws(SystemError) {
      try OwnedDescriptor.workingDirectory.makeDirectories(folder)
      try DurableFile.write(bytes, to: path)
    } catch {
      throw RepositoryError(
        .storage, what: "cannot remember the state of the repository in \(folder)",
        why: "\(error)", next: "make it writable, or name another folder in STATE_DIRECTORY")
    }
  }
}
