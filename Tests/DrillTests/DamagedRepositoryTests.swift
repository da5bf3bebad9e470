// A drill of a repository that is not what it was: named, judged, and no crash.

import Drill
import Format
import FoundationEssentials
import Repository
import Storage
import TestSupport
import Testing
import Workers

@Suite(.serialized) struct `A drill of a damaged repository` {
  /// Where the first chunk of `path` lies.
  private func location(of path: [String], in application: ExampleApplication) throws
    -> BlobLocation
  {
    let repository = application.repository
    let reader = repository.makeReader()
    let catalog = try repository.catalog(of: application.snapshot, reader: reader)
    let key = path.reduce(CatalogKey(bytes: Array(path[0].utf8))) { key, part in
      part == path[0] ? key : key.appending(part)
    }
    var found: BlobLocation?
    try catalog.forEach(within: key) { _, entry in
      guard found == nil, let content = entry.content else { return }
      try reader.forEachChunk(of: content, using: try ChunkDecoder()) { reference in
        found = found ?? repository.index.location(of: reference.id)
      }
    }
    return try #require(found)
  }

  private func key(_ location: BlobLocation) throws -> StorageKey {
    try #require(StorageKey(.packs, location.pack.id.hex))
  }

  @Test func `names the file whose pack has a flipped byte`() throws {
    let application = try ExampleApplication()
    let place = try location(of: ["m", "uploads", "sub", "b.bin"], in: application)
    application.storage.tamper(try key(place)) { $0[Int(place.entry.offset) + 100] ^= 1 }
    let report = try application.drill()
    #expect(report.verdict == .fail)
    #expect(report.ids(.fail).contains("files.content"), "\(report.story)")
    let details = report.checks("files.content").flatMap(\.details)
    #expect(
      details.contains { $0.contains("sub/b.bin") && $0.contains("pack \(place.pack.id)") },
      "\(details)")
    // The database is whole, and says so.
    #expect(report.checks("equality.table-content").map(\.verdict) == [.pass])
  }

  @Test func `fails the restore whose rows have a flipped byte, and everything that depends on it`()
    throws
  {
    let application = try ExampleApplication()
    let place = try location(of: ["d", "shop", "rows", "shop", "customer"], in: application)
    application.storage.tamper(try key(place)) { $0[Int(place.entry.offset) + 30] ^= 0x80 }
    let report = try application.drill()
    #expect(report.verdict == .fail)
    let restore = try #require(report.checks("restore.database").first)
    #expect(restore.verdict == .fail)
    #expect(restore.actual.contains("shop.customer"))
    #expect(restore.actual.contains("pack \(place.pack.id)"))
    for id in ["equality.table-content", "equality.schema", "health.constraints"] {
      #expect(report.checks(id).map(\.actual) == ["not made: the database was not restored"])
      #expect(report.checks(id).map(\.verdict) == [.fail])
    }
    #expect(report.checks("after.database").map(\.verdict) == [.pass])
  }

  @Test func `names the pack that is gone, and the one that was cut`() throws {
    let application = try ExampleApplication()
    let file = try location(of: ["m", "uploads", "sub", "b.bin"], in: application)
    application.storage.tamper(try key(file)) { $0.removeLast(10) }
    let cut = try application.drill()
    #expect(
      cut.checks("before.blobs").flatMap(\.details).contains {
        $0.hasPrefix("pack \(file.pack.id) has \(file.pack.byteCount - 10) bytes")
      }, "\(cut.story)")
    try application.storage.delete(try key(file))
    let gone = try application.drill()
    #expect(
      gone.checks("before.blobs").flatMap(\.details) == ["pack \(file.pack.id) is gone"],
      "\(gone.story)")
    #expect(gone.verdict == .fail)
  }

  @Test func `fails for a manifest that was altered or removed`() throws {
    let application = try ExampleApplication()
    let key = try #require(StorageKey(.snapshots, application.snapshot.id.hex))
    application.storage.tamper(key) { $0[$0.count / 2] ^= 1 }
    let altered = try application.drill()
    #expect(altered.checks("before.manifest").map(\.verdict) == [.fail])
    try application.storage.delete(key)
    let removed = try application.drill()
    #expect(
      removed.checks("before.manifest").map(\.actual) == [
        "the manifest is not in the repository any more"
      ])
  }

  @Test func `notices in the negative control that a changed byte is refused`() throws {
    let application = try ExampleApplication.shared.get()
    var generator = SystemRandomNumberGenerator()
    let needs = try application.repository.needs(
      of: application.snapshot, cancellation: Cancellation(), using: &generator)
    let sample = try #require(needs.sample)
    #expect(needs.problems.isEmpty)
    for _ in 0..<20 {
      let control = try application.repository.negativeControl(on: sample, using: &generator)
      #expect(control.servedCount > 0)
      #expect(control.refusal?.contains("fails authentication") == true)
    }
  }
}
