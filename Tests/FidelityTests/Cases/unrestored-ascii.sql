--! title: What is not restored, in SQL_ASCII
--! options: TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'
--! ignore: objects
--! case: comments of large objects that are not UTF-8
SELECT lo_from_bytea(9, '\x00ff'); COMMENT ON LARGE OBJECT 9 IS E'\xe9\xff';
--! exception: the comment on the large object 9: it is not valid UTF-8
--! witness
SELECT encode(obj_description(9, 'pg_largeobject')::bytea, 'hex')
