// Sequences: at their recorded value, and past every value of the column they feed.

import Format
import Inventory
import Postgres
import Workers

extension Drill {
  /// A sequence that is behind its column makes the application's next insert fail on its key.
  func checkSequences(_ database: RecordedDatabase, _ copy: Copy) throws {
    try findings.check(
      "equality.sequences", "Sequences stand where they stood", on: copy.source,
      expected: "every sequence at its recorded value, and past the largest value of its column"
    ) {
      let recorded = try database.sequences()
      let connection = try connect(copy.target)
      let found = Dictionary(
        try SequenceValue.list(over: connection).map { ($0.sequence, $0) },
        uniquingKeysWith: { first, _ in first })
      var wrong: [String] = []
      var behind: [String] = []
      for item in recorded {
        try cancellation.check()
        guard let now = found[item.sequence] else {
          wrong.append("\(item.sequence): it is not there")
          continue
        }
        if now.lastValue != item.lastValue || now.isCalled != item.isCalled {
          wrong.append(
            "\(item.sequence): expected \(Self.words(item.lastValue, item.isCalled)), found \(Self.words(now.lastValue, now.isCalled))"
          )
        }
        if let words = try collision(item, now, connection) { behind.append(words) }
      }
      let count = ReportWords.count(recorded.count, "sequence")
      if !wrong.isEmpty {
        return Finding(
          .fail, "\(wrong.count) of \(count) stand elsewhere", details: wrong + behind)
      }
      if !behind.isEmpty {
        return Finding(
          .warnings,
          "\(count) as recorded, but \(behind.count) would collide with values that exist, at the source, too",
          details: behind)
      }
      return .pass(recorded.isEmpty ? "the database has no sequence" : "\(count) as recorded")
    }
  }

  private static func words(_ value: Int64, _ isCalled: Bool) -> String {
    isCalled ? "\(value)" : "\(value), not yet used"
  }

  /// Words on the next value of the sequence being one that its column has, or has gone past.
  private func collision(
    _ item: SequenceValue, _ now: SequenceValue, _ connection: Connection
  ) throws -> String? {
    guard let table = item.ownerTable, let column = item.ownerColumn, item.increment != 0 else {
      return nil
    }
    let extreme = item.increment > 0 ? "max" : "min"
    let text: String?
    do throws(PostgresError) {
      text = try connection.query(
        "SELECT \(extreme)(\(Connection.quoteIdentifier(column))) FROM \(table.quoted)")[0, 0]
    } catch {
      // A column that has no order, or is gone, is no matter of this check.
      guard error.kind == .server else { throw error }
      return nil
    }
    guard let found = text.flatMap({ Int64($0) }) else { return nil }
    let (stepped, overflow) =
      now.isCalled
      ? now.lastValue.addingReportingOverflow(item.increment) : (now.lastValue, false)
    guard !overflow else { return nil }
    guard item.increment > 0 ? stepped <= found : stepped >= found else { return nil }
    return "\(item.sequence): its next value is \(stepped), and \(table).\(column) has \(found)"
  }
}
