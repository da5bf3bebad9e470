--! title: Identifiers
--! database: we "are" = 'odd' \ x\ny; DROP ž %s $1
--! case: names: quoted, mixed case, with quotes, dots, semicolons, line ends, percent signs, spaces at either end
CREATE SCHEMA "S.x"; CREATE TABLE "S.x"."T ""q"" ; -- 'x'" ("Sel.ect" int PRIMARY KEY, "a b" text, "%s" int, "$1" int, E int); CREATE TABLE "S.x"." both ends " (" " int, "	" int); CREATE TABLE "S.x"."line
end" ("c
d" int, e serial); CREATE INDEX "i
j" ON "S.x"."line
end" ("c
d"); CREATE VIEW "S.x"."v
; DROP TABLE t" AS SELECT * FROM "S.x"."line
end"; CREATE SEQUENCE "S.x"."\s"; CREATE FUNCTION "S.x"."f
'""$$"() RETURNS int LANGUAGE sql AS 'SELECT 1'; COMMENT ON TABLE "S.x"."line
end" IS E'\n-- Name: x; Type: TABLE; Schema: s; Owner: o\n'; INSERT INTO "S.x"."line
end" VALUES (1), (2); INSERT INTO "S.x"."T ""q"" ; -- 'x'" VALUES (1, 'x', 2, 3, 4); SELECT nextval('"S.x"."\s"');
--! witness
SELECT relname::text, relkind, (SELECT string_agg(attname, '|' ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0), (SELECT sum(e) FROM "S.x"."line
end"), (SELECT last_value FROM "S.x"."\s") FROM pg_class c WHERE relnamespace = '"S.x"'::regnamespace
--! damage
ALTER TABLE "S.x"."line
end" RENAME "c
d" TO cd

--! case: names of 63 bytes, that differ in the last one, or that are equal after folding
SELECT format('CREATE TABLE %I (a int CONSTRAINT %I CHECK (a > 0))', n, n), format('INSERT INTO %I VALUES (%s)', n, length(n)) FROM unnest(ARRAY[repeat('n', 62) || 'a', repeat('n', 62) || 'b', repeat('é', 31) || 'x', 'Fold', 'fold', 'FOLD', 'select', 'user', 'É', 'é']) n \gexec
--! witness
SELECT relname::text, octet_length(relname), (SELECT string_agg(conname, ',') FROM pg_constraint WHERE conrelid = c.oid) FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
--! damage
ALTER TABLE "fold" RENAME TO "foLd"

--! case: schemas and names that PostgreSQL uses itself
CREATE SCHEMA pgx_catalog; CREATE TABLE pgx_catalog.pg_class (a int); CREATE SCHEMA "public.x"; CREATE TABLE "public.x".y (a int); CREATE TABLE "x.y" (a text); INSERT INTO "x.y" VALUES ('dot'); CREATE FUNCTION now() RETURNS text LANGUAGE sql AS $$SELECT 'never'::text$$; CREATE TABLE uses (t timestamptz DEFAULT pg_catalog.now(), u text DEFAULT public.now()); CREATE FUNCTION never(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'; CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = never);
--! witness
SELECT pg_get_expr(adbin, adrelid), to_regclass('pgx_catalog.pg_class') IS NOT NULL, (SELECT a FROM "x.y") FROM pg_attrdef WHERE adrelid = 'uses'::regclass
--! damage
DROP TABLE "x.y"
