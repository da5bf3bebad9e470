// Owns a database that has one of nearly everything.

import Inventory
import Postgres
import TestSupport

/// A database with one object of nearly every kind, and some rows.
struct ShopFixture {
  let target: ConnectionTarget
  let owner: String
  let reader: String
  let user: String

  init() throws {
    target = try TestServer.shared.makeDatabase()
    owner = try TestServer.shared.makeRole()
    reader = try TestServer.shared.makeRole()
    user = try TestServer.shared.makeRole()
    try psql(target, Self.script(owner: owner, reader: reader, user: user))
  }

  /// A session that is ready for reading catalogs.
  func connect() throws -> Connection {
    let connection = try Connection(target)
    try connection.applyCatalogSettings()
    return connection
  }

  private static func script(owner: String, reader: String, user: String) -> String {
    """
    CREATE EXTENSION IF NOT EXISTS hstore;
    CREATE SCHEMA app AUTHORIZATION \(owner);
    COMMENT ON SCHEMA app IS 'the application';
    CREATE TYPE app.mood AS ENUM ('sad','ok','happy');
    CREATE DOMAIN app.posint AS int DEFAULT 1 CHECK (VALUE > 0);
    CREATE TYPE app.pair AS (a int, b text COLLATE "C");
    CREATE TYPE app.span AS RANGE (subtype = float8);
    CREATE COLLATION app.german (locale = 'C');
    CREATE TABLE app.t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'x', m app.mood, p app.posint, body text, dbl int GENERATED ALWAYS AS (id * 2) STORED, junk int);
    ALTER TABLE app.t DROP COLUMN junk;
    ALTER TABLE app.t ALTER COLUMN body SET STORAGE EXTERNAL;
    ALTER TABLE app.t ALTER COLUMN name SET STATISTICS 200;
    ALTER TABLE app.t SET (fillfactor = 70, toast.autovacuum_enabled = false);
    CREATE INDEX t_name ON app.t (lower(name)) WHERE m = 'ok';
    CREATE STATISTICS app.st (dependencies) ON name, m FROM app.t;
    CREATE TABLE app.u (id serial PRIMARY KEY, t_id int REFERENCES app.t DEFERRABLE, v int CHECK (v > 0));
    ALTER TABLE app.u ADD CONSTRAINT nv CHECK (v < 1000000) NOT VALID;
    CREATE FUNCTION app.f(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
    CREATE PROCEDURE app.pr() LANGUAGE plpgsql AS $$ BEGIN END $$;
    CREATE FUNCTION app.tg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
    CREATE AGGREGATE app.total(int) (sfunc = int4pl, stype = int, initcond = '0');
    CREATE TRIGGER trg BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.tg();
    CREATE TRIGGER trg2 BEFORE INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.tg();
    ALTER TABLE app.t DISABLE TRIGGER trg2;
    ALTER TABLE app.u ENABLE ROW LEVEL SECURITY;
    CREATE POLICY pol ON app.u FOR SELECT TO \(reader) USING (v > 5);
    CREATE VIEW app.v AS SELECT id, name FROM app.t WHERE m = 'ok';
    CREATE MATERIALIZED VIEW app.mv AS SELECT count(*) FROM app.t;
    CREATE MATERIALIZED VIEW app.mv2 AS SELECT count(*) FROM app.t WITH NO DATA;
    CREATE RULE r1 AS ON UPDATE TO app.u DO ALSO NOTHING;
    CREATE TABLE app.parts (id int, m app.mood, k text) PARTITION BY HASH (m);
    CREATE TABLE app.parts0 PARTITION OF app.parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
    CREATE TABLE app.parts1 (k text, m app.mood, id int);
    ALTER TABLE app.parts ATTACH PARTITION app.parts1 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
    CREATE TABLE app.rng (d date NOT NULL, v int, PRIMARY KEY (d)) PARTITION BY RANGE (d);
    CREATE TABLE app.rng1 PARTITION OF app.rng FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
    CREATE INDEX ON app.rng (v);
    CREATE TRIGGER rt AFTER INSERT ON app.rng FOR EACH ROW EXECUTE FUNCTION app.tg();
    CREATE TABLE app.par (a int); CREATE TABLE app.chi (b int) INHERITS (app.par); ALTER TABLE app.par ADD COLUMN c int DEFAULT 4;
    CREATE UNLOGGED TABLE app.ul (x int);
    CREATE TABLE app.nocols ();
    CREATE SEQUENCE app.seq INCREMENT 5 START 10; SELECT nextval('app.seq');
    CREATE FOREIGN DATA WRAPPER dummy; CREATE SERVER srv FOREIGN DATA WRAPPER dummy OPTIONS (host 'h');
    CREATE USER MAPPING FOR \(user) SERVER srv OPTIONS (password 'geheim');
    CREATE FOREIGN TABLE app.ft (a int) SERVER srv OPTIONS (x 'y');
    CREATE PUBLICATION pub FOR TABLE app.t (id, name) WHERE (id > 3), app.u;
    CREATE PUBLICATION puball FOR TABLES IN SCHEMA app;
    CREATE TEXT SEARCH DICTIONARY app.d (TEMPLATE = simple, STOPWORDS = english);
    CREATE TEXT SEARCH CONFIGURATION app.cfg (COPY = simple);
    ALTER TEXT SEARCH CONFIGURATION app.cfg ALTER MAPPING FOR word WITH app.d, simple;
    CREATE OPERATOR app.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = OPERATOR(app.===));
    CREATE FUNCTION app.lt(app.pair, app.pair) RETURNS bool IMMUTABLE LANGUAGE sql AS $$SELECT true$$; CREATE FUNCTION app.cmp(app.pair, app.pair) RETURNS int IMMUTABLE LANGUAGE sql AS $$SELECT 0$$; CREATE OPERATOR app.<< (LEFTARG = app.pair, RIGHTARG = app.pair, FUNCTION = app.lt);
    CREATE OPERATOR FAMILY app.fam USING btree;
    CREATE OPERATOR CLASS app.cls FOR TYPE app.pair USING btree FAMILY app.fam AS OPERATOR 1 app.<<(app.pair, app.pair), FUNCTION 1 app.cmp(app.pair, app.pair);
    CREATE CAST (app.pair AS text) WITH INOUT;
    CREATE CONVERSION app.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
    CREATE FUNCTION app.et() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
    CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION app.et();
    ALTER TABLE app.t OWNER TO \(owner);
    GRANT SELECT ON app.t TO \(reader); GRANT UPDATE (name) ON app.t TO \(user); GRANT USAGE ON SCHEMA app TO \(reader), \(user);
    GRANT EXECUTE ON FUNCTION app.f(int) TO \(user); REVOKE EXECUTE ON FUNCTION app.f(int) FROM PUBLIC;
    GRANT INSERT ON app.u TO \(user); REVOKE INSERT ON app.u FROM \(user);
    ALTER DEFAULT PRIVILEGES FOR ROLE \(owner) IN SCHEMA app GRANT SELECT ON TABLES TO \(reader);
    ALTER DEFAULT PRIVILEGES FOR ROLE \(owner) REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
    COMMENT ON TABLE app.t IS 'things'; COMMENT ON COLUMN app.t.name IS 'a name'; COMMENT ON INDEX app.t_name IS 'idx';
    COMMENT ON EXTENSION hstore IS 'mine'; COMMENT ON CONSTRAINT nv ON app.u IS 'c';
    CREATE TABLE public."We""ird	Na.me" ("Ä b" int, "c'" text);
    SELECT lo_create(0); SELECT lo_from_bytea(0, '\\x0102');
    INSERT INTO app.t(name,m,p,body) SELECT 'n'||g, (ARRAY['sad','ok','happy'])[1+g%3]::app.mood, g, repeat('b',g%50) FROM generate_series(1,1000) g;
    INSERT INTO app.u(t_id,v) SELECT g, g FROM generate_series(1,100) g;
    INSERT INTO app.parts SELECT g, (ARRAY['sad','ok','happy'])[1+g%3]::app.mood, 'k' FROM generate_series(1,100) g;
    INSERT INTO app.nocols DEFAULT VALUES; INSERT INTO app.nocols DEFAULT VALUES;
    """
  }
}
