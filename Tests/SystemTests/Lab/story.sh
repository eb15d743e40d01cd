#!/bin/bash
# The NAT-traversal story, on real packets: what a GN, an NTS server, an NTS router and two private hosts do together.
# Root. TORII_BIN is the folder of the programs. `--server python` puts the small independent server of nts_server.py in
# the place of toriid. LAB_KEEP=1 keeps the logs.
set -uo pipefail
# shellcheck source=Tests/SystemTests/Lab/network.sh
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
ROOT=$(cd "$LAB_HERE/../../.." && pwd)
BIN=${TORII_BIN:-$ROOT/.build/debug}
SERVER=toriid
FORM=v1
while [ $# -gt 0 ]; do
    case $1 in
        --server) SERVER=$2; shift 2 ;;
        --form) FORM=$2; shift 2 ;;
        *) echo "usage: story.sh [--server toriid|python] [--form v1|icmp|v2]" >&2; exit 2 ;;
    esac
done
if [ "$(id -u)" -ne 0 ]; then echo "story: needs root, for network namespaces" >&2; exit 77; fi
for tool in ip nft dig nsupdate curl "$LAB_PYTHON"; do
    command -v "$tool" >/dev/null || { echo "story: $tool is missing" >&2; exit 77; }
done
[ -x "$BIN/torii-router" ] || { echo "story: no torii-router in $BIN" >&2; exit 1; }
export SWIFT_BACKTRACE=enable=no

STEPS=0; FAILED=0
step() { printf '\n%s\n' "$*"; }
check() { # TEXT REGEX ACTUAL
    STEPS=$((STEPS + 1))
    local actual=${3//$'\n'/ | }
    [ ${#actual} -le 100 ] || actual="${actual:0:97}..."
    if [[ $3 =~ $2 ]]; then printf '  ok    %-66s %s\n' "$1" "$actual"
    else printf '  FAIL  %-66s got "%s", want /%s/\n' "$1" "$actual" "$2"; FAILED=$((FAILED + 1)); fi
}
finish() {
    local code=$?
    if [ "$FAILED" -gt 0 ] && [ -n "$LAB_DIR" ]; then
        for log in router1.log server.log; do
            [ -s "$LAB_DIR/$log" ] && { printf '\n--- the last of %s\n' "$log"; tail -n 40 "$LAB_DIR/$log"; }
        done
    fi
    [ -n "$LAB_DIR" ] && [ -n "${LAB_KEEP:-}" ] && echo "logs: $LAB_DIR"
    lab_down
    if [ "$STEPS" -gt 0 ] && [ "$FAILED" -eq 0 ] && [ "$code" -eq 0 ]; then
        printf '\nPASS: %d of %d\n' "$STEPS" "$STEPS"; exit 0
    fi
    printf '\nFAIL: %d of %d\n' "$FAILED" "$STEPS"; exit 1
}
trap finish EXIT
trap 'exit 130' INT TERM

GA2=203.0.113.1
KEY='MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
QUERY=(dig @198.51.100.53 +tries=1 +time=3)

start_server() {
    mkdir -p "$LAB_DIR/server"
    if [ "$SERVER" = python ]; then
        start server server.log "$LAB_PYTHON" "$LAB_HERE/nts_server.py" --zone example.net --form "$FORM" \
            --key "router1.example.:$KEY" --name quiet.example.net=198.51.100.55 --name closed.example.net=198.51.100.54
    else
        cat >"$LAB_DIR/server/example.net.zone" <<'Z'
$ORIGIN example.net.
$TTL 300
@       SOA  ns1 hostmaster 1 3600 600 86400 60
@       NS   ns1
ns1     A    198.51.100.53
quiet   A    198.51.100.55
closed  A    198.51.100.54
Z
        cat >"$LAB_DIR/server/torii.yaml" <<Y
server: { state-directory: state, workers: 2 }
listen: [ { address: 198.51.100.53, port: 53 } ]
control: { socket: run/torii.sock }
keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]
zones:
  - { name: example.net, kind: primary, file: example.net.zone, nts: true, update: [ { from: 0.0.0.0/0, action: allow } ] }
nts:
  enabled: true
  source: { address: 198.51.100.53, port: 20053 }
  form: $([ "$FORM" = v2 ] && echo v1 || echo "$FORM")
  lifetime: 6s
  validated-clients: [ 203.0.113.0/24 ]
$([ "$FORM" = v2 ] && echo "  targets: { routers: [ { address: $GA2, port: 20053, form: v2, key: router1.example. } ] }")
Y
        start server server.log "$BIN/toriid" --config "$LAB_DIR/server/torii.yaml"
    fi
    SERVER_PID=$LAB_PID
    await 20 on server dig @198.51.100.53 +tries=1 +time=1 +short closed.example.net A
}
start_router() { # HOST
    mkdir -p "$LAB_DIR/$1"
    cat >"$LAB_DIR/$1/torii-router.yaml" <<Y
router: { outside: wan, inside: [ lan ], icmp: $([ "$FORM" = icmp ] && echo true || echo false), state-directory: state }
control: { socket: run/torii-router.sock }
servers:
  - { address: 198.51.100.53, forms: [ $FORM ]$([ "$FORM" = v2 ] && echo ", key: router1.example.") }
keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]
hosts: { ddns-servers: [ 198.51.100.53 ], suffixes: [ example.net. ] }
permissions: { lifetime: 6s, max-lifetime: 6s }
log: { level: debug }
Y
    start "$1" "$1.log" "$BIN/torii-router" --config "$LAB_DIR/$1/torii-router.yaml"
    ROUTER_PID=$LAB_PID
    await 20 on "$1" "$BIN/toriictl" router status --socket "$LAB_DIR/$1/run/torii-router.sock"
}
control() { on router1 "$BIN/toriictl" router "$@" --socket "$LAB_DIR/router1/run/torii-router.sock" 2>&1; }
register() { # HOST NAME ADDRESS
    on "$1" nsupdate 2>&1 <<U
server 198.51.100.53
zone example.net
update delete $2.example.net. A
update add $2.example.net. 60 A $3
send
U
}
resolve() { local host=$1; shift; on "$host" "${QUERY[@]}" "$@" 2>&1; }
# timed NAME: what GN is answered, and the milliseconds that dig says it took; its own start does not count.
timed() { resolve gn "$1" +noall +answer +stats | awk '/Query time/ { took = $4 } $4 == "A" { address = $5 } END { print address, took }'; }
# The agent's process itself: the child of ip's.
agent_pid() { on router1 "$BIN/toriictl" router status --socket "$LAB_DIR/router1/run/torii-router.sock" >/dev/null && pgrep -n -P "$ROUTER_PID" || echo "$ROUTER_PID"; }

step "A small Internet: askers, an NTS server, a home with a NAT and two web servers in it."
lab_up || exit 1
before=$(on router1 nft -s list table inet firewall | sha256sum)
serve 8080 pn1 pn2 second
start_router router1 || { echo "  FAIL  torii-router does not start"; FAILED=1; exit 1; }
start_server || { echo "  FAIL  the server does not start"; FAILED=1; exit 1; }
check "the agent says that it runs" "state: running" "$(control status)"

step "Before anything is registered, the home is closed."
check "GN asks the router's address for a web page" "^(refused|timeout)" "$(ask gn tcp $GA2 8080)"

step "alice and bob register by DNS UPDATE, through their router; it listens."
check "alice: nsupdate" "^$" "$(register pn1 alice $GA2)"
check "bob: nsupdate" "^$" "$(register pn2 bob $GA2)"
await 3 eval 'control phl | grep -q bob'
check "the Private Host List has alice" "alice.example.net. +192.168.1.11 " "$(control phl)"
check "the Private Host List has bob" "bob.example.net. +192.168.1.12 " "$(control phl)"

step "GN asks the name, and only then the way is open."
answer=$(resolve gn alice.example.net A)
check "GN: dig gets the router's address" "alice.example.net.[[:space:]]+[0-9]+[[:space:]]+IN[[:space:]]+A[[:space:]]+203.0.113.1" "$answer"
check "the Request Cache has GN" "192.0.2.10 +alice.example.net. +192.168.1.11 +window" "$(control rc)"
check "GN: curl reaches alice's web server, which sees GN itself" "^pn1 sees 192.0.2.10:" \
    "$(on gn curl -s --max-time 3 http://alice.example.net:8080/ 2>&1 || echo curl-failed)"
check "alice's own log has GN's address" "GET from 192.0.2.10:" "$(cat "$LAB_DIR/pn1.http.log")"
resolve gn alice.example.net A >/dev/null
check "GN: six parallel connections" "^pn1 x6$" "$(ask gn tcp $GA2 8080 --parallel 6)"
check "the second outside host is still refused" "^(refused|timeout)" "$(ask gn2 tcp $GA2 8080)"
resolve gn2 bob.example.net A >/dev/null
check "the second outside host asks for bob and reaches bob" "^pn2 sees 192.0.2.20:" "$(ask gn2 tcp $GA2 8080)"
check "GN still reaches alice" "^pn1 sees 192.0.2.10:" "$(ask gn tcp $GA2 8080)"

step "The permission ends; the open connection lives on."
resolve gn alice.example.net A >/dev/null
rm -f "$LAB_DIR/hold" # the shell empties it later than the next line may look
on gn "$LAB_PYTHON" "$LAB_HERE/peer.py" ask tcp $GA2 8080 --hold 10 >"$LAB_DIR/hold" 2>&1 &
hold=$!
await 3 grep -q first "$LAB_DIR/hold"
await 10 eval '! control rc | grep -q "192.0.2.10 "'
await 5 eval '[[ $(ask gn tcp 203.0.113.1 8080) =~ refused|timeout ]]'
check "after the lifetime GN is refused again" "^(refused|timeout)" "$(ask gn tcp $GA2 8080)"
wait "$hold"
check "the connection opened before is alive" "last pn1 sees 192.0.2.10:" "$(cat "$LAB_DIR/hold")"

step "Destinations that know nothing of NTS."
answer=$(timed quiet.example.net)
check "a silent one is answered after its time ($answer ms)" "^198.51.100.55 (2[5-9]|[3-7][0-9])[0-9]$" "$answer"
answer=$(timed quiet.example.net)
check "the second time at once ($answer ms)" "^198.51.100.55 ([0-9]{1,2}|1[0-9]{2}|2[0-4][0-9])$" "$answer"
answer=$(timed closed.example.net)
check "one with a closed port is answered at once ($answer ms)" "^198.51.100.54 ([0-9]{1,2}|1[0-9]{2}|2[0-4][0-9])$" "$answer"

step "The owner takes a permission back."
resolve gn alice.example.net A >/dev/null
rm -f "$LAB_DIR/hold" # the shell empties it later than the next line may look
on gn "$LAB_PYTHON" "$LAB_HERE/peer.py" ask tcp $GA2 8080 --hold 4 --timeout 1 >"$LAB_DIR/hold" 2>&1 &
hold=$!
await 3 grep -q first "$LAB_DIR/hold"
check "toriictl router deny" "1 permissions ended" "$(control deny alice.example.net 192.0.2.10)"
wait "$hold"
check "the flow ends" "broken" "$(cat "$LAB_DIR/hold")"
resolve gn alice.example.net A >/dev/null
check "...and GN is not let in again" "^(refused|timeout)" "$(ask gn tcp $GA2 8080)"

step "The agent is killed with holes open."
resolve gn2 bob.example.net A >/dev/null
check "a hole is open" "^pn2 " "$(ask gn2 tcp $GA2 8080)"
kill -KILL "$(agent_pid)"
await 3 eval '! on router1 nft list tables | grep -q torii'
check "none of our tables is left" "^table inet firewall$" "$(on router1 nft list tables)"
check "the second outside host is refused" "^(refused|timeout)" "$(ask gn2 tcp $GA2 8080)"
check "the user's firewall is what it was" "^$before$" "$(on router1 nft -s list table inet firewall | sha256sum)"
start_router router1
check "started again, it knows its hosts" "alice.example.net. +192.168.1.11" "$(control phl)"
resolve gn2 bob.example.net A >/dev/null
check "...and opens again" "^pn2 " "$(ask gn2 tcp $GA2 8080)"
check "toriictl router stop" "stopp" "$(control stop)"
await 5 eval '! on router1 nft list tables | grep -q torii'
check "stopped, it leaves nothing" "^table inet firewall$" "$(on router1 nft list tables)"
