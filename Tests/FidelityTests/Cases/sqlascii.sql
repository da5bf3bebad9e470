--! title: A database in SQL_ASCII
--! options: TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'
--! case: rows of any bytes, of several encodings at once
CREATE TABLE t (i int, v text); INSERT INTO t SELECT i, E'\xff\xfe' || chr(i) || E'\xc3\xa9 \xe9 \xf0' FROM generate_series(1, 255) i; INSERT INTO t VALUES (0, E'\xc3\xa9'), (256, E'\xe9');
--! noticed by: rows
--! witness
SELECT i, md5(convert_to(v, 'SQL_ASCII')) FROM t
--! damage
UPDATE t SET v = E'\xc3\xa9' WHERE i = 256

--! case: definitions and comments of any bytes
CREATE FUNCTION f() RETURNS bytea LANGUAGE sql AS E'SELECT ''\xe9\xff''::text::bytea'; COMMENT ON TABLE t IS E'\xe9'; CREATE TABLE d (a text DEFAULT E'\xe9\xc3', CHECK (a <> E'\xfe')); CREATE TYPE e AS ENUM (E'\xe9', 'a'); CREATE TABLE es (e e); INSERT INTO es VALUES (E'\xe9'); CREATE VIEW v AS SELECT E'\xe9'::text AS x; CREATE INDEX ON t ((v || E'\xe9'));
--! witness
SELECT f(), encode(obj_description('t'::regclass)::bytea, 'hex'), encode(pg_get_viewdef('v'::regclass)::bytea, 'hex'), (SELECT encode(pg_get_expr(adbin, adrelid)::bytea, 'hex') FROM pg_attrdef WHERE adrelid = 'd'::regclass), (SELECT encode(string_agg(enumlabel, ',')::bytea, 'hex') FROM pg_enum)
--! damage
COMMENT ON TABLE t IS E'\xe8'

--! case: names in UTF-8
CREATE TABLE "žluť" ("č" int); INSERT INTO "žluť" VALUES (1); CREATE SEQUENCE "š"; SELECT nextval('"š"');
--! witness
SELECT attname, (SELECT count(*) FROM "žluť"), (SELECT last_value FROM "š") FROM pg_attribute WHERE attrelid = '"žluť"'::regclass AND attnum > 0
--! damage
ALTER TABLE "žluť" RENAME "č" TO c

--! case: large objects with comments in UTF-8
SELECT lo_from_bytea(8, '\x00ff'); COMMENT ON LARGE OBJECT 8 IS 'č';
--! noticed by: large objects
--! witness
SELECT encode(obj_description(8, 'pg_largeobject')::bytea, 'hex'), lo_get(8)
--! damage
COMMENT ON LARGE OBJECT 8 IS 'e'
