--! title: A database in LATIN1

--! options: TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'
--! case: names and definitions outside ASCII
SET client_encoding = 'UTF8'; CREATE ROLE latin_reader; CREATE SCHEMA "schéma"; CREATE TYPE "schéma"."été" AS ENUM ('août', 'ß'); CREATE TABLE "schéma"."Größe" ("Maß" text DEFAULT 'ü', m "schéma"."été"); COMMENT ON TABLE "schéma"."Größe" IS 'ÿ'; CREATE VIEW "vüe" AS SELECT "Maß" || 'é' AS "é" FROM "schéma"."Größe"; CREATE SEQUENCE "séq"; SELECT nextval('"séq"'); CREATE FUNCTION "f°"() RETURNS text LANGUAGE sql AS $$SELECT 'é'::text$$; CREATE INDEX "ïndex" ON "schéma"."Größe" (("Maß" || 'é')); GRANT SELECT ON "schéma"."Größe" TO latin_reader; CREATE SCHEMA later; CREATE EXTENSION hstore SCHEMA later;
--! witness
SELECT relname::text, pg_get_viewdef('"vüe"'::regclass), obj_description('"schéma"."Größe"'::regclass), enum_range(NULL::"schéma"."été"), "f°"(), (SELECT last_value FROM "séq") FROM pg_class WHERE relnamespace = '"schéma"'::regnamespace
--! damage
COMMENT ON TABLE "schéma"."Größe" IS 'y'

--! case: rows with every character
SET client_encoding = 'UTF8'; CREATE TABLE "tâble" (i int, t text); INSERT INTO "tâble" SELECT i, convert_from(set_byte('\x00', 0, i), 'LATIN1') FROM generate_series(1, 255) i; INSERT INTO "schéma"."Größe" VALUES ('Überlänge §', 'ß'), (DEFAULT, 'août');
--! noticed by: rows
--! witness
SELECT md5(string_agg(t, '' ORDER BY i)), (SELECT string_agg(g::text, ',' ORDER BY g) FROM "schéma"."Größe" g) FROM "tâble"
--! damage
UPDATE "tâble" SET t = 'x' WHERE i = 233

--! case: large objects with comments outside ASCII, settings and comments of the database
SET client_encoding = 'UTF8'; SELECT lo_from_bytea(5, '\xe9'); COMMENT ON LARGE OBJECT 5 IS 'é'; COMMENT ON DATABASE :"DBNAME" IS 'ü ß'; ALTER DATABASE :"DBNAME" SET my.umlaut = 'ä';
--! noticed by: large objects
--! witness
SELECT obj_description(5, 'pg_largeobject'), lo_get(5), shobj_description(oid, 'pg_database'), (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid) FROM pg_database d WHERE datname = current_database()
--! damage
COMMENT ON LARGE OBJECT 5 IS 'e'
