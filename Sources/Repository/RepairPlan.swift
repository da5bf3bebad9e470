// What a repair would do, and what it cannot.

import Sodium
package import Storage

/// The mending of one repository, decided before anything is written.
package struct RepairPlan: Sendable {
  /// One object, and what becomes of it.
  package struct Step: Sendable {
    package enum Action: String, Sendable {
      /// A damaged pack is computed anew from its parity.
      case mend
      /// The second repository's copy takes its place.
      case fetch
      /// A pack that no readable index run names comes into a new one; a run that is gone is named by it
      /// as replaced, so that nobody goes on looking for it.
      case relist
      /// A damaged object goes, once what it said stands elsewhere or is of no use.
      case remove
    }
    package var action: Action
    package var object: StorageKey
    /// What is wrong with it.
    package var reason: String
    /// What the bytes must hash to; nil for steps that write no object of this name.
    var checksum: Digest?
    var byteCount = 0
  }
  /// In the order in which they are performed.
  package var steps: [Step] = []
  /// Damage that stays, with the snapshots and entries it touches.
  package var losses: [CheckReport.Finding] = []
  package var packCount = 0
  package var readByteCount: UInt64 = 0

  /// Whether performing it would change nothing.
  package var isEmpty: Bool { steps.isEmpty }

  package func count(_ action: Step.Action) -> Int { steps.count { $0.action == action } }
}

/// How a repair decides.
package struct RepairOptions: Sendable {
  /// Whether damaged manifests, log entries and key slots that no copy replaces are removed: until
  /// they are, commands that must see them all refuse to run.
  package var removesLost = false

  package init() {}
}
