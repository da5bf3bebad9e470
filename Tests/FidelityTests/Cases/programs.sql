--! title: Types, functions, views, triggers
--! case: domains, with checks, defaults and NOT NULL, of other domains
CREATE DOMAIN percent AS int DEFAULT 50 CONSTRAINT in_range CHECK (VALUE BETWEEN 0 AND 100);
CREATE DOMAIN share AS percent NOT NULL; CREATE DOMAIN word AS text COLLATE "C" CHECK (VALUE ~ '^\w+$');
ALTER DOMAIN word ADD CONSTRAINT no_x CHECK (VALUE <> 'x') NOT VALID;
CREATE TABLE shares (a share, b word, c percent[]); INSERT INTO shares VALUES (7, 'seven', '{1,2}');
--! witness
SELECT typname, typnotnull, typdefault, (SELECT string_agg(conname || convalidated || pg_get_constraintdef(c.oid), ',' ORDER BY conname) FROM pg_constraint c WHERE contypid = t.oid), (SELECT s::text FROM shares s) FROM pg_type t WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace ORDER BY 1
--! damage
ALTER DOMAIN word DROP CONSTRAINT no_x

--! case: enums, with labels added in the middle
CREATE TYPE mood AS ENUM ('sad', 'happy'); ALTER TYPE mood ADD VALUE 'ok' BEFORE 'happy'; ALTER TYPE mood ADD VALUE 'it''s "so"'; CREATE TYPE empty AS ENUM ();
CREATE TABLE moods (m mood, ms mood[]); INSERT INTO moods VALUES ('ok', '{sad,"it''s \"so\""}'), ('sad', NULL);
--! witness
SELECT enum_range(NULL::mood), (SELECT array_agg(m ORDER BY m) FROM moods), (SELECT count(*) FROM pg_type WHERE typname = 'empty')
--! damage
ALTER TYPE mood RENAME VALUE 'ok' TO 'so so'

--! case: composite types, nested, in arrays
CREATE TYPE pair AS (a int, b text COLLATE "C"); CREATE TYPE nest AS (p pair, ps pair[]);
CREATE TABLE nests (n nest, ns nest[]); INSERT INTO nests VALUES (ROW(ROW(1, 'x,"y'), ARRAY[ROW(2, NULL)::pair]), ARRAY[ROW(NULL, NULL)::nest]);
--! witness
SELECT n.*, a.attname, format_type(atttypid, atttypmod) FROM nests n, pg_attribute a WHERE attrelid IN (SELECT typrelid FROM pg_type WHERE typname IN ('pair', 'nest')) ORDER BY attrelid::regclass::text, attnum
--! damage
ALTER TYPE pair ADD ATTRIBUTE c int

--! case: ranges and multiranges of our own
CREATE TYPE floatrange AS RANGE (subtype = float8, subtype_diff = float8mi, multirange_type_name = floats);
CREATE TYPE wordrange AS RANGE (subtype = text, collation = "C");
CREATE TABLE ranges (f floatrange, m floats, w wordrange, i int4range); INSERT INTO ranges VALUES ('[1.5,2.5)', '{[1,2),[3,4)}', '[a,"z,z"]', 'empty'), ('(,)', '{}', '(,b)', '[1,5]');
--! witness
SELECT r.*, (SELECT string_agg(rngtypid::regtype || ' ' || rngmultitypid::regtype || rngsubdiff, ',' ORDER BY rngtypid::regtype::text) FROM pg_range WHERE rngtypid >= 16384) FROM ranges r
--! damage
ALTER TYPE wordrange RENAME TO words

--! case: base types, and shell types
CREATE TYPE odd; CREATE FUNCTION odd_in(cstring) RETURNS odd LANGUAGE internal IMMUTABLE STRICT AS 'int4in'; CREATE FUNCTION odd_out(odd) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE odd (INPUT = odd_in, OUTPUT = odd_out, INTERNALLENGTH = 4, PASSEDBYVALUE, ALIGNMENT = int4, CATEGORY = 'N', DELIMITER = ';', DEFAULT = '3');
CREATE TYPE shell; CREATE TABLE odds (o odd, os odd[]); INSERT INTO odds VALUES ('7', '{1;2}');
--! witness
SELECT typname, typlen, typcategory, typdelim, typdefault, typisdefined, (SELECT o::text FROM odds o) FROM pg_type WHERE typname IN ('odd', 'shell') ORDER BY 1
--! damage
DROP TYPE shell

--! case: functions: SQL, PL/pgSQL, with a body of the standard, of every option
CREATE FUNCTION plain(a int, VARIADIC b int[] DEFAULT '{1}') RETURNS int LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 7 LEAKPROOF AS 'SELECT a + b[1]';
CREATE FUNCTION standard(a int, OUT b int, OUT c text) LANGUAGE sql BEGIN ATOMIC SELECT a, 'c' || count(*) FROM moods; END;
CREATE FUNCTION rows(n int) RETURNS TABLE (i int, t text) LANGUAGE plpgsql ROWS 5 SECURITY DEFINER SET work_mem = '5MB' AS $f$ BEGIN RETURN QUERY SELECT g, $$dollar $x$$ FROM generate_series(1, n) g; END $f$;
CREATE FUNCTION poly(a anyelement, b anycompatible DEFAULT NULL) RETURNS anyelement LANGUAGE plpgsql AS 'BEGIN RETURN a; END';
CREATE FUNCTION "odd name; --"("Arg 1" text) RETURNS text LANGUAGE sql AS $$SELECT "Arg 1"$$;
--! witness
SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND proname IN ('plain', 'standard', 'rows', 'poly', 'odd name; --') ORDER BY 1
--! damage
ALTER FUNCTION plain(int, int[]) COST 8

--! case: functions with a hostile search_path, and with none, in indexes, checks and generated columns
CREATE SCHEMA evil; CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql IMMUTABLE AS $$SELECT 'evil'$$;
CREATE FUNCTION tidy(t text) RETURNS text LANGUAGE sql IMMUTABLE SET search_path = evil, pg_catalog AS 'SELECT lower(t)';
CREATE FUNCTION pathless(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN upper(t); END';
CREATE TABLE pathed (t text CHECK (pathless(t) <> 'X'), g text GENERATED ALWAYS AS (tidy(t)) STORED); CREATE INDEX ON pathed (pathless(t)); INSERT INTO pathed VALUES ('a');
--! witness
SELECT p.*, tidy('Q'), (SELECT proconfig FROM pg_proc WHERE proname = 'tidy') FROM pathed p
--! damage
ALTER FUNCTION tidy RESET search_path

--! case: procedures
CREATE PROCEDURE tick(INOUT n int) LANGUAGE plpgsql AS 'BEGIN n := n + 1; COMMIT; END';
--! witness
SELECT pg_get_functiondef('tick'::regproc)
--! damage
DROP PROCEDURE tick

--! case: aggregates: moving, ordered-set, parallel
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '5', MSFUNC = int4pl, MINVFUNC = int4mi, MSTYPE = int, MINITCOND = '5', COMBINEFUNC = int4pl, PARALLEL = safe, SORTOP = >);
CREATE AGGREGATE my_percentile(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
--! witness
SELECT a.aggfnoid::regprocedure, aggkind, agginitval, aggmtransfn, aggcombinefn, aggsortop::regoperator, proparallel, total(1) FROM pg_aggregate a JOIN pg_proc p ON p.oid = aggfnoid WHERE pronamespace = 'public'::regnamespace GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1
--! damage
DROP AGGREGATE total(int)

--! case: operators, operator classes and families
CREATE FUNCTION near(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT abs($1 - $2) < 3';
CREATE OPERATOR ~~~ (FUNCTION = near, LEFTARG = int, RIGHTARG = int, COMMUTATOR = ~~~, RESTRICT = eqsel, JOIN = eqjoinsel);
CREATE OPERATOR FAMILY loose USING btree; CREATE OPERATOR CLASS reverse FOR TYPE int USING btree FAMILY loose AS OPERATOR 1 > , OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 btint4cmp(int, int);
ALTER OPERATOR FAMILY loose USING btree ADD OPERATOR 3 = (int, bigint);
--! witness
SELECT oprname, oprcode, oprcom::regoperator, oprrest, (SELECT string_agg(amopstrategy || amopopr::regoperator::text, ',' ORDER BY amopstrategy, amopopr::regoperator::text) FROM pg_amop WHERE amopfamily = (SELECT oid FROM pg_opfamily WHERE opfname = 'loose')), (SELECT opcname FROM pg_opclass WHERE opcname = 'reverse') FROM pg_operator WHERE oprname = '~~~'
--! damage
ALTER OPERATOR ~~~ (int, int) SET (RESTRICT = NONE)

--! case: casts, transforms, conversions, access methods, languages
CREATE FUNCTION to_odd(text) RETURNS odd LANGUAGE sql IMMUTABLE AS $$SELECT '9'::odd$$; CREATE CAST (text AS odd) WITH FUNCTION to_odd(text) AS ASSIGNMENT; CREATE CAST (odd AS int) WITHOUT FUNCTION;
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
CREATE CONVERSION own FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8; CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; CREATE TABLE on_heap2 (a int) USING heap2; INSERT INTO on_heap2 VALUES (1); CREATE FUNCTION own_handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'; CREATE LANGUAGE own_sql HANDLER own_handler;
--! witness
SELECT castsource::regtype, casttarget::regtype, castcontext, castmethod, (SELECT count(*) FROM pg_transform), (SELECT conproc FROM pg_conversion WHERE conname = 'own'), (SELECT amhandler FROM pg_am WHERE amname = 'heap2'), (SELECT relam > 16384 FROM pg_class WHERE relname = 'on_heap2'), (SELECT lanname FROM pg_language WHERE lanname = 'own_sql') FROM pg_cast WHERE oid >= 16384 ORDER BY 1, 2
--! damage
DROP TRANSFORM FOR int LANGUAGE sql CASCADE

--! case: collations of the C library
CREATE COLLATION mine FROM "C"; CREATE COLLATION posix (LC_COLLATE = 'POSIX', LC_CTYPE = 'C'); CREATE TABLE collated (t text COLLATE mine); CREATE INDEX ON collated (t COLLATE posix); INSERT INTO collated VALUES ('b'), ('A');
--! witness
SELECT collname, collcollate, collctype, collprovider, (SELECT string_agg(t, ',' ORDER BY t) FROM collated) FROM pg_collation WHERE collnamespace = 'public'::regnamespace ORDER BY 1
--! damage
ALTER COLLATION posix RENAME TO other

--! case: full-text search: parsers, templates, dictionaries, configurations
CREATE TEXT SEARCH PARSER pars (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline); CREATE TEXT SEARCH TEMPLATE temp (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = temp, accept = false); CREATE TEXT SEARCH CONFIGURATION conf (PARSER = pars); ALTER TEXT SEARCH CONFIGURATION conf ADD MAPPING FOR asciiword, word WITH dict, english_stem;
CREATE TABLE searched (t text, v tsvector GENERATED ALWAYS AS (to_tsvector('public.conf', t)) STORED); INSERT INTO searched VALUES ('the running dogs');
--! witness
SELECT v, (SELECT string_agg(maptokentype || ' ' || mapseqno || ' ' || mapdict::regdictionary, ',' ORDER BY maptokentype, mapseqno) FROM pg_ts_config_map WHERE mapcfg = 'conf'::regconfig), (SELECT dictinitoption FROM pg_ts_dict WHERE dictname = 'dict'), (SELECT prsheadline FROM pg_ts_parser WHERE prsname = 'pars'), (SELECT tmpllexize FROM pg_ts_template WHERE tmplname = 'temp') FROM searched
--! damage
ALTER TEXT SEARCH CONFIGURATION conf DROP MAPPING FOR word

--! case: views: with a barrier, a check option, recursive, on views, with columns that depend on each other
CREATE VIEW guarded WITH (security_barrier, check_option = cascaded) AS SELECT * FROM shares WHERE a < 50; CREATE VIEW over AS SELECT g.*, a + 1 AS more FROM guarded g;
CREATE RECURSIVE VIEW nums (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM nums WHERE n < 10; ALTER VIEW over ALTER more SET DEFAULT 3;
CREATE VIEW circular_1 AS SELECT 1 AS a; CREATE VIEW circular_2 AS SELECT * FROM circular_1; CREATE OR REPLACE VIEW circular_1 AS SELECT a FROM (SELECT 1 AS a) x;
CREATE TABLE grouped (id int PRIMARY KEY, t text); CREATE VIEW by_key AS SELECT id, t, count(*) FROM grouped GROUP BY id;
--! witness
SELECT viewname, definition, (SELECT reloptions FROM pg_class WHERE oid = viewname::regclass), (SELECT max(n) FROM nums) FROM pg_views WHERE schemaname = 'public' ORDER BY 1
--! damage
ALTER VIEW guarded RESET (security_barrier)

--! case: views with the rights of who asks
--! since: 15
CREATE VIEW invoker WITH (security_invoker) AS SELECT * FROM shares;
--! witness
SELECT reloptions FROM pg_class WHERE relname = 'invoker'
--! damage
ALTER VIEW invoker RESET (security_invoker)

--! case: rules, on tables and views, in each state
CREATE RULE no_delete AS ON DELETE TO shares DO INSTEAD NOTHING; CREATE RULE log AS ON INSERT TO grouped WHERE NEW.id > 3 DO ALSO DELETE FROM moods WHERE NEW.id = 4; CREATE RULE tell AS ON UPDATE TO grouped DO ALSO NOTIFY seen; ALTER TABLE shares DISABLE RULE no_delete; CREATE RULE always AS ON UPDATE TO shares DO ALSO NOTHING; ALTER TABLE shares ENABLE ALWAYS RULE always;
--! witness
SELECT rulename, definition, (SELECT ev_enabled FROM pg_rewrite w WHERE w.rulename = r.rulename) FROM pg_rules r WHERE schemaname = 'public' ORDER BY 1
--! damage
ALTER TABLE shares ENABLE RULE no_delete

--! case: materialized views on materialized views, with indexes, and ones that were never filled
CREATE MATERIALIZED VIEW m3 AS SELECT m, count(*) AS n FROM moods GROUP BY m; CREATE UNIQUE INDEX ON m3 (m); CREATE MATERIALIZED VIEW m2 AS SELECT sum(n) AS s FROM m3; CREATE MATERIALIZED VIEW m1 WITH (fillfactor = 50) AS SELECT s FROM m2 WITH NO DATA; CREATE VIEW on_m AS SELECT * FROM m2; CREATE MATERIALIZED VIEW m0 AS SELECT * FROM on_m;
SELECT lo_from_bytea(4711, 'for a view'); CREATE MATERIALIZED VIEW m_lo AS SELECT lo_get(4711) AS bytes; CREATE SEQUENCE tally; SELECT nextval('tally'), nextval('tally'); CREATE MATERIALIZED VIEW m_seq AS SELECT last_value FROM tally;
--! witness
SELECT matviewname, ispopulated, hasindexes, definition, (SELECT s FROM m2), (SELECT m_lo::text FROM m_lo), (SELECT last_value FROM m_seq) FROM pg_matviews ORDER BY 1
--! damage
REFRESH MATERIALIZED VIEW m0 WITH NO DATA

--! case: triggers, in each state, of each kind
CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TABLE acted (a int, b text); CREATE TABLE acted_p (a int) PARTITION BY LIST (a); CREATE TABLE acted_p1 PARTITION OF acted_p FOR VALUES IN (1); CREATE VIEW acted_v AS SELECT * FROM acted;
CREATE TRIGGER t_on BEFORE INSERT OR UPDATE OF b ON acted FOR EACH ROW WHEN (NEW.a > 0) EXECUTE FUNCTION act('x', 'it''s'); CREATE TRIGGER t_off AFTER DELETE ON acted FOR EACH STATEMENT EXECUTE FUNCTION act(); CREATE TRIGGER t_always AFTER TRUNCATE ON acted EXECUTE FUNCTION act(); CREATE TRIGGER t_replica AFTER INSERT ON acted REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION act(); CREATE CONSTRAINT TRIGGER t_late AFTER INSERT ON acted DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION act(); CREATE TRIGGER t_view INSTEAD OF INSERT ON acted_v FOR EACH ROW EXECUTE FUNCTION act(); CREATE TRIGGER t_part AFTER INSERT ON acted_p FOR EACH ROW EXECUTE FUNCTION act();
ALTER TABLE acted DISABLE TRIGGER t_off, ENABLE ALWAYS TRIGGER t_always, ENABLE REPLICA TRIGGER t_replica; ALTER TABLE acted_p1 DISABLE TRIGGER t_part;
--! witness
SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2
--! damage
ALTER TABLE acted ENABLE TRIGGER t_off

--! case: row-level security: enabled, forced, with policies
CREATE ROLE reader_of_rows; CREATE TABLE secret (owner text, v int); INSERT INTO secret VALUES ('a', 1), ('b', 2); ALTER TABLE secret ENABLE ROW LEVEL SECURITY; ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON secret AS PERMISSIVE FOR SELECT TO reader_of_rows USING (owner = current_user); CREATE POLICY strict ON secret AS RESTRICTIVE FOR ALL TO PUBLIC USING (v > 0) WITH CHECK (v < 10); CREATE TABLE idle (a int); CREATE POLICY unused ON idle USING (true);
--! witness
SELECT p.*, relrowsecurity, relforcerowsecurity, (SELECT sum(v) FROM secret) FROM pg_policies p JOIN pg_class c ON c.relname = tablename ORDER BY policyname
--! damage
ALTER TABLE secret NO FORCE ROW LEVEL SECURITY
