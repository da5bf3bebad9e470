-- What the demo's application did in a day: scattered updates, new rows, some deletions.
-- make-media --change makes the same day's changes among the files.

\set QUIET on
SET client_min_messages = warning;
SET timezone = 'UTC';

BEGIN;
UPDATE blog_article SET body = body || ' edited', meta = meta || '{"edited": true}' WHERE id % 50 = 0;
DELETE FROM blog_article_tags WHERE article_id % 400 = 7;
DELETE FROM blog_article WHERE id % 400 = 7;
INSERT INTO blog_article (author_id, title, body, cover, published)
SELECT 1 + n % 2000, initcap(prose(n, 5)), prose(n, 150), cover_of(n), '2025-06-15 12:00:00+00'
FROM generate_series(4001, 4060) AS n;
INSERT INTO blog_comment (article_id, author, body, created)
SELECT 4001 + n % 60, 'User' || n, prose(n, 25), '2025-06-15 13:00:00+00' FROM generate_series(1, 400) AS n;
UPDATE auth_user SET last_login = '2025-06-15 08:00:00+00' WHERE id % 40 = 0;
DELETE FROM django_session WHERE expire_date < '2025-01-02';
INSERT INTO django_session
SELECT substr(encode(sha256(('new ' || n)::bytea), 'hex'), 1, 32), encode(sha512(n::text::bytea), 'base64'),
  '2025-07-01'
FROM generate_series(1, 150) AS n;
INSERT INTO events_event (happened, kind, user_id, payload)
SELECT timestamptz '2025-06-15' + n * interval '20 seconds', 'view', n, '{}' FROM generate_series(1, 1500) AS n;
SELECT nextval('invoice_number') \g /dev/null
SELECT lo_unlink(500012) \g /dev/null
COMMIT;
REFRESH MATERIALIZED VIEW blog_popular;
