#!/usr/bin/env bash
# Tests the unmodified official clients for Python and Node, and schemathesis, against a platform that it starts: make
# test-clients. All files are in a temporary directory that is removed at the end, and all processes are stopped.
#
#   scripts/test-clients.sh [python|node|schemathesis …]     # a selection; without arguments all three
#
# CLIENTS_KEEP=DIR keeps the installed clients in DIR for the next run.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=${*:-python node schemathesis}
for one in $wanted; do
    case $one in
        python | node | schemathesis) ;;
        *) echo "unknown argument $one: use python, node or schemathesis" >&2 && exit 2 ;;
    esac
done

home=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-clients-XXXXXX")
mkdir -p "${CLIENTS_KEEP:-$home}"
installed=$(cd "${CLIENTS_KEEP:-$home}" && pwd)
platform=

clean_up() {
    set +e
    if [ -n "$platform" ]; then
        kill -TERM "$platform" 2>/dev/null
        wait "$platform" 2>/dev/null
    fi
    rm -rf "$home"
}
trap clean_up EXIT

# Installs the Debian packages $2… if the program $1 is missing and we are root.
need() {
    local program=$1
    shift
    "$program" --version >/dev/null 2>&1 && return
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing $*" >&2
        apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y "$@" >&2
    fi
    "$program" --version >/dev/null 2>&1 || {
        echo "$program is needed and cannot be installed: install $*" >&2
        return 1
    }
}

# Creates a virtual environment with the given packages.
install_python() {
    need python3 python3 python3-venv
    if [ ! -x "$installed/python/bin/pip" ]; then
        python3 -m venv "$installed/python" >"$home/venv.log" 2>&1 || {
            # On Debian the module venv is a package of its own.
            [ "$(id -u)" -eq 0 ] && apt-get update -qq && apt-get install -qq -y python3-venv >&2
            python3 -m venv "$installed/python"
        }
    fi
    "$installed/python/bin/pip" install --quiet --disable-pip-version-check "$@"
}

install_node() {
    need node nodejs npm
    need npm npm
    mkdir -p "$installed/node"
    (cd "$installed/node" && { [ -f package.json ] || echo '{"private": true}' >package.json; } &&
        npm install --silent --no-audit --no-fund notifications-node-client)
}

start_platform() {
    cargo build --workspace --bins
    # Run with defaults only: no setting from the environment.
    for variable in $(compgen -e | grep '^PILLARBOX_' || true); do
        unset "$variable"
    done
    pillarbox=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)/debug/pillarbox
    mkfifo "$home/up"
    "$pillarbox" up --json --listen 127.0.0.1:0 --data-dir "$home/data" >"$home/up" 2>"$home/log" &
    platform=$!
    # It prints a line once it runs; if it exits first, the read fails.
    if ! read -r line <"$home/up"; then
        echo "the platform does not start:" >&2
        cat "$home/log" >&2
        return 1
    fi
    "$pillarbox" dev client-fixtures --data-dir "$home/data" >"$home/variables"
    set -a
    . "$home/variables"
    set +a
    # A service with a low rate limit, for the tests of limits.
    "$pillarbox" service create "Slow clients" --rate-limit 60 --data-dir "$home/data" >/dev/null
    SLOW_SERVICE_KEY=$("$pillarbox" key create slow --service "Slow clients" --data-dir "$home/data" --json |
        sed -E 's/.*"key":"([^"]*)".*/\1/')
    # The examples in the OpenAPI document use the templates of this service.
    SCHEMATHESIS_API_KEY=$API_KEY
    export SLOW_SERVICE_KEY SCHEMATHESIS_API_KEY
    export PYTHONDONTWRITEBYTECODE=1
}

run_python() {
    install_python notifications-python-client || return
    echo "== notifications-python-client $("$installed/python/bin/pip" list --format=freeze 2>/dev/null | sed -n 's/^notifications-python-client==//p')"
    # The client logs each expected error; --buffer shows them only if a test fails.
    (cd clients/python && "$installed/python/bin/python" -m unittest --buffer)
}

run_node() {
    install_node || return
    echo "== notifications-node-client $(sed -nE 's/^ *"version": "([^"]*)".*/\1/p' "$installed/node/node_modules/notifications-node-client/package.json")"
    (cd clients/node && NODE_PATH=$installed/node/node_modules node --test ./*.test.js)
}

# Sends valid and invalid requests generated from the OpenAPI document: no response may be a server error or undocumented.
run_schemathesis() {
    need python3 python3 python3-venv || return
    local document=$NOTIFY_API_URL/v2/openapi.json
    if ! python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "$document" 2>/dev/null; then
        echo "== schemathesis: not run, $document is not served"
        return
    fi
    install_python notifications-python-client schemathesis || return
    echo "== schemathesis $("$installed/python/bin/pip" list --format=freeze 2>/dev/null | sed -n 's/^schemathesis==//p')"
    local hooks=$PWD/clients/python
    # It writes files into its working directory.
    (cd "$home" && PYTHONPATH=$hooks SCHEMATHESIS_HOOKS=schemathesis_hooks timeout 600 "$installed/python/bin/schemathesis" run "$document" \
        --url "$NOTIFY_API_URL" --exclude-tag Internal --max-examples "${SCHEMATHESIS_EXAMPLES:-50}" --request-timeout 20 \
        --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method,ignored_auth \
        --generation-database none --no-color)
}

start_platform
failed=
for one in $wanted; do
    "run_$one" || failed="$failed $one"
done
if grep -E ' (ERROR|panicked)' "$home/log" >"$home/errors"; then
    echo "the platform logged errors:" >&2
    head -n 20 "$home/errors" >&2
    failed="$failed platform"
fi
if [ -n "$failed" ]; then
    echo "failed:$failed" >&2
    exit 1
fi
echo "passed:" $wanted
