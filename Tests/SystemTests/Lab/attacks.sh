#!/bin/bash
# What enemies of a router try, outside and inside, each attempted and refused; and the agent killed at random moments.
# Root. TORII_BIN is the folder of the programs. ROUNDS (5) is how often the agent is killed.
set -uo pipefail
# shellcheck source=Tests/SystemTests/Lab/network.sh
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
LAB_HOSTS="core gn gn2 server second silent router1 pn1 pn2 router2 pn3"
LAB_ROUTERS="router1 router2"
# shellcheck source=Tests/SystemTests/Lab/agent.sh
. "$LAB_HERE/agent.sh"

tool() { local host=$1 name=$2; shift 2; on "$host" "$LAB_PYTHON" "$LAB_HERE/$name.py" "$@" 2>&1; }
hex() { printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n'; }
# A v1 notification that lets ADDRESS in to NAME, in hexadecimal digits.
v1() { # ADDRESS NAME
    local text; text=$(hex "$2")
    printf '070100%02x' ${#2}
    # shellcheck disable=SC2046
    printf '%02x' $(tr . ' ' <<<"$1")
    printf '%s%*s' "$text" $((64 - ${#text})) '' | tr ' ' 0
}

lab_up || exit 1
serve 8080 pn1 pn2 pn3
start pn1 talk.log "$LAB_PYTHON" "$LAB_HERE/talk.py" serve 7000
run_server server 198.51.100.53 || { echo "  FAIL  the server does not start"; FAILED=1; exit 1; }
# An accomplice outside that confirms every update.
start second server2.log "$LAB_PYTHON" "$LAB_HERE/nts_server.py" --zone example.net
configure router1 <<Y
router: { outside: wan, inside: [ lan ], icmp: true, state-directory: state }
servers: [ { address: 198.51.100.53, forms: [ v2 ], key: router1.example. } ]
hosts:
  ddns-servers: [ 198.51.100.53 ]
  suffixes: [ example.net. ]
  static: [ { name: web.example.net., address: 192.168.1.12, allow: [ tcp/8080 ] } ]
permissions:
  lifetime: 8s
  max-lifetime: 30s
  inner-routers: [ 192.168.1.2 ]
  inner-key: router1.example.
  limits: { entries: 600, per-gn: 4, per-server: 500, per-host: 400, openings-per-minute: 30 }
Y
run_agent router1
register pn1 alice $GA2 >/dev/null
await 3 eval 'control router1 phl | grep -q alice'

step "Forged and repeated notifications (N2)."
tool gn2 spoof 198.51.100.53 4000 $GA2 20053 "$(v1 192.0.2.20 alice.example.net)"
check "v1 in the name of a server that speaks v2 alone" "^0$" "$(rc)"
tool gn2 attack v1 $GA2 192.0.2.20 alice.example.net
tool gn2 attack v2 $GA2 192.0.2.20 alice.example.net "$KEY" >/dev/null
check "a stranger, even with the key" "^0$" "$(rc)"
check "...are counted" "^[1-9]" "$(figure router1 'reason="stranger"')"
check "a replay opens nothing" "first NOERROR, again silence, later 0 new" \
    "$(tool server attack replay $GA2 192.0.2.66 alice.example.net "$KEY")"
check "a wrong key" "NOTAUTH" "$(tool server attack v2 $GA2 192.0.2.67 alice.example.net AAAAAAAAAAAAAAAAAAAAAA==)"
tool pn2 attack v1 192.168.1.1 192.0.2.20 alice.example.net
tool pn2 attack v1 $GA2 192.0.2.20 alice.example.net
check "a neighbour inside" "^1$" "$(rc)" # the one of the replay test
on gn2 ping -c 1 -W 1 -s 72 -p 01 $GA2 >/dev/null 2>&1
check "an echo from a stranger is the kernel's ping" "^1$" "$(rc)"
control router1 deny all >/dev/null

step "A forged asker."
notify 192.0.2.10 web.example.net. >/dev/null
check "GN's source in another's UDP does not pass a host with ports" "^0$" "$(
    tool gn2 spoof 192.0.2.10 4000 $GA2 8080 00; read -rt 0.2 <> <(:)
    on router1 conntrack -L -p udp -s 192.0.2.10 --dport 8080 2>/dev/null | grep -c .)"
check "...and GN still gets in: a window is not used up" "^pn2 " "$(ask gn tcp $GA2 8080)"

step "The Request Cache is exhausted (N3)."
notify 192.0.2.10 alice.example.net. 30 >/dev/null
on gn "$LAB_PYTHON" "$LAB_HERE/peer.py" ask tcp $GA2 8080 --hold 3 >"$LAB_DIR/hold" 2>&1 &
hold=$!
await 3 grep -q first "$LAB_DIR/hold"
check "3000 askers, one server" "^granted [1-4][0-9]*, refused 2[0-9]*, silent 0$" "$(tool server attack flood $GA2 3000 alice.example.net "$KEY")"
check "the bound held" "^yes$" "$([ "$(rc)" -le 500 ] && echo yes)"
check "...is counted by its name" "^[1-9]" "$(figure router1 'bound="host"')"
check "the agent lives" "state: running" "$(control router1 status)"
wait "$hold"
check "the flow that was open lives on" "last pn1" "$(cat "$LAB_DIR/hold")"
control router1 deny all >/dev/null
for _ in $(seq 31); do notify 192.0.2.20 web.example.net. 1; control router1 deny all >/dev/null; done >"$LAB_DIR/openings" 2>&1
check "one asker opens so often in a minute, and no more" "REFUSED" "$(tail -n 3 "$LAB_DIR/openings")"
check "...counted" "^[1-9]" "$(figure router1 'bound="rate"')"

step "Names that are another's (N4)."
register pn2 alice $GA2 >/dev/null
check "alice stays with pn1" "alice.example.net. +192.168.1.11 " "$(control router1 phl)"
check "...a conflict, logged and counted" "^[1-9]" "$(figure router1 'outcome="conflict"')"
check "...with both addresses" "holder=192.168.1.11 claimed-by=192.168.1.12" "$(cat "$LAB_DIR/router1.log")"
on pn2 nsupdate >/dev/null 2>&1 <<U
server 198.51.100.54
zone example.net
update add mallory.example.net. 60 A $GA2
send
U
check "an accomplice's server does not count" "^0$" "$(control router1 phl | grep -c mallory)"
on pn2 nsupdate >/dev/null 2>&1 <<U
server 198.51.100.53
zone example.org
update add self.example.org. 60 A $GA2
send
U
check "nor a foreign zone" "^0$" "$(control router1 phl | grep -c example.org)"
register pn2 rdata 192.168.1.11 >/dev/null
await 2 eval 'control router1 phl | grep -q rdata'
check "the address is the packet's source, whatever the record says" "rdata.example.net. +192.168.1.12 " "$(control router1 phl)"
tool pn2 spoof 192.168.1.1 4000 198.51.100.53 53 "$(printf '12342800000100000001000007%s03%s000006000104%sc00c00010001000000%02x0004cb007101' \
    "$(hex example)" "$(hex net)" "$(hex self)" 60)"
check "the router itself is no host" "^0$" "$(control router1 phl | grep -c '192.168.1.1 ')"
on pn2 nsupdate >/dev/null 2>&1 <<U
server 198.51.100.53
zone example.net
update delete alice.example.net. A
send
U
check "another's deletion takes nothing away" "alice.example.net. +192.168.1.11 " "$(control router1 phl)"

step "The router inside: its neighbours cannot open it, the router outside can."
configure router2 <<Y
router: { outside: wan, inside: [ lan ], state-directory: state }
servers: [ { address: 192.168.1.1, forms: [ v2 ], key: router1.example. } ]
hosts: { suffixes: [ example.net. ] }
Y
outer=$AGENT_PID
run_agent router2
inner=$AGENT_PID; AGENT_PID=$outer
register pn3 carol $GA2 >/dev/null
await 2 eval 'control router1 phl | grep -q carol'
tool pn1 spoof 192.168.1.1 4000 192.168.1.2 20053 "$(v1 192.0.2.20 carol.example.net)"
tool pn1 attack v1 192.168.1.2 192.0.2.20 carol.example.net
check "a neighbour in the outer router's name" "^0$" "$(control router2 rc | tail -n +2 | grep -c .)"
check "the outer router, with its key" "^$" "$(notify 192.0.2.10 carol.example.net.)"
check "...opens both" "192.0.2.10 +carol.example.net. +10.2.0.13" "$(control router2 rc)"
check "GN reaches the host inside both" "^pn3 sees 192.0.2.10" "$(ask gn tcp $GA2 8080)"
kill "$inner"; wait "$inner" 2>/dev/null

step "Services of the router itself."
control router1 deny all >/dev/null
notify 198.51.100.53 alice.example.net. 8 >/dev/null
check "the server, itself an asker, still reaches the agent" "^$" "$(notify 192.0.2.10 alice.example.net.)"
check "...and GN gets in" "^pn1 " "$(ask gn tcp $GA2 8080)"

step "Revoked, though the host inside talks first."
control router1 deny all >/dev/null
notify 192.0.2.10 alice.example.net. 20 >/dev/null
on gn "$LAB_PYTHON" "$LAB_HERE/talk.py" listen $GA2 7000 5 >"$LAB_DIR/talk" 2>&1 &
talk=$!
await 3 grep -q connected "$LAB_DIR/talk"
read -rt 1 <> <(:) || true
check "deny" "1 permissions ended" "$(control router1 deny alice.example.net 192.0.2.10)"
wait "$talk"
check "GN hears no more" "^heard for ([0-9]|1[0-9]|2[0-4])$" "$(tail -n 1 "$LAB_DIR/talk")"
check "no way back through the other direction" "^0$" "$(on router1 conntrack -L 2>/dev/null | grep -c 'src=192.168.1.11 dst=192.0.2.10.*ASSURED')"
control router1 allow alice.example.net 192.0.2.10 >/dev/null

step "Others and our table."
check "nobody else changes it" "Operation not permitted" "$(on router1 nft add element inet torii win4 '{ 192.0.2.99 timeout 1h }' 2>&1)"
on router1 nft flush ruleset
check "a flush of everything leaves it" "table inet torii" "$(on router1 nft list tables)"
on router1 nft -f "$LAB_DIR/firewall"
check "a second agent on the same router gives up" "^1$" "$(
    sed 's|run/torii-router.sock|run/other.sock|' "$LAB_DIR/router1/torii-router.yaml" >"$LAB_DIR/router1/other.yaml"
    on router1 timeout 10 "$BIN/torii-router" --config "$LAB_DIR/router1/other.yaml" >/dev/null 2>&1; echo $?)"

step "Killed $ROUNDS times at random moments, with holes open and notifications on their way (N6)."
sed -i 's/openings-per-minute: 30/openings-per-minute: 1000000/' "$LAB_DIR/router1/torii-router.yaml"
control router1 reload >/dev/null
gone=0; shut=0; back=0; again=0
for round in $(seq "$ROUNDS"); do
    (for _ in 1 2 3 4; do notify 192.0.2.10 alice.example.net. 30; notify 192.0.2.20 web.example.net. 30; done) >/dev/null 2>&1 &
    burst=$!
    read -rt "0.$(printf %03d $((RANDOM % 300)))" <> <(:) || true
    kill_agent
    await 5 eval '! on router1 nft list tables | grep -q torii' && gone=$((gone + 1))
    [[ $(ask gn tcp $GA2 8080) == refused ]] && shut=$((shut + 1))
    kill "$burst" 2>/dev/null; wait "$burst" 2>/dev/null
    run_agent router1
    [[ $(control router1 phl) =~ alice.example.net.\ +192.168.1.11 ]] && back=$((back + 1))
    notify 192.0.2.10 alice.example.net. 8 >/dev/null
    [[ $(ask gn tcp $GA2 8080) == pn1* ]] && again=$((again + 1))
done
check "no table outlived its agent" "^$ROUNDS of $ROUNDS$" "$gone of $ROUNDS"
check "no hole either" "^$ROUNDS of $ROUNDS$" "$shut of $ROUNDS"
check "the list came back" "^$ROUNDS of $ROUNDS$" "$back of $ROUNDS"
check "and the way opens again" "^$ROUNDS of $ROUNDS$" "$again of $ROUNDS"
control router1 deny all >/dev/null
check "what was signed before the agent began is refused: its memory of MACs begins anew" "NOTAUTH" \
    "$(tool server attack before $GA2 192.0.2.77 alice.example.net "$KEY" 200)"
check "...and opens nothing" "^0$" "$(rc)"
