#!/usr/bin/env bash
# Measures how fast the platform is, on SQLite and PostgreSQL: make bench. Arguments go to the benchmark; --help lists
# them. Without PILLARBOX_TEST_DATABASE a private PostgreSQL is started, and removed in the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/postgres.sh

cargo build --release -p pillarbox-server -p pillarbox-stories --bin pillarbox --bin bench

if [ -z "${PILLARBOX_TEST_DATABASE:-}" ]; then
    trap stop_postgres EXIT
    start_postgres
    export PILLARBOX_TEST_DATABASE="$postgres_url"
fi
"${CARGO_TARGET_DIR:-target}/release/bench" "$@"
