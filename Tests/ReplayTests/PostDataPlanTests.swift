import Format
import Postgres
import TestSupport
import Testing

@testable import Replay

@Suite struct `What follows the data` {
  private func plan(_ listing: String, following: Set<Int>) -> PostDataPlan {
    PostDataPlan(ArchiveEntry.entries(of: listing), following: following)
  }

  private let listing = """
    1; 1259 1 TABLE public a me
    2; 1259 2 TABLE public b me
    3; 1259 3 TABLE public c me
    4; 1259 4 TABLE public d me
    10; 0 10 CONSTRAINT public a a_pkey me
    ;	depends on: 1
    11; 0 11 CONSTRAINT public b b_pkey me
    ;	depends on: 2
    12; 0 12 INDEX public a_x me
    ;	depends on: 1
    13; 0 13 INDEX ATTACH public a_y me
    ;	depends on: 12
    20; 0 20 FK CONSTRAINT public a a_to_b me
    ;	depends on: 1 2 11
    21; 0 21 FK CONSTRAINT public b b_to_a me
    ;	depends on: 2 10
    22; 0 22 FK CONSTRAINT public c c_to_d me
    ;	depends on: 3 4
    30; 0 30 POLICY public a own me
    ;	depends on: 1 2
    31; 0 31 INDEX public on_a_late_view me
    ;	depends on: 30

    """
  private let following: Set<Int> = [10, 11, 12, 13, 20, 21, 22, 30, 31]

  @Test func `is made at once only where no two entries can wait for each other`() {
    let passes = plan(listing, following: following).passes
    #expect(
      passes.map { $0.entries.map(\.number) } == [[12], [10, 11], [20, 21, 22], [13, 30, 31]])
    // One entry needs no second session, and the rest must not have one.
    #expect(passes.map(\.isParallel) == [false, true, true, false])
  }

  @Test func `makes an index that locks its table twice before the others`() {
    let another = "14; 0 14 INDEX public a_z me\n;\tdepends on: 1\n"
    let passes = PostDataPlan(
      ArchiveEntry.entries(of: listing + another), following: following.union([14]),
      lockingTwice: [14]
    ).passes
    #expect(passes.map { $0.entries.map(\.number) }.prefix(2) == [[14], [12]])
    #expect(passes.first?.isParallel == false)
  }

  @Test func `makes foreign keys of partitions one after the other`() {
    let partition = "5; 0 5 TABLE ATTACH public d me\n;\tdepends on: 4 3\n"
    let passes = plan(partition + listing, following: following).passes
    #expect(passes.map { $0.entries.map(\.number) }.suffix(2) == [[20, 21], [13, 22, 30, 31]])
    #expect(passes.last?.isParallel == false)
  }

  @Test func `never deadlocks, however tables refer to each other`() throws {
    let source = try TestServer.shared.makeDatabase()
    let names = (0..<12).map { "t\($0)" }
    var script = names.map { name in
      """
      CREATE TABLE \(name) (id int PRIMARY KEY, other int, third int);
      INSERT INTO \(name) SELECT i, i, i FROM generate_series(1, 2000) i;
      CREATE INDEX ON \(name) (other); CREATE INDEX ON \(name) (third);

      """
    }
    for (number, name) in names.enumerated() {
      for step in [1, 5, 11] {
        let other = names[(number + step) % names.count]
        script.append(
          """
          ALTER TABLE \(name) ADD FOREIGN KEY (other) REFERENCES \(other);
          CREATE POLICY by_\(other) ON \(name) USING (EXISTS (SELECT FROM \(other) o WHERE o.id = \(name).id));
          ALTER TABLE \(name) ADD CHECK (id > -\(step)) NOT VALID;
          CREATE RULE to_\(other) AS ON DELETE TO \(name) DO ALSO DELETE FROM \(other) WHERE false;

          """)
      }
    }
    // Indexes of partitions, attached one by one, and keys that lead to and from them.
    script.append(
      """
      CREATE TABLE p (id int, at int, other int REFERENCES t0, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
      CREATE TABLE p_0 PARTITION OF p FOR VALUES FROM (0) TO (1000) PARTITION BY HASH (id);
      CREATE TABLE p_0_0 PARTITION OF p_0 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
      CREATE TABLE p_0_1 PARTITION OF p_0 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
      CREATE TABLE p_1 PARTITION OF p DEFAULT;
      CREATE INDEX ON p (other); CREATE INDEX ON p (at); ALTER TABLE p ADD UNIQUE (at, id);
      CREATE TABLE to_p (id int, at int, FOREIGN KEY (id, at) REFERENCES p);
      INSERT INTO p SELECT i, i, i FROM generate_series(1, 2000) i;
      """)
    try psql(source, script.joined())
    let snapshot = try DatabaseSnapshot.capture(source)
    for _ in 0..<3 {
      let target = source.replacing(database: TestServer.randomName())
      var options = DatabaseReplayOptions(connections: 6)
      options.smallestPart = 1
      #expect(try snapshot.replay(into: target, options).warnings == [])
      let counts = try psql(
        target,
        "SELECT (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0), (SELECT count(*) FROM pg_policy), count(*) FROM pg_rules WHERE schemaname = 'public'"
      )
      #expect(counts == "38|36|36\n")
    }
  }
}
