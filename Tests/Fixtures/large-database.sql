-- A database with one of everything that a backup can get wrong, in a size of one's choice.
--
--   psql -X -v ON_ERROR_STOP=1 -v megabytes=300 -f large-database.sql CONNINFO
--
-- As a superuser, into an empty database of encoding UTF8. `megabytes` (default 300) is about what
-- pg_database_size will say beyond the 10 MB of an empty one. All content is a function of row
-- numbers, so two loads hold equal rows. Needs the contrib modules, and PostgreSQL 14 or newer.
--
-- Its roles (they belong to the whole server) are named fixture_…; an existing one is kept.
-- Set -v subscription=1 to add a subscription that is not connected (a drill must strip it;
-- DROP DATABASE then needs DROP SUBSCRIPTION first).

\set QUIET on
\if :{?megabytes} \else \set megabytes 300 \endif
\if :{?subscription} \else \set subscription 0 \endif
SELECT
  current_setting('server_version_num')::int >= 150000 AS is_15_or_newer,
  ceil(:megabytes * 300.0)::int AS customers,
  ceil(:megabytes * 1000.0)::int AS orders,
  ceil(:megabytes * 140.0)::int AS documents,
  ceil(:megabytes * 38.0)::int AS attachments,
  ceil(:megabytes * 2000.0)::int AS readings
\gset

SET client_min_messages = warning;
SET timezone = 'UTC';
SET search_path = '';
-- Rows must come in the same order in each load.
SET max_parallel_workers_per_gather = 0;
SET synchronous_commit = off;

-- === Roles: memberships, settings, a password, a quoted name =====================================

SET password_encryption = 'scram-sha-256';
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'fixture_owner') THEN
    CREATE ROLE fixture_owner NOLOGIN;
    CREATE ROLE fixture_reader NOLOGIN;
    CREATE ROLE fixture_writer LOGIN PASSWORD 'not a secret' CONNECTION LIMIT 7
      VALID UNTIL '2099-12-31 23:59:59+00';
    CREATE ROLE "fixture_Odd ""Role""" LOGIN NOINHERIT;
    GRANT fixture_reader TO fixture_writer;
    GRANT fixture_reader TO "fixture_Odd ""Role""" WITH ADMIN OPTION;
    ALTER ROLE fixture_writer SET statement_timeout = '30s';
    ALTER ROLE fixture_writer SET search_path = 'shop', 'Odd Schema', 'public';
    COMMENT ON ROLE fixture_owner IS 'Owns what the application made';
  END IF;
END $$;

-- === The database's own properties ===============================================================

ALTER DATABASE :"DBNAME" SET work_mem = '8MB';
ALTER DATABASE :"DBNAME" SET search_path = 'shop', 'public';
ALTER DATABASE :"DBNAME" SET "fixture.text" = 'with ''quotes'', a \ and a comma';
ALTER ROLE fixture_writer IN DATABASE :"DBNAME" SET lock_timeout = '5s';
COMMENT ON DATABASE :"DBNAME" IS 'A fixture: it''s big, with "quotes"';
GRANT CONNECT, TEMPORARY ON DATABASE :"DBNAME" TO fixture_reader;

-- === Schemas and extensions ======================================================================

CREATE SCHEMA shop AUTHORIZATION fixture_owner;
CREATE SCHEMA kinds;
CREATE SCHEMA edge;
CREATE SCHEMA audit;
CREATE SCHEMA tools;
CREATE SCHEMA "Odd Schema";
CREATE SCHEMA empty_schema;
COMMENT ON SCHEMA shop IS 'The application';
GRANT USAGE ON SCHEMA shop, kinds TO fixture_reader, fixture_writer;
GRANT CREATE ON SCHEMA shop TO fixture_writer WITH GRANT OPTION;
REVOKE ALL ON SCHEMA public FROM PUBLIC;

CREATE EXTENSION hstore SCHEMA public;
CREATE EXTENSION pg_trgm SCHEMA public;
CREATE EXTENSION citext SCHEMA public;
CREATE EXTENSION btree_gist SCHEMA tools;
CREATE EXTENSION postgres_fdw SCHEMA tools;
COMMENT ON EXTENSION hstore IS 'A comment that is not the default one';

-- Before what they are for: objects made from here on get these.
ALTER DEFAULT PRIVILEGES FOR ROLE fixture_owner IN SCHEMA shop
  GRANT SELECT ON TABLES TO fixture_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE fixture_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

-- === Types =======================================================================================

CREATE TYPE kinds.mood AS ENUM ('sad', 'ok', 'happy', 'it''s "odd"');
ALTER TYPE kinds.mood ADD VALUE 'calm' BEFORE 'ok';
CREATE TYPE kinds.address AS (street text, "zip Code" text, geo point);
CREATE TYPE kinds.window AS RANGE (subtype = timestamptz, multirange_type_name = kinds.windows);
CREATE DOMAIN kinds.positive AS numeric(20, 6) CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE DOMAIN kinds.short_text AS text DEFAULT 'none' NOT NULL CHECK (length(VALUE) < 100);
COMMENT ON TYPE kinds.mood IS 'How they feel';
COMMENT ON COLUMN kinds.address."zip Code" IS 'Quoted column of a composite type';
GRANT USAGE ON TYPE kinds.mood TO fixture_reader;
CREATE COLLATION kinds.german (provider = icu, locale = 'de-u-co-phonebk');
CREATE COLLATION kinds.digits (provider = icu, locale = 'en-u-kn-true', deterministic = false);

-- === Functions, an operator, a cast, an aggregate, text search ===================================

-- No SET search_path on it: a restore runs with an empty one, so it works only fully qualified.
CREATE FUNCTION tools.folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  AS $$ SELECT pg_catalog.lower(pg_catalog.btrim($1)) $$;
CREATE FUNCTION tools.checked(numeric, numeric DEFAULT 0) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $f$ BEGIN RETURN $1 >= $2; END $f$;
CREATE FUNCTION tools.stamp() RETURNS trigger LANGUAGE plpgsql SET search_path = 'pg_catalog' AS $$
BEGIN
  NEW.note := coalesce(NEW.note, '') || '!';  -- visible at once if a restore fires triggers
  RETURN NEW;
END $$;
CREATE FUNCTION tools.refuse_drop() RETURNS event_trigger LANGUAGE plpgsql
  AS $$ BEGIN RAISE WARNING 'a table is dropped'; END $$;
CREATE PROCEDURE tools.nothing(INOUT a int, b text[] DEFAULT ARRAY['x', 'y']) LANGUAGE plpgsql
  SECURITY DEFINER AS $$ BEGIN a := a + 1; END $$;
CREATE FUNCTION tools.rows_of(VARIADIC wanted int[]) RETURNS TABLE (n int, label text) LANGUAGE sql
  STABLE ROWS 7 COST 3 AS $$ SELECT w, 'row ' || w FROM pg_catalog.unnest(wanted) AS w $$;
CREATE FUNCTION tools.mood_to_int(kinds.mood) RETURNS int LANGUAGE sql IMMUTABLE
  AS $$ SELECT CASE WHEN $1 = 'sad'::kinds.mood THEN 0 ELSE 1 END $$;
CREATE CAST (kinds.mood AS int) WITH FUNCTION tools.mood_to_int(kinds.mood) AS ASSIGNMENT;
CREATE FUNCTION tools.near(int, int) RETURNS boolean LANGUAGE sql IMMUTABLE
  AS $$ SELECT pg_catalog.abs($1 - $2) < 2 $$;
CREATE OPERATOR tools.~~~ (FUNCTION = tools.near, LEFTARG = int, RIGHTARG = int,
  COMMUTATOR = OPERATOR(tools.~~~));
CREATE AGGREGATE tools.product(numeric) (SFUNC = numeric_mul, STYPE = numeric, INITCOND = '1');
CREATE TEXT SEARCH CONFIGURATION tools.plain (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION tools.plain ALTER MAPPING FOR asciiword WITH english_stem;
COMMENT ON FUNCTION tools.folded(text) IS E'Line one\nline two';
COMMENT ON OPERATOR tools.~~~ (int, int) IS 'Nearly equal';
GRANT EXECUTE ON FUNCTION tools.folded(text) TO fixture_reader WITH GRANT OPTION;
REVOKE EXECUTE ON PROCEDURE tools.nothing(int, text[]) FROM PUBLIC;

-- Incompressible bytes that depend on the number only.
CREATE FUNCTION tools.noise(seed bigint, blocks int) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.string_agg(pg_catalog.sha512(pg_catalog.convert_to(seed || '/' || b, 'UTF8')),
    ''::bytea ORDER BY b)
  FROM pg_catalog.generate_series(1, blocks) AS b $$;
-- Words that compress as prose does.
CREATE FUNCTION tools.prose(seed bigint, words int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT pg_catalog.string_agg((ARRAY['the', 'boat', 'left', 'harbour', 'before', 'dawn', 'and',
    'nobody', 'saw', 'it', 'ünïcode', '日本', E'new\nline', 'lantern', 'tide', 'rope'])
    [1 + (pg_catalog.hashint8(seed * 1000 + w) & 15)], ' ' ORDER BY w)
  FROM pg_catalog.generate_series(1, words) AS w $$;

-- === The shop ====================================================================================

CREATE TABLE shop.customer (
  id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 3) PRIMARY KEY,
  email public.citext NOT NULL UNIQUE,
  name text NOT NULL,
  home kinds.address,
  feeling kinds.mood NOT NULL DEFAULT 'ok',
  tags public.hstore,
  balance numeric(12, 2) NOT NULL DEFAULT 0 CHECK (tools.checked(balance, -1000)),
  joined timestamptz NOT NULL,
  folded_name text GENERATED ALWAYS AS (tools.folded(name)) STORED
);
INSERT INTO shop.customer (email, name, home, feeling, tags, balance, joined)
SELECT 'Customer' || n || '@Example.com', 'Name ' || md5(n::text),
  ROW('Street ' || n % 997, lpad((n % 90000)::text, 5, '0'), point(n % 180, n % 90))::kinds.address,
  (enum_range(NULL::kinds.mood))[1 + n % 5],
  public.hstore(ARRAY['level', (n % 7)::text, 'source', CASE WHEN n % 3 = 0 THEN NULL ELSE 'web' END]),
  (n % 100000) / 100.0 - 5, timestamptz '2015-01-01 00:00:00.123456+00' + n * interval '61.7 seconds'
FROM generate_series(1, :customers) AS n;
CREATE INDEX customer_name_trgm ON shop.customer USING gin (name public.gin_trgm_ops);
CREATE INDEX customer_folded ON shop.customer (tools.folded(name)) WHERE balance > 0;
CREATE INDEX customer_tags ON shop.customer USING gist (tags) WITH (fillfactor = 70);
CREATE STATISTICS shop.customer_stats (ndistinct, dependencies, mcv)
  ON feeling, balance FROM shop.customer;
CREATE STATISTICS shop.customer_expression ON (balance % 10), lower(name) FROM shop.customer;
ALTER STATISTICS shop.customer_stats SET STATISTICS 50;
ALTER TABLE shop.customer ALTER COLUMN name SET STATISTICS 500;
ALTER TABLE shop.customer REPLICA IDENTITY FULL;
ALTER TABLE shop.customer OWNER TO fixture_owner;
GRANT SELECT (id, email), UPDATE (name) ON shop.customer TO fixture_writer;
COMMENT ON TABLE shop.customer IS 'Who buys';
COMMENT ON COLUMN shop.customer.email IS 'Compared without case';

CREATE TABLE shop.category (
  id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  parent_id int REFERENCES shop.category ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
  slug kinds.short_text UNIQUE
);
-- Children before their parents: only a constraint made after the data lets that in.
BEGIN;
INSERT INTO shop.category (id, parent_id, slug)
SELECT n, CASE WHEN n < 400 THEN least(400, n + 1 + n % 3) END, 'category-' || n FROM generate_series(1, 400) AS n;
COMMIT;
SELECT setval('shop.category_id_seq', 400) \g /dev/null

CREATE TABLE shop.product (
  id serial PRIMARY KEY,
  category_id int NOT NULL REFERENCES shop.category,
  title varchar(200) COLLATE kinds.german NOT NULL,
  price kinds.positive,
  sizes int4range[],
  attributes jsonb NOT NULL DEFAULT '{}',
  search tsvector GENERATED ALWAYS AS (to_tsvector('english', title)) STORED
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
INSERT INTO shop.product (category_id, title, price, sizes, attributes)
SELECT 1 + n % 400, 'Product ' || tools.prose(n, 6), (n % 5000 + 1) / 7.0,
  ARRAY[int4range(n % 10, n % 10 + 5), int4range(NULL, n), 'empty'],
  jsonb_build_object('colour', n % 8, 'ok', n % 2 = 0, 'sub', jsonb_build_array(n, NULL, 'x"y\z'))
FROM generate_series(1, 5000) AS n;
CREATE INDEX product_search ON shop.product USING gin (search);
CREATE INDEX product_attributes ON shop.product USING gin (attributes jsonb_path_ops);
CREATE INDEX product_price ON shop.product USING brin (price) WITH (pages_per_range = 16);
CREATE UNIQUE INDEX product_title ON shop.product (title DESC NULLS LAST, id) INCLUDE (price);
ALTER TABLE shop.product CLUSTER ON product_pkey;

-- Partitioned by range, below it by list and by hash, with a default; a foreign key refers to it.
CREATE TABLE shop.orders (
  id bigint NOT NULL, placed_on date NOT NULL, country text NOT NULL,
  customer_id bigint NOT NULL, total numeric(12, 2),
  PRIMARY KEY (id, placed_on, country)
) PARTITION BY RANGE (placed_on);
CREATE TABLE shop.orders_2023 PARTITION OF shop.orders
  FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
CREATE TABLE shop.orders_2024 PARTITION OF shop.orders
  FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY LIST (country);
CREATE TABLE shop.orders_2024_dach PARTITION OF shop.orders_2024 FOR VALUES IN ('de', 'at', 'ch');
CREATE TABLE shop.orders_2024_rest PARTITION OF shop.orders_2024 DEFAULT PARTITION BY HASH (id);
CREATE TABLE shop.orders_2024_rest_0 PARTITION OF shop.orders_2024_rest
  FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE shop.orders_2024_rest_1 PARTITION OF shop.orders_2024_rest
  FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE shop.orders_other PARTITION OF shop.orders DEFAULT;
-- Attached later, with its columns in another order.
CREATE TABLE shop.orders_2025 (
  country text NOT NULL, customer_id bigint NOT NULL, gone int, total numeric(12, 2),
  placed_on date NOT NULL, id bigint NOT NULL
);
ALTER TABLE shop.orders_2025 DROP COLUMN gone;
ALTER TABLE shop.orders ATTACH PARTITION shop.orders_2025
  FOR VALUES FROM ('2025-01-01') TO (MAXVALUE);
INSERT INTO shop.orders (id, placed_on, country, customer_id, total)
SELECT n, date '2022-10-01' + n % 1200, (ARRAY['de', 'fr', 'at', 'jp', 'us'])[1 + n % 5],
  1000 + 3 * (n % :customers), n % 10007 / 3.0
FROM generate_series(1, :orders) AS n;
CREATE INDEX orders_customer ON shop.orders (customer_id);
CREATE TABLE shop.order_line (
  order_id bigint, placed_on date, country text, number smallint,
  product_id int, amount int NOT NULL,
  PRIMARY KEY (order_id, number)
);
INSERT INTO shop.order_line
SELECT o.id, o.placed_on, o.country, l, 1 + (o.id * l) % 5000, 1 + o.id % 9
FROM shop.orders AS o, generate_series(1, 2) AS l WHERE o.id % 3 = 0 ORDER BY o.id, l;
-- Foreign keys last: checking all rows at once is several times faster than one by one.
ALTER TABLE shop.orders ADD FOREIGN KEY (customer_id) REFERENCES shop.customer;
ALTER TABLE shop.order_line
  ADD FOREIGN KEY (product_id) REFERENCES shop.product ON UPDATE CASCADE,
  ADD CONSTRAINT line_of_order FOREIGN KEY (order_id, placed_on, country) REFERENCES shop.orders
    MATCH FULL ON DELETE CASCADE;

-- A hash of an enum's value depends on its OID, so a row can belong elsewhere in the copy.
CREATE TABLE shop.mood_log (
  feeling kinds.mood NOT NULL, noted timestamp NOT NULL, body text
) PARTITION BY HASH (feeling);
CREATE TABLE shop.mood_log_0 PARTITION OF shop.mood_log FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE shop.mood_log_1 PARTITION OF shop.mood_log FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE shop.mood_log_2 PARTITION OF shop.mood_log FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO shop.mood_log
SELECT (enum_range(NULL::kinds.mood))[1 + n % 5], timestamp '2024-02-29' + n * interval '1 minute',
  tools.prose(n, 5)
FROM generate_series(1, 3000) AS n;

CREATE TABLE shop.reading (
  sensor int NOT NULL, taken timestamptz NOT NULL, value double precision, quality real,
  flags bit varying(16), source inet
) PARTITION BY HASH (sensor);
SELECT format('CREATE TABLE shop.reading_%s PARTITION OF shop.reading
  FOR VALUES WITH (MODULUS 4, REMAINDER %s)', r, r) FROM generate_series(0, 3) AS r \gexec
INSERT INTO shop.reading
SELECT n % 1000, timestamptz '2024-01-01+00' + n * interval '1.5 seconds', sin(n) * 1e3, n / 3.0::real,
  (n % 65536)::bit(16), '10.0.0.0'::inet + n % 65536
FROM generate_series(1, :readings) AS n;
CREATE INDEX reading_taken ON shop.reading USING brin (taken);

CREATE TABLE shop.document (
  id uuid PRIMARY KEY, body jsonb NOT NULL, raw json, xml_body xml, long_text text,
  words tsvector GENERATED ALWAYS AS (to_tsvector('simple', coalesce(body ->> 'title', ''))) STORED
);
INSERT INTO shop.document (id, body, raw, xml_body, long_text)
SELECT md5('document ' || n)::uuid,
  jsonb_build_object('title', tools.prose(n, 8), 'n', n, 'tags', to_jsonb(ARRAY[n % 5, n % 7]),
    'nested', jsonb_build_object('deep', jsonb_build_object('er', md5(n::text)))),
  ('{"a": ' || n || ', "a":   "again",  "b": [1 , 2]}')::json,
  ('<doc n="' || n || '"><![CDATA[' || md5(n::text) || ']]></doc>')::xml,
  tools.prose(n, 20 + n % 60 + CASE WHEN n % 100 = 0 THEN 3000 ELSE 0 END)
FROM generate_series(1, :documents) AS n;
CREATE INDEX document_body ON shop.document USING gin (body);
CREATE INDEX document_words ON shop.document USING gin (words);
CREATE INDEX document_id_hash ON shop.document USING hash (id);

CREATE TABLE shop.attachment (
  id int PRIMARY KEY, content bytea NOT NULL, checksum bytea NOT NULL, thumbnail bytea
);
ALTER TABLE shop.attachment ALTER COLUMN content SET STORAGE EXTERNAL;
INSERT INTO shop.attachment
SELECT n, tools.noise(n, 64 + n % 128), sha256(n::text::bytea), CASE n % 3 WHEN 0 THEN ''::bytea WHEN 1 THEN
  '\x00ff5c2e0a0d' END
FROM generate_series(1, :attachments) AS n;

-- Two tables that refer to each other.
CREATE TABLE shop.team (id int PRIMARY KEY, name text, captain_id int NOT NULL);
CREATE TABLE shop.member (id int PRIMARY KEY, team_id int NOT NULL REFERENCES shop.team, name text);
ALTER TABLE shop.team ADD CONSTRAINT team_captain FOREIGN KEY (captain_id) REFERENCES shop.member
  DEFERRABLE INITIALLY DEFERRED;
BEGIN;
INSERT INTO shop.team SELECT n, 'Team ' || n, n * 10 FROM generate_series(1, 500) AS n;
INSERT INTO shop.member SELECT n, 1 + (n - 1) / 10, 'Member ' || n FROM generate_series(1, 5000) AS n;
COMMIT;

CREATE TABLE shop.reservation (
  room int NOT NULL, during kinds.window NOT NULL, breaks kinds.windows, note text,
  EXCLUDE USING gist (room tools.gist_int4_ops WITH OPERATOR(pg_catalog.=), during WITH &&)
    WHERE (room > 0) DEFERRABLE INITIALLY IMMEDIATE
);
INSERT INTO shop.reservation
SELECT n % 50, kinds.window(timestamptz '2024-01-01+00' + n * interval '1 hour',
    timestamptz '2024-01-01 00:59+00' + n * interval '1 hour', '[)'), kinds.windows(), 'Note ' || n
FROM generate_series(1, 2000) AS n;

-- Inheritance: each row lives in exactly one of the three.
CREATE TABLE shop.vehicle (id int PRIMARY KEY, label text DEFAULT 'unnamed');
CREATE TABLE shop.car (doors int NOT NULL) INHERITS (shop.vehicle);
CREATE TABLE shop.truck (tonnes numeric, CHECK (tonnes > 0) NO INHERIT) INHERITS (shop.vehicle);
ALTER TABLE shop.car ALTER COLUMN label SET DEFAULT 'a car';
INSERT INTO shop.vehicle SELECT n, 'vehicle ' || n FROM generate_series(1, 100) AS n;
INSERT INTO shop.car SELECT n, 'car ' || n, 4 FROM generate_series(50, 250) AS n;
INSERT INTO shop.truck SELECT n, 'truck ' || n, n / 3.0 FROM generate_series(1, 150) AS n;

CREATE UNLOGGED TABLE shop.cache (key text PRIMARY KEY, value text) WITH (autovacuum_enabled = off);
INSERT INTO shop.cache SELECT 'key ' || n, tools.prose(n, 10) FROM generate_series(1, 1000) AS n;

CREATE TABLE shop.typed OF kinds.address (PRIMARY KEY ("zip Code"));
INSERT INTO shop.typed VALUES ('A street', '12345', '(1,2)'), (NULL, '00000', NULL);

-- === Sequences ===================================================================================

CREATE SEQUENCE shop.unowned AS smallint MINVALUE -5 MAXVALUE 5 START 1 CYCLE;
SELECT nextval('shop.unowned') FROM generate_series(1, 8) \g /dev/null
CREATE SEQUENCE shop.descending INCREMENT BY -7 MAXVALUE 100 START 100 CACHE 1;
SELECT nextval('shop.descending') FROM generate_series(1, 3) \g /dev/null
CREATE SEQUENCE shop.never_called START 42;
CREATE SEQUENCE shop.at_its_end MAXVALUE 3;
SELECT nextval('shop.at_its_end') FROM generate_series(1, 3) \g /dev/null
CREATE SEQUENCE shop.set_not_called;
SELECT setval('shop.set_not_called', 77, false) \g /dev/null
CREATE SEQUENCE shop.cached CACHE 50;
SELECT nextval('shop.cached') \g /dev/null
GRANT USAGE ON SEQUENCE shop.unowned TO fixture_writer;
COMMENT ON SEQUENCE shop.descending IS 'Downwards';

-- === Triggers in every state, rules, policies, an event trigger ==================================

CREATE TABLE audit.change (
  id int PRIMARY KEY, who text NOT NULL, what text, note text
);
INSERT INTO audit.change
SELECT n, (ARRAY['fixture_reader', 'fixture_writer', 'postgres'])[1 + n % 3], 'change ' || n, NULL
FROM generate_series(1, 900) AS n;
CREATE TRIGGER a_enabled BEFORE INSERT ON audit.change
  FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION tools.stamp();
CREATE TRIGGER b_disabled BEFORE INSERT OR UPDATE OF what ON audit.change
  FOR EACH ROW EXECUTE FUNCTION tools.stamp('argument', 'it''s "two"');
CREATE TRIGGER c_replica BEFORE INSERT ON audit.change
  FOR EACH ROW EXECUTE FUNCTION tools.stamp();
CREATE TRIGGER d_always BEFORE INSERT ON audit.change
  FOR EACH ROW EXECUTE FUNCTION tools.stamp();
CREATE CONSTRAINT TRIGGER e_deferred AFTER UPDATE ON audit.change DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION tools.stamp();
ALTER TABLE audit.change DISABLE TRIGGER b_disabled;
ALTER TABLE audit.change ENABLE REPLICA TRIGGER c_replica;
ALTER TABLE audit.change ENABLE ALWAYS TRIGGER d_always;
COMMENT ON TRIGGER d_always ON audit.change IS 'Fires even for a replica';
ALTER TABLE audit.change ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit.change FORCE ROW LEVEL SECURITY;
ALTER TABLE audit.change OWNER TO fixture_owner;
CREATE POLICY own_rows ON audit.change FOR SELECT TO fixture_reader USING (who = CURRENT_USER);
CREATE POLICY not_public ON audit.change AS RESTRICTIVE FOR ALL USING (id > 0) WITH CHECK (id > 1);

CREATE VIEW shop.happy_customer WITH (security_barrier) AS
  SELECT id, name, feeling FROM shop.customer WHERE feeling = 'happy' WITH LOCAL CHECK OPTION;
CREATE RECURSIVE VIEW shop.category_path (id, path) AS
  SELECT id, ARRAY[id] FROM shop.category WHERE parent_id IS NULL
  UNION ALL SELECT c.id, p.path || c.id FROM shop.category AS c JOIN category_path AS p ON c.parent_id = p.id;
CREATE RULE keep_cars AS ON DELETE TO shop.car WHERE OLD.doors > 3 DO INSTEAD NOTHING;
CREATE RULE write_through AS ON INSERT TO shop.happy_customer
  DO INSTEAD INSERT INTO shop.customer (email, name, joined) VALUES (NEW.name, NEW.name, now());
CREATE EVENT TRIGGER fixture_drop ON sql_drop WHEN TAG IN ('DROP TABLE')
  EXECUTE FUNCTION tools.refuse_drop();
ALTER EVENT TRIGGER fixture_drop ENABLE ALWAYS;

-- === Constraints that existing rows break ========================================================

CREATE TABLE edge.unchecked (id int PRIMARY KEY, amount int, team_id int);
INSERT INTO edge.unchecked SELECT n, n - 10, 100000 + n FROM generate_series(1, 50) AS n;
ALTER TABLE edge.unchecked ADD CONSTRAINT amount_positive CHECK (amount > 0) NOT VALID;
ALTER TABLE edge.unchecked ADD CONSTRAINT team_exists FOREIGN KEY (team_id) REFERENCES shop.team
  NOT VALID;
-- What a failed CREATE INDEX CONCURRENTLY leaves behind: pg_dump passes it over.
CREATE INDEX left_invalid ON edge.unchecked (amount);
UPDATE pg_catalog.pg_index SET indisvalid = false
  WHERE indexrelid = 'edge.left_invalid'::regclass;

-- === Rows and columns at the edge ================================================================

CREATE TABLE edge.text_values (id serial PRIMARY KEY, value text, fixed char(8), "name" name);
INSERT INTO edge.text_values (value, fixed, "name") VALUES
  (NULL, NULL, NULL), ('', '', ''), (' ', ' ', ' '), ('\N', '\N', '\N'), ('\.', '\.', '\.'), ('NULL', 'NULL', 'NULL'),
  (E'\\', E'\\', E'\\'), (E'\\\\N', 'x', 'x'), (E'tab\there', E'\t', 'x'), (E'line\nfeed', E'\n', 'x'),
  (E'carriage\rreturn', E'\r', 'x'), (E'\r\n', 'x', 'x'), (E'\b\f\v\x01\x7f', 'x', 'x'), (E'\n\\.\n', 'x', 'x'),
  ('ü — 日本語 🚣', 'ü', 'ü'), (E'e\u0301 against \u00e9', 'x', 'x'), (E'\u200e\u202e\ufeff', 'x', 'x'),
  ('"quoted"', '"', '"'), ('it''s', '''', ''''), ('{a,b}', '{}', '{}'), ('(a,b)', '()', '()'), ('$1 :name %s', 'x', 'x'),
  (repeat('x', 10000), 'x', 'x'), (repeat(E'\\\t\n', 5000), 'x', 'x'), (repeat('日', 300000), 'x', 'x');
CREATE TABLE edge.numbers (id serial PRIMARY KEY, a float8, b float4, c numeric, d bigint, e money, f smallint);
INSERT INTO edge.numbers (a, b, c, d, e, f) VALUES
  ('NaN', 'NaN', 'NaN', 9223372036854775807, '92233720368547758.07', 32767),
  ('Infinity', 'Infinity', 'Infinity', -9223372036854775808, '-92233720368547758.08', -32768),
  ('-Infinity', '-Infinity', '-Infinity', 0, '0', 0),
  ('-0', '-0', 0.000, 1, '1', 1), (5e-324, 1e-45, 1.0, 1, '1', 1), (1.7976931348623157e308, 3.4028235e38, 1.000, 1, '1', 1),
  (0.1, 0.1, ('1' || repeat('0', 5000))::numeric, 1, '1', 1), (1.0 / 3, 1.0 / 3, ('0.' || repeat('123', 2000))::numeric, 1, '1', 1),
  (pi(), 3.14159265, -1e-16000, NULL, NULL, NULL), (123456789012345680, 16777217, 9.99e131071, 1, '1', 1);
CREATE TABLE edge.times (id serial PRIMARY KEY, a date, b timestamp, c timestamptz, d interval, e time, f timetz);
INSERT INTO edge.times (a, b, c, d, e, f) VALUES
  ('infinity', 'infinity', 'infinity', '178000000 years', '24:00:00', '24:00:00-15:59'),
  ('-infinity', '-infinity', '-infinity', '-178000000 years', '00:00', '00:00+15:59'),
  ('4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '1 mon -1 day 00:00:00.000001', '12:34:56.789012', '12:34:56.789012+05:30'),
  ('5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '-1 mon +1 day -00:00:01', NULL, NULL),
  ('0001-01-01', '0001-12-31 BC', '1883-11-18 12:03:57.999999-04:56:02', '0', NULL, NULL),
  ('1969-12-31', '1969-12-31 23:59:59.999999', '2024-10-27 02:30:00+02', 'P1Y2M3DT4H5M6.7S', NULL, NULL);
CREATE TABLE edge.structures (
  id serial PRIMARY KEY, a int[], b text[], c kinds.address, d kinds.address[], e int4multirange, f json, g jsonb,
  h public.hstore, i bit(3), j varbit, k macaddr8, l cidr, m tsquery, n polygon, o "char", p oid, q pg_lsn, r kinds.mood[],
  s regclass, t jsonpath, u kinds.positive[]
);
INSERT INTO edge.structures (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u) VALUES
  ('[-2:0]={1,NULL,3}', '{NULL,"NULL","",a b,"\\","\"",","}', '(,,)', ARRAY['("a ""b""",,"(1,2)")'::kinds.address, NULL],
   '{[1,3),(5,)}', '{"a":1, "a" : 2,  "z":"\u0000", "n":1e400}', '{"a": 1, "b": 1.10, "n": 123456789012345678901234567890.0}',
   'a=>NULL, "b c"=>"\"", ""=>""', B'101', B'', '08:00:2b:01:02:03:04:05', '2001:db8::/32', '!fat & (rat:AB* | ''it''''s'')',
   '((0,0),(1,1),(1,0))', '', 4294967295, 'FFFFFFFF/FFFFFFFF', '{sad,"it''s \"odd\""}', 'shop.customer', '$.a[*] ? (@ > 1)', '{0.000001,NULL}'),
  ('{}', '{}', NULL, '{}', '{}', 'null', 'null', '', B'000', B'0', NULL, NULL, '', NULL, E'\\', 0, '0/0', '{}', NULL, NULL, NULL),
  ('[1:2][-1:0]={{1,2},{3,4}}', ARRAY[[E'\n', E'\t'], [E'\\N', '\.']], ROW('', E'\\', NULL)::kinds.address, NULL, NULL,
   ' [1,
 2 ] ', '"text"', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'x', NULL, NULL, NULL, NULL, NULL, NULL);
CREATE TABLE edge.bytes (id int, value bytea);
INSERT INTO edge.bytes SELECT n, set_byte('\x00', 0, n) FROM generate_series(0, 255) AS n;
INSERT INTO edge.bytes VALUES (256, ''), (257, NULL), (258, tools.noise(1, 50000)), (259, decode(repeat('00', 1000000), 'hex'));

CREATE TABLE edge.no_columns ();
INSERT INTO edge.no_columns DEFAULT VALUES;
INSERT INTO edge.no_columns DEFAULT VALUES;
CREATE TABLE edge.no_rows (id int GENERATED ALWAYS AS IDENTITY, value text);
CREATE TABLE edge.only_generated (n int GENERATED ALWAYS AS (1 + 1) STORED);
INSERT INTO edge.only_generated DEFAULT VALUES;
CREATE TABLE edge.no_key (a int, b text);
INSERT INTO edge.no_key SELECT 1, 'the same' FROM generate_series(1, 1000);

-- Dropped columns, and a column whose old rows hold their value in the catalog only.
CREATE TABLE edge.altered (gone_first int, id int PRIMARY KEY, gone text DEFAULT 'x', kept text NOT NULL);
INSERT INTO edge.altered (id, kept) SELECT n, 'kept ' || n FROM generate_series(1, 500) AS n;
ALTER TABLE edge.altered DROP COLUMN gone_first, DROP COLUMN gone;
ALTER TABLE edge.altered ADD COLUMN added text NOT NULL DEFAULT 'a value of rows never written',
  ADD COLUMN noted timestamptz DEFAULT '2020-02-02 02:02:02+00', ADD COLUMN nothing int;
ALTER TABLE edge.altered ALTER COLUMN added SET DEFAULT 'another by now';
UPDATE edge.altered SET kept = kept || ' updated' WHERE id % 5 = 0;
DELETE FROM edge.altered WHERE id % 7 = 0;

SELECT 'CREATE TABLE edge.wide (' || string_agg(format('c%s int', c), ', ') || ')'
FROM generate_series(1, 400) AS c \gexec
SELECT 'INSERT INTO edge.wide SELECT ' || string_agg(format('nullif(n %% %s, 0)', c), ', ')
  || ' FROM generate_series(1, 200) AS n' FROM generate_series(1, 400) AS c \gexec

-- Names that must be quoted everywhere they go.
CREATE TABLE "Odd Schema"."Mixed ""Case"" Table" (
  "Id" int PRIMARY KEY, "select" text, "new
line" text, "tab	column" text, "ünïcode 🚣" text, "a.b" text, "back\slash" text, "it's" text, "%s" text,
  "sixty-three-bytes-long-name-which-is-just-what-fits-in-a-nameXX" text
);
INSERT INTO "Odd Schema"."Mixed ""Case"" Table"
SELECT n, 'select ' || n, E'\n', E'\t', 'ü', 'a.b', '\', '''', '%s', 'x' FROM generate_series(1, 300) AS n;
CREATE TABLE "Odd Schema"."x; DROP TABLE shop.customer; --" ("-- comment" int);
INSERT INTO "Odd Schema"."x; DROP TABLE shop.customer; --" VALUES (1), (2);
CREATE TABLE "Odd Schema"."two
lines" ("${HOME}" text, "`id`" text);
INSERT INTO "Odd Schema"."two
lines" VALUES ('$(id)', E'\\! id');
CREATE SEQUENCE "Odd Schema"."Odd Sequence" OWNED BY "Odd Schema"."Mixed ""Case"" Table"."Id";
SELECT setval('"Odd Schema"."Odd Sequence"', 9223372036854775807) \g /dev/null
CREATE INDEX "Odd Index" ON "Odd Schema"."Mixed ""Case"" Table" ("select", "new
line");
COMMENT ON COLUMN "Odd Schema"."Mixed ""Case"" Table"."new
line" IS 'A comment with '' and \ and
a newline; and -- more';
GRANT SELECT ON ALL TABLES IN SCHEMA "Odd Schema" TO "fixture_Odd ""Role""";

-- === Materialized views ==========================================================================

CREATE MATERIALIZED VIEW shop.orders_by_country AS
  SELECT country, placed_on, count(*) AS orders, sum(total) AS total
  FROM shop.orders GROUP BY country, placed_on ORDER BY country, placed_on;
CREATE UNIQUE INDEX ON shop.orders_by_country (country, placed_on);
CREATE MATERIALIZED VIEW shop.a_first_by_name AS
  SELECT country, max(total) AS best FROM shop.orders_by_country GROUP BY country;
COMMENT ON MATERIALIZED VIEW shop.a_first_by_name IS 'Made from another one, and sorts before it';
CREATE MATERIALIZED VIEW shop.never_filled AS SELECT id FROM shop.customer WITH NO DATA;
GRANT SELECT ON shop.orders_by_country TO fixture_reader;

-- === Large objects: with holes, empty, with owner, ACL and comment ===============================

SELECT lo_from_bytea(900001, tools.noise(5, 40000)), lo_from_bytea(900002, ''),
  lo_from_bytea(900003, 'short'), lo_create(900004), lo_from_bytea(900005, '\x00') \g /dev/null
SELECT lo_put(900004, 5000000, 'after a hole') \g /dev/null
SELECT lo_from_bytea((910000 + n)::oid, tools.noise(n, 1 + n % 200)) FROM generate_series(1, 200) AS n \g /dev/null
ALTER LARGE OBJECT 900001 OWNER TO fixture_owner;
GRANT SELECT ON LARGE OBJECT 900001 TO fixture_reader;
GRANT SELECT, UPDATE ON LARGE OBJECT 900003 TO fixture_writer WITH GRANT OPTION;
COMMENT ON LARGE OBJECT 900003 IS 'A comment on a large object';

-- === Elsewhere: a foreign server, publications ===================================================

CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/nonexistent', dbname 'none');
CREATE USER MAPPING FOR fixture_writer SERVER elsewhere OPTIONS (user 'remote', password 'not a secret');
CREATE FOREIGN TABLE shop.remote (id int OPTIONS (column_name 'remote_id'), value text) SERVER elsewhere
  OPTIONS (schema_name 'public');
GRANT USAGE ON FOREIGN SERVER elsewhere TO fixture_writer;
SET client_min_messages = error;  -- it warns where wal_level is not logical
CREATE PUBLICATION fixture_some FOR TABLE shop.customer, ONLY shop.vehicle WITH (publish = 'insert, update');
-- Inserts only: a table without a key could not be updated any more.
CREATE PUBLICATION fixture_all FOR ALL TABLES WITH (publish = 'insert', publish_via_partition_root);
\if :is_15_or_newer
CREATE PUBLICATION fixture_filtered FOR TABLE shop.team (id, name) WHERE (id > 10);
CREATE PUBLICATION fixture_schema FOR TABLES IN SCHEMA edge WITH (publish = 'insert');
\endif
\if :subscription
CREATE SUBSCRIPTION fixture_subscription CONNECTION 'host=/nonexistent password=secret'
  PUBLICATION fixture_all WITH (connect = false, slot_name = NONE);
\endif
SET client_min_messages = warning;

ALTER TABLE shop.team OWNER TO fixture_owner;
ALTER TABLE shop.member OWNER TO fixture_writer;
GRANT ALL ON shop.team TO fixture_writer;
GRANT SELECT, INSERT ON shop.product, shop.category TO fixture_writer;
GRANT TRUNCATE ON shop.cache TO PUBLIC;

-- So that relation sizes and statistics are what a living database has.
ANALYZE;
