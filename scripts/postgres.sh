# Starts a PostgreSQL for a test, on a free port; source this file.
#
#   . scripts/postgres.sh
#   start_postgres             # sets postgres_url, e.g. postgres://pillarbox@127.0.0.1:40217/postgres
#   trap stop_postgres EXIT
#
# All its files are in a temporary directory that stop_postgres removes. fsync stays on, so that benchmarks and crash tests
# are realistic. POSTGRES_SETTINGS may add settings, one per line, as in postgresql.conf.

postgres_home=

# PostgreSQL refuses to run as root: use its own user, or nobody.
as_postgres_user() {
    if [ "$(id -u)" -ne 0 ]; then
        "$@"
    else
        user=$(id -u postgres >/dev/null 2>&1 && echo postgres || echo nobody)
        (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups "$@")
    fi
}

# On Debian its programs are not in PATH. Installs the package if there is none and we are root.
find_postgres() {
    newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
    [ -z "$newest" ] || PATH=$PATH:$newest
    if ! command -v initdb >/dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing PostgreSQL" >&2
        # Otherwise the package starts a server of its own.
        mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
        apt-get update -qq >&2 && apt-get install -qq -y postgresql >&2
        newest=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
        PATH=$PATH:$newest
    fi
    command -v initdb >/dev/null && return
    echo "PostgreSQL is needed and is not installed: install the package postgresql, or set PILLARBOX_TEST_DATABASE" >&2
    return 1
}

free_port() {
    for port in $(shuf -i 20000-60000 -n 20); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    echo "no free port was found" >&2
    return 1
}

start_postgres() {
    find_postgres || return 1
    postgres_home=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-postgres-XXXXXX")
    chmod 711 "$postgres_home"
    mkdir "$postgres_home/data"
    [ "$(id -u)" -ne 0 ] || chown -R "$(id -u postgres 2>/dev/null || id -u nobody)" "$postgres_home"
    as_postgres_user initdb -D "$postgres_home/data" -U pillarbox -A trust -E UTF8 --locale=C >"$postgres_home/initdb.log" || {
        echo "PostgreSQL cannot create its files:" >&2
        cat "$postgres_home/initdb.log" >&2
        return 1
    }
    port=$(free_port) || return 1
    {
        echo "listen_addresses = '127.0.0.1'"
        echo "unix_socket_directories = ''"
        echo "port = $port"
        echo "shared_buffers = 512MB"
        echo "max_wal_size = 4GB"
        printf '%s\n' "${POSTGRES_SETTINGS:-}"
    } >>"$postgres_home/data/postgresql.conf"
    as_postgres_user pg_ctl -D "$postgres_home/data" -l "$postgres_home/data/log" -w start >/dev/null || {
        echo "PostgreSQL does not start:" >&2
        cat "$postgres_home/data/log" >&2
        return 1
    }
    postgres_url="postgres://pillarbox@127.0.0.1:$port/postgres"
}

stop_postgres() {
    [ -n "$postgres_home" ] || return 0
    as_postgres_user pg_ctl -D "$postgres_home/data" -m immediate stop >/dev/null 2>&1
    rm -rf "$postgres_home"
    postgres_home=
}
