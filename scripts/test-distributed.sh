#!/usr/bin/env bash
# Runs the stories, the conformance suites of the queue and the intake log, and the crash tests on PostgreSQL and a RabbitMQ cluster, with
# real mail servers, moto in place of Amazon's APIs, an S3 server and an OpenSSH server: make test-distributed. The servers are started for the run and removed at the end, unless
# PILLARBOX_TEST_DATABASE names a PostgreSQL. Arguments select stories by a part of their name.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/postgres.sh
. scripts/mail.sh
. scripts/qpdf.sh
. scripts/aws.sh
. scripts/postfix.sh
. scripts/clamav.sh
. scripts/sftp.sh
. scripts/rabbitmq.sh
. scripts/s3.sh

trap 'set +e; stop_s3; stop_rabbitmq; stop_sftp; stop_clamav; stop_postfix; stop_aws; stop_mail; stop_postgres' EXIT

if [ -z "${PILLARBOX_TEST_DATABASE:-}" ]; then
    # In memory where there is room: every story creates a database of its own, which takes four times as long on a disk. The
    # tests kill processes, not the machine, so that what a server has flushed is there in either case.
    in_memory=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1 || true)
    [ "${in_memory:-0}" -gt $((6 << 20)) ] && [ -w /dev/shm ] && databases=/dev/shm || databases=${TMPDIR:-/tmp}
    # Every story has its own connections.
    TMPDIR=$databases POSTGRES_SETTINGS="max_connections = 300" start_postgres
    export PILLARBOX_TEST_DATABASE="$postgres_url"
fi
start_mail
export PILLARBOX_TEST_SMTP="$mail_server" PILLARBOX_TEST_SMTP_KEEPS="$mail_keeps"
# WITHOUT="rabbitmq s3" leaves engines out, and so does any part of the name of a test.
is_left_out() { [[ " ${WITHOUT:-} " == *" $1 "* ]]; }
# An engine that cannot be had here leaves its stories out, and says so: the others are run all the same.
read -ra without <<<"${WITHOUT:-}"
if ! install_qpdf; then
    echo "NOT RUN: the story of qpdf, which cannot be had" >&2
    without+=(qpdf)
fi
if start_aws; then
    export PILLARBOX_TEST_AWS="$aws_server"
else
    echo "NOT RUN: the stories of Amazon's APIs, because moto cannot be had" >&2
    without+=(amazon::)
fi
if [ "$(id -u)" -eq 0 ] && start_postfix; then
    export PILLARBOX_TEST_POSTFIX="{\"starttls\": $postfix_port, \"tls\": $postfix_tls_port, \"ca\": \"$postfix_ca\", \"mail\": \"$postfix_mail\", \"bounces\": \"$postfix_bounces\"}"
else
    echo "NOT RUN: the stories of Postfix, which cannot be had or needs root" >&2
    without+=(postfix::)
fi
if start_clamav; then
    export PILLARBOX_TEST_CLAMAV="{\"address\": \"$clamav_address\", \"virus\": \"$clamav_virus\"}"
else
    echo "NOT RUN: the story of ClamAV, which cannot be had" >&2
    without+=(clamav::)
fi
if start_sftp; then
    export PILLARBOX_TEST_SFTP="$sftp_server"
else
    echo "NOT RUN: the tests of SFTP, because OpenSSH's server cannot be had" >&2
    without+=(sftp)
fi
# RABBITMQ_ROOT=new takes the newest RabbitMQ of Debian's development release instead of this release's.
if [ "${RABBITMQ_ROOT:-}" = new ] && ! fetch_newer_rabbitmq target/rabbitmq; then
    echo "NOT RUN: the tests of a newer RabbitMQ, which cannot be had" >&2
    unset RABBITMQ_ROOT
fi
if ! is_left_out rabbitmq && start_rabbitmq 3; then
    export PILLARBOX_TEST_RABBITMQ="$rabbitmq"
else
    echo "NOT RUN: the tests of RabbitMQ, which cannot be had" >&2
    without+=(rabbitmq)
fi

if ! is_left_out s3 && start_s3; then
    export PILLARBOX_TEST_S3="$s3_server"
else
    echo "NOT RUN: the tests of S3, and the stories with their files in a bucket, because SeaweedFS cannot be had" >&2
    without+=('s3::' bucket)
fi

# Stories that need one of these engines are ignored elsewhere; here they run, and fail without it.
# Build the whole workspace, as `make test` does: a single package would have other features and be compiled again.
if command -v cargo-nextest >/dev/null; then
    selection='(package(pillarbox-stories) | (package(pillarbox-providers) & (test(sftp) | test(/s3::|bucket/))) | (package(pillarbox-intake) & test(rabbitmq)))'
    for stories in "${without[@]}"; do selection+=" - test(/$stories/)"; done
    cargo nextest run --workspace --run-ignored all -E "$selection" "$@"
    # The stories of the intake log once more, over the broker.
    if [ -n "${PILLARBOX_TEST_RABBITMQ:-}" ]; then
        PILLARBOX_TEST_INTAKE=$rabbitmq_first cargo nextest run --workspace -E 'package(pillarbox-stories) & test(intake::) - binary(crash)'
    fi
else
    # Selecting tests would not build the binary that the crash tests start.
    cargo build --workspace --bins
    skip=()
    for stories in "${without[@]}"; do skip+=(--skip "$stories"); done
    cargo test --workspace --no-fail-fast --test stories --test crash --test outside -- --include-ignored "${skip[@]}" "$@"
    if [ -n "${PILLARBOX_TEST_RABBITMQ:-}" ]; then
        PILLARBOX_TEST_INTAKE=$rabbitmq_first cargo test --workspace --test stories -- intake::
    fi
fi

# Once more with the files in a bucket, for the stories that use them and do not look into their directory. One is left out because
# it leaves tasks behind: they would run as it ends, when the connections of its runtime no longer work.
[ -n "${PILLARBOX_TEST_S3:-}" ] || exit 0
export PILLARBOX_TEST_FILES=bucket
of_files='^(letters|files|jobs|spreadsheets|letter_jobs|letter_delivery|erasure)::'
of_a_directory=(
    files::retention
    files::sending::a_failing_file_storage_stores_nothing
    files::sending::the_files_of_a_message_that_cannot_be_stored_are_deleted
    files::sending::the_links_are_in_the_message_that_is_sent_and_shown
    files::template_files::files_of_a_template_go_with_every_message
    jobs::interruptions::a_job_stops_on_a_changed_file
    jobs::interruptions::a_job_stops_without_its_file
    letters::file_drop::a_letter_without_its_pages
    letters::looks::a_logo_is_on_the_first_page
    letters::precompiled::a_letter_given_as_pdf_is_kept_sealed
    letters::precompiled::a_letter_over_the_daily_quota_leaves_no_pages
    letters::precompiled::a_letter_whose_pages_cannot_be_stored
    letters::precompiled::concurrent_requests_create_one
    letters::rescan::all_letters_that_could_not_be_scanned
    letters::supplied::the_letter_as_it_was_supplied_is_kept
    letters::uploads::a_refused_request_leaves
    letters::uploads::pages_of_an_upload_that_was_refused
    letters::uploads::an_upload_beyond_the_daily_quota_waits
    letters::uploads::an_upload_is_kept_for_a_day
    letters::uploads::an_uploaded_letter_is_sent_once
)
if command -v cargo-nextest >/dev/null; then
    selection="package(pillarbox-stories) & binary(stories) & test(/$of_files/)"
    for stories in "${of_a_directory[@]}"; do selection+=" - test(/$stories/)"; done
    cargo nextest run --workspace -E "$selection" "$@"
else
    skip=()
    for stories in "${of_a_directory[@]}"; do skip+=(--skip "$stories"); done
    cargo test --workspace --no-fail-fast --test stories -- letters:: files:: jobs:: "${skip[@]}" --skip auditors::
fi
