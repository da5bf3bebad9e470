// Which pack holds a blob: sorted runs, mapped, found through a table of 8-byte slots.

import Files
package import Format
package import Sodium
import Storage
import Synchronization

/// Where a blob lies.
package struct BlobLocation: Hashable, Sendable {
  package var pack: PackRecord
  package var slot: UInt32
  package var entry: PackEntry

  package init(pack: PackRecord, slot: UInt32, entry: PackEntry) {
    self.pack = pack
    self.slot = slot
    self.entry = entry
  }
}

/// One of the places where a blob lies, and who says so.
package struct BlobCopy: Sendable {
  /// Among the entries of all runs of the index.
  package var position: Int
  package var location: BlobLocation
  package var signer: Digest
  package var signerRole: Role

  /// Whether `signer` believes that it is there: what it said itself, or a keeper or owner.
  package func isTrusted(by signer: Digest) -> Bool {
    self.signer == signer || isVouched
  }

  /// Whether a keeper or owner signed for it; a writer's word may be false.
  package var isVouched: Bool { signerRole != .writer }
}

/// One decrypted run in a private, unlinked file that is mapped: the kernel may drop its pages.
private final class LoadedRun: Sendable {
  let id: DocumentID
  let signer: Digest
  let role: Role
  let run: IndexRun
  let file: MappedFile
  /// Position of its first entry among those of all runs.
  let base: Int

  init(
    id: DocumentID, signer: Digest, role: Role, plaintext: [UInt8], base: Int, scratch: String
  ) throws {
    self.id = id
    self.signer = signer
    self.role = role
    run = try IndexRun(checking: plaintext.span)
    // Nameless: gone with the process, and the kernel may write its pages out.
    let copy = try OwnedDescriptor.createTemporary(in: scratch)
    try copy.write(plaintext, at: 0)
    file = try MappedFile(copy, byteCount: plaintext.count)
    self.base = base
  }
}

/// The index of a repository as one process sees it: the runs of the storage and those it added.
///
/// Lookups may come from any thread; runs are added under a lock. A table slot holds 28 bits of the
/// blob id and the 36-bit position of an entry, so a blob costs about 11 bytes beside its entry in
/// a mapped file, and every hit is checked against the full id.
package final class BlobIndex: Sendable {
  private struct State: ~Copyable {
    var runs: [LoadedRun] = []
    var table: MappedTable
    var used = 0
    var count = 0
  }
  private let state: Mutex<State>
  private let scratch: String

  /// An empty index that keeps its files in `scratch`, a folder of this process or user.
  package init(scratch: String) throws {
    self.scratch = scratch
    state = Mutex(State(table: try MappedTable(count: 1 << 10, in: scratch)))
  }

  /// Entries in all runs, duplicates included: positions are 0..<this.
  package var entryCount: Int { state.withLock { $0.count } }

  /// Ids of the runs, sorted.
  package var runIDs: [DocumentID] { state.withLock { $0.runs.map(\.id) }.sorted() }

  /// Adds a run whose signature and seal were checked.
  ///
  /// - Throws: ``FormatError`` if it is not a run, ``SystemError`` if there is no room for it.
  package func add(
    _ plaintext: [UInt8], id: DocumentID, signer: Digest, role: Role
  ) throws {
    try state.withLock { state in
      let loaded = try LoadedRun(
        id: id, signer: signer, role: role, plaintext: plaintext, base: state.count,
        scratch: scratch)
      let total = state.count + loaded.run.entryCount
      try Self.grow(&state, to: total, scratch: scratch)
      loaded.file.withSpan { bytes in
        for ordinal in 0..<loaded.run.entryCount {
          guard let id = loaded.run.id(ordinal, in: bytes) else { continue }
          Self.insert(id, position: loaded.base + ordinal, into: &state)
        }
      }
      state.runs.append(loaded)
      state.count = total
    }
  }

  /// Where `id` lies; several places after a repack or a race of two writers.
  ///
  /// Those that a keeper or owner signed for come first, of each kind the newest run.
  package func locations(of id: BlobID) -> [BlobLocation] {
    state.withLock { state in
      let positions = Array(Self.positions(of: id, in: state).reversed())
      guard positions.count > 1 else {
        return positions.compactMap { Self.location(at: $0, in: state) }
      }
      var ordered: [Int] = []
      for wanted in [true, false] {
        for position in positions where Self.isVouched(position, in: state) == wanted {
          ordered.append(position)
        }
      }
      return ordered.compactMap { Self.location(at: $0, in: state) }
    }
  }

  /// One place where `id` lies, or nil.
  package func location(of id: BlobID) -> BlobLocation? { locations(of: id).first }

  /// Whether a writer may leave `id` out because it is stored: only runs that `signer` signed, or
  /// a keeper or owner did, are believed, and packs in `doomed` don't count.
  ///
  /// A delta is stored only if all its bases are, by the same rule.
  package func mayReuse(_ id: BlobID, signer: Digest, notIn doomed: Set<PackID>) -> Bool {
    reusablePacks(of: id, signer: signer, notIn: doomed) != nil
  }

  /// The packs that a writer may rely on for `id` and its bases; nil if it must store it.
  func reusablePacks(of id: BlobID, signer: Digest, notIn doomed: Set<PackID>) -> [PackID]? {
    chain(of: id) { $0.isTrusted(by: signer) && !doomed.contains($0.location.pack.id) }?
      .map(\.location.pack.id)
  }

  /// The shortest way from `id` over bases of deltas to a chunk that is whole: first a copy of `id`,
  /// last the whole one; nil if there is none.
  ///
  /// Breadth first, each blob once: a cycle is no way, and no index makes the search explode.
  /// - Parameter isFit: whether a copy may be used; called under the lock, so it must not look things
  ///   up in this index.
  package func chain(of id: BlobID, where isFit: (BlobCopy) -> Bool) -> [BlobCopy]? {
    state.withLock { state in
      // Nearly always there is one copy, and it is whole.
      for position in Self.positions(of: id, in: state).reversed() {
        if let copy = Self.copy(at: position, in: state), copy.location.entry.base == nil,
          isFit(copy)
        {
          return [copy]
        }
      }
      var steps: [(copy: BlobCopy, from: Int?)] = []
      var frontier: [(id: BlobID, from: Int?)] = [(id, nil)]
      var met: Set<BlobID> = [id]
      for _ in 0...PackFormat.deltaDepthLimit {
        var next: [(id: BlobID, from: Int?)] = []
        for blob in frontier {
          for position in Self.positions(of: blob.id, in: state).reversed() {
            guard let copy = Self.copy(at: position, in: state), isFit(copy) else { continue }
            steps.append((copy, blob.from))
            guard let base = copy.location.entry.base else {
              return Self.way(to: steps.count - 1, in: steps)
            }
            if met.insert(base).inserted { next.append((base, steps.count - 1)) }
          }
        }
        guard !next.isEmpty, met.count <= Self.searchLimit else { return nil }
        frontier = next
      }
      return nil
    }
  }

  /// Whether a keeper or owner signed for what lies at `position`; a writer's word may be false.
  package func isVouched(_ position: Int) -> Bool {
    state.withLock { Self.isVouched(position, in: $0) }
  }

  /// All positions of `id`: the bits of a reachability map.
  package func positions(of id: BlobID) -> [Int] {
    state.withLock { Self.positions(of: id, in: $0) }
  }

  /// What lies at `position`.
  package func location(at position: Int) -> BlobLocation? {
    state.withLock { Self.location(at: position, in: $0) }
  }

  /// What lies at `position`, and who says so.
  func copy(at position: Int) -> BlobCopy? {
    state.withLock { Self.copy(at: position, in: $0) }
  }

  /// Every pack that a run names, with the run's word on it; a pack in two runs comes once, and a
  /// keeper's or owner's word counts more than a writer's.
  package func packs() -> [PackID: PackRecord] {
    var result: [PackID: PackRecord] = [:]
    for run in runs().sorted(by: { !$0.isVouched && $1.isVouched }) {
      for pack in run.packs {
        // A run of a repair that did not know the checksum gives way to one that does.
        if result[pack.id] == nil || pack.checksum != PackRecord.unknownChecksum {
          result[pack.id] = pack
        }
      }
    }
    return result
  }

  /// A run as prune and check look at it.
  struct Run: Sendable {
    var id: DocumentID
    var packs: [PackRecord]
    /// Whether a keeper or owner signed it.
    var isVouched: Bool
  }

  /// Every run, in the order in which they were loaded.
  func runs() -> [Run] {
    state.withLock { state in
      state.runs.map { run in
        let packs = run.file.withSpan { bytes in
          (0..<run.run.packCount).compactMap { run.run.pack($0, in: bytes) }
        }
        return Run(id: run.id, packs: packs, isVouched: run.role != .writer)
      }
    }
  }

  /// Ids of runs that some present run says it replaces; writers replace nothing.
  package func replacedRuns() -> Set<DocumentID> {
    state.withLock { state in
      var result: Set<DocumentID> = []
      for run in state.runs where run.role != .writer {
        run.file.withSpan { result.formUnion(run.run.replaced(in: $0)) }
      }
      return result
    }
  }

  // MARK: The table. Everything below runs under the lock.

  private static let positionBits: UInt64 = 36
  private static let positionMask: UInt64 = (1 << 36) - 1

  /// Slot value: tag in the high 28 bits, position + 1 in the low 36; 0 is empty.
  private static func slot(_ id: BlobID, _ position: Int) -> UInt64 {
    (id.digest.prefix & ~positionMask) | UInt64(position + 1)
  }

  private static func home(_ id: BlobID, _ capacity: Int) -> Int {
    // The tag takes the high bits, so the place is taken from a mix of all of them.
    Int(truncatingIfNeeded: (id.digest.prefix &* 0x9E37_79B9_7F4A_7C15) >> 20) & (capacity - 1)
  }

  private static func insert(_ id: BlobID, position: Int, into state: inout State) {
    let capacity = state.table.count
    var place = home(id, capacity)
    while state.table[place] != 0 { place = (place + 1) & (capacity - 1) }
    state.table[place] = slot(id, position)
    state.used += 1
  }

  private static func grow(_ state: inout State, to total: Int, scratch: String) throws {
    var capacity = state.table.count
    while total * 5 > capacity * 4 { capacity *= 2 }
    guard capacity != state.table.count else { return }
    state.table = try MappedTable(count: capacity, in: scratch)
    state.used = 0
    for run in state.runs {
      run.file.withSpan { bytes in
        for ordinal in 0..<run.run.entryCount {
          guard let id = run.run.id(ordinal, in: bytes) else { continue }
          insert(id, position: run.base + ordinal, into: &state)
        }
      }
    }
  }

  private static func positions(of id: BlobID, in state: borrowing State) -> [Int] {
    let capacity = state.table.count
    var place = home(id, capacity)
    var result: [Int] = []
    while true {
      let value = state.table[place]
      if value == 0 { return result }
      if (value ^ id.digest.prefix) & ~positionMask == 0 {
        let position = Int(value & positionMask) - 1
        if let run = run(of: position, in: state),
          run.file.withSpan({ run.run.id(position - run.base, in: $0) }) == id
        {
          result.append(position)
        }
      }
      place = (place + 1) & (capacity - 1)
    }
  }

  private static func run(of position: Int, in state: borrowing State) -> LoadedRun? {
    var low = 0
    var high = state.runs.count
    while low < high {
      let middle = (low + high) / 2
      if state.runs[middle].base <= position { low = middle + 1 } else { high = middle }
    }
    return low > 0 ? state.runs[low - 1] : nil
  }

  private static func isVouched(_ position: Int, in state: borrowing State) -> Bool {
    run(of: position, in: state)?.role != .writer
  }

  private static func copy(at position: Int, in state: borrowing State) -> BlobCopy? {
    guard let run = run(of: position, in: state), let location = location(at: position, in: state)
    else { return nil }
    return BlobCopy(
      position: position, location: location, signer: run.signer, signerRole: run.role)
  }

  /// Blobs that a search for a chain looks at: far more than honest copies make possible.
  private static let searchLimit = 4096

  private static func way(to last: Int, in steps: [(copy: BlobCopy, from: Int?)]) -> [BlobCopy] {
    var way: [BlobCopy] = []
    var at: Int? = last
    while let step = at {
      way.append(steps[step].copy)
      at = steps[step].from
    }
    return way.reversed()
  }

  private static func location(at position: Int, in state: borrowing State) -> BlobLocation? {
    guard let run = run(of: position, in: state) else { return nil }
    return run.file.withSpan { bytes in
      guard let item = run.run.entry(position - run.base, in: bytes),
        let pack = run.run.pack(Int(item.packOrdinal), in: bytes)
      else { return nil }
      return BlobLocation(pack: pack, slot: item.slot, entry: item.entry)
    }
  }
}
