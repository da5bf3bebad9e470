--! title: What is not restored
--! ignore: schema
--! remark: subscription feed was not restored
--! case: rows beside them
CREATE TABLE kept (a int); INSERT INTO kept VALUES (1);
--! noticed by: rows
--! witness
SELECT a FROM kept
--! damage
DELETE FROM kept

--! case: subscriptions
CREATE SUBSCRIPTION feed CONNECTION 'host=nowhere password=secret' PUBLICATION p WITH (connect = false, slot_name = 'production', enabled = false, create_slot = false);
--! exception: the subscription feed: it is left out of a restore
--! witness
SELECT subname FROM pg_subscription

--! case: prepared transactions
BEGIN; INSERT INTO kept VALUES (99); PREPARE TRANSACTION 'pending ''x''';
--! exception: the prepared transaction 'pending ''x''' of postgres: it is not committed
--! witness
SELECT gid FROM pg_prepared_xacts
