# Starts a server that behaves as Amazon's APIs for a test, on a free port; source this file.
#
#   . scripts/aws.sh
#   start_aws                  # sets aws_server, e.g. http://127.0.0.1:40219
#   trap stop_aws EXIT
#
# It is moto, which keeps everything in memory: $aws_server/moto-api/data.json shows it. The domain notify.example.com may
# send e-mail. Its packages are in a temporary directory that stop_aws removes.

aws_home=
aws_process=

install_moto() {
    if command -v moto_server >/dev/null; then
        aws_moto=moto_server aws_python=python3
        return
    fi
    echo "installing moto" >&2
    python3 -m venv "$aws_home/venv" >"$aws_home/install.log" 2>&1 &&
        "$aws_home/venv/bin/pip" install --quiet --disable-pip-version-check 'moto[server]' >>"$aws_home/install.log" 2>&1 || {
        cat "$aws_home/install.log" >&2
        echo "moto is needed and cannot be installed: install the Python package moto[server]" >&2
        return 1
    }
    aws_moto=$aws_home/venv/bin/moto_server aws_python=$aws_home/venv/bin/python
}

start_aws() {
    aws_home=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-aws-XXXXXX")
    install_moto || return 1
    # The server takes a free port, but does not say which.
    aws_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    aws_server=http://127.0.0.1:$aws_port
    "$aws_moto" -H 127.0.0.1 -p "$aws_port" >"$aws_home/log" 2>&1 &
    aws_process=$!
    # Fails until the server listens, which takes seconds.
    for _ in $(seq 100); do
        if "$aws_python" scripts/aws_identity.py "$aws_server" notify.example.com 2>>"$aws_home/log"; then
            return
        fi
        kill -0 "$aws_process" 2>/dev/null || break
        sleep 0.3
    done
    echo "moto does not start:" >&2
    cat "$aws_home/log" >&2
    return 1
}

stop_aws() {
    [ -n "$aws_home" ] || return 0
    if [ -n "$aws_process" ]; then
        kill "$aws_process" 2>/dev/null || true
        wait "$aws_process" 2>/dev/null || true
    fi
    rm -rf "$aws_home"
    aws_home=
    aws_process=
}
