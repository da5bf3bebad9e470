// Owns the catalog queries of the object inventory for owners, privileges and comments: each returns kind, identity, definition.
//
// Everything in a definition must be equal on a faithful copy: names instead of OIDs, sorted lists where the
// order means nothing. All run with an empty search_path, so that names come qualified.

extension InventoryQueries {
  /// Owners, and privileges that are not the defaults.
  ///
  /// Sorted, because a copy grants in another order; compared with
  /// the defaults, because a grant that was taken back leaves the defaults written out.
  static let owners = """
    , owned(classid, objid, owner, privileges, kind) AS (
    SELECT 'pg_namespace'::regclass, s.oid, n.nspowner, n.nspacl, 'n'::"char"
    FROM spaces s JOIN pg_namespace n ON n.oid = s.oid
    UNION ALL
    SELECT 'pg_class'::regclass, r.oid, r.relowner, r.relacl,
      CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END
    FROM relations r WHERE r.relkind <> 'c'
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typowner, t.typacl, 'T' FROM types t
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.proowner, p.proacl, 'f'
    FROM pg_proc p JOIN spaces s ON s.oid = p.pronamespace
    WHERE NOT EXISTS (
        SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
          AND d.deptype = 'i' AND d.refclassid = 'pg_type'::regclass)
    UNION ALL
    SELECT 'pg_collation'::regclass, c.oid, c.collowner, NULL, NULL
    FROM pg_collation c JOIN spaces s ON s.oid = c.collnamespace
    UNION ALL
    SELECT 'pg_conversion'::regclass, c.oid, c.conowner, NULL, NULL
    FROM pg_conversion c JOIN spaces s ON s.oid = c.connamespace
    UNION ALL
    SELECT 'pg_operator'::regclass, p.oid, p.oprowner, NULL, NULL
    FROM pg_operator p JOIN spaces s ON s.oid = p.oprnamespace
    UNION ALL
    SELECT 'pg_opclass'::regclass, c.oid, c.opcowner, NULL, NULL
    FROM pg_opclass c JOIN spaces s ON s.oid = c.opcnamespace
    UNION ALL
    SELECT 'pg_opfamily'::regclass, f.oid, f.opfowner, NULL, NULL
    FROM pg_opfamily f JOIN spaces s ON s.oid = f.opfnamespace
    UNION ALL
    SELECT 'pg_ts_config'::regclass, c.oid, c.cfgowner, NULL, NULL
    FROM pg_ts_config c JOIN spaces s ON s.oid = c.cfgnamespace
    UNION ALL
    SELECT 'pg_ts_dict'::regclass, d.oid, d.dictowner, NULL, NULL
    FROM pg_ts_dict d JOIN spaces s ON s.oid = d.dictnamespace
    UNION ALL
    SELECT 'pg_statistic_ext'::regclass, x.oid, x.stxowner, NULL, NULL
    FROM pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace
    UNION ALL
    SELECT 'pg_language'::regclass, l.oid, l.lanowner, l.lanacl, 'l'
    FROM pg_language l WHERE l.oid >= 16384
    UNION ALL
    SELECT 'pg_foreign_data_wrapper'::regclass, w.oid, w.fdwowner, w.fdwacl, 'F'
    FROM pg_foreign_data_wrapper w
    UNION ALL
    SELECT 'pg_foreign_server'::regclass, v.oid, v.srvowner, v.srvacl, 'S' FROM pg_foreign_server v
    UNION ALL
    SELECT 'pg_event_trigger'::regclass, e.oid, e.evtowner, NULL, NULL FROM pg_event_trigger e
    UNION ALL
    SELECT 'pg_publication'::regclass, p.oid, p.pubowner, NULL, NULL FROM pg_publication p
    ), own AS (
      SELECT w.*, format('%s %s', o.type, o.identity) AS ident
      FROM owned w, pg_identify_object(w.classid, w.objid, 0) o
      WHERE o.identity IS NOT NULL AND NOT EXISTS (
        SELECT FROM members m WHERE m.classid = w.classid AND m.objid = w.objid)
    )
    SELECT 'owner', ident, pg_get_userbyid(owner)::text FROM own
    UNION ALL
    SELECT 'privileges', l.ident, l.actual FROM (
      SELECT ident,
        (SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(privileges) a)::text
          AS actual,
        (SELECT array_agg(a::text ORDER BY a::text COLLATE "C")
          FROM unnest(acldefault(kind, owner)) a)::text AS usual
      FROM own WHERE privileges IS NOT NULL) l
    WHERE l.actual IS DISTINCT FROM l.usual
    UNION ALL
    SELECT 'privileges', format('column %s.%I', r.ident, a.attname),
      (SELECT array_agg(x::text ORDER BY x::text COLLATE "C") FROM unnest(a.attacl) x)::text
    FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid
    WHERE a.attacl <> '{}' AND NOT a.attisdropped AND a.attnum > 0
    UNION ALL
    SELECT 'default privileges', format('%I%s on %s', pg_get_userbyid(d.defaclrole),
        CASE WHEN d.defaclnamespace <> 0 THEN (
          SELECT format(' in schema %I', n.nspname) FROM pg_namespace n
          WHERE n.oid = d.defaclnamespace) END,
        d.defaclobjtype),
      (SELECT array_agg(a::text ORDER BY a::text COLLATE "C") FROM unnest(d.defaclacl) a)::text
    FROM pg_default_acl d
    """

  /// Privileges of system objects and extension members that differ from what initdb or the extension set, without
  /// those of the owner, who is another on a copy.
  static let changedPrivileges = """
    , given(classid, objid, objsubid, owner, actual, usual) AS (
    SELECT 'pg_class'::regclass, c.oid, 0, c.relowner, c.relacl,
      acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner)
    FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relacl IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, c.oid, a.attnum, c.relowner, a.attacl, acldefault('c', c.relowner)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 0, p.proowner, p.proacl, acldefault('f', p.proowner)
    FROM pg_proc p WHERE p.proacl IS NOT NULL
    UNION ALL
    SELECT 'pg_namespace'::regclass, n.oid, 0, n.nspowner, n.nspacl, acldefault('n', n.nspowner)
    FROM pg_namespace n WHERE n.nspacl IS NOT NULL
    ), plain AS (
      SELECT g.classid, g.objid, g.objsubid,
        (SELECT array_agg(x ORDER BY x COLLATE "C") FROM (
          SELECT ROW(pg_get_userbyid(nullif(e.grantee, 0)), e.privilege_type, e.is_grantable)::text
          FROM aclexplode(g.actual) e WHERE e.grantee <> g.owner) l(x))::text AS actual,
        (SELECT array_agg(x ORDER BY x COLLATE "C") FROM (
          SELECT ROW(pg_get_userbyid(nullif(e.grantee, 0)), e.privilege_type, e.is_grantable)::text
          FROM aclexplode(coalesce(i.initprivs, g.usual)) e WHERE e.grantee <> g.owner) l(x))::text
          AS usual
      FROM given g LEFT JOIN pg_init_privs i
        ON i.classoid = g.classid AND i.objoid = g.objid AND i.objsubid = g.objsubid
      WHERE EXISTS (SELECT FROM members m WHERE m.classid = g.classid AND m.objid = g.objid)
        OR g.objid < 16384 AND g.objid IS DISTINCT FROM to_regnamespace('public')
    )
    SELECT 'privileges', format('%s %s', o.type, o.identity), p.actual
    FROM plain p, pg_identify_object(p.classid, p.objid, p.objsubid) o
    WHERE p.actual IS DISTINCT FROM p.usual
    """

  /// Comments and security labels.
  static let comments = """
    SELECT 'comment', format('%s %s', o.type, o.identity),
      CASE WHEN d.objoid < 16384 AND current_setting('server_version_num')::int < 150000
        THEN 'standard public schema' ELSE d.description END
    FROM pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) o
    WHERE d.classoid NOT IN ('pg_largeobject'::regclass, 'pg_subscription'::regclass)
      AND (d.objoid >= 16384
        OR d.classoid = 'pg_namespace'::regclass
          AND d.objoid IN (SELECT s.oid FROM spaces s WHERE s.nspname = 'public'))
      AND o.identity IS NOT NULL AND o.schema IS DISTINCT FROM 'pg_temp'
      AND NOT EXISTS (SELECT FROM members m WHERE m.classid = d.classoid AND m.objid = d.objoid)
    UNION ALL
    SELECT 'security label', format('%s %s by %s', o.type, o.identity, l.provider), l.label
    FROM pg_seclabel l, pg_identify_object(l.classoid, l.objoid, l.objsubid) o
    WHERE l.classoid NOT IN ('pg_largeobject'::regclass, 'pg_subscription'::regclass)
      AND o.identity IS NOT NULL
      AND NOT EXISTS (SELECT FROM members m WHERE m.classid = l.classoid AND m.objid = l.objoid)
    """
}
