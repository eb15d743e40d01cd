#!/bin/bash
# toriid and a router that is not ours: nts_router.py, in the forms v1 and v2. Root. TORII_BIN is the folder of the
# programs.
set -uo pipefail
# shellcheck source=Tests/SystemTests/Lab/network.sh
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
ROOT=$(cd "$LAB_HERE/../../.." && pwd)
BIN=${TORII_BIN:-$ROOT/.build/debug}
if [ "$(id -u)" -ne 0 ]; then echo "independent-router: needs root, for network namespaces" >&2; exit 77; fi
export SWIFT_BACKTRACE=enable=no
KEY='MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
FAILED=0
trap 'code=$?; lab_down; exit $code' EXIT
check() { # TEXT REGEX ACTUAL
    if [[ $3 =~ $2 ]]; then printf '  ok    %-60s %s\n' "$1" "${3//$'\n'/ | }"
    else printf '  FAIL  %-60s got "%s", want /%s/\n' "$1" "$3" "$2"; FAILED=$((FAILED + 1)); fi
}
lab_up || exit 1
serve 8080 pn1
start router1 router.log "$LAB_PYTHON" "$LAB_HERE/nts_router.py" --outside wan --host alice.example.net=192.168.1.11 \
    --server 198.51.100.53 --key "router1.example.:$KEY" --lifetime 4
await 5 grep -q ready "$LAB_DIR/router.log"
cat >"$LAB_DIR/example.net.zone" <<'Z'
$ORIGIN example.net.
$TTL 300
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A 198.51.100.53
alice A 203.0.113.1
nobody A 203.0.113.1
Z
for form in v1 v2; do
    cat >"$LAB_DIR/torii.yaml" <<Y
listen: [ { address: 198.51.100.53, port: 53 } ]
control: { socket: run/torii.sock }
keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]
zones: [ { name: example.net, kind: primary, file: example.net.zone, nts: true } ]
nts:
  enabled: true
  source: { address: 198.51.100.53, port: 20053 }
$([ $form = v2 ] && echo "  targets: { routers: [ { address: 203.0.113.1, form: v2, key: router1.example. } ] }")
Y
    start server "server-$form.log" "$BIN/toriid" --config "$LAB_DIR/torii.yaml"
    toriid=$LAB_PID
    await 20 on server dig @198.51.100.53 +tries=1 +time=1 +short ns1.example.net A
    check "$form: before, GN is refused" "^(refused|timeout)" "$(ask gn tcp 203.0.113.1 8080)"
    check "$form: GN gets the router's address, TTL capped" "alice.example.net.[[:space:]]+([1-9]|[1-5][0-9]|60)[[:space:]]+IN" \
        "$(on gn dig @198.51.100.53 +noall +answer alice.example.net A)"
    check "$form: GN reaches alice" "^pn1 sees 192.0.2.10:" "$(ask gn tcp 203.0.113.1 8080)"
    begin=$(clock)
    check "$form: a name that the router does not know is answered" "^203.0.113.1$" \
        "$(on gn2 dig @198.51.100.53 +short nobody.example.net A)"
    took=$(($(clock) - begin))
    check "$form: ...at once ($took ms), since it was refused" "^yes$" "$([ $took -lt 250 ] && echo yes)"
    check "$form: and opens nothing" "^(refused|timeout)" "$(ask gn2 tcp 203.0.113.1 8080)"
    kill "$toriid"; wait "$toriid" 2>/dev/null
    await 10 eval '[[ $(ask gn tcp 203.0.113.1 8080) =~ refused|timeout ]]'
done
[ "$FAILED" -eq 0 ] && echo "PASS: both forms" || { echo "FAIL: $FAILED"; tail -n 20 "$LAB_DIR"/router.log "$LAB_DIR"/server-*.log; }
exit "$((FAILED > 0))"
