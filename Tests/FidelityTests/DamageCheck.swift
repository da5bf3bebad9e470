// Owns the counter-proof: each object is broken in a copy, and both who compare must see it.

import Format
import Inventory
import Postgres
import Repository
import Testing

/// What a drill compares of a database, read in one transaction.
struct Likeness: Equatable {
  var inventory: ObjectInventory
  var rows: [QualifiedName: RowDigest] = [:]
  var sequences: [SequenceValue] = []
  var objects: [String] = []
  var properties: String

  /// - Parameter part: what to read besides the inventory; empty for everything.
  init(_ connection: Connection, repository: Repository, part: String) throws {
    inventory = try ObjectInventory.read(over: connection)
    properties = ""
    if ["", "properties"].contains(part) {
      properties = "\(try DatabaseProperties.read(over: connection))"
    }
    if ["", "rows"].contains(part) {
      for table in try TableDescription.list(over: connection) {
        let digest = try TableReader.digest(
          of: table, key: repository.keys.rowKey, over: connection)
        rows[table.hashName, default: RowDigest()].add(digest)
      }
    }
    if ["", "sequences"].contains(part) { sequences = try SequenceValue.list(over: connection) }
    if ["", "large objects"].contains(part) {
      let range = UInt32.min...UInt32.max
      objects = try LargeObjectReader.descriptions(in: range, over: connection).map { "\($0)" }
      try LargeObjectReader.forEachPage(in: range, over: connection) { oid, offset, bytes in
        var sum: UInt64 = 14_695_981_039_346_656_037
        for index in bytes.indices { sum = (sum ^ UInt64(bytes[index])) &* 1_099_511_628_211 }
        objects.append("\(oid) \(offset) \(sum)")
      }
    }
  }

  /// Whether a drill that recorded this would tell `other` apart by what it compares as `part`.
  func tellsApart(_ other: Likeness, by part: String) -> Bool {
    switch part {
    case "rows": rows != other.rows
    case "sequences": sequences != other.sequences
    case "large objects": objects != other.objects
    case "properties": properties != other.properties
    default: !InventoryDifference(from: inventory, to: other.inventory).isEmpty
    }
  }
}

extension FidelityRun {
  /// Breaks one case after the other in `copy`, each in a transaction that is rolled back.
  func checkDamage(_ database: FidelityDatabase, in copy: ConnectionTarget) throws {
    let name = copy.databaseName ?? ""
    let connection = try Connection(copy)
    try connection.applyCatalogSettings()
    try connection.execute("SET default_transaction_read_only = off")
    // Witnesses look at views and foreign tables, too.
    try connection.execute(
      """
      SELECT set_config(name, '', false) FROM pg_settings
      WHERE name = 'restrict_nonsystem_relation_kind'
      """)
    let whole = try Likeness(connection, repository: repository, part: "")
    for item in database.cases
    where item.exists(in: major) && !item.damage.isEmpty {
      let place: Comment = "\(major): \(database.name): \(item.name)"
      try connection.execute("BEGIN; SET LOCAL search_path = public")
      let before = item.testimony(connection, of: database)
      do throws(PostgresError) {
        try connection.execute(database.filled(item.damage, name: name))
      } catch {
        Issue.record("\(place): the damage cannot be done: \(error)")
        try connection.execute("ROLLBACK")
        continue
      }
      try connection.execute("SAVEPOINT broken")
      let after = item.testimony(connection, of: database)
      #expect(before != after, place)
      try connection.execute("ROLLBACK TO broken; SET LOCAL search_path = ''")
      let broken = try Likeness(connection, repository: repository, part: item.noticedBy)
      // Roles are the server's: what a drill makes of them is compared as a whole, by pg_dumpall.
      #expect(
        item.noticedBy == "roles" || whole.tellsApart(broken, by: item.noticedBy),
        "\(place): unseen by \(item.noticedBy)")
      try connection.execute("ROLLBACK")
    }
  }
}
