--! title: Event triggers
--! case: event triggers, in each state, with filters
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER w_end ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'DROP TABLE') EXECUTE FUNCTION watch(); CREATE EVENT TRIGGER w_drop ON sql_drop EXECUTE FUNCTION watch(); CREATE EVENT TRIGGER w_rewrite ON table_rewrite EXECUTE FUNCTION watch(); ALTER EVENT TRIGGER w_drop DISABLE; ALTER EVENT TRIGGER w_rewrite ENABLE ALWAYS; ALTER EVENT TRIGGER w_end ENABLE REPLICA; COMMENT ON EVENT TRIGGER w_end IS 'watches';
--! witness
SELECT evtname, evtevent, evtenabled, evttags, obj_description(oid, 'pg_event_trigger') FROM pg_event_trigger WHERE evtname LIKE 'w\_%' AND evtname <> 'w_login' ORDER BY 1
--! damage
ALTER EVENT TRIGGER w_drop ENABLE

--! case: event triggers on login
--! since: 17
CREATE EVENT TRIGGER w_login ON login EXECUTE FUNCTION watch();
--! witness
SELECT evtname, evtevent FROM pg_event_trigger WHERE evtname = 'w_login'
--! damage
DROP EVENT TRIGGER w_login

--! case: an event trigger that forbids every definition, beside a materialized view that must be filled
CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE MATERIALIZED VIEW filled AS SELECT * FROM t; CREATE UNIQUE INDEX ON filled (a);
CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN IF current_setting(''app.may'', true) IS DISTINCT FROM ''yes'' THEN RAISE ''no %'', tg_tag; END IF; END';
CREATE EVENT TRIGGER forbid ON ddl_command_start EXECUTE FUNCTION forbid(); SET app.may = 'yes'; COMMENT ON EVENT TRIGGER forbid IS 'forbids';
--! witness
SELECT evtname, evtenabled, (SELECT a FROM filled), (SELECT relispopulated FROM pg_class WHERE relname = 'filled') FROM pg_event_trigger WHERE evtname = 'forbid'
--! damage
ALTER EVENT TRIGGER forbid DISABLE
