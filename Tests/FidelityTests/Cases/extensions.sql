--! title: Extensions
--! case: every extension that PostgreSQL ships
-- Of the servers that are not Debian's, some have libraries that lack libraries of their own.
DO $$ DECLARE e text; BEGIN FOR e IN SELECT name FROM pg_available_extensions WHERE name NOT IN ('plpgsql', 'hstore', 'ltree', 'earthdistance', 'adminpack', 'old_snapshot') AND name !~ 'plpython|plperl|pltcl' ORDER BY name LOOP
  BEGIN EXECUTE format('CREATE EXTENSION %I CASCADE', e); EXCEPTION WHEN undefined_file OR internal_error THEN NULL; END; END LOOP; END $$;
CREATE SCHEMA "Ext ras"; CREATE EXTENSION hstore SCHEMA "Ext ras"; CREATE EXTENSION ltree; CREATE EXTENSION earthdistance CASCADE;
--! witness
SELECT extname, extversion, extnamespace::regnamespace, (SELECT count(*) FROM pg_depend WHERE refobjid = e.oid AND deptype = 'e') FROM pg_extension e WHERE (SELECT count(*) FROM pg_extension) > 35
--! damage
DROP EXTENSION intagg

--! case: values of their types, indexes of their classes
CREATE TABLE typed (h "Ext ras".hstore, l ltree, c citext, cu cube, s seg, i isbn13, e earth); INSERT INTO typed VALUES ('a=>1, "b c"=>NULL', 'a.b.c', 'MiXed', '(1,2),(3,4)', '1..2', '978-0-306-40615-7', ll_to_earth(1, 2)), (NULL, '', '', '0', '5', NULL, NULL);
CREATE INDEX ON typed USING gist (h); CREATE INDEX ON typed USING gist (l); CREATE UNIQUE INDEX ON typed (c); CREATE INDEX ON typed USING gin ((c::text) gin_trgm_ops); CREATE INDEX ON typed USING bloom ((h::text)); CREATE TABLE room (id int, during tsrange, EXCLUDE USING gist (id WITH =, during WITH &&)); INSERT INTO room VALUES (1, '[2020-01-01,2020-01-02)');
--! noticed by: rows
--! witness
SELECT t::text, (SELECT count(*) FROM typed WHERE c = 'mixed'), (SELECT string_agg(pg_get_indexdef(indexrelid), ',' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = 'typed'::regclass) FROM typed t
--! damage
UPDATE typed SET c = 'mixed' WHERE c = 'MiXed'

--! case: rights on what an extension brings, and comments of ours on it
CREATE ROLE digger; REVOKE EXECUTE ON FUNCTION gen_salt(text) FROM PUBLIC; GRANT EXECUTE ON FUNCTION gen_salt(text) TO digger; GRANT EXECUTE ON FUNCTION pg_stat_statements_reset TO digger; GRANT SELECT ON pg_buffercache TO digger; COMMENT ON EXTENSION citext IS 'ours';
--! witness
SELECT proname, proacl::text FROM pg_proc WHERE proname IN ('gen_salt', 'pg_stat_statements_reset') UNION ALL SELECT relname, relacl::text FROM pg_class WHERE relname = 'pg_buffercache' UNION ALL SELECT 'comment', obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'citext'
--! damage
REVOKE EXECUTE ON FUNCTION gen_salt(text) FROM digger

--! case: tables that an extension gave up
CREATE SCHEMA conf; CREATE TABLE conf.all_rows (k text PRIMARY KEY, v text); ALTER EXTENSION tablefunc ADD TABLE conf.all_rows; ALTER EXTENSION tablefunc DROP TABLE conf.all_rows; INSERT INTO conf.all_rows VALUES ('k', 'v');
--! noticed by: rows
--! witness
SELECT * FROM conf.all_rows
--! damage
DELETE FROM conf.all_rows
