#!/bin/bash
# toriid and torii-router together: the cases of the papers and the attacks that need both. Root. TORII_BIN is the
# folder of the programs. ROUNDS (3): how often two askers behind one NAT are tried; KILLS (5): how often the server is
# killed; SECONDS_BROWSING (10): how long a browser-like client comes back. LAB_KEEP=1 keeps the logs.
set -uo pipefail
# shellcheck source=Tests/SystemTests/Lab/network.sh
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
ROOT=$(cd "$LAB_HERE/../../.." && pwd)
BIN=${TORII_BIN:-$ROOT/.build/debug}
ROUNDS=${ROUNDS:-3} KILLS=${KILLS:-5} BROWSING=${SECONDS_BROWSING:-10}
if [ "$(id -u)" -ne 0 ]; then echo "together: needs root, for network namespaces" >&2; exit 77; fi
export SWIFT_BACKTRACE=enable=no

STEPS=0; FAILED=0
step() { printf '\n%s\n' "$*"; }
check() { # TEXT REGEX ACTUAL
    STEPS=$((STEPS + 1))
    local actual=${3//$'\n'/ | }
    [ ${#actual} -le 100 ] || actual="${actual:0:97}..."
    if [[ $3 =~ $2 ]]; then printf '  ok    %-66s %s\n' "$1" "$actual"
    else printf '  FAIL  %-66s got "%s", want /%s/\n' "$1" "$3" "$2"; FAILED=$((FAILED + 1)); fi
}
finish() {
    local code=$?
    if [ "$FAILED" -gt 0 ] && [ -n "$LAB_DIR" ]; then
        for log in "$LAB_DIR"/router1.log "$LAB_DIR"/server.log; do
            [ -s "$log" ] && { printf '\n--- the last of %s\n' "$log"; tail -n 30 "$log"; }
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
LIFETIME=4

configure_server() { # FORM VALIDATED
    mkdir -p "$LAB_DIR/server"
    [ -e "$LAB_DIR/server/zone" ] || cat >"$LAB_DIR/server/zone" <<'Z'
$ORIGIN example.net.
$TTL 300
@       SOA  ns1 hostmaster 1 3600 600 86400 60
@       NS   ns1
ns1     TXT  here
quiet   A    198.51.100.55
closed  A    198.51.100.54
nat     A    203.0.113.2
nobody  A    203.0.113.1
alice   AAAA 2001:db8:1:1::11
alice   HTTPS 1 . alpn=h2
shop    A    203.0.113.1
shop    HTTPS 1 . alpn=h2 port=8081
_shop._tcp SRV 0 0 8081 shop
Z
    for n in $(seq 40); do echo "name$n A $GA2"; done >"$LAB_DIR/server/names"
    grep -q name40 "$LAB_DIR/server/zone" || cat "$LAB_DIR/server/names" >>"$LAB_DIR/server/zone"
    cat >"$LAB_DIR/server/torii.yaml" <<Y
server: { state-directory: state, workers: 2 }
listen: [ { address: 198.51.100.53, port: 53 }, { address: "2001:db8:0:51::53", port: 53 } ]
control: { socket: run/torii.sock }
keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]
zones:
  - { name: example.net, kind: primary, file: zone, nts: true, update: [ { from: 0.0.0.0/0, action: allow } ] }
nts:
  source: { address: 198.51.100.53, port: 20053 }
  form: $([ "$1" = v2 ] && echo v1 || echo "$1")
  lifetime: ${LIFETIME}s
  validated-clients: [ $2 ]
$([ "$1" = v2 ] && echo "  targets: { routers: [ { address: $GA2, form: v2, key: router1.example., prefixes: [ \"2001:db8:1:1::/64\" ] } ] }")
Y
}
start_server() {
    start server server.log "$BIN/toriid" --config "$LAB_DIR/server/torii.yaml"
    SERVER_PID=$LAB_PID
    await 20 on server dig @198.51.100.53 +tries=1 +time=1 +short ns1.example.net TXT
}
server_process() { pgrep -n -P "$SERVER_PID" || echo "$SERVER_PID"; }
daemon() { on server "$BIN/toriictl" "$@" --socket "$LAB_DIR/server/run/torii.sock" 2>&1; }
server_figure() { daemon stats | awk -F= -v key="$1" '$1 == key { print $2; exit }'; }
control() { local host=$1; shift; on "$host" "$BIN/toriictl" router "$@" --socket "$LAB_DIR/$host/run/torii-router.sock" 2>&1; }
start_router() { # HOST SERVERS
    mkdir -p "$LAB_DIR/$1"
    cat >"$LAB_DIR/$1/torii-router.yaml" <<Y
router: { outside: wan, inside: [ lan ], icmp: true, state-directory: state }
control: { socket: run/torii-router.sock }
servers: $2
keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]
hosts:
  suffixes: [ example.net. ]
$([ "$1" = router1 ] && echo "  static: [ { name: shop.example.net., address: 192.168.1.11, granted-ports: [ tcp/8081 ] } ]")
permissions: { lifetime: ${LIFETIME}s, max-lifetime: ${LIFETIME}s, limits: { per-gn: 16 } }
log: { level: debug }
Y
    start "$1" "$1.log" "$BIN/torii-router" --config "$LAB_DIR/$1/torii-router.yaml"
    ROUTER_PID=$LAB_PID
    await 20 on "$1" "$BIN/toriictl" router status --socket "$LAB_DIR/$1/run/torii-router.sock"
}
register() { # HOST NAME ADDRESS
    on "$1" nsupdate 2>&1 <<U
server 198.51.100.53
zone example.net
update delete $2.example.net. A
update add $2.example.net. 60 A $3
send
U
}
resolve() { local host=$1; shift; on "$host" dig @198.51.100.53 +tries=1 +time=5 +short "$@" 2>&1; }
# timed HOST NAME [TYPE]: the answer, and the milliseconds that dig says it took; its own start does not count.
timed() {
    on "$1" dig @198.51.100.53 +tries=1 +time=5 +noall +answer +stats "${@:2}" 2>&1 |
        awk '/Query time/ { took = $4 } $4 == "A" { address = $5 } END { print address, took }'
}
quick() { # TEXT ADDRESS BELOW [AT LEAST] ACTUAL...: "ADDRESS MILLISECONDS"
    local text=$1 address=$2 below=$3 least=$4; shift 4
    local -a words; read -ra words <<<"$*"
    check "$text (${words[1]:-?} ms)" "^yes$" \
        "$([ "${words[0]}" = "$address" ] && [ "${words[1]}" -lt "$below" ] && [ "${words[1]}" -ge "$least" ] && echo yes || echo "$*")"
}

step "The papers' sequence, in all three forms, server and router both ours."
lab_up || exit 1
serve 8080 pn1 pn2 pn3 second
serve 8081 pn1
start_router router1 '[ { address: 198.51.100.53, forms: [ v1, v2, icmp ], key: router1.example. } ]' ||
    { echo "  FAIL  torii-router does not start"; FAILED=1; exit 1; }
for form in v1 icmp v2; do
    configure_server $form 203.0.113.0/24
    if [ $form = v1 ]; then
        start_server || { echo "  FAIL  the server does not start"; FAILED=1; exit 1; }
        check "alice registers" "^$" "$(register pn1 alice $GA2)"
        check "bob registers" "^$" "$(register pn2 bob $GA2)"
        await 3 eval 'control router1 phl | grep -q bob'
    else
        check "$form: the server changes its form without a restart" "reloaded|^$" "$(daemon reload)"
    fi
    case $form in v1) asker=gn seen=192.0.2.10 ;; icmp) asker=gn2 seen=192.0.2.20 ;; v2) asker=pn4 seen=203.0.113.2 ;; esac
    check "$form: before, GN is refused" "^(refused|timeout)" "$(ask $asker tcp $GA2 8080)"
    check "$form: GN asks" "^$GA2$" "$(resolve $asker alice.example.net)"
    check "$form: GN reaches alice" "^pn1 sees $seen:" "$(ask $asker tcp $GA2 8080)"
done

step "Destinations that are no NTS routers, of five kinds."
configure_server v1 203.0.113.0/24; daemon reload >/dev/null
daemon nts forget 198.51.100.54 >/dev/null
quick "a host with a closed port is answered at once" 198.51.100.54 250 0 "$(timed gn closed.example.net)"
quick "an ordinary NAT is answered at once" 203.0.113.2 250 0 "$(timed gn nat.example.net)"
quick "a silent host is answered after its time" 198.51.100.55 800 250 "$(timed gn quiet.example.net)"
quick "...the second time at once" 198.51.100.55 250 0 "$(timed gn quiet.example.net)"
quick "a router that refuses the name is answered at once" $GA2 250 0 "$(timed gn nobody.example.net)"
for target in 198.51.100.54 203.0.113.2 198.51.100.55; do daemon nts forget $target >/dev/null; done
configure_server icmp 203.0.113.0/24; daemon reload >/dev/null
quick "ICMP: a host that only answers echoes is answered at once" 198.51.100.54 250 0 "$(timed gn closed.example.net)"
check "...its echo came back unchanged" "^[1-9]" "$(server_figure torii_nts_unchanged_echoes_total)"
on silent ip route replace unreachable 203.0.113.2
configure_server v1 203.0.113.0/24; daemon reload >/dev/null

step "One NAT, two askers, the same instant; homes in homes; neighbours."
good=0
for round in $(seq "$ROUNDS"); do
    for pair in "pn5 alice five" "pn6 bob six"; do
        read -r host name file <<<"$pair"
        on "$host" sh -c "dig @198.51.100.53 +tries=1 +time=5 +short $name.example.net >/dev/null; exec $LAB_PYTHON $LAB_HERE/peer.py ask tcp $GA2 8080" >"$LAB_DIR/$file" 2>&1 &
    done
    wait %+ %- 2>/dev/null; wait "$!" 2>/dev/null
    await 6 test -s "$LAB_DIR/five" -a -s "$LAB_DIR/six"
    if grep -q "^pn1 " "$LAB_DIR/five" && grep -q "^pn2 " "$LAB_DIR/six"; then good=$((good + 1))
    else echo "        round $round: pn5 got $(cat "$LAB_DIR/five"), pn6 got $(cat "$LAB_DIR/six")"; fi
    await 10 eval '! control router1 rc | grep -q 203.0.113.4'
done
check "N7: two askers behind one NAT, each reaches its own host" "^$ROUNDS of $ROUNDS$" "$good of $ROUNDS"
check "...the server extended its holds for that" "^[1-9]" "$(server_figure torii_nts_pendings_total)"
resolve pn4 alice.example.net >/dev/null
check "from one home to another: pn1 sees pn4's router" "^pn1 sees 203.0.113.2:" "$(ask pn4 tcp $GA2 8080)"
check "a neighbour of alice gets her private address" "^192.168.1.11$" "$(resolve pn2 alice.example.net)"
check "...and reaches her without the router" "^pn1 sees 192.168.1.12:" "$(ask pn2 tcp 192.168.1.11 8080)"
start_router router2 '[ { address: 192.168.1.1, forms: [ v1 ] } ]'
check "carol registers through two routers" "^$" "$(register pn3 carol $GA2)"
await 3 eval 'control router1 phl | grep -q carol'
resolve gn2 carol.example.net >/dev/null
check "gn2 reaches carol through both" "^pn3 sees 192.0.2.20:" "$(ask gn2 tcp $GA2 8080)"

step "IPv6 needs a pinhole, opened by the server's AAAA."
configure_server v2 '203.0.113.0/24, "2001:db8::/32"'; daemon reload >/dev/null
control router1 host add alice.example.net. 192.168.1.11 >/dev/null
control router1 host add alice.example.net. 2001:db8:1:1::11 >/dev/null
check "before: refused" "^(refused|timeout)" "$(ask gn tcp 2001:db8:1:1::11 8080)"
check "GN asks for AAAA over IPv6" "^2001:db8:1:1::11$" "$(on gn dig @2001:db8:0:51::53 +tries=1 +time=4 +short alice.example.net AAAA)"
check "the pinhole is open for GN" "^pn1 sees \[2001:db8:0:2::10\]" "$(ask gn tcp 2001:db8:1:1::11 8080)"
check "...for nobody else" "^(refused|timeout)" "$(ask gn2 tcp 2001:db8:1:1::11 8080)"

step "A port for each (GN, PN), granted by the agent, carried by HTTPS and SRV answers."
answer=$(on gn2 dig @198.51.100.53 +tcp +short shop.example.net HTTPS)
port=$(sed -n 's/.*port="\{0,1\}\([0-9]*\).*/\1/p' <<<"$answer" | head -n 1)
check "the HTTPS record carries the granted port" "^1 \. .*port=" "$answer"
check "...which is not the host's own" "^yes$" "$([ "${port:-8081}" != 8081 ] && echo yes)"
check "a client that honours it reaches the host" "^pn1 sees 192.0.2.20:" "$(ask gn2 tcp $GA2 "${port:-1}")"
check "the host's own port stays closed" "^(refused|timeout)" "$(ask gn2 tcp $GA2 8081)"
check "the SRV record carries the same port" " $port shop.example.net.$" "$(on gn2 dig @198.51.100.53 +tcp +short _shop._tcp.example.net SRV)"

step "A client that comes back: six connections at a time, for $BROWSING s and more than one lifetime."
configure_server v1 '203.0.113.0/24, 192.0.2.0/24'; daemon reload >/dev/null
bad=0 total=0 end=$((SECONDS + BROWSING))
while [ $SECONDS -lt $end ]; do
    for n in 1 2 3 4 5 6; do on gn curl -s --max-time 3 http://alice.example.net:8080/ >"$LAB_DIR/curl$n" 2>&1 & CURLS[n]=$!; done
    for n in 1 2 3 4 5 6; do wait "${CURLS[n]}"; total=$((total + 1)); grep -q "^pn1 " "$LAB_DIR/curl$n" || bad=$((bad + 1)); done
    read -rt 0.7 <> <(:) || true
done
check "every page came ($total)" "^0 bad$" "$bad bad"
CHROMIUM=${CHROMIUM-$(command -v chromium-headless-shell || command -v chromium)}
if [ -n "$CHROMIUM" ]; then
    page=$(on gn timeout 60 "$CHROMIUM" --headless --no-sandbox --disable-gpu --dump-dom http://alice.example.net:8080/ 2>/dev/null)
    check "a browser shows alice's page" "pn1 sees 192.0.2.10" "$page"
fi

step "Attacks."
configure_server v1 203.0.113.0/24; daemon reload >/dev/null
await 12 eval '! control router1 rc | grep -q "192.0.2.10 "'
on gn2 "$LAB_PYTHON" "$LAB_HERE/attack.py" spoof 198.51.100.53 192.0.2.10 alice.example.net 50
check "N1: fifty questions with GN's address as forged source open nothing" "^0$" "$(control router1 rc | grep -c '192.0.2.10 ')"
check "...the server asked for proof" "^[1-9]" "$(server_figure torii_nts_validations_total)"
ROUTER1_AGENT=$(ip netns pids "$LAB-router1" | while read -r p; do grep -q torii-router "/proc/$p/comm" && echo "$p"; done)
kill -STOP $ROUTER1_AGENT
resolve gn alice.example.net >/dev/null & slow=$!
worst=0
for n in $(seq 20); do
    read -ra words <<<"$(timed gn ns1.example.net TXT)"
    [ "${words[0]}" -le "$worst" ] || worst=${words[0]}
done
wait $slow
check "N5: while a router hangs, other names are answered (worst $worst ms)" "^yes$" "$([ "$worst" -lt 150 ] && echo yes)"
quick "N5: the hanging router is left alone for a while" $GA2 250 0 "$(timed gn alice.example.net)"
kill -CONT $ROUTER1_AGENT
daemon nts forget $GA2 >/dev/null
for n in $(seq 40); do echo "name$n"; done | while read -r name; do control router1 host add "$name.example.net." 192.168.1.12 >/dev/null; done
begin=$(clock)
on gn2 sh -c 'for n in $(seq 40); do dig @198.51.100.53 +tcp +tries=1 +time=2 +short name$n.example.net >/dev/null; done'
took=$(($(clock) - begin))
open=$(control router1 rc | grep -c "192.0.2.20 ")
check "N8: a scanner of 40 names has at most one way open per address ($open)" "^[01]$" "$open"
exposure=$(awk -v t="$took" -v l="$LIFETIME" 'BEGIN { printf "%.1f", t / 1000 + l }')
echo "        exposure: at most $exposure s in all, for 40 lookups in $took ms with a lifetime of $LIFETIME s"
await 12 eval '! control router1 rc | grep -q "192.0.2.20 "'
check "...and none after the lifetime" "^0$" "$(control router1 rc | grep -c '192.0.2.20 ')"

check "...the agent reports it: unused ways of that network, and seconds open" "192.0.2.0/24 +[0-9]+ +[1-9][0-9]* +[1-9]" "$(control router1 askers)"

step "The server is killed at any moment."
good=0
for round in $(seq "$KILLS"); do
    # A stub asks again after a second, eight times.
    (for n in 1 2 3 4; do
        for try in 1 2 3 4 5 6 7 8; do
            on gn dig @198.51.100.53 +tries=1 +time=1 +short alice.example.net | grep "^203" && break
            read -rt 0.2 <> <(:) || true
        done
    done) >"$LAB_DIR/burst" 2>/dev/null &
    burst=$!
    read -rt "0.$((RANDOM % 3))$((RANDOM % 10))" <> <(:) || true
    kill -KILL "$(server_process)" 2>/dev/null; wait "$SERVER_PID" 2>/dev/null
    start_server
    wait $burst
    [ "$(grep -c "^$GA2$" "$LAB_DIR/burst")" = 4 ] && good=$((good + 1)) || cat "$LAB_DIR/burst"
done
check "every question was answered in the end" "^$KILLS of $KILLS$" "$good of $KILLS"
check "what was registered is still there" "^$GA2$" "$(resolve gn bob.example.net)"
check "...and the way opens again" "^pn2 sees 192.0.2.10:" "$(resolve gn bob.example.net >/dev/null; ask gn tcp $GA2 8080)"

step "With the server down, the second resolver answers, without traversal."
mkdir -p "$LAB_DIR/second"
sed -e 's/198.51.100.53/198.51.100.54/; s/, { address: "2001[^}]*}//; s/, nts: true//; /^nts:/,$d' "$LAB_DIR/server/torii.yaml" >"$LAB_DIR/second/torii.yaml"
{ cat "$LAB_DIR/server/zone"; echo "alice A $GA2"; } >"$LAB_DIR/second/zone"
start second second.log "$BIN/toriid" --config "$LAB_DIR/second/torii.yaml"
await 20 on second dig @198.51.100.54 +tries=1 +time=1 +short ns1.example.net TXT
control router1 deny all >/dev/null; await 12 eval '! control router1 rc | grep -q "192.0.2.10 "'
kill -KILL "$(server_process)"; wait "$SERVER_PID" 2>/dev/null
printf 'nameserver 198.51.100.53\nnameserver 198.51.100.54\noptions timeout:1 attempts:1\n' >"/etc/netns/$LAB-gn/resolv.conf"
check "the system's resolver gets the address" "^$GA2 " "$(on gn getent ahostsv4 alice.example.net)"
check "...but there is no way in" "^(refused|timeout)" "$(ask gn tcp $GA2 8080 --timeout 2)"

step "A port-bearing answer: a router that owns one port for each (GN, PN), and a client that reads HTTPS records."
kill -KILL $ROUTER1_AGENT 2>/dev/null
configure_server v2 '192.0.2.0/24'
start_server
start router1 small.log "$LAB_PYTHON" "$LAB_HERE/nts_router.py" --outside wan --host alice.example.net=192.168.1.11 \
    --grant alice.example.net=443 --key "router1.example.:$KEY" --lifetime 8
await 5 grep -q ready "$LAB_DIR/small.log"
serve 443 pn1
answer=$(resolve gn alice.example.net HTTPS)
check "the HTTPS record carries a port" 'port=400[0-9]+' "$answer"
port=$(sed -n 's/.*port="\{0,1\}\([0-9]*\).*/\1/p' <<<"$answer" | head -n 1)
check "a client that honours it reaches alice" "^pn1 sees 192.0.2.10:" "$(ask gn tcp $GA2 "${port:-1}")"
check "one that does not is refused" "^(refused|timeout)" "$(ask gn tcp $GA2 443)"
