// Proving a repository sound: everything named is there, everything there is what it says.

package import Format
import Sodium
import Storage
package import Workers

/// What a check found.
package struct CheckReport: Sendable {
  /// One finding.
  package struct Finding: Sendable {
    /// Stable word: `manifest`, `index`, `pack-missing`, `pack-length`, `pack-damaged`,
    /// `blob-missing`, `blob-damaged`, `catalog`, `key-slot`, `log`, `doom-mark`.
    package var code: String
    package var what: String
    /// Short ids of the snapshots it touches; empty if none.
    package var snapshots: [String]
    /// Entries it touches, at most 20.
    package var paths: [String]
    /// The pack it is about, if it is about one.
    var pack: PackID?
    /// The blob of that pack that is damaged; nil if the pack is as a whole.
    var blob: BlobID?
  }
  package var findings: [Finding] = []
  /// Things to know that are no damage: garbage of interrupted runs, runs that were replaced.
  package var notes: [String] = []
  package var snapshotCount = 0
  package var packCount = 0
  package var blobCount = 0
  package var storedByteCount: UInt64 = 0
  /// Bytes of packs that were read and verified; 0 unless asked for.
  package var readByteCount: UInt64 = 0
  /// Packs of which every byte was read and found good.
  package var verifiedPacks: [PackID] = []
  /// Packs that the budget left for another time.
  package var postponedPackCount = 0

  package var isSound: Bool { findings.isEmpty }
}

extension Repository {
  /// Checks the structure, and with `readingData` every byte of every pack.
  ///
  /// Damage is collected, not thrown; what is thrown is cancellation and a storage that cannot be
  /// listed at all.
  /// - Parameter budget: at most so many bytes of packs are read, but at least one pack: those that
  ///   were verified longest ago first, as the evidence log tells.
  package func check(
    readingData: Bool, budget: UInt64? = nil, workers: Int, cancellation: Cancellation,
    progress: Progress
  ) throws -> CheckReport {
    try require(.keeper, to: "check the repository")
    var report = CheckReport()
    progress.begin("checking snapshots")
    let snapshots = try checkSnapshots(&report)
    progress.begin("checking the index")
    try checkIndexRuns(&report)
    try checkLogAndMarks(&report)
    try checkCatalogs(snapshots, &report, cancellation)
    let damagedPacks = try checkPacks(&report)
    if readingData {
      try checkData(
        &report, skipping: damagedPacks, budget: budget, workers: workers,
        cancellation: cancellation, progress: progress)
    }
    try attribute(&report, snapshots, cancellation)
    excusePruned(&report)
    return report
  }

  private func checkCatalogs(
    _ snapshots: [Snapshot], _ report: inout CheckReport, _ cancellation: Cancellation
  ) throws {
    let present = Set(index.runIDs).union(index.replacedRuns())
    let reachability = try Reachability(
      self, absent: try absentPacks(), refusingAbsent: false, cancellation: cancellation)
    for snapshot in snapshots {
      let lost = snapshot.manifest.indexRuns.filter { run in
        DocumentID(hex: run).map { !present.contains($0) } ?? true
      }
      if !lost.isEmpty {
        report.findings.append(
          .init(
            code: "index",
            what: "\(lost.count) index runs that the snapshot was written with are gone",
            snapshots: [snapshot.id.description], paths: []))
      }
      try reachability.mark(snapshot)
    }
    for damage in reachability.unreadable {
      report.findings.append(
        .init(
          code: "catalog", what: damage.reason, snapshots: [damage.snapshot.description],
          paths: []))
    }
    for missing in reachability.missing {
      report.findings.append(
        .init(
          code: "blob-missing", what: "blob \(missing.blob) is in no index run",
          snapshots: [missing.snapshot.description], paths: [missing.path]))
    }
  }

  /// Packs that an index run names and the storage has not.
  func absentPacks() throws -> Set<PackID> {
    let present = Set(try list(.packs).map(\.key.name))
    return Set(index.packs().keys.filter { !present.contains($0.hex) })
  }

  /// A prune cannot take a pack out of a writer's run without signing for the rest of it unread: such
  /// a pack, gone and needed by no snapshot, was reclaimed.
  private func excusePruned(_ report: inout CheckReport) {
    let isKnown = !report.findings.contains { ["manifest", "index", "catalog"].contains($0.code) }
    guard isKnown else { return }
    let vouched = Set(index.runs().filter(\.isVouched).flatMap { $0.packs.map(\.id) })
    let before = report.findings.count
    report.findings.removeAll { finding in
      finding.code == "pack-missing" && finding.snapshots.isEmpty
        && finding.pack.map { !vouched.contains($0) } ?? false
    }
    let count = before - report.findings.count
    if count > 0 {
      report.notes.append("\(count) packs that writers' index runs name were reclaimed by a prune")
    }
  }

  /// Every pack that the index names is there and as long as it says; returns those that are not.
  private func checkPacks(_ report: inout CheckReport) throws -> Set<PackID> {
    let indexed = index.packs()
    var present: [PackID: Int] = [:]
    for object in try list(.packs) {
      if let id = PackID(hex: object.key.name) { present[id] = object.byteCount }
    }
    report.packCount = present.count
    report.storedByteCount = present.values.reduce(0) { $0 + UInt64($1) }
    var damaged: Set<PackID> = []
    for (id, record) in indexed.sorted(by: { $0.key < $1.key }) {
      guard let byteCount = present[id] else {
        damaged.insert(id)
        report.findings.append(
          .init(
            code: "pack-missing", what: "pack \(id.hex) is gone", snapshots: [], paths: [], pack: id
          ))
        continue
      }
      if byteCount != Int(record.byteCount) {
        damaged.insert(id)
        report.findings.append(
          .init(
            code: "pack-length",
            what: "pack \(id.hex) has \(byteCount) bytes where the index says \(record.byteCount)",
            snapshots: [], paths: [], pack: id))
      }
    }
    let garbage = present.keys.filter { indexed[$0] == nil }
    if !garbage.isEmpty {
      let bytes = garbage.reduce(0) { $0 + (present[$1] ?? 0) }
      report.notes.append(
        "\(garbage.count) packs (\(bytes) bytes) are in no index run: leftovers of interrupted runs, or waiting for deletion; 'lifeboat prune' reclaims them"
      )
    }
    return damaged
  }

  private func checkData(
    _ report: inout CheckReport, skipping damaged: Set<PackID>, budget: UInt64?, workers: Int,
    cancellation: Cancellation, progress: Progress
  ) throws {
    var packs = index.packs().values.filter { !damaged.contains($0.id) }.sorted { $0.id < $1.id }
    if let budget {
      let due = try verifications().due(packs, budget: budget)
      report.postponedPackCount = packs.count - due.count
      packs = due
    }
    progress.begin(
      "reading packs", totalBytes: packs.reduce(0) { $0 + UInt64($1.byteCount) })
    let pending = Pending(packs)
    let found = Collected()
    let reader = makeReader()
    try orderedParallel(
      workers: workers, window: workers * 2, cancellation: cancellation,
      next: { pending.next() },
      work: { record, _ in
        let findings = self.checkData(of: record, reader: reader)
        progress.add(bytes: Int(record.byteCount), items: 1)
        return (findings, record)
      },
      deliver: { findings, record in found.add(findings, byteCount: UInt64(record.byteCount)) })
    report.findings += found.findings
    report.readByteCount = found.byteCount
    let bad = Set(found.findings.compactMap(\.pack))
    // Without the key only the checksum was compared, and that covers every byte.
    report.verifiedPacks = packs.map(\.id).filter { !bad.contains($0) }
  }

  /// Reads one pack whole: checksum, header, trailer, and each blob of a class that we can open.
  func checkData(of record: PackRecord, reader: BlobReader) -> [CheckReport.Finding] {
    func damage(_ what: String) -> CheckReport.Finding {
      .init(
        code: "pack-damaged", what: "pack \(record.id.hex): \(what)", snapshots: [], paths: [],
        pack: record.id)
    }
    guard let key = StorageKey(.packs, record.id.hex) else { return [damage("malformed id")] }
    do {
      let bytes = try storage.load(key, limit: 1 << 28)
      var findings: [CheckReport.Finding] = []
      if Blake2b.hash(bytes) != record.checksum {
        findings.append(damage("its checksum is not the recorded one"))
      }
      guard keys.canRead(record.blobClass) else { return findings }
      let entries = try packContents(of: bytes, record.id).entries
      let decoder = try ChunkDecoder()
      var chunk: [UInt8] = []
      for (slot, entry) in entries.enumerated() {
        let location = BlobLocation(pack: record, slot: UInt32(slot), entry: entry)
        do {
          if let base = entry.base, index.chain(of: base, where: { _ in true }) == nil {
            // Nothing needs it, or its base would have been found missing: a prune took that one
            // before it takes this.
            try reader.authenticate(location, using: decoder)
          } else {
            try reader.load(location, into: &chunk, using: decoder)
          }
        } catch {
          findings.append(
            .init(
              code: "blob-damaged", what: "\(error)", snapshots: [], paths: [], pack: record.id,
              blob: entry.id))
        }
      }
      return findings
    } catch {
      return [damage("\(error)")]
    }
  }

  /// Names the snapshots and entries that need what is damaged: a pack as a whole, or one blob.
  func attribute(
    _ report: inout CheckReport, _ snapshots: [Snapshot], _ cancellation: Cancellation
  ) throws {
    let concerned = report.findings.indices.filter { report.findings[$0].pack != nil }
    guard !concerned.isEmpty else { return }
    let byPack = Dictionary(grouping: concerned) { report.findings[$0].pack }
    let reader = makeReader()
    let absent = try absentPacks()
    for snapshot in snapshots {
      // Everything that it needs: nodes, lists and bases of deltas, too.
      let needed = try Reachability(
        self, absent: absent, refusingAbsent: false, cancellation: cancellation)
      try needed.mark(snapshot)
      var touched: Set<Int> = []
      for position in 0..<index.entryCount where needed.isLive(position) {
        guard let location = index.location(at: position) else { continue }
        for finding in byPack[location.pack.id] ?? []
        where report.findings[finding].concerns(location.entry.id) {
          touched.insert(finding)
        }
      }
      for finding in touched { report.findings[finding].snapshots.append(snapshot.id.description) }
      guard !touched.isEmpty, let catalog = try? self.catalog(of: snapshot, reader: reader) else {
        continue
      }
      // A catalog that is itself damaged was reported; what can be read of it is attributed.
      try? catalog.forEach { key, entry in
        guard let content = entry.content else { return }
        try? reader.forEachChunk(of: content, using: catalog.decoder) { reference in
          guard let location = self.index.location(of: reference.id) else { return }
          for finding in byPack[location.pack.id] ?? []
          where report.findings[finding].concerns(reference.id) {
            report.findings[finding].add(path: Reachability.display(key))
          }
        }
      }
    }
  }
}

extension CheckReport.Finding {
  /// Whether the blob `id` of its pack is damaged, as far as it knows.
  fileprivate func concerns(_ id: BlobID) -> Bool { blob == nil || blob == id }

  fileprivate mutating func add(path: String) {
    if paths.count < 20, paths.last != path, !paths.contains(path) { paths.append(path) }
  }
}
