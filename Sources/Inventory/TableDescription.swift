// Owns what is known of a table before its rows are read.

package import Format
package import Postgres

/// A table whose rows belong into a snapshot.
package struct TableDescription: Hashable, Sendable {
  package var name: QualifiedName
  package var oid: UInt32
  /// The columns that are copied, in the order of their rows' fields: no generated ones; the order of the
  /// table, or that of ``loadThrough`` if rows must be routed through it.
  package var columns: [String]
  /// Whether it is a heap: only then do block numbers say where rows are.
  package var isHeap: Bool
  package var isUnlogged: Bool
  /// Its owner, for advice.
  package var owner: String
  /// Rows of an extension's configuration table are added to what the extension brings itself.
  package var isExtensionConfiguration: Bool
  /// The extension's own `WHERE …` for its configuration rows; empty for all of them.
  package var condition: String
  /// The topmost partitioned table above a partition.
  package var partitionRoot: QualifiedName?
  /// The partitioned table that rows must be routed through; nil to load the table itself.
  ///
  /// Set if some level above is partitioned by the hash of an enum: the hash of an enum value is that of its
  /// OID, which a restored copy gives anew (pg_dump.c, getPartitioningInfo and forcePartitionRootLoad).
  package var loadThrough: QualifiedName?
  /// Blocks of the main fork; 0 unless sizes were asked for.
  package var blockCount: UInt32
  /// Bytes of heap and TOAST on disk, an estimate of what a copy reads; 0 unless sizes were asked for.
  package var estimatedByteCount: UInt64
  /// Whether the role may read it, schema included.
  package var isReadable: Bool
  /// Whether row-level security would hide rows from this role.
  package var hidesRows: Bool

  /// The name that enters row hashes: rows that are routed through a root may end in another leaf, so that
  /// only the sum over all leaves, hashed under the root's name, is the same on a copy.
  package var hashName: QualifiedName { loadThrough ?? name }

  /// Whether ranges of blocks can be read on their own.
  package var isSplittable: Bool { isHeap && !isExtensionConfiguration }
}

extension TableDescription {
  /// The tables to copy, sorted by the bytes of schema and name.
  ///
  /// Ordinary tables and leaf partitions of user schemas, without those that belong to an extension, but with
  /// the configuration tables of extensions. Call ``Postgres/Connection/applyCatalogSettings()`` before.
  /// - Parameters:
  ///   - connection: the session to ask.
  ///   - withSizes: also asks for sizes, which waits for locks that others hold on the tables.
  /// - Returns: the tables; those that the role may not read are among them, and say so.
  /// - Throws: ``PostgresError``.
  package static func list(over connection: Connection, withSizes: Bool = true)
    throws(PostgresError) -> [TableDescription]
  {
    let rows = try connection.query(tableQuery(withSizes: withSizes))
    let columns = try columnLists(over: connection)
    var tables: [TableDescription] = []
    tables.reserveCapacity(rows.count)
    for row in rows.indices {
      guard let oid = rows[row, 0].flatMap({ UInt32($0) }) else { continue }
      let name = QualifiedName(
        schema: try connection.name(rows, row, 1), name: try connection.name(rows, row, 2))
      var root: QualifiedName?
      if rows[row, 8] != nil {
        root = QualifiedName(
          schema: try connection.name(rows, row, 8), name: try connection.name(rows, row, 9))
      }
      let rootOid = rows[row, 7].flatMap { UInt32($0) } ?? 0
      let throughRoot = rows[row, 10] == "t"
      tables.append(
        TableDescription(
          name: name, oid: oid, columns: columns[throughRoot ? rootOid : oid] ?? [],
          isHeap: rows[row, 3] == "t", isUnlogged: rows[row, 4] == "u",
          owner: rows[row, 5] ?? "", isExtensionConfiguration: rows[row, 6] != nil,
          condition: rows[row, 6] ?? "", partitionRoot: root,
          loadThrough: throughRoot ? root : nil,
          blockCount: UInt32(clamping: rows[row, 11].flatMap { Int64($0) } ?? 0),
          estimatedByteCount: UInt64(clamping: rows[row, 12].flatMap { Int64($0) } ?? 0),
          isReadable: rows[row, 13] == "t", hidesRows: rows[row, 14] == "t"))
    }
    return tables.sorted { a, b in
      a.name.schema.utf8.elementsEqual(b.name.schema.utf8)
        ? a.name.name.precedesInBytes(b.name.name)
        : a.name.schema.precedesInBytes(b.name.schema)
    }
  }

  /// Column names in order for every table and partitioned table, generated ones left out.
  private static func columnLists(over connection: Connection) throws(PostgresError)
    -> [UInt32: [String]]
  {
    let rows = try connection.query(
      """
      SELECT a.attrelid, a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'information_schema'
        AND n.nspname !~ '^pg_' AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      ORDER BY a.attrelid, a.attnum
      """)
    var lists: [UInt32: [String]] = [:]
    for row in rows.indices {
      guard let oid = rows[row, 0].flatMap({ UInt32($0) }) else { continue }
      lists[oid, default: []].append(try connection.name(rows, row, 1))
    }
    return lists
  }

  private static func tableQuery(withSizes: Bool) -> String {
    """
    WITH configuration AS (
      SELECT x.relation, coalesce(x.condition, '') AS condition
      FROM pg_extension e, unnest(e.extconfig, e.extcondition) AS x(relation, condition)
    )
    SELECT c.oid, n.nspname, c.relname, m.amname = 'heap', c.relpersistence,
      pg_get_userbyid(c.relowner), f.condition, p.oid, pn.nspname, p.relname,
      c.relispartition AND EXISTS (
        SELECT FROM pg_partition_ancestors(c.oid) AS a(relation)
        JOIN pg_partitioned_table h ON h.partrelid = a.relation
        WHERE h.partstrat = 'h' AND (
          SELECT o.oid FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
          WHERE o.opcname = 'enum_ops' AND o.opcnamespace = 'pg_catalog'::regnamespace
            AND m.amname = 'hash') = ANY (h.partclass)),
      \(withSizes
        ? """
          pg_relation_size(c.oid) / current_setting('block_size')::int, pg_table_size(c.oid)
          """
        : "0, 0"),
      has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT'),
      c.relrowsecurity AND row_security_active(c.oid)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_am m ON m.oid = c.relam
    LEFT JOIN configuration f ON f.relation = c.oid
    LEFT JOIN pg_class p ON c.relispartition AND p.oid = pg_partition_root(c.oid)
    LEFT JOIN pg_namespace pn ON pn.oid = p.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
      AND n.nspname !~ '^pg_'
      AND (f.relation IS NOT NULL OR NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
          AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'))
    """
  }
}
