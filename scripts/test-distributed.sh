#!/usr/bin/env bash
# The stories, the queue's suite and the crash stories on PostgreSQL, with a real mail server: make test-distributed.
# Both servers are private and are gone in the end; where PILLARBOX_TEST_DATABASE names a PostgreSQL already, that one is
# used. Arguments choose stories by a part of their name.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/postgres.sh
. scripts/mail.sh

trap 'set +e; stop_mail; stop_postgres' EXIT

if [ -z "${PILLARBOX_TEST_DATABASE:-}" ]; then
    # Every story has connections of its own.
    POSTGRES_SETTINGS="max_connections = 300" start_postgres
    export PILLARBOX_TEST_DATABASE="$postgres_url"
fi
start_mail
export PILLARBOX_TEST_SMTP="$mail_server" PILLARBOX_TEST_SMTP_KEEPS="$mail_keeps"

# The whole workspace, as `make test` builds it: a part of it alone would have other features and be built again.
if command -v cargo-nextest >/dev/null; then
    cargo nextest run --workspace -E 'package(pillarbox-stories)' "$@"
else
    # Named tests alone would not build the binary that the crash stories start.
    cargo build --workspace --bins
    cargo test --workspace --no-fail-fast --test stories --test crash -- "$@"
fi
