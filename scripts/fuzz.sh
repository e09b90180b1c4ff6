#!/usr/bin/env bash
# Fuzzes the parsers and renderers: make fuzz seconds=600. The time is divided among the targets, which run one after
# another; `targets="phone email"` selects some of them.
#
# A target starts from fuzz/seeds, which is small and in the repository, and from fuzz/corpus, which grows here and is not.
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

read -ra targets <<<"${targets:-$(cargo +nightly fuzz list | tr '\n' ' ')}"
each=$((${seconds:-600} / ${#targets[@]}))
((each > 0)) || each=1
# Our code has no unsafe blocks for a sanitizer to check, and without one fuzzing is twice as fast.
cargo +nightly fuzz build --sanitizer none

broken=()
for target in "${targets[@]}"; do
    mkdir -p "fuzz/corpus/$target"
    log="fuzz/corpus/$target.log"
    if cargo +nightly fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="$each" -timeout=60 -rss_limit_mb=2048 -max_len=4096 -dict=fuzz/marks.dict \
        -print_final_stats=1 >"$log" 2>&1; then
        result="no failure"
    else
        result="FAILED, see $log"
        broken+=("$target")
    fi
    awk -v target="$target" -v result="$result" \
        '/number_of_executed_units/ {runs = $2} /average_exec_per_sec/ {rate = $2}
         END {printf "%-16s %10d runs %8d/s  %s\n", target, runs, rate, result}' "$log"
done
if ((${#broken[@]})); then
    echo "failed: ${broken[*]}; the inputs are in fuzz/artifacts" >&2
    exit 1
fi
