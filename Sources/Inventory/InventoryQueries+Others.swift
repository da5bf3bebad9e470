// Owns the catalog queries of the object inventory for rarer kinds: each returns kind, identity, definition.
//
// Everything in a definition must be equal on a faithful copy: names instead of OIDs, sorted lists where the
// order means nothing. All run with an empty search_path, so that names come qualified.

extension InventoryQueries {
  /// Kinds that few databases have.
  ///
  /// pg_user_mappings hides options from most roles: they are left out, so that
  /// the role that reads does not matter.
  static let others = """
    , objects(kind, classid, objid, definition) AS (
    SELECT 'collation', 'pg_collation'::regclass, c.oid,
      -- A copy of "C" is made for every encoding, what pg_dump makes of it for the database's own.
      (to_jsonb(c) - ARRAY['oid', 'collnamespace', 'collowner', 'collversion']
        || CASE WHEN c.collprovider = 'c' AND c.collencoding = -1 THEN jsonb_build_object(
          'collencoding', pg_char_to_encoding(current_setting('server_encoding')))
        ELSE '{}' END)::text
    FROM pg_collation c JOIN spaces s ON s.oid = c.collnamespace
    UNION ALL
    SELECT 'conversion', 'pg_conversion'::regclass, c.oid,
      ROW(pg_encoding_to_char(c.conforencoding), pg_encoding_to_char(c.contoencoding), c.conproc,
        c.condefault)::text
    FROM pg_conversion c JOIN spaces s ON s.oid = c.connamespace
    UNION ALL
    SELECT 'text search configuration', 'pg_ts_config'::regclass, c.oid,
      ROW((SELECT format('%I.%I', n.nspname, p.prsname) FROM pg_ts_parser p
          JOIN pg_namespace n ON n.oid = p.prsnamespace WHERE p.oid = c.cfgparser),
        (SELECT array_agg(ROW(m.maptokentype, m.mapseqno, m.mapdict::regdictionary)::text
            ORDER BY m.maptokentype, m.mapseqno)
          FROM pg_ts_config_map m WHERE m.mapcfg = c.oid))::text
    FROM pg_ts_config c JOIN spaces s ON s.oid = c.cfgnamespace
    UNION ALL
    SELECT 'text search dictionary', 'pg_ts_dict'::regclass, d.oid,
      ROW((SELECT format('%I.%I', n.nspname, t.tmplname) FROM pg_ts_template t
          JOIN pg_namespace n ON n.oid = t.tmplnamespace WHERE t.oid = d.dicttemplate),
        d.dictinitoption)::text
    FROM pg_ts_dict d JOIN spaces s ON s.oid = d.dictnamespace
    UNION ALL
    SELECT 'text search parser', 'pg_ts_parser'::regclass, p.oid,
      ROW(p.prsstart, p.prstoken, p.prsend, p.prsheadline, p.prslextype)::text
    FROM pg_ts_parser p JOIN spaces s ON s.oid = p.prsnamespace
    UNION ALL
    SELECT 'text search template', 'pg_ts_template'::regclass, t.oid,
      ROW(t.tmplinit, t.tmpllexize)::text
    FROM pg_ts_template t JOIN spaces s ON s.oid = t.tmplnamespace
    UNION ALL
    SELECT 'operator', 'pg_operator'::regclass, p.oid,
      ROW(p.oprkind, p.oprcanmerge, p.oprcanhash, format_type(p.oprresult, NULL),
        p.oprcom::regoperator, p.oprnegate::regoperator, p.oprcode, p.oprrest, p.oprjoin)::text
    FROM pg_operator p JOIN spaces s ON s.oid = p.oprnamespace
    UNION ALL
    SELECT 'operator family', 'pg_opfamily'::regclass, f.oid,
      ROW(
        (SELECT array_agg(x ORDER BY x COLLATE "C") FROM (
          SELECT ROW(o.amopstrategy, o.amoppurpose, o.amopopr::regoperator,
            (SELECT format('%I.%I', n.nspname, sf.opfname) FROM pg_opfamily sf
              JOIN pg_namespace n ON n.oid = sf.opfnamespace
              WHERE sf.oid = o.amopsortfamily))::text AS x
          FROM pg_amop o WHERE o.amopfamily = f.oid) l),
        (SELECT array_agg(x ORDER BY x COLLATE "C") FROM (
          SELECT ROW(p.amprocnum, format_type(p.amproclefttype, NULL),
            format_type(p.amprocrighttype, NULL), p.amproc::regprocedure)::text AS x
          FROM pg_amproc p WHERE p.amprocfamily = f.oid) l))::text
    FROM pg_opfamily f JOIN spaces s ON s.oid = f.opfnamespace
    UNION ALL
    SELECT 'operator class', 'pg_opclass'::regclass, c.oid,
      ROW((SELECT format('%I.%I', n.nspname, f.opfname) FROM pg_opfamily f
          JOIN pg_namespace n ON n.oid = f.opfnamespace WHERE f.oid = c.opcfamily),
        format_type(c.opcintype, NULL), c.opcdefault, format_type(nullif(c.opckeytype, 0), NULL))::text
    FROM pg_opclass c JOIN spaces s ON s.oid = c.opcnamespace
    UNION ALL
    SELECT 'statistics', 'pg_statistic_ext'::regclass, x.oid,
      ROW(pg_get_statisticsobjdef(x.oid), nullif(x.stxstattarget, -1))::text
    FROM pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace
    UNION ALL
    SELECT 'cast', 'pg_cast'::regclass, c.oid,
      ROW(c.castfunc::regprocedure, c.castcontext, c.castmethod)::text
    FROM pg_cast c WHERE c.oid >= 16384
    UNION ALL
    SELECT 'transform', 'pg_transform'::regclass, t.oid,
      ROW(t.trffromsql::oid::regprocedure, t.trftosql::oid::regprocedure)::text
    FROM pg_transform t WHERE t.oid >= 16384
    UNION ALL
    SELECT 'language', 'pg_language'::regclass, l.oid,
      ROW(l.lanpltrusted, l.lanplcallfoid::regprocedure, l.laninline::regprocedure,
        l.lanvalidator::regprocedure)::text
    FROM pg_language l WHERE l.oid >= 16384
    UNION ALL
    SELECT 'access method', 'pg_am'::regclass, a.oid, ROW(a.amhandler, a.amtype)::text
    FROM pg_am a WHERE a.oid >= 16384
    UNION ALL
    SELECT 'foreign data wrapper', 'pg_foreign_data_wrapper'::regclass, w.oid,
      ROW(w.fdwhandler::regprocedure, w.fdwvalidator::regprocedure,
        (SELECT array_agg(o ORDER BY o) FROM unnest(w.fdwoptions) o))::text
    FROM pg_foreign_data_wrapper w
    UNION ALL
    SELECT 'foreign server', 'pg_foreign_server'::regclass, v.oid,
      ROW((SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = v.srvfdw), v.srvtype,
        v.srvversion,
        (SELECT array_agg(o ORDER BY o) FROM unnest(v.srvoptions) o))::text
    FROM pg_foreign_server v
    )
    SELECT x.kind, o.identity, x.definition
    FROM objects x, pg_identify_object(x.classid, x.objid, 0) o
    WHERE o.identity IS NOT NULL AND NOT EXISTS (
      SELECT FROM members m WHERE m.classid = x.classid AND m.objid = x.objid)
    UNION ALL
    SELECT 'extension', quote_ident(e.extname), ROW(e.extversion, n.nspname)::text
    FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname <> 'plpgsql'
    UNION ALL
    SELECT 'user mapping', format('%s on server %I',
      CASE m.umuser WHEN 0 THEN 'public' ELSE quote_ident(m.usename) END, m.srvname), ''
    FROM pg_user_mappings m
    """
}
