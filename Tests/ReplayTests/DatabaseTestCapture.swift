// Owns the making of a snapshot the plain way: pg_dump, COPY and catalog queries, one after the other.

import Format
import Foundation
import Postgres
import Programs
import Replay
import Repository
import Sodium
import TestSupport

extension DatabaseSnapshot {
  /// Captures the database behind `target`.
  static func capture(_ target: ConnectionTarget) throws -> DatabaseSnapshot {
    let connection = try Connection(target)
    try connection.applyDumpSettings()
    try connection.execute("SET client_encoding = 'UTF8'")
    let archive = try run(
      .pgDump, ["--format=custom", "--section=pre-data", "--section=post-data"], on: target)
    let globals = try run(.pgDumpall, ["--globals-only"], on: target)
    let base = CatalogKey.database(source)
    let tables = try Self.tables(connection)
    return try DatabaseSnapshot { catalog, content in
      try catalog.append(base.appending("archive"), .stream(try content.content(archive)))
      try catalog.append(base.appending("globals"), .stream(try content.content(globals)))
      for row in try connection.query(
        """
        SELECT oid, pg_get_userbyid(lomowner), lomacl::text, obj_description(oid, 'pg_largeobject'),
          encode(lo_get(oid), 'hex') FROM pg_largeobject_metadata ORDER BY oid
        """)
      {
        let object = LargeObject(
          owner: row[1] ?? "", privileges: row[2], comment: row[3],
          content: try content.content(hexadecimal(row[4] ?? "")))
        try catalog.append(
          base.appending("large-objects").appending(number: UInt64(row[0] ?? "") ?? 0),
          .largeObject(object))
      }
      try catalog.append(
        base.appending("properties"), .stream(try content.json(properties(connection))))
      var counts: [QualifiedName: (rows: UInt64, bytes: UInt64)] = [:]
      for table in tables {
        var lines: [[UInt8]] = []
        let columns = table.columns.map { Connection.quoteIdentifier($0) }.joined(separator: ", ")
        let encoding = connection.parameter("server_encoding") ?? "UTF8"
        _ = try connection.copyOut(
          """
          COPY (SELECT \(columns) FROM ONLY \(table.quoted) \(table.condition)) TO STDOUT
          WITH (ENCODING '\(encoding)')
          """
        ) { row in
          var line: [UInt8] = []
          for index in row.indices { line.append(row[index]) }
          lines.append(line)
        }
        counts[table.name] = (UInt64(lines.count), lines.reduce(0) { $0 + UInt64($1.count) })
        // Several ranges, as a large table has.
        let step = max(1, (lines.count + 2) / 3)
        for (number, start) in stride(from: 0, to: lines.count, by: step).enumerated() {
          let part = lines[start..<min(start + step, lines.count)]
          try catalog.append(
            base.appending("rows").appending(table.name.schema).appending(table.name.name)
              .appending(number: UInt64(number)),
            .range(
              TableRange(
                rowCount: UInt64(part.count), format: .text,
                content: try content.content(Array(part.joined())), digest: .init())))
        }
      }
      try catalog.append(
        base.appending("sequences"), .stream(try content.json(sequences(connection))))
      for table in tables {
        let count = counts[table.name] ?? (0, 0)
        try catalog.append(
          base.appending("tables").appending(table.name.schema).appending(table.name.name),
          .table(
            TableSummary(
              columns: table.columns, rowCount: count.rows, byteCount: count.bytes,
              digest: .init(), isExtensionConfiguration: table.isConfiguration,
              loadThrough: table.loadThrough)))
      }
    }
  }

  private struct Table {
    var name: QualifiedName
    var columns: [String]
    var isConfiguration: Bool
    var condition: String
    var loadThrough: QualifiedName?
    var quoted: String {
      Connection.quoteIdentifier(name.schema) + "." + Connection.quoteIdentifier(name.name)
    }
  }

  private static func tables(_ connection: Connection) throws -> [Table] {
    try connection.query(
      """
      SELECT n.nspname, c.relname,
        coalesce((SELECT json_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), '[]'),
        f.condition, rn.nspname, r.relname
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      LEFT JOIN (SELECT relation, condition FROM pg_extension e,
        unnest(e.extconfig, e.extcondition) AS x (relation, condition)) f ON f.relation = c.oid
      LEFT JOIN pg_class r ON c.relispartition AND r.oid = pg_partition_root(c.oid) AND EXISTS (
        SELECT FROM pg_partitioned_table p JOIN pg_opclass o ON o.oid = ANY (p.partclass)
        WHERE p.partrelid = r.oid AND p.partstrat = 'h' AND o.opcname = 'enum_ops')
      LEFT JOIN pg_namespace rn ON rn.oid = r.relnamespace
      WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        AND (f.relation IS NOT NULL OR NOT EXISTS (SELECT FROM pg_depend d WHERE d.deptype = 'e'
          AND d.classid = 'pg_class'::regclass AND d.objid = c.oid))
      ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
      """
    ).map { row in
      let columns = try JSONDecoder().decode([String].self, from: Data((row[2] ?? "[]").utf8))
      return Table(
        name: QualifiedName(schema: row[0] ?? "", name: row[1] ?? ""), columns: columns,
        isConfiguration: row[3] != nil, condition: row[3] ?? "",
        loadThrough: row[5].map { QualifiedName(schema: row[4] ?? "", name: $0) })
    }
  }

  private static func sequences(_ connection: Connection) throws -> [SequenceValue] {
    try connection.query(
      """
      SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind = 'S' ORDER BY 1, 2
      """
    ).map { row in
      let name = QualifiedName(schema: row[0] ?? "", name: row[1] ?? "")
      let quoted =
        Connection.quoteIdentifier(name.schema) + "." + Connection.quoteIdentifier(name.name)
      let value = try connection.query("SELECT last_value, is_called FROM \(quoted)")
      return SequenceValue(
        sequence: name, lastValue: Int64(value[0, 0] ?? "") ?? 0, isCalled: value[0, 1] == "t",
        ownerTable: nil, ownerColumn: nil, increment: 1)
    }
  }

  private static func properties(_ connection: Connection) throws -> DatabaseProperties {
    let row = try connection.query(
      """
      SELECT d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding), d.datcollate,
        d.datctype, t.spcname, d.datconnlimit, d.datacl::text, shobj_description(d.oid, 'pg_database')
      FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace
      WHERE d.datname = current_database()
      """)
    let settings = try connection.query(
      """
      SELECT coalesce(pg_get_userbyid(nullif(setrole, 0)), ''), c FROM pg_db_role_setting, unnest(setconfig) c
      WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
      """)
    let roleSettings = Dictionary(grouping: settings.filter { $0[0] != "" }) { $0[0] ?? "" }
    let extensions = try connection.query(
      "SELECT extname, extversion, extnamespace::regnamespace FROM pg_extension ORDER BY 1")
    let roles = try connection.query(
      "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class UNION SELECT $1", [row[0, 1]])
    return DatabaseProperties(
      name: row[0, 0] ?? "", owner: row[0, 1] ?? "", encoding: row[0, 2] ?? "",
      localeProvider: "c", collate: row[0, 3] ?? "", ctype: row[0, 4] ?? "", icuLocale: nil,
      icuRules: nil, collationVersion: nil, tablespace: row[0, 5] ?? "",
      connectionLimit: Int(row[0, 6] ?? "") ?? -1, isTemplate: false, privileges: row[0, 7],
      comment: row[0, 8], settings: settings.filter { $0[0] == "" }.compactMap { $0[1] },
      roleSettings: roleSettings.map {
        .init(role: $0.key, settings: $0.value.compactMap { $0[1] })
      },
      extensions: extensions.map {
        .init(name: $0[0] ?? "", version: $0[1] ?? "", schema: $0[2] ?? "")
      },
      preloadLibraries: [], serverSettings: [:], roles: roles.compactMap { $0[0] })
  }
}

/// The bytes of hexadecimal digits.
func hexadecimal(_ text: String) -> [UInt8] {
  let digits = Array(text.utf8).map { UInt8($0 > 57 ? $0 - 87 : $0 - 48) }
  return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
