--! title: Data
--! case: NULL against empty, and everything that COPY's text format escapes
CREATE TABLE escapes (id int PRIMARY KEY, t text);
INSERT INTO escapes VALUES (1, NULL), (2, ''), (3, '\N'), (4, '\.'), (5, E'\\\\N'), (6, E'a\tb'), (7, E'a\nb\n'), (8, E'a\rb\r\n'), (9, E'\b\f\v\x01\x7f'), (10, '\'), (11, E'\\\n'), (12, 'NULL'), (13, '"'), (14, E'\n\\.\n'), (15, ' '), (16, E'\u00a0\u2028\ufeff'), (17, repeat(E'\\\t', 1000));
--! noticed by: rows
--! witness
SELECT id, md5(t), length(t), t IS NULL FROM escapes
--! damage
UPDATE escapes SET t = '' WHERE id = 1

--! case: numbers at their limits: infinity, NaN, negative zero, numerics of 100,000 digits
CREATE TABLE numbers (id int, r float4, f float8, n numeric, s smallint, b bigint);
INSERT INTO numbers VALUES (1, 'NaN', 'NaN', 'NaN', -32768, -9223372036854775808), (2, 'infinity', '-infinity', 'infinity', 32767, 9223372036854775807), (3, '-0', '-0', '-0.000', 0, 0), (4, 1.17549435e-38, 5e-324, 1e-1000, NULL, NULL), (5, 3.4028235e38, 1.7976931348623157e308, ('1' || repeat('7', 99999))::numeric, NULL, NULL), (6, 0.1, 0.1, ('0.' || repeat('3', 16000))::numeric, NULL, NULL), (7, NULL, 1/3.0, '-infinity', NULL, NULL), (8, NULL, NULL, 1.10000, NULL, NULL);
--! noticed by: rows
--! witness
SELECT id, r::text, encode(float8send(f), 'hex'), md5(n::text), scale(n), s, b FROM numbers
--! damage
UPDATE numbers SET f = '0' WHERE id = 3

--! case: dates and times at their limits: BC, infinity, microseconds, zones
CREATE TABLE times (id int, d date, t timestamp, z timestamptz, h time, hz timetz, i interval);
INSERT INTO times VALUES (1, '4713-01-01 BC', '4713-01-01 00:00:00 BC', '4713-01-01 00:00:00+00 BC', '00:00', '24:00:00+15:59', '-178000000 years'), (2, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', '24:00', '00:00:00-15:59', '178000000 years'), (3, 'infinity', '-infinity', 'infinity', '23:59:59.999999', '12:00+02', '1 mon -1 day +00:00:00.000001'), (4, '2020-02-29', '2020-02-29 12:00', '2021-10-31 02:30:00 Europe/Berlin', NULL, NULL, '-1 years -2 mons +3 days -04:05:06.7'), (5, '0001-12-31 BC', NULL, '1883-11-18 12:00:00+00', NULL, NULL, '0');
--! noticed by: rows
--! witness
SELECT id, d, encode(timestamp_send(t), 'hex'), encode(timestamptz_send(z), 'hex'), h, hz, encode(interval_send(i), 'hex') FROM times
--! damage
UPDATE times SET i = '30 days' WHERE id = 3

--! case: infinite intervals
--! since: 17
CREATE TABLE endless (i interval); INSERT INTO endless VALUES ('infinity'), ('-infinity');
--! noticed by: rows
--! witness
SELECT encode(interval_send(i), 'hex') FROM endless
--! damage
DELETE FROM endless WHERE i > '0'

--! case: money, under another lc_monetary
CREATE TABLE purse (m money); INSERT INTO purse VALUES ('12.34'), ('-92233720368547758.08'), ('92233720368547758.07'); ALTER DATABASE :"DBNAME" SET lc_monetary = 'C.UTF-8';
--! noticed by: rows
--! witness
SELECT encode(cash_send(m), 'hex') FROM purse
--! damage
UPDATE purse SET m = '12.35' WHERE m = '12.34'

--! case: bytea of every byte, bit strings, uuid, network and geometric types, identifiers of rows
CREATE TABLE others (id int, b bytea, bits varbit, bit bit(9), u uuid, i inet, c cidr, m macaddr8, p point, poly polygon, circ circle, line line, lsn pg_lsn, ch "char", nm name, j jsonpath, tid tid, x xid8, v int2vector, q tsquery, reg regclass);
INSERT INTO others VALUES (1, (SELECT string_agg(decode(lpad(to_hex(i), 2, '0'), 'hex'), '') FROM generate_series(0, 255) i), B'', B'101010101', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '::1/64', '10.0.0.0/8', '08:00:2b:01:02:03:04:05', '(1e300,-0)', '((0,0),(1,1),(1,0))', '<(0,0),1>', '{1,2,3}', 'FFFFFFFF/FFFFFFFF', E'\\377', 'nm', '$.a[*] ? (@ > 1)', '(7,3)', '18446744073709551615', '1 2 3', '''a'' & !''b'':*', 'pg_class'), (2, '', B'0', NULL, NULL, '1.2.3.4', NULL, NULL, NULL, NULL, NULL, NULL, '0/0', '', '', NULL, NULL, '0', '', NULL, NULL);
--! noticed by: rows
--! witness
SELECT id, md5(o::text) FROM others o
--! damage
UPDATE others SET b = b || '\x00' WHERE id = 1

--! case: arrays, with bounds, empty, nested, of NULL
CREATE TABLE arrays (a int[], t text[][], c text[]); INSERT INTO arrays VALUES ('[-2:0]={1,2,3}', '[5:6][7:8]={{a,"b,"},{NULL,"NULL"}}', '{}'), ('{}', NULL, ARRAY['', NULL, '\', '"', '{}', E'\n']);
--! noticed by: rows
--! witness
SELECT a::text, t::text, c::text, array_dims(t) FROM arrays
--! damage
UPDATE arrays SET a = '{1,2,3}' WHERE array_length(a, 1) = 3

--! case: json with the same key twice, and its spaces; jsonb with numbers at their limits
CREATE TABLE documents (j json, b jsonb); INSERT INTO documents VALUES (E'{"a": 1,\n "a" :2, "b":"\\u0041"}', '{"a": 1e1000, "z": [1.10, null, "\t"], "": {}}'), ('null', 'null'), (NULL, '"\u00e9"');
--! noticed by: rows
--! witness
SELECT j::text, b::text FROM documents
--! damage
UPDATE documents SET j = '{"a": 2}' WHERE j::text LIKE '{%'

--! case: xml: documents, fragments, with a declaration
CREATE TABLE markup (x xml); SET xmloption = content; INSERT INTO markup VALUES ('<a b="1">t</a>'), ('two <b/> <c/>'), ('<?xml version="1.0" encoding="UTF-8"?><r>é</r>'), ('');
--! noticed by: rows
--! witness
SELECT md5(ROW(x)::text) FROM markup
--! damage
DELETE FROM markup WHERE x::text = ''

--! case: values of many pages, compressed and not, in each storage mode
CREATE TABLE toasted (id int, x text, e text, m text, p text); ALTER TABLE toasted ALTER e SET STORAGE external, ALTER m SET STORAGE main, ALTER p SET STORAGE plain;
INSERT INTO toasted SELECT i, repeat('x' || i, 100000 * i), (SELECT string_agg(md5((i * j)::text), '') FROM generate_series(1, 5000 * i) j), repeat('m', 7000), repeat('p', 2000) FROM generate_series(1, 5) i;
--! noticed by: rows
--! witness
SELECT id, md5(t::text) FROM toasted t
--! damage
UPDATE toasted SET e = e || '.' WHERE id = 3

--! case: text of every plane of Unicode, composed and decomposed
CREATE TABLE texts (t text, v varchar(3), c char(5), n name); INSERT INTO texts VALUES (U&'e\0301', 'é', ' é', 'é'), (U&'\+01F600\+10FFFF\0001\FFFD', U&'\+01F600', '', 'n'), ('x', 'abc', 'abcde', repeat('n', 63));
--! noticed by: rows
--! witness
SELECT encode(t::bytea, 'hex'), v, octet_length(c), n FROM texts
--! damage
UPDATE texts SET t = 'é' WHERE v = 'é'

--! case: settings of the database that change how values are written
ALTER DATABASE :"DBNAME" SET DateStyle = 'SQL, DMY'; ALTER DATABASE :"DBNAME" SET IntervalStyle = 'sql_standard'; ALTER DATABASE :"DBNAME" SET TimeZone = 'Asia/Kathmandu'; ALTER DATABASE :"DBNAME" SET bytea_output = 'escape'; ALTER DATABASE :"DBNAME" SET extra_float_digits = -5; ALTER DATABASE :"DBNAME" SET xmloption = 'document'; ALTER DATABASE :"DBNAME" SET standard_conforming_strings = off; ALTER DATABASE :"DBNAME" SET client_encoding = 'LATIN1'; ALTER DATABASE :"DBNAME" SET array_nulls = off; ALTER DATABASE :"DBNAME" SET quote_all_identifiers = on; ALTER DATABASE :"DBNAME" SET session_replication_role = replica; ALTER DATABASE :"DBNAME" SET row_security = off; ALTER DATABASE :"DBNAME" SET transform_null_equals = on; ALTER DATABASE :"DBNAME" SET check_function_bodies = on; ALTER DATABASE :"DBNAME" SET default_transaction_isolation = 'serializable'; ALTER DATABASE :"DBNAME" SET default_transaction_deferrable = on;
--! noticed by: properties
--! witness
SELECT unnest(setconfig) FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
--! damage
ALTER DATABASE :"DBNAME" RESET TimeZone
