--! title: Collations of ICU
--! needs ICU
--! options: TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C.UTF-8' LC_CTYPE 'C.UTF-8' LOCALE_PROVIDER icu ICU_LOCALE 'de-AT'
--! since: 15
--! case: a database whose default collation is ICU's
CREATE TABLE sorted (t text); INSERT INTO sorted VALUES ('z'), ('ä'), ('Z'), ('a'); CREATE INDEX ON sorted (t);
--! noticed by: rows
--! witness
SELECT datlocprovider, daticulocale, (SELECT string_agg(t, '' ORDER BY t) FROM sorted) FROM pg_database WHERE datname = current_database()
--! damage
DELETE FROM sorted WHERE t = 'ä'

--! case: collations of ICU, not deterministic ones too
CREATE COLLATION ci (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false); CREATE COLLATION phone (PROVIDER = icu, LOCALE = 'de-u-co-phonebk'); CREATE TABLE mails (m text COLLATE ci UNIQUE, p text COLLATE phone); INSERT INTO mails VALUES ('A@x', 'ä'), ('b@x', 'af'); CREATE TABLE by_ci (m text COLLATE ci) PARTITION BY LIST (m); CREATE TABLE by_ci_a PARTITION OF by_ci FOR VALUES IN ('a'); INSERT INTO by_ci VALUES ('A');
--! witness
SELECT collname, colliculocale, collisdeterministic, (SELECT count(*) FROM mails WHERE m = 'a@X'), (SELECT string_agg(p, '' ORDER BY p) FROM mails), (SELECT count(*) FROM by_ci_a) FROM pg_collation WHERE collnamespace = 'public'::regnamespace
--! damage
DROP TABLE mails; DROP COLLATION phone
