#!/usr/bin/env bash
# Measures throughput and latency on SQLite and PostgreSQL, with the program as it is shipped (the profile dist): make
# bench. Arguments go to the benchmark; --help lists them. Without PILLARBOX_TEST_DATABASE it starts a PostgreSQL of its
# own and removes it at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/postgres.sh

cargo build --profile dist -p pillarbox-server -p pillarbox-stories --bin pillarbox --bin bench

if [ -z "${PILLARBOX_TEST_DATABASE:-}" ]; then
    trap stop_postgres EXIT
    start_postgres
    export PILLARBOX_TEST_DATABASE="$postgres_url"
fi
"${CARGO_TARGET_DIR:-target}/dist/bench" "$@"
