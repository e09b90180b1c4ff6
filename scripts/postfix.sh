# Starts a Postfix for a test, on free ports, with TLS and passwords; source this file. Needs root, as Postfix does.
#
#   . scripts/postfix.sh
#   start_postfix              # sets postfix_port (STARTTLS), postfix_tls_port, postfix_ca (a file), postfix_mail and
#                              # postfix_bounces (directories)
#   trap stop_postfix EXIT
#
# It takes mail for anybody at example.com from who logs in as notify@localhost with the password `a password`, and stores each
# as a file in $postfix_mail/new, but returns what is for gone@example.com. What it reports to an address at bounces.example is in
# $postfix_bounces/new. Configuration, queue and mail are in a temporary directory that stop_postfix removes; a
# Postfix of the machine is left alone.

postfix_home=

install_postfix() {
    [ -x /usr/sbin/postfix ] && command -v saslpasswd2 >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || {
        echo "Postfix is needed: install postfix and sasl2-bin, and run this as root" >&2
        return 1
    }
    echo "installing Postfix" >&2
    # Without a configuration, the package starts nothing.
    echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
    apt-get update -qq >"$postfix_home/install.log" 2>&1
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends \
        postfix sasl2-bin libsasl2-modules libsasl2-modules-db >>"$postfix_home/install.log" 2>&1 || {
        cat "$postfix_home/install.log" >&2
        return 1
    }
}

make_certificates() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=Test authority" \
        -keyout "$postfix_home/ca.key" -out "$postfix_home/ca.pem" 2>>"$postfix_home/openssl.log" &&
        openssl req -newkey rsa:2048 -nodes -subj "/CN=localhost" -addext "subjectAltName = DNS:localhost" \
            -keyout "$postfix_home/key.pem" -out "$postfix_home/request.pem" 2>>"$postfix_home/openssl.log" &&
        openssl x509 -req -in "$postfix_home/request.pem" -CA "$postfix_home/ca.pem" -CAkey "$postfix_home/ca.key" \
            -CAcreateserial -days 2 -copy_extensions copy -out "$postfix_home/cert.pem" 2>>"$postfix_home/openssl.log"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

configure_postfix() {
    # Debian's Postfix looks for the settings of passwords in the directory `sasl` of its configuration.
    mkdir -p "$postfix_home/etc/sasl" "$postfix_home/queue" "$postfix_home/data" "$postfix_home/mail"
    chown postfix "$postfix_home/data"
    chown nobody "$postfix_home/mail"
    cat >"$postfix_home/etc/main.cf" <<EOF
compatibility_level = 3.6
queue_directory = $postfix_home/queue
data_directory = $postfix_home/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file_prefixes = $postfix_home
maillog_file = $postfix_home/log
myhostname = localhost
mydestination =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtpd_tls_cert_file = $postfix_home/cert.pem
smtpd_tls_key_file = $postfix_home/key.pem
smtpd_tls_security_level = encrypt
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
virtual_mailbox_domains = example.com, bounces.example
virtual_mailbox_base = $postfix_home/mail
virtual_mailbox_maps = regexp:$postfix_home/etc/mailboxes
# Taken first and returned later, as by a relay.
smtpd_reject_unlisted_recipient = no
virtual_minimum_uid = 1
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
EOF
    cat >"$postfix_home/etc/mailboxes" <<'EOF'
if !/^gone@/
/@example\.com$/ all/
endif
/@bounces\.example$/ bounces/
EOF
    cat >"$postfix_home/etc/master.cf" <<EOF
127.0.0.1:$postfix_port inet n - n - - smtpd
127.0.0.1:$postfix_tls_port inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
EOF
    cat >"$postfix_home/etc/sasl/smtpd.conf" <<EOF
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: $postfix_home/sasldb
mech_list: PLAIN LOGIN
EOF
    printf 'a password' | saslpasswd2 -p -c -u localhost -f "$postfix_home/sasldb" notify
    chown postfix "$postfix_home/sasldb"
}

start_postfix() {
    postfix_home=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-postfix-XXXXXX")
    # Its daemons run as other users.
    chmod 755 "$postfix_home"
    install_postfix || return 1
    make_certificates || {
        cat "$postfix_home/openssl.log" >&2
        return 1
    }
    postfix_port=$(free_port) postfix_tls_port=$(free_port)
    postfix_ca=$postfix_home/ca.pem postfix_mail=$postfix_home/mail/all
    postfix_bounces=$postfix_home/mail/bounces
    configure_postfix || return 1
    /usr/sbin/postfix -c "$postfix_home/etc" start >"$postfix_home/start.log" 2>&1 || {
        cat "$postfix_home/start.log" "$postfix_home/log" >&2
        return 1
    }
}

stop_postfix() {
    [ -n "$postfix_home" ] || return 0
    # By its own configuration, so by the process id in its own queue.
    /usr/sbin/postfix -c "$postfix_home/etc" stop >/dev/null 2>&1 || true
    rm -rf "$postfix_home"
    postfix_home=
}
