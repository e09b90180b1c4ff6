# Installs qpdf for the tests that check PDFs with it; source this file.
#
#   . scripts/qpdf.sh
#   install_qpdf               # succeeds if the program qpdf is there

install_qpdf() {
    command -v qpdf >/dev/null && return
    [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || {
        echo "qpdf is needed: install qpdf" >&2
        return 1
    }
    echo "installing qpdf" >&2
    local log
    log=$(mktemp)
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends qpdf; } >"$log" 2>&1 || {
        cat "$log" >&2
        rm "$log"
        return 1
    }
    rm "$log"
}
