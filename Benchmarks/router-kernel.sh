#!/bin/bash
# What the router agent costs, in network namespaces (root): negotiations a second with 1, 16, 64 and 256 in flight, the
# time of a kernel transaction, and a flow's first packet with 1, 1,000 and 100,000 permissions in the table.
# TORII_BIN is the folder of torii-router and toriictl (an optimised build). COUNT (40000) is the number of negotiations.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${TORII_BIN:-$here/../.build/release}
count=${COUNT:-40000}
[ "$(id -u)" -eq 0 ] || { echo "needs root" >&2; exit 77; }
work=$(mktemp -d /tmp/torii-kernel.XXXXXX)
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for n in server router host; do ip netns del "tk-$n" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
cc -O2 -o "$work/nts-load" "$here/nts-load.c"
cc -O2 -o "$work/first-packet" "$here/first-packet.c"
for n in server router host; do ip netns add "tk-$n"; ip -n "tk-$n" link set lo up; done
ip link add wan netns tk-router type veth peer name eth0 netns tk-server
ip link add lan netns tk-router type veth peer name eth0 netns tk-host
plug() { ip -n "tk-$1" addr add "$3" dev "$2"; ip -n "tk-$1" link set "$2" up; }
plug server eth0 203.0.113.254/24; plug router wan 203.0.113.1/24
plug router lan 192.168.1.1/24; plug host eth0 192.168.1.11/24
ip -n tk-host route add default via 192.168.1.1
ip -n tk-server route add default via 203.0.113.1
ip netns exec tk-router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward; for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >$f; done'
cat >"$work/router.yaml" <<Y
router: { outside: wan, inside: lan, state-directory: $work/state }
control: { socket: $work/sock }
servers: [ { address: 203.0.113.254, forms: [ v1 ] } ]
hosts: { static: [ { name: alice.example.net., address: 192.168.1.11 } ] }
permissions:
  lifetime: 300s
  flows-per-permission: 200000
  inner-routers: none
  limits: { entries: 1000000, per-server: 1000000, per-host: 1000000, notifications-per-second: 1000000 }
log: { level: error }
metrics: { listen: 127.0.0.1:9154 }
Y
router() {
    ip netns exec tk-router "$bin/torii-router" --config "$work/router.yaml" 2>"$work/log" &
    pids+=($!)
    for _ in $(seq 200); do "$bin/toriictl" router status --socket "$work/sock" >/dev/null 2>&1 && return; read -rt 0.05 <> <(:) || true; done
    cat "$work/log"; exit 1
}
restart() { kill "${pids[-1]}"; wait "${pids[-1]}" 2>/dev/null || true; router; }
load() { ip netns exec tk-server "$work/nts-load" 203.0.113.1 alice.example.net "$@"; }
router
echo "negotiations:"
for window in 1 16 64 256; do
    load $((window == 1 ? count / 4 : count)) $window 1
    if [ $window = 1 ]; then
        echo "kernel transactions of one permission, and how many took no longer:"
        ip netns exec tk-router curl -s http://127.0.0.1:9154/metrics | sed -n 's/.*kernel_seconds_bucket{le="\([^"]*\)"} /  up to \1 s: /p'
    fi
    restart
done
echo "first packets, 20,000 flows of one asker each time:"
for entries in 1 1000 100000; do
    load "$entries" 64 1 >/dev/null || true
    ip netns exec tk-server "$work/first-packet" 203.0.113.1 20000 "$entries"
    restart
done
