# shellcheck shell=bash
# A small Internet in network namespaces, to be sourced: askers outside, homes behind NAT, a home inside a home, and a
# place for the servers. Nothing in it is linked to a real network. LAB names the instance (1 to 8 letters); instances
# may run side by side.
#
#     gn 192.0.2.10  gn2 192.0.2.20                server 198.51.100.53  second 198.51.100.54  silent .55
#                 \   /                                 \      |      /
#                  +------------------ core ------------------+
#                                       | 203.0.113.0/24
#             +-------------------------+--------------------------+
#          router1 .1                router4 .2                 router5 .4
#          192.168.1.0/24            10.4.0.0/24                192.168.9.0/24
#          pn1 .11  pn2 .12          pn4 .14                    pn5 .15  pn6 .16
#          router2 .2 -- 10.2.0.0/24: pn3 .13
#
# Every router has the interfaces wan and lan and an ordinary masquerading firewall of its own (table inet firewall).
# IPv6 runs beside IPv4 without translation.

LAB=${LAB:-tl}
LAB_HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
LAB_PYTHON=$(command -v /usr/bin/python3 || command -v python3)
LAB_HOSTS="core gn gn2 server second silent router1 pn1 pn2 router2 pn3 router4 pn4 router5 pn5 pn6"
LAB_ROUTERS="router1 router2 router4 router5"
LAB_DIR=""
LAB_PIDS=()

# on HOST COMMAND...: runs it there.
on() { local host=$1; shift; ip netns exec "$LAB-$host" "$@"; }

# start HOST LOG COMMAND...: runs it there in the background; its process id is in LAB_PID.
start() {
    local host=$1 log=$2; shift 2
    # Emptied here and not in the background: whoever waits for a word in it must not find that of the run before.
    : >"$LAB_DIR/$log"
    ip netns exec "$LAB-$host" "$@" >"$LAB_DIR/$log" 2>&1 &
    LAB_PID=$!
    LAB_PIDS+=("$LAB_PID")
}

# await SECONDS COMMAND...: until the command succeeds.
await() {
    local tries=$(($1 * 20)); shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || return 1
        read -rt 0.05 <> <(:) || true
    done
}

# milliseconds since some moment
clock() { local now=${EPOCHREALTIME/./}; echo $((now / 1000)); }

_bridge() { # NAME V4 V6
    echo "link add $1 type bridge mcast_snooping 0"
    echo "addr add $2 dev $1"
    echo "addr add $3 dev $1 nodad"
    echo "link set $1 up"
}

_plug() { # HOST DEVICE PEER BRIDGE V4 GATEWAY4 V6 GATEWAY6
    echo "link add $2 netns $LAB-$1 type veth peer name to-$1 netns $LAB-$3" >>"$LAB_DIR/links"
    echo "link set to-$1 master $4 up" >>"$LAB_DIR/$3.ports"
    {
        echo "addr add $5 dev $2"
        echo "addr add $7 dev $2 nodad"
        echo "link set $2 up"
        echo "route add default via $6"
        echo "route add default via $8"
    } >>"$LAB_DIR/$1.links"
}

_home() { # ROUTER PEER BRIDGE WAN4 GATEWAY4 WAN6 GATEWAY6 LAN4 LAN6
    _bridge lan "$8" "$9" >>"$LAB_DIR/$1.links"
    _plug "$1" wan "$2" "$3" "$4" "$5" "$6" "$7"
}

# The firewall that a careful user has: out is free, in is refused, port forwards of this machine pass.
_firewall() {
    cat <<'N'
table inet firewall {
    chain input {
        type filter hook input priority filter; policy accept;
        iifname "lo" accept
        ct state established,related accept
        iifname "wan" goto from_outside
    }
    chain from_outside {
        icmp type echo-request accept
        meta l4proto ipv6-icmp accept
        udp dport 20053 accept
        meta l4proto tcp reject with tcp reset
        reject
    }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state established,related accept
        iifname "lan" accept
        iifname "wan" ct status dnat accept
        iifname "wan" ct mark and 0x10000000 == 0x10000000 accept
        meta l4proto tcp reject with tcp reset
        reject
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        oifname "wan" meta nfproto ipv4 masquerade
    }
}
N
}

lab_up() {
    local host
    LAB_DIR=$(mktemp -d "/tmp/torii-lab-$LAB.XXXXXX")
    for host in $LAB_HOSTS; do
        ip netns add "$LAB-$host"
        : >"$LAB_DIR/$host.links"; : >"$LAB_DIR/$host.ports"
    done
    : >"$LAB_DIR/links"
    {
        _bridge clients 192.0.2.1/24 2001:db8:0:2::1/64
        _bridge servers 198.51.100.1/24 2001:db8:0:51::1/64
        _bridge access 203.0.113.254/24 2001:db8:0:113::254/64
        echo "route add 2001:db8:1::/48 via 2001:db8:0:113::1"
        echo "route add 2001:db8:4::/48 via 2001:db8:0:113::2"
        echo "route add 2001:db8:9::/48 via 2001:db8:0:113::4"
    } >>"$LAB_DIR/core.links"
    _plug gn eth0 core clients 192.0.2.10/24 192.0.2.1 2001:db8:0:2::10/64 2001:db8:0:2::1
    _plug gn2 eth0 core clients 192.0.2.20/24 192.0.2.1 2001:db8:0:2::20/64 2001:db8:0:2::1
    _plug server eth0 core servers 198.51.100.53/24 198.51.100.1 2001:db8:0:51::53/64 2001:db8:0:51::1
    _plug second eth0 core servers 198.51.100.54/24 198.51.100.1 2001:db8:0:51::54/64 2001:db8:0:51::1
    _plug silent eth0 core servers 198.51.100.55/24 198.51.100.1 2001:db8:0:51::55/64 2001:db8:0:51::1
    _home router1 core access 203.0.113.1/24 203.0.113.254 2001:db8:0:113::1/64 2001:db8:0:113::254 \
        192.168.1.1/24 2001:db8:1:1::1/64
    echo "route add 2001:db8:1:2::/64 via 2001:db8:1:1::2" >>"$LAB_DIR/router1.ports"
    _plug pn1 eth0 router1 lan 192.168.1.11/24 192.168.1.1 2001:db8:1:1::11/64 2001:db8:1:1::1
    _plug pn2 eth0 router1 lan 192.168.1.12/24 192.168.1.1 2001:db8:1:1::12/64 2001:db8:1:1::1
    _home router2 router1 lan 192.168.1.2/24 192.168.1.1 2001:db8:1:1::2/64 2001:db8:1:1::1 \
        10.2.0.1/24 2001:db8:1:2::1/64
    _plug pn3 eth0 router2 lan 10.2.0.13/24 10.2.0.1 2001:db8:1:2::13/64 2001:db8:1:2::1
    _home router4 core access 203.0.113.2/24 203.0.113.254 2001:db8:0:113::2/64 2001:db8:0:113::254 \
        10.4.0.1/24 2001:db8:4:1::1/64
    _plug pn4 eth0 router4 lan 10.4.0.14/24 10.4.0.1 2001:db8:4:1::14/64 2001:db8:4:1::1
    _home router5 core access 203.0.113.4/24 203.0.113.254 2001:db8:0:113::4/64 2001:db8:0:113::254 \
        192.168.9.1/24 2001:db8:9:1::1/64
    _plug pn5 eth0 router5 lan 192.168.9.15/24 192.168.9.1 2001:db8:9:1::15/64 2001:db8:9:1::1
    _plug pn6 eth0 router5 lan 192.168.9.16/24 192.168.9.1 2001:db8:9:1::16/64 2001:db8:9:1::1
    ip -batch "$LAB_DIR/links"
    _firewall >"$LAB_DIR/firewall"
    for host in $LAB_HOSTS; do
        { echo "link set lo up"; cat "$LAB_DIR/$host.links" "$LAB_DIR/$host.ports"; } >"$LAB_DIR/batch"
        # shellcheck disable=SC2016
        on "$host" sh -c '
            for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 >"$f"; done
            for f in /proc/sys/net/bridge/bridge-nf-call-*; do [ -e "$f" ] && echo 0 >"$f"; done
            case " core $2 " in *" $1 "*)
                echo 1 >/proc/sys/net/ipv4/ip_forward
                echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
                for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$f"; done ;;
            esac
            exec ip -batch "$3"' sh "$host" "$LAB_ROUTERS" "$LAB_DIR/batch"
        mkdir -p "/etc/netns/$LAB-$host"
        echo "nameserver 198.51.100.53" >"/etc/netns/$LAB-$host/resolv.conf"
    done
    for host in $LAB_ROUTERS; do on "$host" nft -f "$LAB_DIR/firewall"; done
    # The core carries no private address, and drops what goes to the silent host's notification port.
    on core nft -f - <<'N'
table inet core {
    chain forward {
        type filter hook forward priority filter; policy accept;
        ip saddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } drop
        ip daddr { 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 } reject with icmp type net-unreachable
    }
}
N
    on silent nft -f - <<'N'
table inet quiet {
    chain input { type filter hook input priority filter; policy accept; udp dport 20053 drop; icmp type echo-request drop; }
}
N
    await 3 on pn3 ping -6 -n -c1 -W1 2001:db8:0:2::10 || true
}

lab_down() {
    local host pid
    for pid in "${LAB_PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    for host in $LAB_HOSTS; do
        [ -e "/run/netns/$LAB-$host" ] || continue
        # Only what runs inside our own namespaces.
        for pid in $(ip netns pids "$LAB-$host" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null || true; done
        ip netns del "$LAB-$host" 2>/dev/null || true
        rm -rf "/etc/netns/$LAB-$host"
    done
    wait 2>/dev/null || true
    if [ -n "$LAB_DIR" ] && [ -z "${LAB_KEEP:-}" ]; then rm -rf "$LAB_DIR"; fi
    LAB_DIR=""
}

# serve PORT HOST...: an HTTP server on each that says who it is and whom it sees.
serve() {
    local port=$1 host; shift
    for host in "$@"; do start "$host" "$host.http.log" "$LAB_PYTHON" "$LAB_HERE/peer.py" serve "$host" "$port"; done
    for host in "$@"; do await 10 on "$host" "$LAB_PYTHON" "$LAB_HERE/peer.py" ask tcp 127.0.0.1 "$port"; done
}

# ask HOST tcp|udp ADDRESS PORT [OPTIONS]: what the other side says, or refused, timeout, unreachable.
ask() { local host=$1; shift; on "$host" "$LAB_PYTHON" "$LAB_HERE/peer.py" ask "$@" 2>&1 || true; }
