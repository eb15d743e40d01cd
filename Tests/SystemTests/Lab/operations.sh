#!/bin/bash
# What the owner of a router asks of the agent: who may be reached and how, from where names come, what is kept over a
# restart, what the commands say. Root. TORII_BIN is the folder of the programs.
set -uo pipefail
# shellcheck source=Tests/SystemTests/Lab/network.sh
. "$(dirname "${BASH_SOURCE[0]}")/network.sh"
LAB_HOSTS="core gn gn2 server second silent router1 pn1 pn2"
LAB_ROUTERS="router1"
# shellcheck source=Tests/SystemTests/Lab/agent.sh
. "$LAB_HERE/agent.sh"
/usr/bin/python3 -c 'import dns' 2>/dev/null || { echo "python3-dnspython is missing" >&2; exit 77; }
told() { on server "$LAB_PYTHON" "$LAB_HERE/notify.py" $GA2 "$1" "$2" "$KEY" "${3:-8}" 2>&1; }
port_of() { sed -n 's/.*_tcp[^ ]* \([0-9]*\).*/\1/p' <<<"$1"; }

lab_up || exit 1
serve 8080 pn1 pn2
serve 8443 router1
run_server server 198.51.100.53 2001:db8:0:51::53 || { echo "  FAIL  the server does not start"; FAILED=1; exit 1; }
SOON=$(($(date +%s) + 3600))
printf '%s 02:00:00:00:00:01 192.168.1.11 box 01:02\n' "$SOON" >"$LAB_DIR/dnsmasq.leases"
common() { # MORE LINES
    cat <<Y
router: { outside: wan, inside: [ lan ], state-directory: state }
servers: [ { address: 198.51.100.53, forms: [ v1, v2 ], key: router1.example. }, { address: 198.51.100.54, forms: [ v1 ] } ]
hosts:
  suffixes: [ example.net. ]
  lifetime: 1h
  names-per-host: 8
  leases:
    - { file: $LAB_DIR/dnsmasq.leases, format: dnsmasq, suffix: example.net. }
    - { file: $LAB_DIR/odhcpd.leases, format: odhcpd, suffix: example.net. }
    - { file: $LAB_DIR/kea.csv, format: kea, suffix: example.net. }
  static:
    - { name: web.example.net., address: 192.168.1.11, allow: [ tcp/8080 ] }
    - { name: granted.example.net., address: 192.168.1.11, granted-ports: [ tcp/8080 ] }
    - { name: granted2.example.net., address: 192.168.1.12, granted-ports: [ tcp/8080 ] }
    - { name: picky.example.net., address: 192.168.1.12, from: [ 192.0.2.16/28 ], servers: [ 198.51.100.53 ] }
    - { name: all.example.net., address: 192.168.1.12 }
$1
Y
}
common "permissions: { lifetime: 8s, max-lifetime: 60s, flows-per-permission: 5, limits: { per-gn: 8, prefixes: 2 } }" | configure router1
step "A dry run says what would be, and touches nothing."
start router1 dry.log "$BIN/torii-router" --config "$LAB_DIR/router1/torii-router.yaml" --dry-run
dry=$LAB_PID
await 20 control router1 status
check "status says dry-run" "state: dry-run" "$(control router1 status)"
check "no table of ours" "^table inet firewall$" "$(on router1 nft list tables)"
check "a notification gets no acknowledgement" "silence" "$(told web.example.net. 192.0.2.10)"
check "...but the log says what would change" "^[1-9]" "$(grep -c "would change the kernel" "$LAB_DIR/dry.log")"
kill "$dry"; wait "$dry" 2>/dev/null
run_agent router1

step "Names from lease files, as they change; hostile lines are passed over."
check "dnsmasq" "box.example.net. +192.168.1.11 .*lease" "$(control router1 phl)"
printf '# lan 00010001 0 laptop %s 5 128 2001:db8:1:1::12/128\n' "$SOON" >"$LAB_DIR/odhcpd.new"
mv "$LAB_DIR/odhcpd.new" "$LAB_DIR/odhcpd.leases"
await 1 eval 'control router1 phl | grep -q laptop'
check "odhcpd, replaced while we run: within a second" "laptop.example.net. .*2001:db8:1:1::12 .*lease" "$(control router1 phl)"
head=address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context
printf '%s\n192.168.1.12,02:00:00:00:00:01,,3600,%s,1,0,0,kea,0,\n' "$head" "$SOON" >"$LAB_DIR/kea.csv"
await 1 eval 'control router1 phl | grep -q kea'
check "Kea" "kea.example.net. +192.168.1.12 .*lease" "$(control router1 phl)"
printf '192.168.1.12,02:00:00:00:00:01,,3600,%s,1,0,0,kea,2,\n' "$SOON" >>"$LAB_DIR/kea.csv"
await 3 eval '! control router1 phl | grep -q kea'
check "...a lease that is taken back goes" "^0$" "$(control router1 phl | grep -c 'kea.')"
{
    head -c 20000 /dev/urandom
    printf '\n%s 02:00:00:00:00:09 203.0.113.254 outsider *\n%s 02:00:00:00:00:09 192.168.1.1 router *\n' "$SOON" "$SOON"
    printf '%s 02:00:00:00:00:09 192.168.1.12 %s *\n' "$SOON" "$(printf 'a%.0s' $(seq 300))"
    printf '%s 02:00:00:00:00:09 192.168.1.12 ../../etc *\n%s 02 192.168.1.12 fine *\n' "$SOON" "$SOON"
} >"$LAB_DIR/dnsmasq.leases"
await 2 eval 'control router1 phl | grep -q fine && ! control router1 phl | grep -q box'
check "of a hostile file the good line counts alone" "^fine.example.net.$" "$(control router1 phl | awk '/lease/ && !/laptop/ { print $1 }')"

rm "$LAB_DIR/dnsmasq.leases"
printf '# lan 00010001 0 tablet %s 5 128 2001:db8:1:1::12/128\n' "$SOON" >"$LAB_DIR/odhcpd.leases"
await 2 eval 'control router1 phl | grep -q tablet'
check "a file that is gone says nothing" "fine.example.net. .*lease.*tablet.example.net. .*lease" "$(control router1 phl)"
await 2 eval '! control router1 phl | grep -q laptop'
check "...a lease that is gone from its file goes" "^0$" "$(control router1 phl | grep -c laptop)"
printf '# lan 00010001 0 laptop %s 5 128 2001:db8:1:1::12/128\n' "$SOON" >"$LAB_DIR/odhcpd.leases"
await 2 eval 'control router1 phl | grep -q laptop'

step "Names from updates: UDP, TCP, IPv6, deletions."
register pn1 alice $GA2 >/dev/null
await 2 eval 'control router1 phl | grep -q alice'
check "alice over IPv4" "alice.example.net. +192.168.1.11 +- +update" "$(control router1 phl)"
six() { on "$1" nsupdate $4 2>&1 <<U
server 2001:db8:0:51::53
zone example.net
update $2
send
U
}
six pn2 "add alice.example.net. 60 AAAA 2001:db8:1:1::12" "" "" >/dev/null
read -rt 0.3 <> <(:) || true
check "another machine does not become alice's IPv6 side" "alice.example.net. +192.168.1.11 +- +update" "$(control router1 phl)"
check "...which is a conflict" "^[1-9]" "$(figure router1 'outcome="conflict"')"
six pn1 "add alice.example.net. 60 AAAA 2001:db8:1:1::11" "" "" >/dev/null
await 2 eval 'control router1 phl | grep -q 2001:db8:1:1::11'
check "her own machine does, over IPv6" "alice.example.net. +192.168.1.11 +2001:db8:1:1::11 +update" "$(control router1 phl)"
check "carol over TCP in pieces" "^$" "$(on pn2 "$LAB_PYTHON" "$LAB_HERE/pieces.py" 198.51.100.53 carol.example.net $GA2)"
await 2 eval 'control router1 phl | grep -q carol'
check "...is in the list" "carol.example.net. +192.168.1.12" "$(control router1 phl)"
check "an update in fragments" "^0$" "$(on pn2 "$LAB_PYTHON" "$LAB_HERE/large.py" 198.51.100.53 large.example.net $GA2)"
check "...over IPv6 too" "^0$" "$(on pn2 "$LAB_PYTHON" "$LAB_HERE/large.py" 2001:db8:0:51::53 large.example.net 2001:db8:1:1::12)"
await 2 eval 'control router1 phl | grep -q "large.*2001"'
check "...is in the list" "large.example.net. +192.168.1.12 +2001:db8:1:1::12 +update" "$(control router1 phl)"
for n in 1 2 3 4 5 6; do register pn1 "many$n" $GA2 >/dev/null; done
check "one host has so many names, and no more" "^[1-6]$" "$(control router1 phl | grep -c 'many.*192.168.1.11')"
on pn2 nsupdate >/dev/null 2>&1 <<U
server 198.51.100.53
zone example.net
update delete carol.example.net. A
send
U
await 2 eval '! control router1 phl | grep -q carol'
check "a deletion counts" "^0$" "$(control router1 phl | grep -c carol)"

step "Names from the owner; all is kept over kill -9."
check "add" "nas.example.net. is 192.168.1.12" "$(control router1 host add nas.example.net. 192.168.1.12 --allow tcp/8080)"
check "not for an address that is not behind us" "not the address of a host behind us" "$(control router1 host add bad.example.net. 192.0.2.10)"
check "list" "nas.example.net. +192.168.1.12 .*local" "$(control router1 host list)"
read -rt 0.4 <> <(:) || true
kill_agent
run_agent router1
check "after kill -9 nas is there" "nas.example.net. +192.168.1.12 .*local" "$(control router1 phl)"
check "...and alice with both addresses" "alice.example.net. +192.168.1.11 +2001:db8:1:1::11 +update" "$(control router1 phl)"
check "deny" "denied" "$(control router1 deny web.example.net 192.0.2.99)"
kill_agent
run_agent router1
check "after kill -9 the denial holds" "web.example.net. +192.0.2.99" "$(control router1 denials)"
check "...and is taken back" "opened" "$(control router1 allow web.example.net 192.0.2.99)"
check "...for good" "^name +gn$" "$(control router1 denials)"
control router1 pause >/dev/null
kill_agent
run_agent router1
check "a pause holds over kill -9" "state: paused" "$(control router1 status)"
control router1 resume >/dev/null
check "remove" "removed" "$(control router1 host remove nas.example.net.)"
check "a configured host is not removed so" "stands in the configuration" "$(control router1 host remove web.example.net.)"

step "Ports, sources, servers of a host; flows of a permission; the router's own services."
check "web opens" "^NOERROR 8s" "$(told web.example.net. 192.0.2.10)"
check "...its port" "^pn1 " "$(ask gn tcp $GA2 8080)"
check "...and no other" "^timeout" "$(ask gn tcp $GA2 8081 --timeout 1)"
check "a name that the host has taken itself opens" "^NOERROR 8s" "$(told alice.example.net. 192.0.2.20)"
check "...the host's port" "^pn1 " "$(ask gn2 tcp $GA2 8080)"
check "...and no other either" "^timeout" "$(ask gn2 tcp $GA2 8081 --timeout 1)"
check "...the router's own service stays the router's" "^refused" "$(ask gn tcp $GA2 8443)"
check "which the table knows" "tcp . 8443" "$(on router1 nft list set inet torii listening)"
check "who is not in \`from\` is refused, and told" "REFUSED policy" "$(told picky.example.net. 192.0.2.10)"
check "who is, is not" "^NOERROR" "$(told picky.example.net. 192.0.2.20)"
control router1 deny all >/dev/null
told all.example.net. 192.0.2.20 60 >/dev/null
good=0; for _ in 1 2 3 4 5 6 7 8; do [[ $(ask gn2 tcp $GA2 8080) == pn2* ]] && good=$((good + 1)); done
check "five flows of one permission, then no more" "^5$" "$good"

step "A flow that outlives its permission ends when the owner says so."
for word in "deny all.example.net 192.0.2.10" "deny all" pause; do
    control router1 deny all >/dev/null
    told all.example.net. 192.0.2.10 1 >/dev/null
    on gn "$LAB_PYTHON" "$LAB_HERE/peer.py" ask tcp $GA2 8080 --hold 60 --timeout 1 >"$LAB_DIR/hold" 2>&1 &
    hold=$!
    await 3 grep -q first "$LAB_DIR/hold"
    await 5 eval '[ "$(rc)" = 0 ]'
    # shellcheck disable=SC2086
    check "$word, after its end" "0 permissions ended" "$(control router1 $word)"
    await 10 grep -q broken "$LAB_DIR/hold" || kill "$hold"
    wait "$hold" 2>/dev/null
    check "...the flow is gone" "broken" "$(cat "$LAB_DIR/hold")"
    control router1 allow all.example.net 192.0.2.10 >/dev/null
    control router1 resume >/dev/null
done
control router1 deny all >/dev/null

step "Ports granted one by one: two hosts for one asker at a time."
first=$(told granted.example.net. 192.0.2.10); second=$(told granted2.example.net. 192.0.2.10)
check "granted" "^NOERROR 8s _8080._tcp.granted.example.net. 4[0-9]{4}" "$first"
check "the first port is pn1's" "^pn1 " "$(ask gn tcp $GA2 "$(port_of "$first")")"
check "the second is pn2's" "^pn2 " "$(ask gn tcp $GA2 "$(port_of "$second")")"
check "...for GN alone" "^(refused|timeout)" "$(ask gn2 tcp $GA2 "$(port_of "$second")")"
check "no other port" "^(refused|timeout)" "$(ask gn tcp $GA2 8080)"
check "used, says the agent" "granted2.example.net. .* 1 +198" "$(control router1 sessions)"

step "Prefixes: a server that knows only where its asker is from."
control router1 deny all >/dev/null
check "a /24" "^NOERROR 60s" "$(told all.example.net. 192.0.2.0/24 60)"
check "GN comes in" "^pn2 sees 192.0.2.10" "$(ask gn tcp $GA2 8080)"
check "so does its neighbour" "^pn2 sees 192.0.2.20" "$(ask gn2 tcp $GA2 8080)"
check "the list shows the prefix and its flows" "192.0.2.0/24 +all.example.net. .*window +[0-9]+s +2 " "$(control router1 rc)"
check "another host for the same prefix is refused" "REFUSED contended" "$(told web.example.net. 192.0.2.0/24)"
check "one address of it may have one of its own" "^NOERROR" "$(told web.example.net. 192.0.2.10)"
check "...which counts" "^pn1 " "$(ask gn tcp $GA2 8080)"
check "a /16 is too large" "REFUSED prefix" "$(told all.example.net. 198.51.0.0/16)"
told all.example.net. 198.18.1.0/24 60 >/dev/null
check "the third prefix is one too many" "REFUSED over-limit" "$(told all.example.net. 198.18.2.0/24)"
check "counted" "^1" "$(figure router1 'bound="prefixes"')"
on gn "$LAB_PYTHON" "$LAB_HERE/peer.py" ask tcp $GA2 8080 --hold 4 --timeout 1 >"$LAB_DIR/hold" 2>&1 &
hold=$!
await 3 grep -q first "$LAB_DIR/hold"
check "all that came in by it ends with it" "permissions ended" "$(control router1 deny all)"
wait "$hold"
check "...the open flow too" "broken" "$(cat "$LAB_DIR/hold")"
check "an IPv6 prefix" "^NOERROR" "$(told laptop.example.net. 2001:db8:0:2::/64)"
check "...lets all of it through the pinhole" "^pn2 sees \[2001:db8:0:2::20\]" "$(ask gn2 tcp 2001:db8:1:1::12 8080)"

step "Hairpin: an asker behind this router is told the private address, and nothing opens."
check "the answer carries it" "^NOERROR 8s 192.168.1.11" "$(told web.example.net. $GA2)"
check "nothing is open for the router's own address" "^0$" "$(control router1 rc | grep -c '^203.0.113.1 ')"

step "FTP and SIP through the kernel's helpers."
check "the doctor finds the helpers" "the kernel has its ftp helper.*the kernel has its sip helper" "$(control router1 doctor)"
start pn2 ftp.log "$LAB_PYTHON" "$LAB_HERE/ftp.py" serve
start pn2 sip.log "$LAB_PYTHON" "$LAB_HERE/sip.py" serve
await 5 on pn2 sh -c 'ss -ltn | grep -q ":21 "'
control router1 deny all >/dev/null
told all.example.net. 192.0.2.10 60 >/dev/null
check "a file, passive" "^got 3300 octets$" "$(on gn "$LAB_PYTHON" "$LAB_HERE/ftp.py" get $GA2 passive)"
check "a file, active" "^got 3300 octets$" "$(on gn "$LAB_PYTHON" "$LAB_HERE/ftp.py" get $GA2 active)"
check "a call and its voice" "^told 203.0.113.1, voice from inside$" "$(on gn "$LAB_PYTHON" "$LAB_HERE/sip.py" call $GA2)"

step "\`once\`, and the order beside a port forward of the firewall."
sed -i 's/^permissions:.*/permissions: { mode: once, lifetime: 8s }/' "$LAB_DIR/router1/torii-router.yaml"
check "reload" "reloaded" "$(control router1 reload)"
told all.example.net. 192.0.2.20 >/dev/null
check "the list has it" "192.0.2.20 +all.example.net. .*once" "$(control router1 rc)"
check "the first flow comes in" "^pn2 " "$(ask gn2 tcp $GA2 8080)"
await 3 eval 'control router1 sessions | grep -q "^192.0.2.20 .* once "'
check "...and the list has it no more" "^0$" "$(control router1 rc | grep -c '^192.0.2.20 ')"
check "the second does not" "^(refused|timeout)" "$(ask gn2 tcp $GA2 8080)"
told all.example.net. 192.0.2.20 >/dev/null
check "asked again, one more" "^pn2 " "$(ask gn2 tcp $GA2 8080)"
on router1 nft add table ip forwards '{ chain c { type nat hook prerouting priority dstnat; tcp dport 8080 iifname wan dnat to 192.168.1.11; }; }'
told all.example.net. 192.0.2.20 >/dev/null
check "before the firewall's own forward: the permission wins" "^pn2 " "$(ask gn2 tcp $GA2 8080)"
check "...others have the forward" "^pn1 " "$(ask gn tcp $GA2 8080)"
echo "nftables: { priority-offset: 1, mark: 0x20000000 }" >>"$LAB_DIR/router1/torii-router.yaml"
control router1 reload >/dev/null
told all.example.net. 192.0.2.20 >/dev/null
check "after it: the forward wins" "^pn1 " "$(ask gn2 tcp $GA2 8080)"
on router1 nft delete table ip forwards
told all.example.net. 192.0.2.20 >/dev/null
check "...and without it the permission" "^pn2 " "$(ask gn2 tcp $GA2 8080)"
check "its mark is the one configured" "mark=536870912" "$(on router1 conntrack -L -p tcp --dport 8080 2>/dev/null | grep 192.168.1.12)"

step "Options that nothing above has used, taken over by a reload."
sed -i '/^nftables:/d; /^permissions:/d; s/^hosts:/hosts:\n  observe-updates: false/' "$LAB_DIR/router1/torii-router.yaml"
cat >>"$LAB_DIR/router1/torii-router.yaml" <<'Y'
permissions:
  lifetime: 8s
  reserved-ports: [ tcp/8081 ]
  reserve-listening: false
  public-ports: 42000-42003
  prefix-ipv4: 32
  helpers: [ ftp/2121 ]
nftables: { table: lab }
Y
check "reload" "^reloaded$" "$(control router1 reload)"
check "the table has its new name, and the old one is gone" "table ip6? ?lab|table inet lab" "$(on router1 nft list tables)"
check "...alone" "^0$" "$(on router1 nft list tables | grep -c torii)"
check "an update that passes is not looked at" "^0$" "$(register pn2 unseen 192.168.1.12 >/dev/null; control router1 phl | grep -c unseen)"
check "a way opens" "^NOERROR" "$(told all.example.net. 192.0.2.10)"
check "...through the new table" "^pn2 " "$(ask gn tcp $GA2 8080)"
check "...but not to a reserved port" "^(refused|timeout)" "$(ask gn tcp $GA2 8081 --timeout 1)"
check "the router's own ports are not reserved any more" "^0$" "$(on router1 nft list set inet lab listening | grep -c 'tcp . 8443')"
check "granted ports come from the range" "_8080._tcp.granted.example.net. 4200[0-3]" "$(told granted.example.net. 192.0.2.20)"
check "no prefix is let in" "REFUSED prefix" "$(told all.example.net. 192.0.2.0/24)"
check "the helper's port" "2121" "$(on router1 nft list table inet lab)"
sed -i 's/^router: .*listen.*//; s/^router: { /router: { icmp: true, /' "$LAB_DIR/router1/torii-router.yaml"
check "what needs a restart is named" "next start: router.icmp$" "$(control router1 reload)"
check "...each time, as long as it is so" "next start: router.icmp$" "$(control router1 reload)"
sed -i 's/icmp: true, //; s/  observe-updates: false//; /^nftables:/d' "$LAB_DIR/router1/torii-router.yaml"
check "and back" "^reloaded$" "$(control router1 reload)"

step "A client that spoke too early is not kept out by its own flow."
control router1 deny all >/dev/null
on router1 nft insert rule inet firewall input udp dport 8080 drop
ask gn udp $GA2 8080 --from-port 5555 --timeout 0.5 >/dev/null
check "it is let in" "^NOERROR" "$(told all.example.net. 192.0.2.10)"
check "the same flow, after the permission" "^pn2 " "$(ask gn udp $GA2 8080 --from-port 5555)"

step "The log and the commands."
told all.example.net. 192.0.2.10 >/dev/null
log=$(cat "$LAB_DIR/router1.log")
check "openings are logged with GN, name and lifetime" "opened gn=192.0.2.10 name=web.example.net. host=192.168.1.11 mode=window lifetime=8s server=198.51.100.53" "$log"
check "...and ends with use" "closed gn=[^ ]+ name=[^ ]+ host=[^ ]+ reason=[a-z]+ used=(yes|no) flows=" "$log"
check "the Guide Table" "source +source-port +destination +destination-port +host-name.*192.0.2.10 +\* +192.168.1.12" "$(control router1 rc --guide-table)"
check "as JSON" '^\[\{"gn":"192.0.2.10"' "$(control router1 rc --json)"
check "dig lists the Private Host List" "web.example.net. 192.168.1.11 static" \
    "$(on server dig @$GA2 -p 20053 +short +tries=1 -y "$TSIG" phl.nts. TXT)"
check "dig lists the Request Cache" "192.0.2.10 -> all.example.net. 192.168.1.12" \
    "$(on server dig @$GA2 -p 20053 +short +tries=1 -y "$TSIG" rc.nts. TXT)"
check "...not without the key" "(timed out|no servers could be reached)" "$(on server dig @$GA2 -p 20053 +tries=1 +time=1 rc.nts. TXT)"
many() { on server nsupdate -t 3 -y "$TSIG" 2>&1; }
check "two permissions in one message" "^$" "$(printf 'server %s 20053\nzone nts\nupdate add web.example.net. 8 A 192.0.2.31\nupdate add all.example.net. 8 A 192.0.2.32\nsend\n' $GA2 | many)"
check "...are both there" "192.0.2.31 +web.example.net.*192.0.2.32 +all.example.net" "$(control router1 rc)"
check "one of two is refused, and that is said" "NXDOMAIN" "$(printf 'server %s 20053\nzone nts\nupdate add nobody.example.net. 8 A 192.0.2.33\nupdate add all.example.net. 8 A 192.0.2.34\nsend\n' $GA2 | many)"
check "...the other is open" "192.0.2.34 +all.example.net" "$(control router1 rc)"
check "askers by network: used, unused, seconds open" "192.0.2.0/24 +[1-9][0-9]* +[1-9][0-9]* +[1-9]" "$(control router1 askers)"
check "a listing that is too long says how much is missing" "and [1-9][0-9]* more" "$(
    for n in $(seq 40); do control router1 host add "long-name-for-a-listing-$n.example.net." 192.168.1.12; done >/dev/null
    on server dig @$GA2 -p 20053 +short +tries=1 -y "$TSIG" phl.nts. TXT)"
check "allow, by hand" "open" "$(control router1 allow web.example.net. 192.0.2.20 --lifetime 30s)"
check "GN 2 is in" "^pn1 " "$(ask gn2 tcp $GA2 8080)"
check "pause" "paused" "$(control router1 pause)"
check "...refuses" "REFUSED paused" "$(told web.example.net. 192.0.2.10)"
check "resume" "resumed" "$(control router1 resume)"
check "a verb without its words is bad usage" "^2$" "$(control router1 host add >/dev/null 2>&1; echo $?)"
check "stop" "stopp" "$(control router1 stop)"
await 5 eval '! on router1 nft list tables | grep -q torii'
check "no daemon: exit code 3" "^3$" "$(control router1 status >/dev/null 2>&1; echo $?)"

step "As another user, who keeps the rights over the network alone."
chmod 755 "$LAB_DIR" "$LAB_DIR/router1"
common "permissions: { lifetime: 8s }" | sed 's/state-directory: state/state-directory: other, user: nobody/' | configure router1
run_agent router1
check "who it is" "^nobody$" "$(ps -o user= -p "$(ip netns pids "$LAB-router1" | while read -r p; do grep -q torii-router "/proc/$p/comm" && echo "$p"; done | tail -n 1)")"
control router1 host add kept.example.net. 192.168.1.12 >/dev/null
check "it opens" "^NOERROR" "$(told web.example.net. 192.0.2.10)"
check "...a way" "^pn1 " "$(ask gn tcp $GA2 8080)"
check "deny" "denied; 1 permissions ended$" "$(control router1 deny web.example.net 192.0.2.10)"
check "reload" "reloaded" "$(control router1 reload)"
kill_agent
run_agent router1
check "its state survives kill -9" "kept.example.net. +192.168.1.12 .*local" "$(control router1 phl)"
check "...the denial too" "192.0.2.10" "$(control router1 denials)"
