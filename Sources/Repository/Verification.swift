// When each pack was last read and found good: kept in the evidence log, so any machine goes on with it.

package import Format
import Storage

/// What the checks of the past say of packs.
///
/// It is in the repository and not in a state folder, so that it survives the machine that checked. What
/// is lost of the log only means that some packs are read again sooner.
package struct Verifications: Sendable {
  /// By the first 16 digits of the pack's id.
  private var times: [String: Timestamp] = [:]

  package init() {}

  /// Under this name a check's log entry holds the packs that it found good.
  package static let detail = "verified"

  /// The text of that detail.
  package static func text(_ packs: [PackID]) -> String {
    packs.map { String($0.hex.prefix(16)) }.sorted().joined(separator: " ")
  }

  /// Takes in one check.
  package mutating func add(_ text: String, at time: Timestamp) {
    for word in text.split(separator: " ") {
      let name = String(word)
      if let known = times[name], known >= time { continue }
      times[name] = time
    }
  }

  /// When `pack` was last found good; nil if never.
  package func time(of pack: PackID) -> Timestamp? { times[String(pack.hex.prefix(16))] }

  /// The packs to read next: never verified ones first, then those verified longest ago, as many as
  /// `budget` bytes allow and at least one.
  package func due(_ packs: [PackRecord], budget: UInt64) -> [PackRecord] {
    let ordered = packs.map { (time: time(of: $0.id)?.microseconds ?? .min, pack: $0) }
      .sorted { ($0.time, $0.pack.id) < ($1.time, $1.pack.id) }
    var due: [PackRecord] = []
    var left = budget
    for (_, pack) in ordered {
      // What does not fit now is the first next time.
      guard due.isEmpty || UInt64(pack.byteCount) <= left else { break }
      due.append(pack)
      left -= min(left, UInt64(pack.byteCount))
    }
    return due
  }
}

/// How much of a repository was verified lately.
package struct VerifiedShare: Sendable, Equatable {
  package var byteCount: UInt64 = 0
  /// Verified at or after the time that was asked for.
  package var recentByteCount: UInt64 = 0
  package var neverByteCount: UInt64 = 0
  /// When what was verified longest ago was; nil if nothing ever was.
  package var oldest: Timestamp?

  package init() {}
}

extension Repository {
  /// What the log says; entries that cannot be read are left out.
  package func verifications() throws -> Verifications {
    var result = Verifications()
    // Which entries are checks shows only inside: the log is short beside the packs it spares us.
    for object in try list(.log) where LogName(object.key.name) != nil {
      guard let (envelope, body) = try? loadDocument(object.key, kind: .logEntry),
        // Whoever only backs up cannot have read what it claims.
        envelope.role != .writer,
        let entry = try? DocumentBody.decode(LogEntry.self, from: body, kind: .logEntry),
        entry.event == .check, let text = entry.details[Verifications.detail]
      else { continue }
      result.add(text, at: entry.time)
    }
    return result
  }

  /// How much of what lies in the storage was verified since `time`.
  package func verifiedShare(since time: Timestamp) throws -> VerifiedShare {
    let known = try verifications()
    var share = VerifiedShare()
    for object in try list(.packs) {
      guard let pack = PackID(hex: object.key.name) else { continue }
      let byteCount = UInt64(object.byteCount)
      share.byteCount += byteCount
      guard let last = known.time(of: pack) else {
        share.neverByteCount += byteCount
        continue
      }
      if last >= time { share.recentByteCount += byteCount }
      share.oldest = min(share.oldest ?? last, last)
    }
    return share
  }
}
