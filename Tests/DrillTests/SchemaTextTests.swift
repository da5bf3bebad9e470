// Schemas as pg_restore prints them, compared object by object.

import Testing

@testable import Drill

@Suite struct `A schema as text` {
  private static func entry(
    _ name: String, _ type: String, _ body: String, schema: String = "app", owner: String = "shop"
  ) -> String {
    "--\n-- Name: \(name); Type: \(type); Schema: \(schema); Owner: \(owner)\n--\n\n\(body)\n\n\n"
  }

  private static let head = """
    --
    -- PostgreSQL database dump
    --

    \\restrict aB3

    -- Dumped from database version 15.20

    SET statement_timeout = 0;


    """
  private static let table = entry("t", "TABLE", "CREATE TABLE app.t (\n    a integer\n);")
  private static let view = entry("v", "VIEW", "CREATE VIEW app.v AS\n SELECT 1;")
  private static let end = "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict aB3\n\n"

  @Test func `is equal whatever its order, its restrict key and its version`() {
    let one = SchemaText(Self.head + Self.table + Self.view + Self.end)
    let other = SchemaText(
      Self.head.replacing("aB3", with: "Zz9").replacing("15.20", with: "15.21")
        + Self.view + Self.table + Self.end.replacing("aB3", with: "Zz9"))
    #expect(one.objects.count == 2)
    #expect(one.differences(in: other).isEmpty)
  }

  @Test func `tells what is missing, added and changed`() {
    let one = SchemaText(Self.head + Self.table + Self.view + Self.end)
    let other = SchemaText(
      Self.head + Self.table.replacing("integer", with: "bigint")
        + Self.entry("w", "VIEW", "CREATE VIEW app.w AS\n SELECT 2;") + Self.end)
    #expect(
      one.differences(in: other) == [
        "changed: TABLE app.t owned by shop: expected 'a integer', found 'a bigint'",
        "missing: VIEW app.v owned by shop", "added: VIEW app.w owned by shop",
      ])
  }

  @Test func `counts another owner only where owners were restored`() {
    let mine = Self.head + Self.view
    let theirs = Self.head + Self.entry("v", "VIEW", "CREATE VIEW app.v AS\n SELECT 1;", owner: "x")
    #expect(!SchemaText(mine).differences(in: SchemaText(theirs)).isEmpty)
    #expect(
      SchemaText(mine, comparingOwners: false)
        .differences(in: SchemaText(theirs, comparingOwners: false)).isEmpty)
  }

  @Test func `gives each table the access method that was in force`() {
    let one = SchemaText(
      Self.head + "SET default_table_access_method = heap;\n" + Self.table + Self.view)
    let same = SchemaText(
      Self.head + Self.view + "SET default_table_access_method = heap;\n" + Self.table)
    let other = SchemaText(
      Self.head + Self.view + "SET default_table_access_method = columnar;\n\n" + Self.table)
    #expect(one.differences(in: same).isEmpty)
    #expect(one.differences(in: other).count == 1)
  }

  @Test func `keeps comments inside a function, and what looks like a header there`() {
    func function(_ comment: String) -> SchemaText {
      SchemaText(
        Self.head
          + Self.entry(
            "f()", "FUNCTION",
            "CREATE FUNCTION app.f() AS $$\n-- \(comment)\n-- Name: x; Type: y; Schema: z; Owner: w\n$$;"
          ))
    }
    #expect(function("one").objects.count == 1)
    #expect(function("one").differences(in: function("two")).count == 1)
  }

  @Test func `leaves large objects to the check of their content`() {
    let text = SchemaText(
      Self.head + Self.entry("1", "BLOB", "SELECT pg_catalog.lo_create('1');", schema: "-")
        + Self.entry("LARGE OBJECT 1", "ACL", "GRANT SELECT ON LARGE OBJECT 1 TO x;", schema: "-")
        + Self.view)
    #expect(text.objects.count == 1)
  }

  @Test func `knows foreign keys and what was never validated`() {
    let text = SchemaText(
      Self.head + Self.entry("t a", "FK CONSTRAINT", "ALTER TABLE app.t\n ADD … app.u(id);")
        + Self.entry("t b", "FK CONSTRAINT", "ALTER TABLE app.t\n ADD … app.u(id) NOT VALID;")
        + Self.entry("t c", "CHECK CONSTRAINT", "ALTER TABLE app.t\n ADD CHECK (a > 0) NOT VALID;"))
    #expect(text.foreignKeyCount == 2)
    #expect(text.unvalidatedConstraintCount == 2)
  }

  @Test func `finds the errors in a server's log, and nothing else`() {
    let log = """
      2026-11-24 14:57:23.116 UTC [8582] LOG:  database system is ready
      2026-11-24 14:57:23.117 UTC [8582] shop ERROR:  relation "x" does not exist
      2026-11-24 14:57:23.117 UTC [8582] shop STATEMENT:  SELECT 'ERROR:  no'
      \tFATAL:  text of a statement
      2026-11-24 14:57:24.000 UTC [8583] LOG:  server process (PID 9) was terminated by signal 11
      2026-11-24 14:57:25.000 UTC [8584] shop PANIC:  could not write
      """
    let lines = Drill.errorLines(inLog: log)
    #expect(lines.count == 3)
    for (line, word) in zip(
      lines, ["does not exist", "terminated by signal 11", "could not write"])
    {
      #expect(line.hasSuffix(word))
    }
  }
}
