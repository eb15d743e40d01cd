#!/bin/bash
# Builds everything once (debug) and runs the tests. usage: test.sh all | fast
#
# One build serves both halves: the unit tests, and the system tests that drive the programs of the same build as
# black boxes. The halves run one after the other, so that a daemon under test never waits for a unit test's thread.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
swift=${SWIFT:-swift}
scratch=${BUILD:-.build}
mode=${1:-all}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
export SWIFT_BACKTRACE=enable=no

started=$SECONDS
"$swift" build --build-tests --scratch-path "$scratch" || exit 1
echo "Built in $((SECONDS - started)) s."

failed_runs=0
run() { # run TITLE ARGUMENTS...
    local title=$1 begun=$SECONDS
    shift
    echo "== $title"
    "$swift" test --skip-build --scratch-path "$scratch" --disable-xctest "$@" 2>&1 | tee "$logs/$title" |
        grep -vE '^.{0,4}(◇|Test .* started|Suite .* started)'
    if [ "${PIPESTATUS[0]}" -ne 0 ]; then failed_runs=$((failed_runs + 1)); fi
    echo "== $title: $((SECONDS - begun)) s"
}

run unit --skip SystemTests
[ "$mode" = fast ] || run system --filter SystemTests --no-parallel

# A test that ends is one line "Test NAME passed|failed|skipped"; the tables count once for each case.
total() { grep -hv "Test run with" "$logs"/* | grep -c "^[^ ]* Test .* $1"; }
passed=$(total "passed after")
failed=$(total "failed after")
skipped=$(total "skipped")
echo
[ "$skipped" -eq 0 ] || { echo "Skipped:"; grep -h 'Test .* skipped' "$logs"/* | sort -u; }
if [ "$failed_runs" -ne 0 ] && [ "$failed" -eq 0 ]; then
    echo "A test run ended without a result: see above."
fi
echo "$passed passed, $failed failed, $skipped skipped in $((SECONDS - started)) s"
[ "$failed_runs" -eq 0 ]
