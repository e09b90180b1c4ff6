# Starts an OpenSSH server for a test, on a free port, with a host key and users' keys of its own; source this file.
#
#   . scripts/sftp.sh
#   start_sftp                 # sets sftp_server, a JSON object: port, user, host_key, key_file, root
#   trap stop_sftp EXIT
#
# It offers SFTP and nothing else. All its files are in a temporary directory that stop_sftp removes; an SSH server of the
# machine is left alone.

sftp_home=
sftp_process=

install_sftp() {
    [ -x /usr/sbin/sshd ] && command -v ssh-keygen >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || {
        echo "an OpenSSH server is needed: install openssh-server" >&2
        return 1
    }
    echo "installing OpenSSH" >&2
    # Otherwise the package starts a server of its own.
    mkdir -p /etc/ssh && touch /etc/ssh/sshd_not_to_be_run
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends openssh-server openssh-client; } \
        >"$sftp_home/install.log" 2>&1 || {
        cat "$sftp_home/install.log" >&2
        return 1
    }
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_sftp() {
    sftp_home=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-sftp-server-XXXXXX")
    install_sftp || return 1
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$sftp_home/host_key"
    ssh-keygen -q -t ed25519 -N '' -C '' -f "$sftp_home/key"
    cp "$sftp_home/key.pub" "$sftp_home/authorized_keys"
    mkdir "$sftp_home/root"
    # Where it separates its privileges, when root starts it.
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    sftp_port=$(free_port) || return 1
    cat >"$sftp_home/sshd_config" <<EOF
Port $sftp_port
ListenAddress 127.0.0.1
HostKey $sftp_home/host_key
PidFile $sftp_home/pid
AuthorizedKeysFile $sftp_home/authorized_keys
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
MaxStartups 100
Subsystem sftp internal-sftp
ForceCommand internal-sftp
EOF
    /usr/sbin/sshd -D -f "$sftp_home/sshd_config" -E "$sftp_home/log" &
    sftp_process=$!
    for _ in $(seq 100); do
        (exec 3<>"/dev/tcp/127.0.0.1/$sftp_port") 2>/dev/null && break
        kill -0 "$sftp_process" 2>/dev/null || {
            echo "OpenSSH does not start:" >&2
            cat "$sftp_home/log" >&2
            return 1
        }
        sleep 0.1
    done
    sftp_server="{\"port\": $sftp_port, \"user\": \"$(id -un)\", \"host_key\": \"$(cut -d' ' -f1,2 "$sftp_home/host_key.pub")\", \"key_file\": \"$sftp_home/key\", \"root\": \"$sftp_home/root\"}"
}

stop_sftp() {
    [ -n "$sftp_home" ] || return 0
    [ -z "$sftp_process" ] || kill "$sftp_process" 2>/dev/null || true
    rm -rf "$sftp_home"
    sftp_home= sftp_process=
}
