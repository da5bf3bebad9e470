// Owns the text of docs/fidelity.md, which is made of the case files: what they say, the tests hold.

import Foundation

enum FidelityDocument {
  static let majors = 14...18

  static let path = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "docs/fidelity.md")

  /// The whole document.
  static func text(_ databases: [FidelityDatabase]) -> String {
    var lines = [opening]
    var notes: [String] = []
    for database in databases.sorted(by: { $0.title < $1.title }) {
      lines.append("## \(database.title)\n")
      if database.needsICU {
        lines.append("On a server with ICU: of the servers tested, Debian's 15 is built with it.\n")
      }
      lines.append("| object |" + majors.map { " \($0) |" }.joined())
      lines.append("|---|" + majors.map { _ in "---|" }.joined())
      for item in database.cases {
        var mark = "="
        if let exception = item.exception {
          if !notes.contains(exception) { notes.append(exception) }
          mark = "\((notes.firstIndex(of: exception) ?? 0) + 1)"
        }
        let cells = majors.map { major in
          let isThere =
            item.exists(in: major) && major >= database.since
            && (!database.needsICU || major == 15)
          return " \(isThere ? mark : "–") |"
        }
        lines.append("| \(item.name.replacing("|", with: "\\|")) |" + cells.joined())
      }
      lines.append("")
    }
    lines.append("## What is not restored as it was\n")
    lines.append("In the words of the snapshot, which name the objects of the tests:\n")
    for (number, note) in notes.enumerated() { lines.append("\(number + 1). \(note)") }
    lines.append(closing)
    return lines.joined(separator: "\n")
  }

  private static let opening = """
    # What comes back, object by object

    Written by `Tests/FidelityTests` from its case files; a test fails if this page is not what they say. Each row is a
    case that is built on a real server of each version, backed up, and restored twice: into a database beside the
    original, and by a drill into a private server. `=` means that the copy was equal by every one of these:

    - `Tests/Fixtures/compare-databases`, which shares no code with Lifeboat: `pg_dump` of both, every row, sequence,
      large object, property and index;
    - a query of the case's own, which tells the object and answers the same in both;
    - the drill's verdict, all of its checks.

    On the newest of the servers the plain SQL of `lifeboat dump` is loaded by `psql`, too, and compared; and the databases
    of the oldest are restored into the newest, and compared.

    Then each object is broken in the copy, and the case's query and the drill's own comparison must both see it. `–`: no
    such thing in that version. A number: see the end. `Scripts/test --all-servers` runs all of it; the servers are
    Debian's 15 and the releases named in `Scripts/lib.sh`.

    """

  private static let closing = """

    ## Not covered

    No test here says anything about these; do not count on them without a drill of your own:

    - security labels: PostgreSQL brings no provider that a test could load. Those of large objects are not captured,
      which the snapshot says; all others are in `pg_dump`'s archive.
    - PostGIS and other extensions that PostgreSQL does not ship; `timescaledb`, `citus` and `pg_cron` have rules of their own
      for restoring, and a backup warns of them.
    - ICU collations elsewhere than on 15: the other servers of the tests are built without ICU.
    - encodings other than UTF8, LATIN1 and SQL_ASCII; LZ4 compression of columns.
    - access methods and base types that need a shared library of their own.
    - the encoding that an `xml` value declares (`<?xml … encoding="…"?>`): PostgreSQL does not write it out.
    - names that are not UTF-8 in an SQL_ASCII database: such a database is refused, with the name.
    - rows of more than about 500 MB, which COPY cannot write as text: the backup is refused, with table and range.
    - 5,000 tables, or a table of 2,000 partitions; configuration rows of extensions.
    - a hot standby as the source, a restart of the server during a backup, `statement_timeout` set for the role.
    - an archive of `pg_dump` 17 or newer restored into a server older than 17.

    """
}
