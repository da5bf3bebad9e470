--! title: Owners, rights, comments, large objects, the database itself
--! database: fidelity 'rights' "x"
--! case: roles: attributes, memberships with options, settings, comments, names of any kind
CREATE ROLE "Role 'with' ""quotes""" LOGIN PASSWORD 'secret' CONNECTION LIMIT 3 VALID UNTIL '2030-01-01'; CREATE ROLE alice NOINHERIT CREATEDB; CREATE ROLE bob BYPASSRLS; CREATE ROLE "GROUP" ROLE alice ADMIN bob;
ALTER ROLE alice SET work_mem = '9MB'; ALTER ROLE alice SET search_path = "$user", 'odd "name', public; GRANT pg_read_all_data TO alice; COMMENT ON ROLE bob IS 'it''s bob';
--! noticed by: roles
--! witness
SELECT rolname, rolinherit, rolcreatedb, rolbypassrls, rolconnlimit, rolvaliduntil, (SELECT string_agg(roleid::regrole || ' ' || admin_option, ',' ORDER BY roleid::regrole::text) FROM pg_auth_members WHERE member = r.oid), shobj_description(oid, 'pg_authid') FROM pg_roles r WHERE oid >= 16384 ORDER BY 1
--! damage
ALTER ROLE bob NOBYPASSRLS

--! case: memberships with INHERIT and SET options
--! since: 16
CREATE ROLE carol; GRANT "GROUP" TO carol WITH INHERIT FALSE, SET FALSE, ADMIN TRUE;
--! noticed by: roles
--! witness
SELECT inherit_option, set_option, admin_option FROM pg_auth_members WHERE member = 'carol'::regrole
--! damage
GRANT "GROUP" TO carol WITH SET TRUE

--! case: rights on parameters
--! since: 15
GRANT SET ON PARAMETER log_min_messages TO alice; GRANT ALTER SYSTEM ON PARAMETER work_mem TO bob WITH GRANT OPTION;
--! noticed by: roles
--! witness
SELECT parname, paracl FROM pg_parameter_acl ORDER BY 1
--! damage
REVOKE SET ON PARAMETER log_min_messages FROM alice

--! case: the database: owner, rights, connection limit, comment, settings, settings of roles in it
ALTER DATABASE :"DBNAME" OWNER TO alice; REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC; GRANT CONNECT ON DATABASE :"DBNAME" TO bob WITH GRANT OPTION; SET ROLE bob; GRANT CONNECT ON DATABASE :"DBNAME" TO "Role 'with' ""quotes"""; RESET ROLE;
ALTER DATABASE :"DBNAME" CONNECTION LIMIT 42; COMMENT ON DATABASE :"DBNAME" IS E'it''s\nours'; ALTER DATABASE :"DBNAME" SET search_path = "$user", public, 'odd "name'; ALTER DATABASE :"DBNAME" SET DateStyle = 'German, DMY'; ALTER DATABASE :"DBNAME" SET default_transaction_read_only = on; ALTER DATABASE :"DBNAME" SET my.setting = 'a=b''c'; ALTER ROLE bob IN DATABASE :"DBNAME" SET work_mem = '3MB'; ALTER ROLE "Role 'with' ""quotes""" IN DATABASE :"DBNAME" SET lc_monetary = 'C';
SET default_transaction_read_only = off;
--! noticed by: properties
--! witness
SELECT datdba::regrole, datconnlimit, datacl, shobj_description(d.oid, 'pg_database'), setrole::regrole, setconfig FROM pg_database d JOIN pg_db_role_setting ON setdatabase = d.oid WHERE datname = current_database() ORDER BY setrole::regrole::text
--! damage
ALTER DATABASE :"DBNAME" RESET DateStyle

--! case: owners of each kind of object
SET default_transaction_read_only = off; CREATE SCHEMA mine AUTHORIZATION alice; CREATE TABLE mine.t (id serial PRIMARY KEY, v text); ALTER TABLE mine.t OWNER TO alice; CREATE VIEW mine.v AS SELECT 1 AS a; ALTER VIEW mine.v OWNER TO bob; CREATE FUNCTION mine.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; ALTER FUNCTION mine.f OWNER TO "Role 'with' ""quotes"""; CREATE TYPE mine.e AS ENUM ('a'); ALTER TYPE mine.e OWNER TO bob; CREATE SEQUENCE mine.s; ALTER SEQUENCE mine.s OWNER TO bob; CREATE COLLATION mine.c FROM "C"; ALTER COLLATION mine.c OWNER TO bob; CREATE STATISTICS mine.st ON id, v FROM mine.t; ALTER STATISTICS mine.st OWNER TO bob; CREATE MATERIALIZED VIEW mine.m AS SELECT 1 AS x; ALTER MATERIALIZED VIEW mine.m OWNER TO bob; CREATE DOMAIN mine.d AS int; ALTER DOMAIN mine.d OWNER TO bob; CREATE TEXT SEARCH DICTIONARY mine.td (TEMPLATE = simple); ALTER TEXT SEARCH DICTIONARY mine.td OWNER TO bob;
--! witness
SELECT 'relation', relname::text, relowner::regrole FROM pg_class WHERE relnamespace = 'mine'::regnamespace UNION ALL SELECT 'function', proname, proowner::regrole FROM pg_proc WHERE pronamespace = 'mine'::regnamespace UNION ALL SELECT 'type', typname, typowner::regrole FROM pg_type WHERE typnamespace = 'mine'::regnamespace UNION ALL SELECT 'schema', nspname, nspowner::regrole FROM pg_namespace WHERE nspname = 'mine' UNION ALL SELECT 'collation', collname, collowner::regrole FROM pg_collation WHERE collname = 'c' UNION ALL SELECT 'statistics', stxname, stxowner::regrole FROM pg_statistic_ext UNION ALL SELECT 'dictionary', dictname, dictowner::regrole FROM pg_ts_dict WHERE dictname = 'td'
--! damage
ALTER VIEW mine.v OWNER TO alice

--! case: rights on tables, columns, sequences, functions, types, schemas, languages; revoked ones too
SET default_transaction_read_only = off; GRANT SELECT, INSERT ON mine.t TO bob WITH GRANT OPTION; GRANT UPDATE (v), SELECT (id) ON mine.t TO PUBLIC; GRANT ALL ON SEQUENCE mine.s TO alice; REVOKE ALL ON FUNCTION mine.f FROM PUBLIC; GRANT EXECUTE ON FUNCTION mine.f TO "Role 'with' ""quotes""", bob; REVOKE USAGE ON TYPE mine.e FROM PUBLIC; GRANT USAGE ON SCHEMA mine TO PUBLIC; GRANT CREATE ON SCHEMA mine TO bob; REVOKE ALL ON LANGUAGE plpgsql FROM PUBLIC; GRANT USAGE ON LANGUAGE plpgsql TO bob; REVOKE ALL ON mine.t FROM alice; SET ROLE bob; GRANT SELECT ON mine.t TO "Role 'with' ""quotes"""; RESET ROLE; REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO bob; REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC;
--! witness
SELECT relname::text, relacl::text FROM pg_class WHERE relnamespace = 'mine'::regnamespace UNION ALL SELECT attname, attacl::text FROM pg_attribute WHERE attrelid = 'mine.t'::regclass AND attnum > 0 UNION ALL SELECT proname, proacl::text FROM pg_proc WHERE pronamespace = 'mine'::regnamespace OR proname = 'pg_sleep' UNION ALL SELECT typname, typacl::text FROM pg_type WHERE typname = 'e' UNION ALL SELECT nspname, nspacl::text FROM pg_namespace WHERE nspname IN ('mine', 'public') UNION ALL SELECT lanname, lanacl::text FROM pg_language WHERE lanname = 'plpgsql'
--! damage
REVOKE UPDATE (v) ON mine.t FROM PUBLIC

--! case: MAINTAIN, a right of its own
--! since: 17
SET default_transaction_read_only = off; GRANT MAINTAIN ON mine.t TO bob;
--! witness
SELECT has_table_privilege('bob', 'mine.t', 'MAINTAIN'), relacl FROM pg_class WHERE oid = 'mine.t'::regclass
--! damage
REVOKE MAINTAIN ON mine.t FROM bob

--! case: default rights, of roles and in schemas
SET default_transaction_read_only = off; ALTER DEFAULT PRIVILEGES FOR ROLE alice GRANT SELECT ON TABLES TO bob; ALTER DEFAULT PRIVILEGES FOR ROLE alice IN SCHEMA mine GRANT ALL ON SEQUENCES TO PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE bob REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE bob REVOKE USAGE ON TYPES FROM PUBLIC; ALTER DEFAULT PRIVILEGES FOR ROLE bob GRANT USAGE ON SCHEMAS TO alice;
--! witness
SELECT defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 1, 2, 3
--! damage
ALTER DEFAULT PRIVILEGES FOR ROLE alice REVOKE SELECT ON TABLES FROM bob

--! case: default rights on large objects
--! since: 18
SET default_transaction_read_only = off; ALTER DEFAULT PRIVILEGES FOR ROLE alice GRANT SELECT ON LARGE OBJECTS TO bob;
--! witness
SELECT defaclrole::regrole, defaclacl FROM pg_default_acl WHERE defaclobjtype = 'L'
--! damage
ALTER DEFAULT PRIVILEGES FOR ROLE alice REVOKE SELECT ON LARGE OBJECTS FROM bob

--! case: comments on each kind of object
SET default_transaction_read_only = off; COMMENT ON TABLE mine.t IS E'line\nbreak''s \\ end'; COMMENT ON COLUMN mine.t.v IS 'ž'; COMMENT ON CONSTRAINT t_pkey ON mine.t IS 'key'; COMMENT ON INDEX mine.t_pkey IS 'index'; COMMENT ON VIEW mine.v IS 'view'; COMMENT ON COLUMN mine.v.a IS 'column of a view'; COMMENT ON FUNCTION mine.f() IS 'function'; COMMENT ON TYPE mine.e IS 'type'; COMMENT ON SEQUENCE mine.s IS 'sequence'; COMMENT ON SCHEMA mine IS 'schema'; COMMENT ON STATISTICS mine.st IS 'statistics'; COMMENT ON MATERIALIZED VIEW mine.m IS ''; COMMENT ON DOMAIN mine.d IS 'domain'; COMMENT ON COLLATION mine.c IS 'collation'; COMMENT ON TEXT SEARCH DICTIONARY mine.td IS 'dictionary';
--! witness
SELECT o.type, o.identity, description FROM pg_description, pg_identify_object(classoid, objoid, objsubid) o WHERE o.schema = 'mine' OR o.identity LIKE 'mine%'
--! damage
COMMENT ON COLUMN mine.v.a IS NULL

--! case: a comment of ours on the schema public
--! since: 15
SET default_transaction_read_only = off; COMMENT ON SCHEMA public IS 'not the usual';
--! witness
SELECT obj_description('public'::regnamespace)
--! damage
COMMENT ON SCHEMA public IS 'standard public schema'

--! case: a comment of ours on the schema public of 14
--! until: 14
SET default_transaction_read_only = off; COMMENT ON SCHEMA public IS 'not the usual';
--! exception: the comment on the schema public: pg_dump leaves it out
--! witness
SELECT obj_description('public'::regnamespace)

--! case: a comment of ours on the extension plpgsql
SET default_transaction_read_only = off; COMMENT ON EXTENSION plpgsql IS 'changed';
--! exception: the comment on the extension plpgsql: pg_dump leaves it out
--! witness
SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'plpgsql'

--! case: large objects: bytes, holes, empty ones, owners, rights, comments
SET default_transaction_read_only = off; SELECT lo_from_bytea(70001, decode(repeat('00ff0a5c', 100000), 'hex')), lo_create(70002), lo_create(70003), lo_put(70003, 1000000, 'tail'), lo_from_bytea(4294967295, 'the last number');
ALTER LARGE OBJECT 70001 OWNER TO bob; GRANT SELECT ON LARGE OBJECT 70001 TO PUBLIC; GRANT UPDATE ON LARGE OBJECT 70001 TO alice WITH GRANT OPTION; REVOKE SELECT ON LARGE OBJECT 70001 FROM bob; COMMENT ON LARGE OBJECT 70002 IS 'it''s empty';
--! noticed by: large objects
--! witness
SELECT oid, lomowner::regrole, lomacl, obj_description(oid, 'pg_largeobject'), length(lo_get(oid)), md5(lo_get(oid)) FROM pg_largeobject_metadata ORDER BY 1
--! damage
SELECT lo_put(70001, 5, 'x')

--! case: privileges of large objects
--! noticed by: large objects
--! witness
SELECT oid, lomacl FROM pg_largeobject_metadata WHERE oid = 70001
--! damage
REVOKE SELECT ON LARGE OBJECT 70001 FROM PUBLIC
