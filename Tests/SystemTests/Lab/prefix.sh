#!/bin/bash
# The prefix service: the provider changes the delegated prefix and the outside address; the records in the DNS and the
# pinholes follow, also when the DNS server is down meanwhile. Root. TORII_BIN is the folder of the programs.
set -uo pipefail
# shellcheck source=Tests/SystemTests/Lab/network.sh
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
LAB_HOSTS="core gn gn2 server second silent router1 pn1 pn2"
LAB_ROUTERS="router1"
# shellcheck source=Tests/SystemTests/Lab/agent.sh
. "$LAB_HERE/agent.sh"

# The records, and nothing but the records: AXFR is not held for anybody.
record() { on server dig @198.51.100.53 +tries=1 +time=2 +noall +answer example.net AXFR | awk -v n="$1.example.net." -v t="$2" '$1 == n && $4 == t { print $5 }'; }
# The provider gives the home another prefix: on the router, on the host, and in the core.
renumber() { # OLD NEW, such as 2001:db8:1:1
    on core ip -6 route replace "$2::/64" via 2001:db8:0:113::1
    on pn1 ip addr add "$2::11/64" dev eth0 nodad
    on router1 ip addr add "$2::1/64" dev lan nodad
    [ -z "$1" ] && return
    on router1 ip addr del "$1::1/64" dev lan
    on pn1 ip addr del "$1::11/64" dev eth0
    on pn1 ip -6 route replace default via "$2::1"
}

lab_up || exit 1
serve 8080 pn1
SERVER_NTS=1
run_server server 198.51.100.53 || { echo "  FAIL  the server does not start"; FAILED=1; exit 1; }
configure router1 <<Y
router: { outside: wan, inside: [ lan ], state-directory: state }
servers:
  - { address: 198.51.100.53, forms: [ v2 ], key: router1.example., registration-port: 20053, registration-interval: 10s }
hosts:
  suffixes: [ example.net. ]
  static:
    - { name: alice.example.net., address: 192.168.1.11, allow: [ tcp/8080 ] }
    - { name: alice.example.net., address: "2001:db8:1:1::11", allow: [ tcp/8080 ] }
permissions: { lifetime: 60s }
publish:
  - zone: example.net.
    server: 198.51.100.53
    key: router1.example.
    hosts: [ { name: alice.example.net., identifier: "::11" } ]
Y
run_agent router1

step "At the start the DNS is told where alice is."
await 5 eval '[ "$(record alice AAAA)" = 2001:db8:1:1::11 ]'
check "AAAA" "^2001:db8:1:1::11$" "$(record alice AAAA)"
check "A is the router's outside address" "^203.0.113.1$" "$(record alice A)"
check "toriictl router prefix" "prefix of lan: 2001:db8:1:1::/64.*alice.example.net. +203.0.113.1 +2001:db8:1:1::11 .*published" \
    "$(control router1 prefix)"

step "The router has announced itself; the server needs no other word of it."
nts() { on server "$BIN/toriictl" nts "$@" --socket "$LAB_DIR/server/run/torii.sock" 2>&1; }
await 5 eval 'nts status | grep -q "announced themselves: 1"'
check "the server knows the router" "routers that announced themselves: 1" "$(nts status)"
check "GN asks, and comes in" "^203.0.113.1[[:space:]]pn1 sees 192.0.2.10" \
    "$(on gn dig @198.51.100.53 +tries=1 +time=3 +short alice.example.net A; ask gn tcp 203.0.113.1 8080)"
check "the neighbour of alice is told her private address" "^192.168.1.11$" \
    "$(on pn2 dig @198.51.100.53 +tries=1 +time=3 +short alice.example.net A)"

step "Another prefix: record and pinhole move, in one step."
check "the pinhole is asked for" "^$" "$(notify 2001:db8:0:2::10 alice.example.net. 60)"
check "GN gets in" "^pn1 sees" "$(ask gn tcp 2001:db8:1:1::11 8080)"
renumber 2001:db8:1:1 2001:db8:1:7
await 5 eval '[ "$(record alice AAAA)" = 2001:db8:1:7::11 ]'
check "AAAA is in the new prefix" "^2001:db8:1:7::11$" "$(record alice AAAA)"
check "the Private Host List has the new address" "2001:db8:1:7::11" "$(control router1 phl)"
check "the permission too, with what is left of its time" "2001:db8:0:2::10 .*2001:db8:1:7::11 +window +[1-5][0-9]s" "$(control router1 rc)"
check "GN gets in at the new address, without asking again" "^pn1 sees" "$(ask gn tcp 2001:db8:1:7::11 8080)"
check "...at the host's ports alone" "^timeout" "$(ask gn tcp 2001:db8:1:7::11 8081 --timeout 1)"
check "nobody else does" "^(refused|timeout)" "$(ask gn2 tcp 2001:db8:1:7::11 8080)"
check "the old pinhole is closed" "^0$" "$(on router1 nft list set inet torii pin6 | grep -c 2001:db8:1:1::11)"

step "The server is down while the prefix changes; afterwards it is told."
kill_server() { kill "$SERVER_PID"; wait "$SERVER_PID" 2>/dev/null; }
kill_server
renumber 2001:db8:1:7 2001:db8:1:8
await 5 eval 'control router1 prefix | grep -q "failed (.*again in"'
check "the agent says that it failed and tries again" "2001:db8:1:8::11 .*failed .*again in" "$(control router1 prefix)"
check "it is counted" "^[1-9]" "$(figure router1 'updates_total{outcome="failed"}')"
run_server server 198.51.100.53
check "the server still has the old address, or the new one already" "^2001:db8:1:[78]::11$" "$(record alice AAAA)"
await 20 eval '[ "$(record alice AAAA)" = 2001:db8:1:8::11 ]'
check "it is told" "^2001:db8:1:8::11$" "$(record alice AAAA)"
await 5 eval 'control router1 prefix | grep -q published'
check "toriictl router prefix says so" "2001:db8:1:8::11 .*published" "$(control router1 prefix)"

step "The outside IPv4 address changes."
on router1 sh -c 'ip addr del 203.0.113.1/24 dev wan && ip addr add 203.0.113.9/24 dev wan && ip route replace default via 203.0.113.254'
await 5 eval '[ "$(record alice A)" = 203.0.113.9 ]'
check "A follows" "^203.0.113.9$" "$(record alice A)"
check "only it: there is one A record" "^1$" "$(record alice A | grep -c .)"
check "the router has announced itself anew: GN asks, and comes in" "^203.0.113.9[[:space:]]pn1 sees 192.0.2.10" \
    "$(on gn dig @198.51.100.53 +tries=1 +time=3 +short alice.example.net A; ask gn tcp 203.0.113.9 8080)"

step "The prefix is taken away: the record goes, after a moment; it comes back with the prefix."
on router1 ip addr del 2001:db8:1:8::1/64 dev lan
await 12 eval '[ -z "$(record alice AAAA)" ]'
check "no AAAA" "^$" "$(record alice AAAA)"
on router1 ip addr add 2001:db8:1:8::1/64 dev lan nodad
await 5 eval '[ "$(record alice AAAA)" = 2001:db8:1:8::11 ]'
check "AAAA again" "^2001:db8:1:8::11$" "$(record alice AAAA)"

step "Killed and started again in another prefix, the agent puts it right."
kill_agent
on router1 sh -c 'ip addr add 2001:db8:1:9::1/64 dev lan nodad; ip addr del 2001:db8:1:8::1/64 dev lan'
run_agent router1
await 5 eval '[ "$(record alice AAAA)" = 2001:db8:1:9::11 ]'
check "AAAA" "^2001:db8:1:9::11$" "$(record alice AAAA)"
check "a key that the server does not know is said to be wrong" "does not take our signature" "$(
    sed -i 's/name: router1.example., algorithm: hmac-sha256, secret: MDE/name: router1.example., algorithm: hmac-sha256, secret: NDE/' "$LAB_DIR/router1/torii-router.yaml"
    control router1 reload >/dev/null; await 5 eval 'control router1 prefix | grep -q signature'; control router1 prefix)"
