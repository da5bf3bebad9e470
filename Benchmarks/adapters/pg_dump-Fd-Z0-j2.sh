# pg_dump -Fd -j2 -Z0: what a dump costs without compression; no encryption. Restored with pg_restore -j2.
FULL_ONLY=1
GROUPS_="db"
DB_TARGETS="default tuned"
info()    { echo "full each time, no compression, 2 jobs, NO encryption"; }
version() { "$PGBIN/pg_dump" --version | cut -d' ' -f3; }
init()    { :; }
db_backup()  { "$PGBIN/pg_dump" -Fd -j2 -Z0 -f "$REPO/$TAG"; }
db_restore() { "$PGBIN/pg_restore" -j2 -e -d "$PGDATABASE" "$REPO/$TAG"; }
