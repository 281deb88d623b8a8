#!/bin/sh
# A throw-away Postgres for the tests, from the installed Debian package; nothing is installed here.
#   postgres_for_tests.sh start DIR    make a cluster in DIR, start it, print its URL
#   postgres_for_tests.sh stop DIR     stop it; DIR may be removed afterwards
set -eu

usage() { echo "usage: $0 start|stop DIR" >&2; exit 2; }
[ $# -eq 2 ] || usage
verb=$1

bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
if [ -z "$bin" ]; then
    echo "$0: no Postgres found: apt-get install postgresql" >&2
    exit 1
fi

as_owner() {  # Postgres refuses to run as root
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start() {
    mkdir -p "$1"
    dir=$(cd "$1" && pwd)
    if [ "$(id -u)" -eq 0 ]; then
        chown postgres "$dir"
        runuser -u postgres -- test -x "$dir" || {
            echo "$0: the postgres user cannot reach $dir: use a folder under /tmp" >&2
            exit 1
        }
    fi
    if [ ! -e "$dir/data/PG_VERSION" ]; then
        as_owner "$bin/initdb" -D "$dir/data" -U modelops -A trust -E UTF8 --locale=C.UTF-8 \
            --no-sync >/dev/null
    fi
    port=$(free_port)
    # Durability is off: these are tests, and the machine's disk is not what they test.
    as_owner "$bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 60 \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off" \
        start >/dev/null || { cat "$dir/log" >&2; exit 1; }
    echo "postgresql+psycopg://modelops@127.0.0.1:$port/postgres"
}

stop() {
    dir=$(cd "$1" && pwd)
    as_owner "$bin/pg_ctl" -D "$dir/data" -m fast -w stop >/dev/null
}

case $verb in
    start) start "$2" ;;
    stop) stop "$2" ;;
    *) usage ;;
esac
