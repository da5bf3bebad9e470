# Lifeboat, by the commands that its README documents. LIFEBOAT picks the binary.
GROUPS_="media many db"
DB_TARGETS="default tuned"
[ -x "${LIFEBOAT:-}" ] || exit 77
export LIFEBOAT_REPOSITORY=$REPO LIFEBOAT_PASSPHRASE_FILE=$TMP/passphrase XDG_CACHE_HOME=$CACHE XDG_STATE_HOME=$CACHE XDG_CONFIG_HOME=$CACHE
mkdir -p "$TMP"; ( umask 077; printf '%s' "$PASS" >"$LIFEBOAT_PASSPHRASE_FILE" )
info()    { echo "cdc dedup + deltas, zstd, libsodium AEAD, signed"; }
version() { "$LIFEBOAT" --version | awk '{print $NF; exit}'; }
init()    { "$LIFEBOAT" init --quiet; }
backup()  { "$LIFEBOAT" backup --quiet --tag "$TAG" --media data="$SRC"; }
restore() { "$LIFEBOAT" restore latest --quiet --media data --into "$DST"; }
check()   { "$LIFEBOAT" check --quiet --read-data; }
db_backup()  { "$LIFEBOAT" backup --quiet --tag "$TAG" --database app="postgresql:///$PGDATABASE"; }   # libpq variables say where
db_restore() { "$LIFEBOAT" restore latest --quiet --database app --into "postgresql:///$PGDATABASE"; }
db_check()   { check; }
