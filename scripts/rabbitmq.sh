# Starts RabbitMQ nodes for a test, on free ports; source this file.
#
#   . scripts/rabbitmq.sh
#   start_rabbitmq 3           # sets rabbitmq, a JSON object: address (of all nodes), nodes (their addresses), control;
#                              # and rabbitmq_first, the address of the first
#   trap stop_rabbitmq EXIT
#
# The nodes form a cluster. `control` is a program that takes `kill N` (SIGKILL), `start N` and `ctl N …`, the command
# rabbitmqctl, for a node N from 0. Files, the Erlang cookie and the port mapper are the test's own; a broker of the machine is
# left alone. With RABBITMQ_ROOT the nodes run in a directory with another Debian release: see fetch_newer_rabbitmq.

rabbitmq_home=
rabbitmq_epmd=

find_rabbitmq() {
    [ -z "${RABBITMQ_ROOT:-}" ] || return 0
    [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || {
        echo "RabbitMQ is needed: install rabbitmq-server" >&2
        return 1
    }
    echo "installing RabbitMQ" >&2
    # Otherwise the package starts a broker of its own.
    made_policy=
    if [ ! -e /usr/sbin/policy-rc.d ]; then
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
        made_policy=yes
    fi
    failed=
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends rabbitmq-server; } \
        >"$rabbitmq_home/install.log" 2>&1 || failed=yes
    [ -z "$made_policy" ] || rm -f /usr/sbin/policy-rc.d
    [ -z "$failed" ] || {
        cat "$rabbitmq_home/install.log" >&2
        return 1
    }
}

# Fetches RabbitMQ of a newer Debian release, with all that it needs, into the directory $1, and sets RABBITMQ_ROOT.
fetch_newer_rabbitmq() {
    directory=$1 release=${RABBITMQ_RELEASE:-sid}
    if [ ! -e "$directory/complete" ]; then
        [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 1
        rm -rf "$directory"
        apt=$directory/apt root=$directory/root
        mkdir -p "$root" "$apt"/etc/apt/{apt.conf.d,preferences.d,trusted.gpg.d} "$apt"/var/lib/{apt/lists/partial,dpkg} \
            "$apt/var/cache/apt/archives/partial"
        # How this machine reaches the mirror; its hooks would delete what is fetched.
        cp /etc/apt/apt.conf.d/* "$apt/etc/apt/apt.conf.d/"
        rm -f "$apt/etc/apt/apt.conf.d/docker-clean" "$apt"/etc/apt/apt.conf.d/*packagekit "$apt"/etc/apt/apt.conf.d/*appstream
        : >"$apt/var/lib/dpkg/status"
        echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $release main" \
            >"$apt/etc/apt/sources.list"
        newer() {
            timeout 600 apt-get -qq -o "Dir=$apt" -o "Dir::State::status=$apt/var/lib/dpkg/status" \
                -o APT::Sandbox::User=root -o APT::Install-Recommends=0 "$@"
        }
        { newer update && newer -y --download-only install rabbitmq-server bash coreutils sed grep gawk procps hostname libc-bin; } \
            >"$directory/fetch.log" 2>&1 || return 1
        # What the packages expect to be there before they are unpacked.
        mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{etc,dev,proc,tmp}
        for link in bin sbin lib lib64; do ln -s "usr/$link" "$root/$link"; done
        for package in "$apt"/var/cache/apt/archives/*.deb; do
            dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root" --keep-directory-symlink || return 1
        done
        # What their scripts would have made.
        [ -e "$root/bin/sh" ] || ln -s bash "$root/usr/bin/sh"
        [ -e "$root/usr/bin/awk" ] || ln -s gawk "$root/usr/bin/awk"
        cp /etc/passwd /etc/group /etc/hosts "$root/etc/"
        mknod -m 666 "$root/dev/null" c 1 3 && mknod -m 666 "$root/dev/urandom" c 1 9 || return 1
        # What a broker reads of the machine.
        cat /proc/meminfo >"$root/proc/meminfo" && cat /proc/cpuinfo >"$root/proc/cpuinfo"
        rm -rf "$apt"
        touch "$directory/complete"
    fi
    RABBITMQ_ROOT=$directory/root
}

rabbitmq_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

in_rabbitmq_root() {
    if [ -n "${RABBITMQ_ROOT:-}" ]; then exec chroot "$RABBITMQ_ROOT" "$@"; else exec "$@"; fi
}

# The program with which tests kill and start nodes.
write_rabbitmq_control() {
    cat >"$rabbitmq_home/control" <<EOF
#!/usr/bin/env bash
set -euo pipefail
home=$rabbitmq_home root=${RABBITMQ_ROOT:-}
EOF
    cat >>"$rabbitmq_home/control" <<'EOF'
action=$1 node=$2
shift 2
. "$home/node-$node/env"
inside() { if [ -n "$root" ]; then exec setsid nohup chroot "$root" "$@"; else exec setsid nohup "$@"; fi; }
bin=/usr/lib/rabbitmq/bin
case $action in
start)
    rm -f "$RABBITMQ_PID_FILE"
    (inside "$bin/rabbitmq-server" >>"$home/node-$node/out" 2>&1 </dev/null) &
    # Several nodes wait for each other, so they are started before anyone waits.
    [ "${1:-}" = --no-wait ] || exec "$0" wait "$node"
    ;;
wait)
    # It listens once it is part of its cluster.
    for _ in $(seq 1200); do
        (exec 3<>"/dev/tcp/127.0.0.1/$RABBITMQ_NODE_PORT") 2>/dev/null && exit
        sleep 0.1
    done
    echo "RabbitMQ does not start:" >&2
    cat "$home/node-$node/out" >&2
    exit 1
    ;;
kill)
    process=$(cat "$RABBITMQ_PID_FILE")
    kill -9 "$process" 2>/dev/null || true
    while kill -0 "$process" 2>/dev/null; do sleep 0.05; done
    ;;
ctl)
    inside timeout 120 "$bin/rabbitmqctl" -q "$@" </dev/null
    ;;
esac
EOF
    chmod +x "$rabbitmq_home/control"
}

start_rabbitmq() {
    count=${1:-1}
    if [ -n "${RABBITMQ_ROOT:-}" ]; then
        real=$(mktemp -d "$RABBITMQ_ROOT/tmp/pillarbox-rabbitmq-XXXXXX")
        # The same path inside and outside.
        rabbitmq_home=/tmp/$(basename "$real")
        ln -s "$real" "$rabbitmq_home"
    else
        rabbitmq_home=$(mktemp -d /tmp/pillarbox-rabbitmq-XXXXXX)
    fi
    find_rabbitmq || return 1
    epmd_port=$(rabbitmq_port)
    # In the foreground, so that it is ours to end; a node would leave it behind.
    (in_rabbitmq_root epmd -address 127.0.0.1 -port "$epmd_port" >/dev/null 2>&1) &
    rabbitmq_epmd=$!
    write_rabbitmq_control
    head -c 24 /dev/urandom | base64 | tr -dc 'A-Za-z0-9' >"$rabbitmq_home/.erlang.cookie"
    chmod 400 "$rabbitmq_home/.erlang.cookie"
    echo '[].' >"$rabbitmq_home/plugins"
    addresses=() names=() ports=()
    for node in $(seq 0 $((count - 1))); do
        port=$(rabbitmq_port) name=pillarbox$node@localhost
        ports+=("127.0.0.1:$port") names+=("$name") addresses+=("\"amqp://pillarbox:secret@127.0.0.1:$port/%2f\"")
        mkdir "$rabbitmq_home/node-$node"
        cat >"$rabbitmq_home/node-$node/env" <<EOF
export HOME=$rabbitmq_home ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1 LANG=C.UTF-8
export RABBITMQ_NODENAME=$name RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$port
export RABBITMQ_DIST_PORT=$(rabbitmq_port)
export RABBITMQ_MNESIA_BASE=$rabbitmq_home/node-$node/data RABBITMQ_LOG_BASE=$rabbitmq_home/node-$node
export RABBITMQ_PID_FILE=$rabbitmq_home/node-$node/pid RABBITMQ_CONFIG_FILE=$rabbitmq_home/node-$node/rabbitmq.conf
export RABBITMQ_ENABLED_PLUGINS_FILE=$rabbitmq_home/plugins RABBITMQ_CONF_ENV_FILE=$rabbitmq_home/none
EOF
    done
    for node in $(seq 0 $((count - 1))); do
        {
            echo "default_user = pillarbox"
            echo "default_pass = secret"
            echo "disk_free_limit.absolute = 50MB"
            if [ "$count" -gt 1 ]; then
                echo "cluster_formation.peer_discovery_backend = classic_config"
                for other in $(seq 0 $((count - 1))); do
                    echo "cluster_formation.classic_config.nodes.$((other + 1)) = ${names[$other]}"
                done
            fi
        } >"$rabbitmq_home/node-$node/rabbitmq.conf"
    done
    for node in $(seq 0 $((count - 1))); do
        "$rabbitmq_home/control" start "$node" --no-wait
        # The first one forms the cluster, which the others join.
        [ "$node" -ne 0 ] || "$rabbitmq_home/control" wait 0 || return 1
    done
    for node in $(seq 1 $((count - 1))); do
        "$rabbitmq_home/control" wait "$node" || return 1
    done
    rabbitmq_first="amqp://pillarbox:secret@${ports[0]}/%2f"
    rabbitmq="{\"address\": \"amqp://pillarbox:secret@$(IFS=,; echo "${ports[*]}")/%2f\", \"nodes\": [$(IFS=,; echo "${addresses[*]}")], \"control\": \"$rabbitmq_home/control\"}"
}

stop_rabbitmq() {
    [ -n "$rabbitmq_home" ] || return 0
    for pid in "$rabbitmq_home"/node-*/pid; do
        [ ! -f "$pid" ] || kill -9 "$(cat "$pid")" 2>/dev/null || true
    done
    [ -z "$rabbitmq_epmd" ] || kill "$rabbitmq_epmd" 2>/dev/null || true
    rm -rf "$(readlink -f "$rabbitmq_home")" "$rabbitmq_home"
    rabbitmq_home= rabbitmq_epmd=
}
