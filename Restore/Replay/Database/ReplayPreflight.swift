// Owns the questions asked before anything is made: can this server take this database at all?

import Format
import Postgres
import Programs

/// Checks of the target's server against what the snapshot needs; they read only.
struct ReplayPreflight {
  let contents: DatabaseContents
  let options: DatabaseReplayOptions
  /// A session on any database of the target's server.
  let connection: Connection

  private var what: String { "cannot restore database '\(contents.source)'" }

  /// Runs every check that needs no database of its own.
  ///
  /// - Returns: what will differ, in words.
  /// - Throws: ``ReplayError``: `versionTooOld`, `extensionMissing`, `roleMissing`, `restoreFailed`.
  func check() throws -> [String] {
    try checkVersion()
    var warnings = try checkExtensions()
    // pg_dump 14 writes of this schema only what differs from what was usual then.
    if contents.serverMajor < 15, connection.serverMajor >= 15, !contents.lacksPublicSchema {
      warnings.append(
        "schema public has the owner and rights that are usual since PostgreSQL 15: "
          + "GRANT CREATE ON SCHEMA public TO PUBLIC, if others than its owner are to create in it")
    }
    if !options.globals { try checkRoles() }
    if options.restoreOwners == false { warnings.append("owners are not restored, as asked") }
    if options.restorePrivileges == false {
      warnings.append("privileges are not restored, as asked")
    }
    return warnings
  }

  private func checkVersion() throws {
    let source = contents.serverMajor
    guard connection.serverMajor >= source else {
      throw ReplayError(
        .versionTooOld, what: what,
        why: "it comes from PostgreSQL \(source), and the target is \(connection.serverMajor)",
        next: "restore into a server of version \(source) or newer")
    }
    guard try connection.query("SELECT pg_catalog.pg_is_in_recovery()")[0, 0] == "f" else {
      throw ReplayError(
        .restoreFailed, what: what, why: "the target is a standby, which takes no writes",
        next: "restore into its primary")
    }
  }

  private func checkExtensions() throws -> [String] {
    let wanted = contents.properties.extensions
    guard !wanted.isEmpty else { return [] }
    let rows = try connection.query(
      "SELECT name, default_version FROM pg_catalog.pg_available_extensions")
    var available: [String: String] = [:]
    for row in rows { if let name = row[0] { available[name] = row[1] ?? "" } }
    let missing = wanted.filter { available[$0.name] == nil }.map(\.name).sorted()
    guard missing.isEmpty else {
      let major = connection.serverMajor
      let packages = missing.compactMap { ExtensionPackages.package(of: $0, major: major) }
      let unknown = missing.filter { ExtensionPackages.package(of: $0, major: major) == nil }
      var steps: [String] = []
      if !packages.isEmpty {
        steps.append("install \(Set(packages).sorted().joined(separator: " "))")
      }
      if !unknown.isEmpty { steps.append("install \(unknown.joined(separator: ", "))") }
      throw ReplayError(
        .extensionMissing, what: what,
        why: "the target has no extension \(missing.joined(separator: ", "))",
        next: steps.joined(separator: ", then ") + " on the target's machine")
    }
    return wanted.compactMap { item in
      guard let version = available[item.name], version != item.version else { return nil }
      return "extension \(item.name) was \(item.version) at the source and is \(version) here"
    }
  }

  /// Also asked after globals were loaded, which should have made every role.
  func checkRoles() throws {
    guard options.restoreOwners || options.restorePrivileges else { return }
    let rows = try connection.query("SELECT rolname FROM pg_catalog.pg_roles")
    let present = Set(rows.compactMap { $0[0] })
    let missing = contents.properties.roles.filter { !present.contains($0) }.sorted()
    guard missing.isEmpty else {
      throw ReplayError(
        .roleMissing, what: what,
        why: "the target has no role \(missing.joined(separator: ", "))",
        next:
          "restore with --globals, which makes them, or with --no-owner and --no-privileges")
    }
  }

  /// The role exists on the target.
  func hasRole(_ name: String) throws -> Bool {
    try !connection.query("SELECT FROM pg_catalog.pg_roles WHERE rolname = $1", [name]).isEmpty
  }

  /// Refuses a database that holds anything of a user's.
  ///
  /// Extensions and their members are tolerated, since managed servers bring some and only a
  /// superuser can make others; so is the schema `public`, however it came to be.
  /// - Parameters:
  ///   - connection: a session on that database.
  ///   - name: its name, for the message.
  /// - Throws: ``ReplayError`` `targetNotEmpty`, naming some of what it holds.
  static func checkEmpty(_ connection: Connection, name: String) throws {
    let rows = try connection.query(emptinessQuery)
    guard !rows.isEmpty else { return }
    let found = rows.prefix(3).map { "\($0[0] ?? "object") \($0[1] ?? "")" }
    let comment = try connection.query(
      """
      SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database
      WHERE datname = pg_catalog.current_database()
      """)[0, 0]
    let isOurs = comment?.hasPrefix(DatabaseMaker.marker) == true
    throw ReplayError(
      .targetNotEmpty, what: "cannot restore into database '\(name)'",
      why: (isOurs ? "an earlier restore into it did not finish: " : "")
        + "it holds \(found.joined(separator: ", "))\(rows.count > 3 ? " and more" : "")",
      next: isOurs
        ? "drop it, or restore into a new name"
        : "restore into a new name; nothing was changed in this one")
  }

  // 16384 is FirstNormalObjectId: initdb's own objects have smaller numbers (transam.h). A large
  // object's number is the user's choice.
  private static let emptinessQuery = """
    SELECT kind, name FROM (
      SELECT 'relation', n.nspname || '.' || c.relname, 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
      WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c') AND n.nspname !~ '^pg_(toast|temp)'
      UNION ALL
      SELECT 'function', n.nspname || '.' || p.proname, 'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid
      FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      UNION ALL
      SELECT 'type', n.nspname || '.' || t.typname, 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid
      FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
      WHERE t.typtype IN ('b', 'd', 'e', 'r') AND t.typcategory <> 'A'
      UNION ALL
      SELECT 'schema', nspname, 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_namespace
      WHERE nspname <> 'public' AND nspname !~ '^pg_(toast_)?temp_'
      UNION ALL
      SELECT 'event trigger', evtname, 'pg_catalog.pg_event_trigger'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_event_trigger
      UNION ALL
      SELECT 'publication', pubname, 'pg_catalog.pg_publication'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_publication
      UNION ALL
      SELECT 'foreign-data wrapper', fdwname, 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass, oid
      FROM pg_catalog.pg_foreign_data_wrapper
    ) o (kind, name, classid, objid)
    WHERE objid >= 16384 AND NOT EXISTS (
      SELECT FROM pg_catalog.pg_depend d
      WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'e')
    UNION ALL
    SELECT 'large object', oid::pg_catalog.text FROM pg_catalog.pg_largeobject_metadata
    LIMIT 4
    """
}

/// Which Debian package brings an extension.
enum ExtensionPackages {
  /// The package for servers of `major`; nil if we know none.
  static func package(of name: String, major: Int) -> String? {
    if contrib.contains(name) { return "postgresql-\(major)" }
    if let word = packaged[name] { return "postgresql-\(major)-\(word)" }
    for (prefix, word) in families where name.hasPrefix(prefix) {
      return "postgresql-\(major)-\(word)"
    }
    switch name {
    case "plperl", "plperlu": return "postgresql-plperl-\(major)"
    case "plpython3u": return "postgresql-plpython3-\(major)"
    case "pltcl", "pltclu": return "postgresql-pltcl-\(major)"
    default: break
    }
    for (prefix, language) in [("plperl", "plperl"), ("plpython3u", "plpython3")]
    where name.hasSuffix("_" + prefix) || name.hasSuffix("_" + prefix + "u") {
      return "postgresql-\(language)-\(major)"
    }
    return nil
  }

  /// What PostgreSQL's own contrib folder brings; Debian ships it with the server.
  private static let contrib: Set<String> = [
    "adminpack", "amcheck", "autoinc", "bloom", "btree_gin", "btree_gist", "citext", "cube",
    "dblink", "dict_int", "dict_xsyn", "earthdistance", "file_fdw", "fuzzystrmatch", "hstore",
    "insert_username", "intagg", "intarray", "isn", "lo", "ltree", "moddatetime", "old_snapshot",
    "pageinspect", "pg_buffercache", "pg_freespacemap", "pg_prewarm", "pg_stat_statements",
    "pg_surgery", "pg_trgm", "pg_visibility", "pg_walinspect", "pgcrypto", "pgrowlocks",
    "pgstattuple", "plpgsql", "postgres_fdw", "refint", "seg", "sslinfo", "tablefunc", "tcn",
    "tsm_system_rows", "tsm_system_time", "unaccent", "uuid-ossp", "xml2",
  ]

  /// Debian 12's and apt.postgresql.org's names where they are not the extension's own.
  private static let packaged: [String: String] = [
    "address_standardizer": "postgis-3", "address_standardizer_data_us": "postgis-3",
    "debversion": "debversion", "first_last_agg": "first-last-agg", "hll": "hll",
    "hypopg": "hypopg", "icu_ext": "icu-ext", "ip4r": "ip4r", "jsquery": "jsquery",
    "mysql_fdw": "mysql-fdw", "numeral": "numeral", "ogr_fdw": "ogr-fdw", "orafce": "orafce",
    "periods": "periods", "pg_cron": "cron", "pg_dirtyread": "dirtyread",
    "pg_partman": "partman", "pg_qualstats": "pg-qualstats", "pg_repack": "repack",
    "pg_similarity": "similarity", "pg_stat_kcache": "pg-stat-kcache",
    "pg_wait_sampling": "pg-wait-sampling", "pgaudit": "pgaudit", "pglogical": "pglogical",
    "pgmp": "pgmp", "pgpcre": "pgpcre", "pgrouting": "pgrouting", "pgsphere": "pgsphere",
    "pgtap": "pgtap", "plpgsql_check": "plpgsql-check", "plproxy": "plproxy", "plr": "plr",
    "plsh": "plsh", "powa": "powa", "prefix": "prefix", "q3c": "q3c", "rum": "rum",
    "semver": "semver", "set_user": "set-user", "tablelog": "tablelog", "tdigest": "tdigest",
    "tds_fdw": "tds-fdw", "unit": "unit", "vector": "pgvector",
  ]

  private static let families = [("postgis", "postgis-3"), ("pointcloud", "pointcloud")]
}
