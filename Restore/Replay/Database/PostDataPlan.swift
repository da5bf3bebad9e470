// Owns the order in which indexes, constraints and all else that follows the data are made.

/// Divides the entries that follow the data into passes, of which some may run over several sessions.
///
/// pg_restore's own parallel mode keeps two entries apart that lock the same table, but only if both name
/// that table as what they depend on (`identify_locking_dependencies` in pg_backup_archiver.c). Attaching
/// the index of a partition names only indexes, and locks the tables too; beside a constraint of one of
/// them it deadlocks, on four sessions in one restore of four (measured with PostgreSQL 15 and
/// `Tests/Fixtures/large-database.sql`). So what runs at once here is only what cannot:
/// 0. indexes that lock their table twice, one after the other (``ArchiveRestore/lockingTwice(_:)``);
/// 1. all other indexes, which lock their table in a mode that others may share;
/// 2. primary keys and the like, which lock one table each;
/// 3. foreign keys between tables that are no partitions: their tables are all that they lock;
/// 4. everything else, which reads no rows and is quick, one after the other.
struct PostDataPlan {
  struct Pass: Equatable {
    var entries: [ArchiveEntry]
    /// Whether several sessions may take entries of it at once.
    var isParallel: Bool
  }

  private(set) var passes: [Pass] = []

  /// - Parameters:
  ///   - entries: the table of contents, or the part of it that is wanted, in its order.
  ///   - following: numbers of the entries that follow the data.
  ///   - lockingTwice: numbers of indexes that must not be made beside another of their table.
  init(_ entries: [ArchiveEntry], following: Set<Int>, lockingTwice: Set<Int> = []) {
    var partitioned: Set<Int> = []
    for entry in entries where entry.text.hasPrefix("TABLE ATTACH ") {
      partitioned.formUnion(entry.dependencies)
    }
    let wanted = entries.filter { following.contains($0.number) }
    var done: Set<Int> = []
    /// Takes the entries of a kind that need nothing but the data and what is done.
    func take(_ kind: String, where isSuitable: (ArchiveEntry) -> Bool = { _ in true })
      -> [ArchiveEntry]
    {
      wanted.filter { entry in
        let isReady =
          entry.text.hasPrefix(kind) && !done.contains(entry.number) && isSuitable(entry)
          && entry.dependencies.allSatisfy { !following.contains($0) || done.contains($0) }
        if isReady { done.insert(entry.number) }
        return isReady
      }
    }
    add(take("INDEX ") { lockingTwice.contains($0.number) }, isParallel: false)
    add(take("INDEX ") { !$0.text.hasPrefix("INDEX ATTACH ") }, isParallel: true)
    add(take("CONSTRAINT "), isParallel: true)
    add(take("FK CONSTRAINT ") { partitioned.isDisjoint(with: $0.dependencies) }, isParallel: true)
    add(wanted.filter { !done.contains($0.number) }, isParallel: false)
  }

  private mutating func add(_ entries: [ArchiveEntry], isParallel: Bool) {
    guard !entries.isEmpty else { return }
    passes.append(Pass(entries: entries, isParallel: isParallel && entries.count > 1))
  }
}
