// Owns the catalog queries of the object inventory: each returns kind, identity, definition.
//
// Everything in a definition must be equal on a faithful copy: names instead of OIDs, sorted lists where the
// order means nothing. All run with an empty search_path, so that names come qualified.

/// The statements of an inventory.
enum InventoryQueries {
  static func statements(serverMajor: Int) -> [String] {
    [
      schemas, tables, columns, indexes, constraints, functions, attachments, types, others,
      serverMajor >= 15 ? publications : publications14, owners, changedPrivileges, comments,
    ].map { common + "\n" + $0 }
  }

  /// Names that the statements share: user schemas, what belongs to extensions, relations and types of ours.
  private static let common = """
    WITH spaces AS (
      SELECT n.oid, n.nspname FROM pg_namespace n
      WHERE n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    ), members AS (
      SELECT d.classid, d.objid FROM pg_depend d
      WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    ), relations AS (
      SELECT c.*, format('%I.%I', s.nspname, c.relname) AS ident
      FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c', 'S') AND c.relpersistence <> 't'
        AND NOT EXISTS (
          SELECT FROM members m WHERE m.classid = 'pg_class'::regclass AND m.objid = c.oid)
    ), types AS (
      SELECT t.* FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
      WHERE (t.typtype IN ('e', 'd', 'r', 'p')
          OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid)
          OR t.typtype = 'c' AND (
            SELECT c.relkind FROM pg_class c WHERE c.oid = t.typrelid) = 'c')
        AND NOT EXISTS (
          SELECT FROM members m WHERE m.classid = 'pg_type'::regclass AND m.objid = t.oid)
    )
    """

  static let schemas = """
    SELECT 'schema', quote_ident(s.nspname), '' FROM spaces s
    WHERE NOT EXISTS (
      SELECT FROM members m WHERE m.classid = 'pg_namespace'::regclass AND m.objid = s.oid)
    """

  /// Tables, partitioned and foreign tables, without columns.
  static let tables = """
    SELECT CASE r.relkind WHEN 'f' THEN 'foreign table' ELSE 'table' END, r.ident,
      ROW(r.relkind, r.relpersistence, (SELECT a.amname FROM pg_am a WHERE a.oid = r.relam),
        (SELECT array_agg(o ORDER BY o) FROM unnest(r.reloptions) o),
        (SELECT array_agg(o ORDER BY o) FROM pg_class t, unnest(t.reloptions) o
          WHERE t.oid = r.reltoastrelid),
        r.relreplident, r.relrowsecurity, r.relforcerowsecurity,
        CASE WHEN r.relkind = 'p' THEN pg_get_partkeydef(r.oid) END,
        pg_get_expr(r.relpartbound, r.oid),
        (SELECT array_agg(format('%I.%I', n.nspname, p.relname) ORDER BY i.inhseqno)
          FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
          JOIN pg_namespace n ON n.oid = p.relnamespace WHERE i.inhrelid = r.oid),
        format_type(nullif(r.reloftype, 0), NULL),
        (SELECT ROW(s.srvname,
          (SELECT array_agg(o ORDER BY o) FROM unnest(f.ftoptions) o))::text FROM pg_foreign_table f
          JOIN pg_foreign_server s ON s.oid = f.ftserver WHERE f.ftrelid = r.oid))::text
    FROM relations r WHERE r.relkind IN ('r', 'p', 'f')
    """

  /// Columns of every relation.
  ///
  /// Their position counts, except under inheritance, where a dump and restore moves columns
  /// that were added to the parent later. `pg_attver` is a log position that some builds of PostgreSQL 15 keep in
  /// `attoptions`.
  static let columns = """
    SELECT 'column', format('%s.%I', r.ident, a.attname),
      ROW(format_type(a.atttypid, a.atttypmod), a.attnotnull,
        (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
          WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum),
        a.attidentity, a.attgenerated, nullif(a.attstorage, t.typstorage), a.attcompression,
        (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation l
          JOIN pg_namespace n ON n.oid = l.collnamespace
          WHERE l.oid = a.attcollation AND a.attcollation <> t.typcollation),
        nullif(a.attstattarget, -1),
        (SELECT array_agg(o ORDER BY o) FROM unnest(a.attoptions) o WHERE o !~ '^pg_attver='),
        (SELECT array_agg(o ORDER BY o) FROM unnest(a.attfdwoptions) o),
        CASE WHEN r.relispartition OR NOT EXISTS (
            SELECT FROM pg_inherits i WHERE i.inhrelid = r.oid)
          THEN row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) END)::text
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid
    WHERE r.relkind <> 'S' AND a.attnum > 0 AND NOT a.attisdropped
    """

  /// Indexes that pg_dump would dump: an invalid one is not restored (pg_dump.c, getIndexes).
  static let indexes = """
    SELECT 'index', format('%I.%I', n.nspname, c.relname),
      ROW(pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisclustered, i.indisreplident,
        (SELECT format('%I.%I', pn.nspname, p.relname) FROM pg_inherits h
          JOIN pg_class p ON p.oid = h.inhparent JOIN pg_namespace pn ON pn.oid = p.relnamespace
          WHERE h.inhrelid = c.oid),
        (SELECT array_agg(ROW(a.attnum, a.attstattarget)::text ORDER BY a.attnum)
          FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0))::text
    FROM relations r JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE (i.indisvalid OR c.relkind = 'I' OR r.relkind = 'p') AND i.indisready
    """

  /// Constraints of tables and domains.
  ///
  /// NOT NULL stands with the column; a partition's part of a foreign key gets a
  /// new name on each copy.
  static let constraints = """
    SELECT 'constraint', o.identity, ROW(pg_get_constraintdef(k.oid), k.convalidated)::text
    FROM pg_constraint k, pg_identify_object('pg_constraint'::regclass, k.oid, 0) o
    WHERE k.contype IN ('c', 'f', 'p', 'u', 'x') AND NOT (k.contype = 'f' AND k.conparentid <> 0)
      AND (k.conrelid IN (SELECT r.oid FROM relations r)
        OR k.contypid IN (SELECT t.oid FROM types t))
    """

  /// Functions, procedures and aggregates, without the constructors of range types.
  static let functions = """
    SELECT CASE p.prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END,
      o.identity,
      CASE p.prokind WHEN 'a' THEN (
        SELECT ROW(pg_get_function_arguments(p.oid), pg_get_function_result(p.oid), p.proparallel,
          a.aggkind, a.aggnumdirectargs, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
          a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn, a.aggfinalextra,
          a.aggmfinalextra, a.aggfinalmodify, a.aggmfinalmodify, a.aggsortop::regoperator,
          format_type(a.aggtranstype, NULL), a.aggtransspace, format_type(a.aggmtranstype, NULL),
          a.aggmtransspace, a.agginitval, a.aggminitval)::text
        FROM pg_aggregate a WHERE a.aggfnoid = p.oid)
      ELSE pg_get_functiondef(p.oid) END
    FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace,
      pg_identify_object('pg_proc'::regclass, p.oid, 0) o
    WHERE NOT EXISTS (
        SELECT FROM members m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
      AND NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
          AND d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass)
    """
}
