#!/usr/bin/env bash
# Fuzzes everything that strangers send and what becomes of it: make fuzz seconds=1800. The time is divided among the
# targets, which run one after another; `targets="phone email"` selects some of them. `FLAGS=--no-default-features` leaves out the targets
# that need most of the platform (what arrives by HTTP). `jobs=1` builds with one processor.
#
# For each target: how often it ran, and the branches of the program that its inputs reached. Most branches belong to code
# that the target does not call, so compare the number with earlier runs of the same target.
#
# A target starts from fuzz/seeds, which is small and in the repository, and from fuzz/corpus, which grows here and is not.
# `shrink=yes` keeps what the corpus found, without what adds nothing, as seeds.
#
# Failing inputs are left in fuzz/artifacts; `cargo +nightly fuzz run -s none <target> <file>` runs one again. Turn it into
# a unit test beside the fix.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "fuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal" >&2
    exit 1
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "cargo-fuzz is not installed; installing it"
    cargo install cargo-fuzz --locked ||
        { echo "fuzzing needs cargo-fuzz: cargo install cargo-fuzz" >&2; exit 1; }
fi

all=$(cargo +nightly fuzz list)
[[ ${FLAGS:-} == *--no-default-features* ]] && all=$(grep -vxE 'request_body|authorization|receipt' <<<"$all")
read -ra targets <<<"${targets:-$(tr '\n' ' ' <<<"$all")}"
each=$((${seconds:-600} / ${#targets[@]}))
((each > 0)) || each=1
if [[ -n ${jobs:-} ]]; then
    export CARGO_BUILD_JOBS=$jobs
fi
# Our code has no unsafe blocks for a sanitizer to check, and without one fuzzing is twice as fast.
# shellcheck disable=SC2086 # flags are words
cargo +nightly fuzz build --sanitizer none ${FLAGS:-}

# Files are longer than texts. Their parsers run in a child process with limits, so that memory and time are the child's
# affair: here they only end one input.
limits() {
    case $1 in
    pdf | workbook) echo "-max_len=32768 -timeout=20 -rss_limit_mb=1024 -fork=1 -ignore_ooms=1 -ignore_timeouts=1" ;;
    *) echo "-max_len=4096 -timeout=60 -rss_limit_mb=2048" ;;
    esac
}

broken=()
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    log="fuzz/corpus/$target.log"
    if cargo +nightly fuzz run --sanitizer none ${FLAGS:-} "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$each" $(limits "$target") -dict=fuzz/marks.dict \
        -print_final_stats=1 >"$log" 2>&1; then
        result="no failure"
    else
        result="FAILED, see $log"
        broken+=("$target")
    fi
    # A fork reports once a second: "#<runs>: cov: <branches> …"; a single process at the end: "#<runs> DONE cov: <branches> …".
    awk -v target="$target" -v result="$result" -v seconds="$each" \
        '/^#[0-9]+:? / && match($0, /cov: [0-9]+/) {
             runs = substr($1, 2) + 0; reached = substr($0, RSTART + 5, RLENGTH - 5)
         }
         /Loaded .* inline 8-bit counters/ && match($0, /\([0-9]+ inline/) { all = substr($0, RSTART + 1, RLENGTH - 8) }
         END { printf "%-16s %10d runs %8d/s  %6d of %d branches  %s\n", target, runs, runs / seconds, reached, all, result }' "$log"
    if [[ ${shrink:-} == yes ]]; then
        cargo +nightly fuzz cmin --sanitizer none ${FLAGS:-} "$target" "fuzz/corpus/$target" >>"$log" 2>&1
        cargo +nightly fuzz run --sanitizer none ${FLAGS:-} "$target" "fuzz/seeds/$target" "fuzz/corpus/$target" -- -merge=1 >>"$log" 2>&1
    fi
done
if ((${#broken[@]})); then
    echo "failed: ${broken[*]}; the inputs are in fuzz/artifacts" >&2
    exit 1
fi
