// Owns the list of what a database holds and a snapshot does not: said in words, never left out in silence.

import Format
import Inventory
import Postgres

/// Finds what is not captured.
enum SourceGaps {
  /// Lines of each kind that are listed; more are counted.
  private static let limit = 1_000

  /// Everything that no capture of this database includes, whatever the configuration.
  static func list(over connection: Connection, facts: SnapshotFacts) throws -> [String] {
    var gaps: [String] = []
    for statement in statements {
      let rows = try connection.query(statement)
      gaps += rows.prefix(limit).compactMap { $0[0] }
      if rows.count > limit { gaps.append("and \(rows.count - limit) more of the last kind") }
    }
    gaps += try unreadableComments(over: connection)
    let seesSettings = try connection.query(
      "SELECT pg_has_role('pg_read_all_settings', 'USAGE')")[0, 0]
    if seesSettings != "t" {
      gaps.append("server settings that need pg_read_all_settings: \(facts.role) does not have it")
    }
    return gaps
  }

  /// Why the rows of `table` are not captured; nil if they are.
  static func exclusion(
    of table: TableDescription, _ source: DatabaseSource, isStandby: Bool
  ) -> String? {
    if let pattern = source.exclusion(of: table) {
      return "left out by the configuration (\(pattern))"
    }
    if table.isUnlogged, isStandby { return "unlogged tables have no rows on a standby" }
    return nil
  }

  /// Comments that are held as text by us, and are none: SQL_ASCII takes any bytes.
  private static func unreadableComments(over connection: Connection) throws -> [String] {
    guard connection.parameter("server_encoding") == "SQL_ASCII" else { return [] }
    let rows = try connection.query(
      """
      SELECT 'the large object ' || objoid, description FROM pg_description
      WHERE classoid = 'pg_largeobject'::regclass
      UNION ALL
      SELECT 'the database', shobj_description(oid, 'pg_database') FROM pg_database
      WHERE datname = current_database() ORDER BY 1
      """)
    return rows.indices.compactMap { row in
      guard let bytes = rows.bytes(row, 1), String(validating: bytes, as: UTF8.self) == nil
      else { return nil }
      return "the comment on \(rows[row, 0] ?? ""): it is not valid UTF-8"
    }
  }

  private static let statements = [
    """
    SELECT format('rows of the foreign table %I.%I: they live on the server %I', n.nspname,
      c.relname, s.srvname)
    FROM pg_foreign_table f JOIN pg_class c ON c.oid = f.ftrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_foreign_server s ON s.oid = f.ftserver
    ORDER BY 1
    """,
    """
    SELECT format('rows of %s materialized views: a restore computes them anew', count(*))
    FROM pg_matviews HAVING count(*) > 0
    """,
    """
    SELECT format('rows of %I.%I: the extension %I does not call them configuration', n.nspname,
      c.relname, e.extname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid
      AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    JOIN pg_extension e ON e.oid = d.refobjid
    WHERE c.relkind = 'r' AND NOT c.oid = ANY (coalesce(e.extconfig, '{}'))
      AND pg_relation_size(c.oid) > 0
    ORDER BY 1
    """,
    """
    SELECT format('the index %I.%I: it is invalid', n.nspname, c.relname)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT i.indisvalid AND c.relkind = 'i' AND n.nspname !~ '^pg_toast' ORDER BY 1
    """,
    """
    SELECT format('the subscription %I: it is left out of a restore, as a copy must not take part in '
      'replication', s.subname)
    FROM pg_subscription s
    WHERE s.subdbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
    ORDER BY 1
    """,
    """
    SELECT format('the comment on the %s: pg_dump leaves it out', subject) FROM (
      SELECT 'extension plpgsql', e.oid, 'pg_extension'::regclass, a.comment
      FROM pg_extension e JOIN pg_available_extensions a ON a.name = e.extname
      WHERE e.extname = 'plpgsql'
      UNION ALL
      SELECT 'language plpgsql', oid, 'pg_language'::regclass, 'PL/pgSQL procedural language'
      FROM pg_language WHERE lanname = 'plpgsql'
      UNION ALL
      SELECT 'schema public', oid, 'pg_namespace'::regclass, 'standard public schema'
      FROM pg_namespace WHERE nspname = 'public' AND current_setting('server_version_num')::int < 150000
    ) AS s (subject, objid, classid, usual)
    JOIN pg_description d ON d.objoid = s.objid AND d.classoid = s.classid AND d.objsubid = 0
    WHERE d.description <> s.usual ORDER BY 1
    """,
    """
    SELECT format('the replication slot %I: it is tied to this server', slot_name)
    FROM pg_replication_slots WHERE database = current_database() ORDER BY 1
    """,
    """
    SELECT format('the prepared transaction %L of %I: it is not committed', gid, owner)
    FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1
    """,
    """
    SELECT format('security labels of %s large objects', count(*))
    FROM pg_seclabel WHERE classoid = 'pg_largeobject'::regclass HAVING count(*) > 0
    """,
  ]
}
