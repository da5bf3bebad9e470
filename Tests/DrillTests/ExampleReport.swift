// A report as a drill of a small shop would write it.

import Drill
import Format

extension DrillReport {
  /// One check of each verdict, and names that try to be markup and terminal commands.
  static func example(_ verdict: Verdict = .fail, table: String = "shop.orders") -> DrillReport {
    var checks = [
      DrillCheck(
        id: "before.manifest", title: "The snapshot's manifest is authentic", subject: nil,
        verdict: .pass, expected: "signed by a key of this repository, and unchanged",
        actual: "signature and seal verified, key 8f0c11aa", details: [], seconds: 0.004),
      DrillCheck(
        id: "before.blobs", title: "Everything the snapshot needs is in the repository",
        subject: nil, verdict: .pass,
        expected: "every blob in the index, every pack in the storage with its recorded length",
        actual: "41,207 blobs in 318 packs, 9.9 GiB", details: [], seconds: 1.2),
      DrillCheck(
        id: "restore.database", title: "The database was restored without an error",
        subject: "shop", verdict: .pass, expected: "no error, and nothing left out",
        actual: "61 tables, 4,120,338 rows, 44 sequences, 12 large objects", details: [],
        seconds: 301.4),
      DrillCheck(
        id: "equality.row-count", title: "No row is missing, none is extra", subject: "shop",
        verdict: .pass, expected: "4,120,338 rows", actual: "4,120,338 rows", details: [],
        seconds: 0),
    ]
    if verdict >= .warnings {
      checks.append(
        DrillCheck(
          id: "equality.properties", title: "The database's own properties are equal",
          subject: "shop", verdict: .warnings,
          expected: "encoding, locale, owner, privileges, settings and extensions as recorded",
          actual: "UTF8, de_DE.UTF-8, 3 extensions",
          details: ["collation version: was 2.31, is 2.36 here: strings may sort otherwise"],
          seconds: 0.03))
    }
    if verdict == .fail {
      checks.append(
        DrillCheck(
          id: "equality.table-content", title: "Rows are equal, by the hash of each table",
          subject: "shop", verdict: .fail, expected: "61 tables as hashed at the source",
          actual: "1 of 61 tables differ",
          details: [
            "\(table): expected 9,000 rows, 812344 bytes, sum 5fe01b22, found 9,000 rows, 812346 bytes, sum 09ab77d0"
          ], seconds: 48.9))
    }
    checks.append(
      DrillCheck(
        id: "files.content", title: "Every file can be read, and is what was stored",
        subject: "uploads", verdict: .pass, expected: "120,034 files, 8.6 GiB",
        actual: "120,034 files, 8.6 GiB, every chunk authenticated", details: [], seconds: 88))
    checks.append(
      DrillCheck(
        id: "honesty.negative-control", title: "Damage would have been noticed", subject: nil,
        verdict: .pass, expected: "a blob with one changed byte is refused",
        actual:
          "refused: byte 81920 of pack 9ab0c1d2 was changed, and the reader said 'pack 9ab0c1d2 at byte 81600: fails authentication'",
        details: [], seconds: 0.01))
    checks.append(
      DrillCheck(
        id: "after.database", title: "Nothing of the scratch database is left", subject: nil,
        verdict: .pass, expected: "no process, no file", actual: "looked: no process, no file",
        details: [], seconds: 0.4))
    return DrillReport(
      program: "lifeboat 0.1", time: Timestamp(microseconds: 1_795_600_000_000_000),
      host: "drill1",
      snapshot: DrilledSnapshot(
        id: String(repeating: "4f1c2d3e", count: 8),
        time: Timestamp(microseconds: 1_795_592_800_000_000), host: "web1",
        program: "lifeboat 0.1", tags: ["nightly"], databases: ["shop (shop, PostgreSQL 15.20)"],
        media: ["uploads (/srv/shop/media)"]),
      scratch: DrillScratch(
        kind: .privateCluster, serverVersions: ["15.20"], mediaFolder: nil),
      verdict: verdict, checks: checks,
      recoveryTime: RecoveryTime(
        totalSeconds: 391.6, targetSeconds: 1800,
        phases: [
          DrillPhase(name: "start server", subject: nil, seconds: 2.2),
          DrillPhase(name: "pre-data", subject: "shop", seconds: 3.1),
          DrillPhase(name: "rows", subject: "shop", seconds: 201.7),
          DrillPhase(name: "sequences", subject: "shop", seconds: 0.1),
          DrillPhase(name: "large objects", subject: "shop", seconds: 0.4),
          DrillPhase(name: "post-data", subject: "shop", seconds: 88.9),
          DrillPhase(name: "analyze", subject: "shop", seconds: 7.2),
          DrillPhase(name: "files", subject: "uploads", seconds: 88),
        ]),
      recoveryPoint: RecoveryPoint(ageSeconds: 7200, targetSeconds: 3600),
      verificationSeconds: 63.2,
      volume: DrillVolume(
        bytes: 11_200_000_000, tables: 61, rows: 4_120_338, largeObjects: 12, files: 120_034),
      notCovered: ["the rows of shop: app.sessions: excluded by the configuration"])
  }
}
