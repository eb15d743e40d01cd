#!/bin/bash
# More of the NAT-traversal story: the cases of the papers and the attacks, one after another, against the small
# independent server of nts_server.py. Root. TORII_BIN is the folder of the programs. ROUNDS (10) is how often the
# case of two askers behind one NAT, and the kill, are tried. LAB_KEEP=1 keeps the logs.
set -uo pipefail
# shellcheck source=Tests/SystemTests/Lab/network.sh
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
ROUNDS=${ROUNDS:-10}
# shellcheck source=Tests/SystemTests/Lab/agent.sh
. "$LAB_HERE/agent.sh"

router() { # HOST SERVERS [MORE YAML LINES]
    mkdir -p "$LAB_DIR/$1"
    {
        echo "router: { outside: wan, inside: [ lan ], icmp: true, state-directory: state }"
        echo "control: { socket: run/torii-router.sock }"
        echo "servers: $2"
        echo "keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]"
        echo "permissions: { lifetime: 8s, max-lifetime: 8s }"
        echo "log: { level: debug }"
        if [ -n "${3:-}" ]; then echo "$3"; else echo "hosts: { suffixes: [ example.net. ] }"; fi
    } >"$LAB_DIR/$1/torii-router.yaml"
    start "$1" "$1.log" "$BIN/torii-router" --config "$LAB_DIR/$1/torii-router.yaml"
    ROUTER_PID=$LAB_PID
    await 30 on "$1" "$BIN/toriictl" router status --socket "$LAB_DIR/$1/run/torii-router.sock"
}
server() { # FORM
    start server server.log "$LAB_PYTHON" "$LAB_HERE/nts_server.py" --zone example.net --form "$1" --router6 2001:db8:0:113::1 \
        --key "router1.example.:$KEY" --name alice.example.net=$GA2 --name bob.example.net=$GA2 \
        --name alice.example.net=2001:db8:1:1::11 --name carol.example.net=$GA2
    SERVER_PID=$LAB_PID
    await 10 grep -q ready "$LAB_DIR/server.log"
}
resolve() { local host=$1; shift; on "$host" dig @198.51.100.53 +tries=1 +time=5 +short "$@" 2>&1; }

step "A home with an agent, and its hosts."
lab_up || exit 1
serve 8080 pn1 pn2 pn3
SERVERS='[ { address: 198.51.100.53, forms: [ v1, v2, icmp ], key: router1.example. } ]'
router router1 "$SERVERS" || { echo "  FAIL  torii-router does not start"; FAILED=1; exit 1; }
ROUTER_1=$ROUTER_PID
server v1

step "Registration over TCP, in many small pieces, and of a name that another holds."
check "alice over UDP" "^$" "$(register pn1 alice $GA2)"
check "bob over TCP" "^$" "$(on pn2 "$LAB_PYTHON" "$LAB_HERE/pieces.py" 198.51.100.53 bob.example.net $GA2)"
await 3 eval 'control router1 phl | grep -q bob'
check "both are in the Private Host List" "alice.example.net. +192.168.1.11 .*bob.example.net. +192.168.1.12 " "$(control router1 phl)"
register pn2 alice $GA2 >/dev/null
check "pn2 claims alice, who stays with pn1" "alice.example.net. +192.168.1.11 " "$(control router1 phl)"
check "...and the conflict is counted" "^1" "$(figure router1 'outcome="conflict"')"
register pn1 mallory $GA2 >/dev/null
on pn1 nsupdate >/dev/null 2>&1 <<U
server 198.51.100.54
zone example.net
update add trudy.example.net. 60 A $GA2
send
U
check "an update that nobody confirmed enters nothing" "^0$" "$(control router1 phl | grep -c trudy)"

step "Two askers behind one NAT, at the same instant."
good=0
for round in $(seq "$ROUNDS"); do
    moment=$((EPOCHSECONDS + 1)).2
    on pn5 "$LAB_PYTHON" "$LAB_HERE/visit.py" "$moment" 198.51.100.53 alice.example.net 8080 >"$LAB_DIR/five" 2>&1 &
    five=$!
    on pn6 "$LAB_PYTHON" "$LAB_HERE/visit.py" "$moment" 198.51.100.53 bob.example.net 8080 >"$LAB_DIR/six" 2>&1 &
    six=$!
    wait "$five" "$six"
    if grep -q "^pn1 " "$LAB_DIR/five" && grep -q "^pn2 " "$LAB_DIR/six"; then good=$((good + 1))
    else echo "        round $round: pn5 got $(cat "$LAB_DIR/five"), pn6 got $(cat "$LAB_DIR/six")"; fi
    control router1 deny all >/dev/null
done
check "each reached its own host, every time" "^$ROUNDS of $ROUNDS$" "$good of $ROUNDS"

step "From one home to another."
resolve pn4 alice.example.net >/dev/null
check "pn4 reaches pn1, which sees pn4's router" "^pn1 sees 203.0.113.2:" "$(ask pn4 tcp $GA2 8080)"

step "A home inside a home."
router router2 '[ { address: 192.168.1.1, forms: [ v1 ] } ]'
check "carol registers through both routers" "^$" "$(register pn3 carol $GA2)"
await 3 eval 'control router1 phl | grep -q carol'
check "the outer router knows the inner one as carol" "carol.example.net. +192.168.1.2 " "$(control router1 phl)"
check "the inner router knows carol herself" "carol.example.net. +10.2.0.13 " "$(control router2 phl)"
resolve gn2 carol.example.net >/dev/null
check "the second outside host reaches carol through both" "^pn3 sees 192.0.2.20:" "$(ask gn2 tcp $GA2 8080)"
check "the inner router has an entry of its own" "192.0.2.20 +carol.example.net. +10.2.0.13" "$(control router2 rc)"

step "What nobody may open."
control router1 deny all >/dev/null
rc() { control router1 rc | tail -n +2 | grep -c .; }
on gn2 "$LAB_PYTHON" "$LAB_HERE/attack.py" v1 $GA2 192.0.2.20 alice.example.net
check "a notification from a stranger opens nothing" "^0$" "$(rc)"
on gn2 "$LAB_PYTHON" "$LAB_HERE/attack.py" noise $GA2 500
check "noise does not hurt" "state: running" "$(control router1 status)"
check "the strangers are counted" "^[1-9]" "$(figure router1 'reason="stranger"')"
on server "$LAB_PYTHON" "$LAB_HERE/attack.py" noise $GA2 500
check "noise from the server's address does not hurt" "state: running" "$(control router1 status)"
check "a replayed v2 message opens nothing" "first NOERROR, again silence, later 0 new" \
    "$(on server "$LAB_PYTHON" "$LAB_HERE/attack.py" replay $GA2 192.0.2.66 alice.example.net "$KEY")"
check "...and is counted" "^[1-9]" "$(figure router1 'reason="replay"')"
check "a wrong key is told NOTAUTH and opens nothing" "NOTAUTH" \
    "$(on server "$LAB_PYTHON" "$LAB_HERE/attack.py" v2 $GA2 192.0.2.67 alice.example.net AAAAAAAAAAAAAAAAAAAAAA==)"
check "the Private Host List by signed dig" "alice.example.net. 192.168.1.11 update" \
    "$(on server dig @$GA2 -p 20053 +short +tries=1 -y "hmac-sha256:router1.example.:$KEY" phl.nts. TXT)"
check "nsupdate -y drives v2 by hand" "192.0.2.68 +alice.example.net." "$(
    printf 'server %s 20053\nzone nts\nupdate add alice.example.net. 8 A 192.0.2.68\nsend\n' $GA2 |
        on server nsupdate -y "hmac-sha256:router1.example.:$KEY" 2>&1; control router1 rc)"
resolve server alice.example.net >/dev/null
check "the server, itself an asker, still reaches the agent" "response" "$(tail -n 1 "$LAB_DIR/server.log"; resolve server alice.example.net >/dev/null; tail -n 1 "$LAB_DIR/server.log")"

step "IPv6 needs no translation, only a pinhole."
kill "$SERVER_PID" 2>/dev/null; wait "$SERVER_PID" 2>/dev/null
server v2
check "alice registers over IPv6" "^$" "$(on pn1 nsupdate 2>&1 <<U
server 198.51.100.53
zone example.net
update add alice.example.net. 60 AAAA 2001:db8:1:1::11
send
U
)"
check "the owner gives alice's IPv6 address" "alice.example.net. is" "$(control router1 host add alice.example.net. 192.168.1.11; control router1 host add alice.example.net. 2001:db8:1:1::11)"
check "before: refused" "^(refused|timeout)" "$(ask gn tcp 2001:db8:1:1::11 8080)"
on gn dig @198.51.100.53 +short alice.example.net AAAA >/dev/null
check "GN asks over IPv4: its IPv6 address is not known, nothing opens" "^(refused|timeout)" "$(ask gn tcp 2001:db8:1:1::11 8080)"
printf 'server %s 20053\nzone nts\nupdate add alice.example.net. 8 AAAA 2001:db8:0:2::10\nsend\n' $GA2 |
    on server nsupdate -y "hmac-sha256:router1.example.:$KEY"
check "the pinhole opens for GN" "^pn1 sees \[2001:db8:0:2::10\]" "$(ask gn tcp 2001:db8:1:1::11 8080)"
check "...and for nobody else" "^(refused|timeout)" "$(ask gn2 tcp 2001:db8:1:1::11 8080)"

step "Lease files and the owner's rules, after a reload."
printf '%s 02:00:00:00:00:01 192.168.1.12 printer 01:02\n' "$(($(date +%s) + 3600))" >"$LAB_DIR/leases"
cat >>"$LAB_DIR/router1/torii-router.yaml" <<Y
nftables: { table: torii }
Y
sed -i "s|^hosts: .*|hosts: { suffixes: [ example.net. ], leases: [ { file: $LAB_DIR/leases, format: dnsmasq, suffix: example.net. } ], static: [ { name: web.example.net., address: 192.168.1.12, allow: [ tcp/8081 ] } ] }|" "$LAB_DIR/router1/torii-router.yaml"
check "toriictl router reload" "reloaded" "$(control router1 reload)"
check "the lease is in the list" "printer.example.net. +192.168.1.12 .*lease" "$(control router1 phl)"
printf 'server %s 20053\nzone nts\nupdate add web.example.net. 8 A 192.0.2.20\nsend\n' $GA2 |
    on server nsupdate -y "hmac-sha256:router1.example.:$KEY"
check "a host with a list of ports is reached at no other" "^timeout" "$(ask gn2 tcp $GA2 8080 --timeout 1)"
check "an error in the file leaves the old configuration" "unknown key" "$(echo 'nonsense: 1' >>"$LAB_DIR/router1/torii-router.yaml"; control router1 reload)"
sed -i '/nonsense/d' "$LAB_DIR/router1/torii-router.yaml"

step "The kill switch."
check "pause" "paused" "$(control router1 pause)"
resolve gn alice.example.net A >/dev/null
check "nothing opens" "^(refused|timeout)" "$(ask gn tcp $GA2 8080)"
control router1 resume >/dev/null
resolve gn alice.example.net A >/dev/null
check "resumed, it does" "^pn1 " "$(ask gn tcp $GA2 8080)"
check "the doctor finds nothing wrong" "^0$" "$(control router1 doctor | grep -c ^problem)"
on router1 nft flush chain inet firewall forward
check "...until the firewall refuses what we let in" "problem: chain forward" "$(control router1 doctor)"

step "Killed at any moment, it leaves nothing, and comes back."
good=0
for round in $(seq "$ROUNDS"); do
    (for n in 1 2 3 4 5 6; do resolve gn alice.example.net A; done >/dev/null 2>&1) &
    burst=$!
    read -rt "0.0$((RANDOM % 10))" <> <(:) || true
    kill -KILL "$(pgrep -n -P "$ROUTER_1" || echo "$ROUTER_1")" 2>/dev/null
    await 5 eval '! on router1 nft list tables | grep -q "inet torii"' && good=$((good + 1))
    wait "$burst"
    start router1 router1.log "$BIN/torii-router" --config "$LAB_DIR/router1/torii-router.yaml"
    ROUTER_1=$LAB_PID
    await 30 on router1 "$BIN/toriictl" router status --socket "$LAB_DIR/router1/run/torii-router.sock"
done
check "no table outlived its agent" "^$ROUNDS of $ROUNDS$" "$good of $ROUNDS"
check "the list is still there" "bob.example.net. +192.168.1.12 " "$(control router1 phl)"
