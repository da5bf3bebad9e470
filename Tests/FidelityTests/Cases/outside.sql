--! title: What reaches outside: foreign data, replication
--! case: foreign-data wrappers, servers, user mappings, foreign tables, with their options
CREATE ROLE remote; CREATE FOREIGN DATA WRAPPER wrap OPTIONS (debug 'true', odd 'it''s'); CREATE SERVER "far away" TYPE 'x' VERSION '1' FOREIGN DATA WRAPPER wrap OPTIONS (host 'h', "od'd" 'v'); CREATE USER MAPPING FOR remote SERVER "far away" OPTIONS (password 'p''w', "user" 'u'); CREATE USER MAPPING FOR PUBLIC SERVER "far away"; GRANT USAGE ON FOREIGN SERVER "far away" TO remote; GRANT USAGE ON FOREIGN DATA WRAPPER wrap TO remote; ALTER SERVER "far away" OWNER TO postgres;
CREATE FOREIGN TABLE far (a int OPTIONS (name 'x') NOT NULL, b text DEFAULT 'b', CHECK (a > 0)) SERVER "far away" OPTIONS ("table" 'T');
--! witness
SELECT srvname, srvtype, srvoptions, srvacl, fdwoptions, fdwacl, ftoptions, (SELECT string_agg(umuser::regrole || umoptions::text, ',') FROM pg_user_mapping WHERE umuser <> 0), (SELECT attfdwoptions FROM pg_attribute WHERE attrelid = ftrelid AND attname = 'a') FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw JOIN pg_foreign_table t ON t.ftserver = s.oid
--! damage
ALTER SERVER "far away" OPTIONS (SET host 'i')

--! case: a partition that is a foreign table
CREATE TABLE near (a int, b text) PARTITION BY LIST (a); CREATE TABLE near_1 PARTITION OF near FOR VALUES IN (1); CREATE FOREIGN TABLE far_2 PARTITION OF near FOR VALUES IN (2) SERVER "far away"; INSERT INTO near VALUES (1, 'here');
--! witness
SELECT inhrelid::regclass, relkind, pg_get_expr(relpartbound, c.oid), (SELECT b FROM near_1) FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid WHERE inhparent = 'near'::regclass ORDER BY 1
--! damage
ALTER TABLE near DETACH PARTITION far_2

--! case: rows of a foreign table
CREATE SERVER elsewhere FOREIGN DATA WRAPPER wrap; CREATE FOREIGN TABLE far_rows (a int) SERVER elsewhere;
--! exception: rows of the foreign table public.far_rows: they live on the server elsewhere
--! witness
SELECT relname FROM pg_class WHERE relname = 'far_rows'

--! case: publications: of all tables, of some, via the root
CREATE TABLE told (a int PRIMARY KEY, b text); CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, delete'); CREATE PUBLICATION few FOR TABLE told, near WITH (publish_via_partition_root); CREATE PUBLICATION none; COMMENT ON PUBLICATION few IS 'few';
--! noticed by: inventory
--! witness
SELECT p.*, (SELECT array_agg(tablename ORDER BY tablename) FROM pg_publication_tables t WHERE t.pubname = p.pubname AND NOT puballtables) FROM (SELECT pubname, puballtables, pubinsert, pubupdate, pubdelete, pubtruncate, pubviaroot FROM pg_publication) p ORDER BY 1
--! damage
ALTER PUBLICATION few DROP TABLE told

--! case: publications of columns, rows, schemas
--! since: 15
CREATE SCHEMA pub; CREATE PUBLICATION columns FOR TABLE told (a); CREATE PUBLICATION picky FOR TABLE told WHERE (a > 5), TABLES IN SCHEMA pub;
--! witness
SELECT pubname, prrelid::regclass, prattrs, pg_get_expr(prqual, prrelid), (SELECT pnnspid::regnamespace FROM pg_publication_namespace) FROM pg_publication_rel JOIN pg_publication p ON p.oid = prpubid WHERE pubname IN ('picky', 'columns')
--! damage
ALTER PUBLICATION picky DROP TABLES IN SCHEMA pub

--! case: publications of generated columns
--! since: 18
CREATE PUBLICATION generated FOR TABLE told WITH (publish_generated_columns = stored);
--! witness
SELECT pubname, pubgencols FROM pg_publication WHERE pubname = 'generated'
--! damage
ALTER PUBLICATION generated SET (publish_generated_columns = none)
