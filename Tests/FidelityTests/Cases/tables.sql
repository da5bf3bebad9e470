--! title: Tables, columns, constraints, indexes
--! case: schemas, empty ones too
CREATE SCHEMA "other schema"; CREATE SCHEMA part; CREATE SCHEMA idx;
--! witness
SELECT nspname FROM pg_namespace WHERE nspname IN ('other schema', 'part', 'idx') ORDER BY 1
--! damage
DROP SCHEMA "other schema"

--! case: a table without columns, with rows
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES; INSERT INTO nothing DEFAULT VALUES;
--! noticed by: rows
--! witness
SELECT count(*) FROM nothing
--! damage
INSERT INTO nothing DEFAULT VALUES

--! case: dropped columns, and columns added with a default
CREATE TABLE worn (a int, b text, c date, d numeric);
INSERT INTO worn SELECT i, 'b' || i, '2020-01-01', i / 3.0 FROM generate_series(1, 100) i;
ALTER TABLE worn DROP COLUMN b; ALTER TABLE worn DROP COLUMN c;
ALTER TABLE worn ADD COLUMN e text DEFAULT 'filled in without a rewrite';
INSERT INTO worn VALUES (101, 1, 'e');
--! noticed by: rows
--! witness
SELECT count(*), sum(a), sum(d), count(DISTINCT e) FROM worn
--! damage
UPDATE worn SET e = 'other' WHERE a = 50

--! case: a table of 1,600 columns
SELECT format('CREATE TABLE wide (%s)', string_agg(format('c%s int', i), ', ')) FROM generate_series(1, 1600) i \gexec
INSERT INTO wide (c1, c800, c1600) VALUES (1, 2, 3), (NULL, NULL, 4);
--! noticed by: rows
--! witness
SELECT count(*), sum(c800), sum(c1600), (SELECT count(*) FROM pg_attribute
  WHERE attrelid = 'wide'::regclass AND attnum > 0) FROM wide
--! damage
UPDATE wide SET c1600 = 5 WHERE c1600 = 4

--! case: inheritance, of several parents, with columns that were added late
CREATE TABLE mother (id int, m text); CREATE TABLE father (id int, f text DEFAULT 'f');
CREATE TABLE child (own text) INHERITS (mother, father);
ALTER TABLE mother ADD COLUMN late int;
INSERT INTO mother VALUES (1, 'm', 1); INSERT INTO child (id, m, own) VALUES (2, 'cm', 'own');
CREATE TABLE loose (id int, m text, late int, extra text); ALTER TABLE loose INHERIT mother;
INSERT INTO loose VALUES (3, 'l', 3, 'x');
--! witness
SELECT tableoid::regclass, mother::text, (SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno)
  FROM pg_inherits WHERE inhrelid = tableoid) FROM mother ORDER BY id
--! damage
ALTER TABLE loose NO INHERIT mother

--! case: partitions by range, in levels, with a default one and limits of infinity
CREATE TABLE part.r (at timestamptz NOT NULL, k int, v text) PARTITION BY RANGE (at, k);
CREATE TABLE part.r_old PARTITION OF part.r FOR VALUES FROM (MINVALUE, MINVALUE) TO ('2020-01-01', 0);
CREATE TABLE part.r_20 PARTITION OF part.r FOR VALUES FROM ('2020-01-01', 0) TO ('2021-01-01', 0) PARTITION BY RANGE (k);
CREATE TABLE part.r_20_low PARTITION OF part.r_20 FOR VALUES FROM (0) TO (50);
CREATE TABLE part.r_20_rest PARTITION OF part.r_20 DEFAULT;
CREATE TABLE part.r_rest PARTITION OF part.r DEFAULT;
CREATE INDEX r_at ON part.r (at); ALTER TABLE part.r ADD PRIMARY KEY (at, k);
INSERT INTO part.r SELECT '2019-06-01'::timestamptz + i * interval '5 days', i, 'v' || i FROM generate_series(1, 200) i;
--! witness
SELECT r.tableoid::regclass, count(*), min(k), (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = r.tableoid) FROM part.r GROUP BY r.tableoid ORDER BY 1
--! damage
ALTER TABLE part.r DETACH PARTITION part.r_rest

--! case: partitions by list, with NULL and a default
CREATE TABLE part.l (k text, v int) PARTITION BY LIST (k);
CREATE TABLE part.l_ab PARTITION OF part.l FOR VALUES IN ('a', 'b', NULL);
CREATE TABLE part."l'c" PARTITION OF part.l FOR VALUES IN ('c''d');
CREATE TABLE part.l_rest PARTITION OF part.l DEFAULT;
INSERT INTO part.l VALUES ('a', 1), (NULL, 2), ('c''d', 3), ('z', 4);
--! witness
SELECT tableoid::regclass, k, v FROM part.l ORDER BY v
--! damage
DROP TABLE part."l'c"

--! case: partitions by hash
CREATE TABLE part.h (k int, v text) PARTITION BY HASH (k, v);
CREATE TABLE part.h0 PARTITION OF part.h FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE part.h1 PARTITION OF part.h FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE part.h2 PARTITION OF part.h FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO part.h SELECT i, 'h' || i FROM generate_series(1, 300) i;
--! noticed by: rows
--! witness
SELECT tableoid::regclass, count(*), sum(k) FROM part.h GROUP BY 1 ORDER BY 1
--! damage
DELETE FROM part.h WHERE k = 7

--! case: partitions by the hash of an enum, whose rows must be routed anew
CREATE TYPE part.mood AS ENUM ('sad', 'ok', 'happy', 'ecstatic');
CREATE TABLE part.e (day date, what part.mood, note text) PARTITION BY HASH (what);
CREATE TABLE part.e0 PARTITION OF part.e FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part.e1 PARTITION OF part.e FOR VALUES WITH (MODULUS 2, REMAINDER 1) PARTITION BY LIST (note);
CREATE TABLE part.e1x PARTITION OF part.e1 FOR VALUES IN ('x'); CREATE TABLE part.e1d PARTITION OF part.e1 DEFAULT;
INSERT INTO part.e SELECT date '2020-01-01' + i, (enum_range(NULL::part.mood))[1 + i % 4], CASE WHEN i % 3 = 0 THEN 'x' ELSE 'y' END FROM generate_series(1, 200) i;
--! noticed by: rows
--! witness
SELECT what, note, count(*), min(day), max(day) FROM part.e GROUP BY 1, 2 ORDER BY 1, 2
--! damage
UPDATE part.e SET note = 'z' WHERE day = '2020-01-05'

--! case: a partition with its columns in another order, attached later
CREATE TABLE part.o (a int, b text, c date) PARTITION BY RANGE (a);
CREATE TABLE part.o1 (c date, x int, b text, a int NOT NULL); ALTER TABLE part.o1 DROP COLUMN x;
INSERT INTO part.o1 SELECT '2020-01-01', 'b' || i, i FROM generate_series(1, 9) i;
ALTER TABLE part.o ATTACH PARTITION part.o1 FOR VALUES FROM (1) TO (10);
--! witness
SELECT a, b, c, tableoid::regclass FROM part.o ORDER BY a
--! damage
ALTER TABLE part.o DETACH PARTITION part.o1

--! case: a detached partition
CREATE TABLE part.d (a int) PARTITION BY LIST (a);
CREATE TABLE part.d1 PARTITION OF part.d FOR VALUES IN (1); INSERT INTO part.d VALUES (1);
ALTER TABLE part.d DETACH PARTITION part.d1;
--! witness
SELECT relispartition, (SELECT count(*) FROM part.d1), (SELECT count(*) FROM part.d) FROM pg_class WHERE oid = 'part.d1'::regclass
--! damage
ALTER TABLE part.d ATTACH PARTITION part.d1 FOR VALUES IN (1)

--! case: generated columns, stored
CREATE TABLE stored (a int, b int GENERATED ALWAYS AS (a * 2) STORED, c text GENERATED ALWAYS AS ('c' || a % 3) STORED);
INSERT INTO stored SELECT generate_series(1, 50); CREATE INDEX ON stored (c);
--! witness
SELECT sum(b), max(c), (SELECT string_agg(attgenerated::text, '' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'stored'::regclass AND attnum > 0) FROM stored
--! damage
ALTER TABLE stored ALTER c DROP EXPRESSION

--! case: generated columns, virtual
--! since: 18
CREATE TABLE virtual (a int, b int GENERATED ALWAYS AS (a * 2) VIRTUAL, c text GENERATED ALWAYS AS ('c' || a % 3));
INSERT INTO virtual SELECT generate_series(1, 50);
--! witness
SELECT sum(b), max(c), (SELECT string_agg(attgenerated::text, '' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'virtual'::regclass AND attnum > 0) FROM virtual
--! damage
ALTER TABLE virtual ALTER b SET EXPRESSION AS (a * 3)

--! case: identity columns, always and by default, with sequence options
CREATE TABLE identity (a bigint GENERATED ALWAYS AS IDENTITY (START 1000 INCREMENT -5 MAXVALUE 1000), b int GENERATED BY DEFAULT AS IDENTITY, c text);
INSERT INTO identity (c) SELECT 'c' || i FROM generate_series(1, 10) i; INSERT INTO identity (b, c) VALUES (3, 'given');
--! noticed by: sequences
--! witness
SELECT sum(a), sum(b), (SELECT string_agg(attidentity::text, '' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'identity'::regclass AND attnum > 0), (SELECT last_value FROM identity_a_seq) FROM identity
--! damage
SELECT setval('identity_a_seq', 1000)

--! case: sequences: owned, not owned, cycled, descending, of another type, never called
CREATE SEQUENCE s_own; CREATE TABLE owner (id int DEFAULT nextval('s_own')); ALTER SEQUENCE s_own OWNED BY owner.id;
CREATE SEQUENCE s_cycle AS smallint MINVALUE 3 MAXVALUE 5 CYCLE CACHE 1; SELECT nextval('s_cycle') FROM generate_series(1, 5);
CREATE SEQUENCE s_down INCREMENT -7 MINVALUE -100 MAXVALUE -1 START -10; SELECT nextval('s_down'), nextval('s_down');
CREATE SEQUENCE s_never START 17; CREATE SEQUENCE s_set; SELECT setval('s_set', 42, false);
CREATE SEQUENCE s_last MAXVALUE 9223372036854775807 START 9223372036854775806; SELECT nextval('s_last');
INSERT INTO owner DEFAULT VALUES;
--! noticed by: sequences
--! witness
SELECT 'own', last_value, is_called FROM s_own UNION ALL SELECT 'cycle', last_value, is_called FROM s_cycle
UNION ALL SELECT 'down', last_value, is_called FROM s_down UNION ALL SELECT 'never', last_value, is_called FROM s_never
UNION ALL SELECT 'set', last_value, is_called FROM s_set UNION ALL SELECT 'last', last_value, is_called FROM s_last
UNION ALL SELECT sequencename::text, increment_by, cycle FROM pg_sequences WHERE sequencename LIKE 's\_%'
--! damage
SELECT nextval('s_set')

--! case: unlogged sequences
--! since: 15
CREATE UNLOGGED SEQUENCE s_unlogged; SELECT nextval('s_unlogged');
--! witness
SELECT relpersistence, last_value FROM pg_class, s_unlogged WHERE relname = 's_unlogged'
--! damage
ALTER SEQUENCE s_unlogged SET LOGGED

--! case: defaults that call functions
CREATE FUNCTION next_name() RETURNS text LANGUAGE sql AS $$SELECT 'n' || count(*) FROM public.worn$$;
CREATE TABLE defaults (a text DEFAULT next_name(), b timestamptz DEFAULT now(), c text DEFAULT E'it''s\n\\', d int[] DEFAULT '{1,2}');
INSERT INTO defaults (d) VALUES (NULL);
--! witness
SELECT attname, pg_get_expr(adbin, adrelid) FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum WHERE adrelid = 'defaults'::regclass ORDER BY 1
--! damage
ALTER TABLE defaults ALTER c DROP DEFAULT

--! case: storage, compression, statistics targets, options of columns and tables
CREATE TABLE options (plain text, ext text, main text, exten text) WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off, parallel_workers = 2);
ALTER TABLE options ALTER plain SET STORAGE plain, ALTER ext SET STORAGE external, ALTER main SET STORAGE main, ALTER exten SET STORAGE extended, ALTER exten SET COMPRESSION pglz, ALTER ext SET STATISTICS 500, ALTER ext SET (n_distinct = -0.5);
INSERT INTO options VALUES ('p', repeat('e', 50000), repeat('m', 50000), (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 3000) i));
--! witness
SELECT attname, attstorage, attcompression, attstattarget, (SELECT array_agg(o) FROM unnest(attoptions) o WHERE o !~ 'pg_attver'), reloptions, md5((SELECT options::text FROM options)) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid WHERE attrelid = 'options'::regclass AND attnum > 0 ORDER BY attnum
--! damage
ALTER TABLE options ALTER ext SET STORAGE main

--! case: unlogged tables with their rows
CREATE UNLOGGED TABLE unlogged (a int); INSERT INTO unlogged SELECT generate_series(1, 100);
--! witness
SELECT relpersistence, (SELECT sum(a) FROM unlogged) FROM pg_class WHERE relname = 'unlogged'
--! damage
ALTER TABLE unlogged SET LOGGED

--! case: tables of a composite type
CREATE TYPE person AS (name text, born date); CREATE TABLE people OF person (name WITH OPTIONS NOT NULL, PRIMARY KEY (name));
INSERT INTO people VALUES ('Ada', '1815-12-10');
--! witness
SELECT reloftype::regtype, (SELECT count(*) FROM people) FROM pg_class WHERE relname = 'people'
--! damage
ALTER TABLE people NOT OF

--! case: a table space, for a table, an index and what is made later
SET allow_in_place_tablespaces = on; CREATE TABLESPACE elsewhere LOCATION '';
CREATE TABLE placed (a int PRIMARY KEY USING INDEX TABLESPACE elsewhere) TABLESPACE elsewhere; INSERT INTO placed VALUES (1);
--! noticed by: rows
--! witness
SELECT count(*) FROM placed
--! damage
DELETE FROM placed

--! case: replica identity, and a table that is clustered
CREATE TABLE replica (a int NOT NULL, b int); CREATE UNIQUE INDEX replica_a ON replica (a); ALTER TABLE replica REPLICA IDENTITY USING INDEX replica_a;
CREATE INDEX replica_b ON replica (b); ALTER TABLE replica CLUSTER ON replica_b; CREATE TABLE full_replica (a int); ALTER TABLE full_replica REPLICA IDENTITY FULL;
--! witness
SELECT relname, relreplident, (SELECT string_agg(indexrelid::regclass || ' ' || indisclustered || indisreplident, ',' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = c.oid) FROM pg_class c WHERE relname IN ('replica', 'full_replica') ORDER BY 1
--! damage
ALTER TABLE replica REPLICA IDENTITY DEFAULT

--! case: checks, with NOT VALID and NO INHERIT ones
CREATE TABLE checked (a int CONSTRAINT positive CHECK (a > 0), b text, CONSTRAINT own CHECK (b <> 'x') NO INHERIT);
INSERT INTO checked VALUES (5, 'too long'); ALTER TABLE checked ADD CONSTRAINT short CHECK (length(b) < 3) NOT VALID;
--! witness
SELECT conname, convalidated, connoinherit, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'checked'::regclass AND contype = 'c' ORDER BY 1
--! damage
ALTER TABLE checked DROP CONSTRAINT short

--! case: foreign keys: circular, to itself, deferrable, NOT VALID, composite, of partitions
CREATE TABLE egg (id int PRIMARY KEY, hen int); CREATE TABLE hen (id int PRIMARY KEY, egg int REFERENCES egg DEFERRABLE INITIALLY DEFERRED, mother int REFERENCES hen ON DELETE CASCADE ON UPDATE SET NULL);
INSERT INTO egg VALUES (1, 1), (2, 2); INSERT INTO hen VALUES (1, 1, NULL), (2, 2, 1), (3, 1, 3);
ALTER TABLE egg ADD CONSTRAINT egg_hen FOREIGN KEY (hen) REFERENCES hen;
CREATE TABLE stray (hen int, at timestamptz, k int); INSERT INTO stray VALUES (99, NULL, 1); ALTER TABLE stray ADD CONSTRAINT stray_hen FOREIGN KEY (hen) REFERENCES hen NOT VALID;
ALTER TABLE stray ADD FOREIGN KEY (at, k) REFERENCES part.r MATCH SIMPLE;
--! witness
SELECT conname, conrelid::regclass, convalidated, condeferrable, condeferred, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conparentid = 0 ORDER BY 1, 2
--! damage
ALTER TABLE egg DROP CONSTRAINT egg_hen

--! case: foreign keys that set some columns only, unique constraints in which NULLs are equal
--! since: 15
CREATE TABLE tenant (t int, id int, PRIMARY KEY (t, id)); CREATE TABLE post (t int, author int, UNIQUE NULLS NOT DISTINCT (t, author), FOREIGN KEY (t, author) REFERENCES tenant ON DELETE SET NULL (author));
--! witness
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'post'::regclass AND contype IN ('u', 'f') ORDER BY 1
--! damage
ALTER TABLE post DROP CONSTRAINT post_t_author_fkey

--! case: exclusion constraints, deferrable unique constraints
CREATE TABLE booking (room int, during tstzrange, EXCLUDE USING gist (during WITH &&) WHERE (room = 1), n int UNIQUE DEFERRABLE INITIALLY DEFERRED);
INSERT INTO booking VALUES (1, '[2020-01-01,2020-01-02)', 1), (1, '[2020-01-02,2020-01-03)', 2), (2, '[2020-01-01,2020-01-09)', 3);
--! witness
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'booking'::regclass ORDER BY 1
--! damage
ALTER TABLE booking DROP CONSTRAINT booking_during_excl

--! case: NOT NULL by name, NOT VALID, NO INHERIT; constraints that are not enforced; keys WITHOUT OVERLAPS
--! since: 18
CREATE TABLE strict (a int CONSTRAINT a_is_there NOT NULL, b int, c int CONSTRAINT c_here NOT NULL NO INHERIT); INSERT INTO strict VALUES (1, NULL, 1);
ALTER TABLE strict ADD CONSTRAINT b_is_there NOT NULL b NOT VALID, ADD CONSTRAINT lax CHECK (a > 5) NOT ENFORCED;
CREATE TABLE era (id int4range, at daterange, PRIMARY KEY (id, at WITHOUT OVERLAPS)); INSERT INTO era VALUES ('[1,2)', '[2020-01-01,2020-02-01)');
--! witness
SELECT conname, contype, convalidated, conenforced, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid IN ('strict'::regclass, 'era'::regclass) AND conname <> 'era_id_not_null' AND conname <> 'era_at_not_null' ORDER BY 1
--! damage
ALTER TABLE strict DROP CONSTRAINT lax, DROP CONSTRAINT b_is_there

--! case: indexes: of every access method, partial, of expressions, covering, with options
CREATE TABLE idx.t (a int, b text, c int[], p point, ts tsvector); INSERT INTO idx.t SELECT i, md5(i::text), ARRAY[i, i % 7], point(i, i), to_tsvector('simple', 'w' || i) FROM generate_series(1, 500) i;
CREATE INDEX ON idx.t (a DESC NULLS LAST) WHERE a > 10; CREATE UNIQUE INDEX ON idx.t (lower(b) text_pattern_ops) INCLUDE (a); CREATE INDEX ON idx.t USING hash (b); CREATE INDEX ON idx.t USING gin (c); CREATE INDEX ON idx.t USING gin (ts) WITH (fastupdate = off); CREATE INDEX ON idx.t USING gist (p); CREATE INDEX ON idx.t USING spgist (p); CREATE INDEX ON idx.t USING brin (a) WITH (pages_per_range = 4); CREATE INDEX stat ON idx.t ((a + 1)); ALTER INDEX idx.stat ALTER COLUMN 1 SET STATISTICS 321;
--! witness
SELECT pg_get_indexdef(indexrelid), indisvalid, (SELECT attstattarget FROM pg_attribute WHERE attrelid = indexrelid AND attnum = 1) FROM pg_index WHERE indrelid = 'idx.t'::regclass ORDER BY 1
--! damage
DROP INDEX idx.stat

--! case: statistics objects, on expressions too
CREATE STATISTICS idx.both (dependencies, mcv) ON a, b FROM idx.t; CREATE STATISTICS idx.expr ON (a % 10), (length(b)) FROM idx.t; ALTER STATISTICS idx.both SET STATISTICS 222;
--! witness
SELECT pg_get_statisticsobjdef(oid), stxstattarget FROM pg_statistic_ext ORDER BY 1
--! damage
DROP STATISTICS idx.expr

--! case: an invalid index
CREATE TABLE idx.invalid (a int); INSERT INTO idx.invalid VALUES (1), (1);
\set ON_ERROR_STOP off
\set QUIET on
CREATE UNIQUE INDEX CONCURRENTLY left_behind ON idx.invalid (a);
\set ON_ERROR_STOP on
--! exception: the index idx.left_behind: it is invalid
--! witness
SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid
