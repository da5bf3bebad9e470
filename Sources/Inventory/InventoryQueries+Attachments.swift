// Owns the catalog queries of the object inventory for triggers, views and types: each returns kind, identity, definition.
//
// Everything in a definition must be equal on a faithful copy: names instead of OIDs, sorted lists where the
// order means nothing. All run with an empty search_path, so that names come qualified.

extension InventoryQueries {
  /// Triggers, rules, policies, views, materialized views, sequences, event triggers.
  static let attachments = """
    SELECT 'trigger', format('%I on %s', g.tgname, r.ident),
      ROW(pg_get_triggerdef(g.oid), g.tgenabled)::text
    FROM relations r JOIN pg_trigger g ON g.tgrelid = r.oid WHERE NOT g.tgisinternal
    UNION ALL
    SELECT 'rule', format('%I on %s', u.rulename, r.ident),
      ROW(pg_get_ruledef(u.oid), u.ev_enabled)::text
    FROM relations r JOIN pg_rewrite u ON u.ev_class = r.oid WHERE u.rulename <> '_RETURN'
    UNION ALL
    SELECT 'policy', format('%I on %s', p.polname, r.ident),
      ROW(p.polcmd, p.polpermissive,
        (SELECT array_agg(CASE x WHEN 0 THEN 'public' ELSE pg_get_userbyid(x)::text END
            ORDER BY CASE x WHEN 0 THEN 'public' ELSE pg_get_userbyid(x)::text END COLLATE "C")
          FROM unnest(p.polroles) x),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))::text
    FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
    UNION ALL
    SELECT 'view', r.ident,
      ROW(pg_get_viewdef(r.oid), (SELECT array_agg(o ORDER BY o) FROM unnest(r.reloptions) o))::text
    FROM relations r WHERE r.relkind = 'v'
    UNION ALL
    SELECT 'materialized view', r.ident,
      ROW(pg_get_viewdef(r.oid), r.relispopulated,
        (SELECT a.amname FROM pg_am a WHERE a.oid = r.relam),
        (SELECT array_agg(o ORDER BY o) FROM unnest(r.reloptions) o))::text
    FROM relations r WHERE r.relkind = 'm'
    UNION ALL
    SELECT 'sequence', r.ident,
      ROW(format_type(q.seqtypid, NULL), q.seqstart, q.seqincrement, q.seqmax, q.seqmin, q.seqcache,
        q.seqcycle, r.relpersistence,
        (SELECT format('%s.%I', w.ident, a.attname) FROM pg_depend d
          JOIN relations w ON w.oid = d.refobjid
          JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
          WHERE d.classid = 'pg_class'::regclass AND d.objid = r.oid AND d.objsubid = 0
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))::text
    FROM relations r JOIN pg_sequence q ON q.seqrelid = r.oid
    UNION ALL
    SELECT 'event trigger', quote_ident(e.evtname),
      ROW(e.evtevent, e.evtfoid::regprocedure, e.evtenabled,
        (SELECT array_agg(x ORDER BY x) FROM unnest(e.evttags) x))::text
    FROM pg_event_trigger e WHERE NOT EXISTS (
      SELECT FROM members m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
    """

  /// Enumerations, domains, ranges, base and composite types.
  static let types = """
    SELECT CASE t.typtype WHEN 'd' THEN 'domain' ELSE 'type' END, o.identity,
      CASE t.typtype
      WHEN 'e' THEN (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder)::text
        FROM pg_enum e WHERE e.enumtypid = t.oid)
      WHEN 'd' THEN ROW(format_type(t.typbasetype, t.typtypmod), t.typnotnull,
        pg_get_expr(t.typdefaultbin, 0),
        (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation l
          JOIN pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = t.typcollation))::text
      WHEN 'r' THEN (SELECT ROW(format_type(g.rngsubtype, NULL), g.rngcanonical, g.rngsubdiff,
          (SELECT format('%I.%I', n.nspname, l.collname) FROM pg_collation l
            JOIN pg_namespace n ON n.oid = l.collnamespace WHERE l.oid = g.rngcollation),
          (SELECT format('%I.%I', n.nspname, c.opcname) FROM pg_opclass c
            JOIN pg_namespace n ON n.oid = c.opcnamespace WHERE c.oid = g.rngsubopc),
          format_type(g.rngmultitypid, NULL))::text
        FROM pg_range g WHERE g.rngtypid = t.oid)
      WHEN 'b' THEN ROW(t.typlen, t.typbyval, t.typcategory, t.typispreferred, t.typisdefined,
        t.typdelim, t.typsubscript, format_type(nullif(t.typelem, 0), NULL), t.typinput,
        t.typoutput, t.typreceive, t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typalign,
        t.typstorage, t.typdefault)::text
      ELSE 'composite' END
    FROM types t, pg_identify_object('pg_type'::regclass, t.oid, 0) o
    """

  static let publications = """
    SELECT 'publication', quote_ident(p.pubname), ROW(to_jsonb(p) - ARRAY['oid', 'pubowner'],
      (SELECT array_agg(x ORDER BY x COLLATE "C") FROM (
        SELECT ROW(r.prrelid::regclass,
          (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute a
            WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])),
          pg_get_expr(r.prqual, r.prrelid))::text AS x
        FROM pg_publication_rel r WHERE r.prpubid = p.oid) l),
      (SELECT array_agg(n.nspname ORDER BY n.nspname) FROM pg_publication_namespace m
        JOIN pg_namespace n ON n.oid = m.pnnspid WHERE m.pnpubid = p.oid))::text
    FROM pg_publication p
    """

  /// PostgreSQL 14 knows neither columns, conditions nor schemas of a publication.
  static let publications14 = """
    SELECT 'publication', quote_ident(p.pubname), ROW(to_jsonb(p) - ARRAY['oid', 'pubowner'],
      (SELECT array_agg(x ORDER BY x COLLATE "C") FROM (
        SELECT r.prrelid::regclass::text AS x
        FROM pg_publication_rel r WHERE r.prpubid = p.oid) l))::text
    FROM pg_publication p
    """
}
