// Owns the tests of sequences, large objects and properties.

import Format
import Inventory
import Postgres
import TestSupport
import Testing

@Suite struct `Sequences` {
  @Test func `give position, owner and step`() throws {
    let connection = try ShopFixture().connect()
    let values = try SequenceValue.list(over: connection)
    let table = { QualifiedName(schema: "app", name: $0) }
    #expect(
      values == [
        SequenceValue(
          sequence: table("seq"), lastValue: 10, isCalled: true, ownerTable: nil,
          ownerColumn: nil, increment: 5),
        SequenceValue(
          sequence: table("t_id_seq"), lastValue: 1000, isCalled: true, ownerTable: table("t"),
          ownerColumn: "id", increment: 1),
        SequenceValue(
          sequence: table("u_id_seq"), lastValue: 100, isCalled: true, ownerTable: table("u"),
          ownerColumn: "id", increment: 1),
      ])
  }

  @Test func `are read though there are hundreds, and refused with the GRANT that is missing`()
    throws
  {
    let target = try TestServer.shared.makeDatabase()
    let connection = try Connection(target)
    try connection.execute(
      """
      DO $$ BEGIN FOR i IN 1..205 LOOP
        EXECUTE format('CREATE SEQUENCE s%s START %s', i, i); END LOOP; END $$
      """)
    try connection.applyCatalogSettings()
    let values = try SequenceValue.list(over: connection)
    #expect(values.count == 205)
    #expect(values.allSatisfy { "s\($0.lastValue)" == $0.sequence.name && !$0.isCalled })
    let role = try TestServer.shared.makeRole()
    let poor = try Connection(target.setting("user", to: role))
    try poor.applyCatalogSettings()
    let error = #expect(throws: PostgresError.self) { _ = try SequenceValue.list(over: poor) }
    #expect(error?.kind == .privilege)
    #expect(error?.next.contains("GRANT") == true)
  }
}

@Suite struct `Large objects` {
  @Test func `come with their pages, holes left out, in batches`() throws {
    let connection = try Connection(try TestServer.shared.makeDatabase())
    try connection.execute(
      """
      SELECT lo_from_bytea(10, '\\x0102'), lo_create(20), lo_from_bytea(30, repeat('a', 5000)::bytea),
        lo_put(30, 20000, 'end'::bytea);
      COMMENT ON LARGE OBJECT 20 IS 'empty'; GRANT SELECT ON LARGE OBJECT 10 TO PUBLIC
      """)
    try connection.applyCatalogSettings()
    #expect(try LargeObjectReader.batches(of: 2, over: connection) == [10...20, 30...30])
    let objects = try LargeObjectReader.descriptions(in: 10...20, over: connection)
    #expect(objects.map(\.oid) == [10, 20])
    #expect(objects.map(\.comment) == [nil, "empty"])
    #expect(objects.map(\.privileges) == ["{postgres=rw/postgres,=r/postgres}", nil])
    var pages: [String] = []
    try LargeObjectReader.forEachPage(in: 0...UInt32.max, over: connection) { oid, offset, data in
      pages.append("\(oid) \(offset) \(data.count)")
    }
    #expect(pages.first == "10 0 2")
    #expect(pages.dropFirst().prefix(3) == ["30 0 2048", "30 2048 2048", "30 4096 904"])
    #expect(pages.last?.hasPrefix("30 18432 ") == true)
  }

  @Test func `are none in an empty database, and refused to whom may not read them`() throws {
    let target = try TestServer.shared.makeDatabase()
    let role = try TestServer.shared.makeRole()
    let poor = try Connection(target.setting("user", to: role))
    try poor.applyCatalogSettings()
    #expect(try LargeObjectReader.batches(of: 5, over: poor) == [])
    try Connection(target).execute("SELECT lo_create(0)")
    let error = #expect(throws: PostgresError.self) {
      _ = try LargeObjectReader.batches(of: 5, over: poor)
    }
    #expect(error?.next.contains("GRANT pg_read_all_data TO \"\(role)\"") == true)
  }
}

@Suite struct `Properties of a database` {
  @Test func `hold what pg_dump leaves out`() throws {
    let target = try TestServer.shared.makeDatabase()
    let connection = try Connection(target)
    let name = connection.databaseName
    let role = try TestServer.shared.makeRole()
    try connection.execute(
      """
      CREATE EXTENSION hstore; ALTER DATABASE \(name) SET work_mem = '7MB';
      ALTER ROLE \(role) IN DATABASE \(name) SET search_path = a, b;
      COMMENT ON DATABASE \(name) IS 'the shop'; ALTER DATABASE \(name) CONNECTION LIMIT 50;
      GRANT TEMP ON DATABASE \(name) TO \(role)
      """)
    try connection.applyCatalogSettings()
    let properties = try DatabaseProperties.read(over: connection)
    #expect(properties.name == name)
    #expect(properties.owner == "postgres")
    #expect(properties.encoding == "UTF8")
    #expect(properties.localeProvider == "c")
    #expect(properties.collate == "C")
    #expect(properties.connectionLimit == 50)
    #expect(properties.comment == "the shop")
    #expect(properties.settings == ["work_mem=7MB"])
    #expect(properties.roleSettings == [.init(role: role, settings: ["search_path=a, b"])])
    #expect(properties.extensions.map(\.name) == ["hstore", "plpgsql"])
    #expect(properties.roles == ["postgres", role].sorted())
    #expect(properties.serverSettings["max_prepared_transactions"] == "4")
    #expect(properties.privileges?.contains(role) == true)
    #expect(properties.serverSettings["primary_conninfo"] == nil)
  }
}
