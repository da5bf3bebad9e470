-- The least-privileged role that a backup needs, for PostgreSQL 14 and newer.
--
-- Run it as a superuser in every database to back up; running it again changes nothing more:
--
--   psql -X -d app -f roles.sql                       role "lifeboat", peer authentication
--   psql -X -d app -v role=backup -f roles.sql        another name
--   psql -X -d app -v bypassrls=yes -f roles.sql      also read tables with row-level security
--
-- The role has no password: with Debian's pg_hba.conf the system user of the same name connects
-- through the Unix socket. For a password: \password lifeboat, and a passfile on the client.
--
-- What it can do: read every table, sequence and large object (pg_read_all_data), and every setting
-- (pg_read_all_settings). On PostgreSQL 14 to 18 that includes the password hashes in pg_authid, so a
-- backup holds them and a restore brings the roles back whole; guard this role as you guard those.
-- What it cannot do: write, create, see subscriptions' connection strings through pg_dump, or (without
-- bypassrls) read a table whose rows a policy hides: such a table makes a backup fail, never shrink.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?role}
\else
  \set role lifeboat
\endif
\if :{?bypassrls}
\else
  \set bypassrls no
\endif

SELECT pg_catalog.current_setting('server_version_num')::int >= 140000 AS is_supported,
       (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) AS is_superuser \gset
\if :is_supported
\else
  DO $$ BEGIN RAISE EXCEPTION 'PostgreSQL 14 or newer is needed: older servers have no role pg_read_all_data'; END $$;
\endif
\if :is_superuser
\else
  DO $$ BEGIN RAISE EXCEPTION 'run this as a superuser: only one may grant these roles'; END $$;
\endif

-- A role that is in use for something else would lose what it needs.
SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'role' AND rolsuper)
    OR EXISTS (SELECT FROM pg_catalog.pg_roles r JOIN pg_catalog.pg_shdepend d
                 ON d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
                AND d.refobjid = r.oid AND d.deptype = 'o'
               WHERE r.rolname = :'role') AS is_taken \gset
\if :is_taken
  DO $$ BEGIN RAISE EXCEPTION 'this role is a superuser or owns something: give backups a role of their own with -v role=NAME'; END $$;
\endif

BEGIN;
SET LOCAL client_min_messages = warning;  -- "is already a member" is no news

SELECT pg_catalog.format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = :'role') \gexec

-- Everything that a role can be and this one must not.
ALTER ROLE :"role" LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
\if :bypassrls
  ALTER ROLE :"role" BYPASSRLS;
\else
  ALTER ROLE :"role" NOBYPASSRLS;
\endif

-- Against accidents: a right to write, granted by mistake, is not used by mistake.
ALTER ROLE :"role" SET default_transaction_read_only = on;
-- Limits that the application sets for its own statements must not end a backup.
ALTER ROLE :"role" SET statement_timeout = 0;
ALTER ROLE :"role" SET idle_in_transaction_session_timeout = 0;

GRANT pg_read_all_data, pg_read_all_settings TO :"role";

SELECT pg_catalog.format('GRANT CONNECT ON DATABASE %I TO %I', pg_catalog.current_database(), :'role') \gexec

-- The rules of pg_hba.conf, which a restored server needs too; the view calls the function.
GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO :"role";
GRANT SELECT ON pg_catalog.pg_hba_file_rules TO :"role";

COMMIT;

\if :bypassrls
\else
  SELECT pg_catalog.count(*) > 0 AS has_policies,
         pg_catalog.string_agg(oid::pg_catalog.regclass::text, ', ' ORDER BY oid::pg_catalog.regclass::text)
           AS tables
  FROM pg_catalog.pg_class WHERE relrowsecurity \gset
  \if :has_policies
    \warn 'Tables with row-level security, which a backup as this role will refuse:' :tables
    \warn 'To read them whole, run this file again with -v bypassrls=yes.'
  \endif
\endif
