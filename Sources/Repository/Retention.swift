// Which snapshots a policy keeps, and why: a plan, computed without touching anything.

package import Format
package import FoundationEssentials
import Storage

/// How many snapshots of each period are kept.
package struct RetentionPolicy: Hashable, Sendable {
  package var last = 0
  package var hourly = 0
  package var daily = 0
  package var weekly = 0
  package var monthly = 0
  package var yearly = 0
  /// Everything younger than this many seconds, counted back from the newest of its group.
  package var withinSeconds: Int64 = 0
  /// Everything with one of these tags.
  package var tags: [String] = []

  package init() {}

  /// Whether nothing would be kept.
  package var isEmpty: Bool { self == RetentionPolicy() }
}

/// What retention decides of one snapshot.
package struct RetentionDecision: Sendable {
  package var snapshot: Snapshot
  /// Why it is kept; empty if it is not.
  package var reasons: [String]
  /// Host and sources: policies apply to each group by itself.
  package var group: String

  package var isKept: Bool { !reasons.isEmpty }

  package init(snapshot: Snapshot, reasons: [String], group: String) {
    self.snapshot = snapshot
    self.reasons = reasons
    self.group = group
  }
}

package enum Retention {
  /// Decides on every snapshot.
  ///
  /// Oldest first.
  ///
  /// Snapshots are grouped by host and by the names of their sources. Of each hour, day, ISO week,
  /// month and year the newest snapshot counts, walking back from the newest, until as many periods
  /// as the policy names are filled; the oldest of a group fills a period that is not over. No group
  /// is emptied: where nothing else is kept, its newest is.
  package static func plan(
    _ snapshots: [Snapshot], policy: RetentionPolicy, calendar: Calendar
  ) -> [RetentionDecision] {
    var groups: [String: [Snapshot]] = [:]
    for snapshot in snapshots { groups[group(of: snapshot.manifest), default: []].append(snapshot) }
    return groups.sorted { $0.key < $1.key }.flatMap { name, members in
      decide(
        members.sorted { ($0.manifest.time, $0.id) > ($1.manifest.time, $1.id) }, group: name,
        policy, calendar
      ).reversed()
    }
  }

  package static func group(of manifest: Manifest) -> String {
    let sources =
      manifest.databases.map { "database \($0.name)" } + manifest.media.map { "media \($0.name)" }
    return "\(manifest.host): \(sources.sorted().joined(separator: ", "))"
  }

  private static func decide(
    _ newestFirst: [Snapshot], group: String, _ policy: RetentionPolicy, _ calendar: Calendar
  ) -> [RetentionDecision] {
    guard let newest = newestFirst.first else { return [] }
    let rules: [(word: String, count: Int, period: (Date) -> [Int?])] = [
      ("hourly", policy.hourly, { [hour(calendar, $0)] }),
      ("daily", policy.daily, { period(calendar, $0, [.year, .month, .day]) }),
      ("weekly", policy.weekly, { period(calendar, $0, [.yearForWeekOfYear, .weekOfYear]) }),
      ("monthly", policy.monthly, { period(calendar, $0, [.year, .month]) }),
      ("yearly", policy.yearly, { period(calendar, $0, [.year]) }),
    ]
    var left = rules.map(\.count)
    var seen: [[Int?]?] = rules.map { _ in nil }
    var decisions: [RetentionDecision] = []
    for (position, snapshot) in newestFirst.enumerated() {
      var reasons: [String] = []
      if position < policy.last { reasons.append("last \(position + 1)") }
      let age = newest.manifest.time.microseconds - snapshot.manifest.time.microseconds
      if policy.withinSeconds > 0, age <= policy.withinSeconds.multipliedClamped(by: 1_000_000) {
        reasons.append("within")
      }
      for tag in policy.tags where snapshot.manifest.tags.contains(tag) {
        reasons.append("tag \(tag)")
      }
      for (i, rule) in rules.enumerated() where left[i] > 0 {
        let current = rule.period(snapshot.manifest.time.date)
        let isOldest = position == newestFirst.count - 1
        if seen[i] != current || isOldest && left[i] > 0 && rule.count > 0 {
          seen[i] = current
          left[i] -= 1
          reasons.append("\(rule.word) \(rule.count - left[i])")
        }
      }
      decisions.append(RetentionDecision(snapshot: snapshot, reasons: reasons, group: group))
    }
    if !decisions.contains(where: \.isKept) { decisions[0].reasons = ["only one left"] }
    return decisions
  }

  /// When the hour began, in seconds: by components the hour that comes twice would be one.
  private static func hour(_ calendar: Calendar, _ date: Date) -> Int? {
    calendar.dateInterval(of: .hour, for: date).map { Int($0.start.timeIntervalSince1970) }
  }

  private static func period(
    _ calendar: Calendar, _ date: Date, _ components: Set<Calendar.Component>
  ) -> [Int?] {
    let found = calendar.dateComponents(components, from: date)
    return [
      found.year, found.yearForWeekOfYear, found.month, found.weekOfYear, found.day, found.hour,
    ]
  }
}

extension Int64 {
  fileprivate func multipliedClamped(by factor: Int64) -> Int64 {
    let (value, overflow) = multipliedReportingOverflow(by: factor)
    return overflow ? .max : value
  }
}

extension Repository {
  /// Removes the manifests of these snapshots; their blobs stay until a prune.
  package func forget(_ snapshots: [Snapshot]) throws {
    try require(.keeper, to: "forget snapshots")
    for snapshot in snapshots {
      guard let key = StorageKey(.snapshots, snapshot.id.hex) else { continue }
      do { try storage.delete(key) } catch {
        throw RepositoryError.storage("cannot forget snapshot \(snapshot.id)", error)
      }
    }
  }
}
