// Owns the reading of a database's properties: what pg_dump leaves out or only applies with --create.

package import Format
package import Postgres

extension DatabaseProperties {
  /// The properties of the connected database and its server.
  ///
  /// Server settings that only `pg_read_all_settings` may see are absent for other roles, and so are all that
  /// may hold a secret (connection strings, passphrase commands).
  /// - Throws: ``PostgresError``.
  package static func read(over connection: Connection) throws(PostgresError) -> DatabaseProperties
  {
    // The columns of pg_database differ from version to version: read by name from a JSON object.
    let row = try connection.query(
      """
      SELECT d.datname, pg_get_userbyid(d.datdba), pg_encoding_to_char(d.encoding),
        coalesce(j ->> 'datlocprovider', 'c'), j ->> 'datcollate', j ->> 'datctype',
        coalesce(j ->> 'datlocale', j ->> 'daticulocale'), j ->> 'daticurules',
        j ->> 'datcollversion', t.spcname, d.datconnlimit, d.datistemplate, d.datacl,
        shobj_description(d.oid, 'pg_database')
      FROM pg_database d JOIN pg_tablespace t ON t.oid = d.dattablespace, to_jsonb(d) AS j
      WHERE d.datname = current_database()
      """)
    let settings = try connection.query(
      """
      SELECT s.setrole, pg_get_userbyid(s.setrole), c
      FROM pg_db_role_setting s, unnest(s.setconfig) WITH ORDINALITY AS x(c, position)
      WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
      ORDER BY (s.setrole = 0) DESC, 2, x.position
      """)
    var own: [String] = []
    var byRole: [RoleSettings] = []
    for setting in settings {
      let text = setting[2] ?? ""
      if setting[0] == "0" {
        own.append(text)
      } else if let role = setting[1] {
        if byRole.last?.role != role { byRole.append(RoleSettings(role: role, settings: [])) }
        byRole[byRole.count - 1].settings.append(text)
      }
    }
    let extensions = try connection.query(
      """
      SELECT e.extname, e.extversion, n.nspname FROM pg_extension e
      JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY e.extname COLLATE "C"
      """
    ).map { Extension(name: $0[0] ?? "", version: $0[1] ?? "", schema: $0[2] ?? "") }
    let server = try serverSettings(over: connection)
    return DatabaseProperties(
      name: row[0, 0] ?? "", owner: row[0, 1] ?? "", encoding: row[0, 2] ?? "",
      localeProvider: row[0, 3] ?? "c", collate: row[0, 4] ?? "", ctype: row[0, 5] ?? "",
      icuLocale: row[0, 6], icuRules: row[0, 7], collationVersion: row[0, 8],
      tablespace: row[0, 9] ?? "", connectionLimit: row[0, 10].flatMap { Int($0) } ?? -1,
      isTemplate: row[0, 11] == "t", privileges: row[0, 12], comment: row.text(0, 13),
      settings: own, roleSettings: byRole, extensions: extensions,
      preloadLibraries: (server["shared_preload_libraries"] ?? "").split(separator: ",")
        .map { $0.split(separator: " ").joined(separator: " ") }.filter { !$0.isEmpty },
      serverSettings: server, roles: try roles(over: connection))
  }

  /// Settings that a session of a new role would find changed, with units.
  private static func serverSettings(over connection: Connection) throws(PostgresError)
    -> [String: String]
  {
    // reset_val, because this session has changed some for itself.
    let rows = try connection.query(
      """
      SELECT s.name,
        CASE WHEN s.setting = s.reset_val THEN current_setting(s.name) ELSE s.reset_val END
      FROM pg_settings s
      WHERE s.reset_val IS DISTINCT FROM s.boot_val AND s.source <> 'override'
        AND s.context <> 'internal'
        AND s.name !~* '(conninfo|passphrase|secret|token|password$|_key$)'
      """)
    var settings: [String: String] = [:]
    for row in rows { if let name = row[0] { settings[name] = row[1] ?? "" } }
    return settings
  }

  /// Roles that own something in the database, may do something in it, or have settings for it.
  private static func roles(over connection: Connection) throws(PostgresError) -> [String] {
    try connection.query(
      """
      WITH this AS (SELECT d.oid, d.datdba FROM pg_database d WHERE d.datname = current_database())
      SELECT DISTINCT r.rolname::text COLLATE "C" FROM pg_roles r, this
      WHERE r.oid = this.datdba
        OR r.oid IN (
          SELECT s.refobjid FROM pg_shdepend s WHERE s.refclassid = 'pg_authid'::regclass
            AND (s.dbid = this.oid OR s.classid = 'pg_database'::regclass AND s.objid = this.oid))
        OR r.oid IN (SELECT s.setrole FROM pg_db_role_setting s WHERE s.setdatabase = this.oid)
        OR r.oid IN (SELECT c.relowner FROM pg_class c WHERE c.oid >= 16384)
      ORDER BY 1
      """
    ).compactMap { $0[0] }
  }
}
