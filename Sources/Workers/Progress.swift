// How far a long operation is: counters that workers bump and a display reads.

import Synchronization

/// Counts bytes and items of the current phase; cheap enough to call for each chunk.
package final class Progress: Sendable {
  /// What a display shows.
  package struct Reading: Sendable {
    package var phase: String
    package var doneBytes: UInt64
    package var doneItems: UInt64
    /// 0 when unknown.
    package var totalBytes: UInt64
  }
  private let phase = Mutex("")
  private let doneBytes = Atomic<UInt64>(0)
  private let doneItems = Atomic<UInt64>(0)
  private let totalBytes = Atomic<UInt64>(0)
  private let changed: @Sendable (Reading) -> Void

  /// - Parameter changed: called when a phase begins.
  package init(changed: @escaping @Sendable (Reading) -> Void = { _ in }) { self.changed = changed }

  /// Starts a phase: counters go to zero.
  ///
  /// - Parameter totalBytes: an estimate, 0 if there is none.
  package func begin(_ name: String, totalBytes total: UInt64 = 0) {
    phase.withLock { $0 = name }
    doneBytes.store(0, ordering: .relaxed)
    doneItems.store(0, ordering: .relaxed)
    totalBytes.store(total, ordering: .relaxed)
    changed(reading)
  }

  package func add(bytes: Int, items: Int = 0) {
    doneBytes.wrappingAdd(UInt64(max(0, bytes)), ordering: .relaxed)
    doneItems.wrappingAdd(UInt64(max(0, items)), ordering: .relaxed)
  }

  package var reading: Reading {
    Reading(
      phase: phase.withLock { $0 }, doneBytes: doneBytes.load(ordering: .relaxed),
      doneItems: doneItems.load(ordering: .relaxed),
      totalBytes: totalBytes.load(ordering: .relaxed))
  }
}
