# Starts a ClamAV daemon for a test, on a free port, with one signature of our own; source this file.
#
#   . scripts/clamav.sh
#   start_clamav               # sets clamav_address (tcp:127.0.0.1:port) and clamav_virus (text that it takes for a virus)
#   trap stop_clamav EXIT
#
# Its signatures are in a temporary directory that stop_clamav removes: nothing is downloaded, and a ClamAV of the machine is
# left alone.

clamav_home=
clamav_virus="PILLARBOX-TEST-SIGNATURE-4b1f0c"

install_clamav() {
    command -v clamd >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || {
        echo "ClamAV is needed: install clamav-daemon" >&2
        return 1
    }
    echo "installing ClamAV" >&2
    apt-get update -qq >"$clamav_home/install.log" 2>&1
    # Without freshclam: the signatures of the world are large, and change the result of a test.
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        clamav-daemon clamav-freshclam- >>"$clamav_home/install.log" 2>&1 || {
        cat "$clamav_home/install.log" >&2
        return 1
    }
}

start_clamav() {
    clamav_home=$(mktemp -d)
    install_clamav || { stop_clamav; return 1; }
    mkdir "$clamav_home/signatures"
    # Name, any kind of file, anywhere in it, the bytes.
    printf 'Pillarbox.Test:0:*:%s\n' "$(printf %s "$clamav_virus" | od -An -tx1 | tr -d ' \n')" \
        >"$clamav_home/signatures/test.ndb"
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    cat >"$clamav_home/clamd.conf" <<EOF
DatabaseDirectory $clamav_home/signatures
TemporaryDirectory $clamav_home
LogFile $clamav_home/log
TCPAddr 127.0.0.1
TCPSocket $port
StreamMaxLength 30M
Foreground yes
EOF
    clamd --config-file="$clamav_home/clamd.conf" >"$clamav_home/output" 2>&1 &
    clamav_process=$!
    clamav_address="tcp:127.0.0.1:$port"
    local try
    for try in $(seq 1 100); do
        if [ "$(printf 'zPING\0' | timeout 1 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port; cat >&3; head -c 4 <&3" 2>/dev/null)" = PONG ]; then
            return
        fi
        kill -0 "$clamav_process" 2>/dev/null || break
        sleep 0.2
    done
    cat "$clamav_home/output" "$clamav_home/log" >&2
    stop_clamav
    return 1
}

stop_clamav() {
    if [ -n "${clamav_process:-}" ]; then
        kill "$clamav_process" 2>/dev/null
        wait "$clamav_process" 2>/dev/null
        clamav_process=
    fi
    [ -z "$clamav_home" ] || rm -rf "$clamav_home"
    clamav_home=
}
