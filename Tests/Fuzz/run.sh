#!/bin/bash
# Builds the fuzz targets with AddressSanitizer and runs each for a bounded time.
# usage: Tests/Fuzz/run.sh [SECONDS [TARGET...]]     default: 60 seconds each, all targets
# Inputs that crash are kept in Tests/Fuzz/.build/findings; the exit status is 1 when there is one.
set -u
cd "$(dirname "$0")" || exit 1
seconds=${1:-60}
[ $# -gt 0 ] && shift
targets=("$@")
[ ${#targets[@]} -eq 0 ] && targets=(message name rdata zone dnssec configuration tsig
    nts nts-v2 nts-server nts-answer nts-hosts nts-router)

swift build -c debug --product FuzzTargets \
    -Xswiftc -sanitize=fuzzer,address -Xswiftc -O -Xswiftc -enforce-exclusivity=checked \
    -Xcc -fsanitize=fuzzer-no-link,address || exit 1
products=$(swift build -c debug --show-bin-path)
mkdir -p .build/findings .build/corpus
echo '' > .build/empty.swift
swiftc -sanitize=fuzzer,address -parse-as-library .build/empty.swift \
    -Xlinker --whole-archive "$products/libFuzzTargets.a" -Xlinker --no-whole-archive \
    -lldns -lcrypto -use-ld=lld -o .build/fuzz || exit 1

status=0
for target in "${targets[@]}"; do
    mkdir -p ".build/corpus/$target"
    seeds=()
    [ -d "Seeds/$target" ] && seeds=("Seeds/$target")
    dictionary=()
    [ -f "Seeds/$target.dict" ] && dictionary=("-dict=Seeds/$target.dict")
    echo "== $target, $seconds s"
    SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=8 FUZZ_TARGET=$target .build/fuzz \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
        -artifact_prefix=".build/findings/$target-" "${dictionary[@]}" ".build/corpus/$target" "${seeds[@]}" \
        > ".build/findings/$target.log" 2>&1
    code=$?
    grep -E "stat::number_of_executed_units|stat::peak_rss_mb" ".build/findings/$target.log"
    if [ $code -ne 0 ]; then
        echo "FINDING in $target:"
        grep -E "ERROR|Fatal error|SUMMARY|Test unit written|#[0-9] " ".build/findings/$target.log" | head -20
        status=1
    fi
done
exit $status
