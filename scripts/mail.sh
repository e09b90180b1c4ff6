# Starts a mail server for a test, on a free port; source this file.
#
#   . scripts/mail.sh
#   start_mail                 # sets mail_server, e.g. 127.0.0.1:40217, and mail_keeps, a directory
#   trap stop_mail EXIT
#
# It accepts every message and stores each as a file in $mail_keeps. All its files are in a temporary directory that
# stop_mail removes.

mail_home=
mail_process=

# Finds a Python with aiosmtpd, or creates a virtual environment with it.
find_mail_python() {
    mail_python=python3
    "$mail_python" -c 'import aiosmtpd' 2>/dev/null && return
    echo "installing aiosmtpd" >&2
    if "$mail_python" -m venv "$mail_home/venv" >"$mail_home/install.log" 2>&1 &&
        "$mail_home/venv/bin/pip" install --quiet --disable-pip-version-check aiosmtpd >>"$mail_home/install.log" 2>&1; then
        mail_python=$mail_home/venv/bin/python
        return
    fi
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq >>"$mail_home/install.log" 2>&1
        apt-get install -qq -y python3-aiosmtpd >>"$mail_home/install.log" 2>&1
        # The package is for the system's Python, which may not be the first in PATH.
        mail_python=/usr/bin/python3
        "$mail_python" -c 'import aiosmtpd' 2>/dev/null && return
    fi
    cat "$mail_home/install.log" >&2
    echo "a mail server is needed and cannot be installed: install Python 3 with the package aiosmtpd" >&2
    return 1
}

start_mail() {
    command -v python3 >/dev/null || {
        echo "a mail server is needed: install Python 3 with the package aiosmtpd" >&2
        return 1
    }
    mail_home=$(mktemp -d "${TMPDIR:-/tmp}/pillarbox-mail-XXXXXX")
    find_mail_python || return 1
    mail_keeps=$mail_home/kept
    mkdir "$mail_keeps"
    mkfifo "$mail_home/port"
    "$mail_python" scripts/mail_server.py "$mail_keeps" >"$mail_home/port" 2>"$mail_home/log" &
    mail_process=$!
    # The server prints its port once it listens; if it exits first, the read fails.
    if ! read -r port <"$mail_home/port"; then
        echo "the mail server does not start:" >&2
        cat "$mail_home/log" >&2
        return 1
    fi
    mail_server=127.0.0.1:$port
}

stop_mail() {
    [ -n "$mail_home" ] || return 0
    if [ -n "$mail_process" ]; then
        kill "$mail_process" 2>/dev/null || true
        wait "$mail_process" 2>/dev/null || true
    fi
    rm -rf "$mail_home"
    mail_home=
    mail_process=
}
