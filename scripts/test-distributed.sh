#!/usr/bin/env bash
# Runs the stories, the conformance suite of the queue and the crash tests on PostgreSQL, with a real mail server: make
# test-distributed. Both servers are started for the run and removed at the end, unless PILLARBOX_TEST_DATABASE names a
# PostgreSQL. Arguments select stories by a part of their name.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/postgres.sh
. scripts/mail.sh

trap 'set +e; stop_mail; stop_postgres' EXIT

if [ -z "${PILLARBOX_TEST_DATABASE:-}" ]; then
    # Every story has its own connections.
    POSTGRES_SETTINGS="max_connections = 300" start_postgres
    export PILLARBOX_TEST_DATABASE="$postgres_url"
fi
start_mail
export PILLARBOX_TEST_SMTP="$mail_server" PILLARBOX_TEST_SMTP_KEEPS="$mail_keeps"

# Stories that need one of these engines are ignored elsewhere; here they run, and fail without it.
# Build the whole workspace, as `make test` does: a single package would have other features and be compiled again.
if command -v cargo-nextest >/dev/null; then
    cargo nextest run --workspace --run-ignored all -E 'package(pillarbox-stories)' "$@"
else
    # Selecting tests would not build the binary that the crash tests start.
    cargo build --workspace --bins
    cargo test --workspace --no-fail-fast --test stories --test crash -- --include-ignored "$@"
fi
