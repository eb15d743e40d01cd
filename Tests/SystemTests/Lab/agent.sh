# shellcheck shell=bash
# What the scripts about the agent share, to be sourced after network.sh: checks, an agent on a router, its control
# tool, a toriid on the server, a client. TORII_BIN is the folder of the programs. LAB_KEEP=1 keeps the logs.
ROOT=$(cd "$LAB_HERE/../../.." && pwd)
BIN=${TORII_BIN:-$ROOT/.build/debug}
ROUNDS=${ROUNDS:-5}
GA2=203.0.113.1
KEY='MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
TSIG="hmac-sha256:router1.example.:$KEY"
if [ "$(id -u)" -ne 0 ]; then echo "needs root, for network namespaces" >&2; exit 77; fi
for tool in ip nft dig nsupdate "$LAB_PYTHON"; do
    command -v "$tool" >/dev/null || { echo "$tool is missing" >&2; exit 77; }
done
[ -x "$BIN/torii-router" ] || { echo "no torii-router in $BIN" >&2; exit 1; }
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
        for log in "$LAB_DIR"/router*.log "$LAB_DIR"/server.log; do
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

# configure HOST: the agent's configuration from standard input, beside what all have.
configure() {
    mkdir -p "$LAB_DIR/$1"
    {
        echo "control: { socket: run/torii-router.sock }"
        echo "keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]"
        echo "log: { level: debug }"
        cat
    } >"$LAB_DIR/$1/torii-router.yaml"
}
# run_agent HOST [FLAGS]: starts it and waits until it answers; AGENT_PID is the agent itself.
run_agent() {
    local host=$1; shift
    start "$host" "$host.log" "$BIN/torii-router" --config "$LAB_DIR/$host/torii-router.yaml" "$@"
    AGENT_PID=$LAB_PID
    await 30 control "$host" status || { echo "  FAIL  torii-router does not start"; cat "$LAB_DIR/$host.log"; FAILED=1; exit 1; }
}
kill_agent() { kill -"${1:-KILL}" "$AGENT_PID" 2>/dev/null; wait "$AGENT_PID" 2>/dev/null; }
control() { local host=$1; shift; on "$host" "$BIN/toriictl" router "$@" --socket "$LAB_DIR/$host/run/torii-router.sock" 2>&1; }
# figure HOST TEXT: the first figure whose name and labels hold the text.
figure() { control "$1" stats | awk -v key="$2" 'index($0, key) { sub(/.*=/, ""); print; exit }'; }
# notify ADDRESS NAME [LIFETIME]: what the router says to a signed notification from the server.
notify() {
    local type=A; [[ $1 == *:* ]] && type=AAAA
    printf 'server %s 20053\nzone nts\nupdate add %s %s %s %s\nsend\n' $GA2 "$2" "${3:-8}" "$type" "$1" |
        on server nsupdate -t 3 -y "$TSIG" 2>&1
}
# register HOST NAME ADDRESS [NSUPDATE OPTIONS]
register() {
    local host=$1 name=$2 address=$3; shift 3
    on "$host" nsupdate "$@" 2>&1 <<U
server 198.51.100.53
zone example.net
update add $name.example.net. 60 $([[ $address == *:* ]] && echo AAAA || echo A) $address
send
U
}
# run_server HOST ADDRESS [ADDRESS]: a toriid, authoritative for example.net, that takes updates. SERVER_NTS=1: one that
# holds its answers for routers that announce themselves.
run_server() {
    mkdir -p "$LAB_DIR/$1"
    cat >"$LAB_DIR/$1/example.net.zone" <<'Z'
$ORIGIN example.net.
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A 198.51.100.53
Z
    cat >"$LAB_DIR/$1/torii.yaml" <<Y
server: { state-directory: state, workers: 1 }
listen: [ { address: $2, port: 53 }, { address: "${3:-::}", port: 53 } ]
control: { socket: run/torii.sock }
keys: [ { name: router1.example., algorithm: hmac-sha256, secret: $KEY } ]
zones:
  - name: example.net
    kind: primary
    file: example.net.zone
    transfer: [ { from: 198.51.100.0/24 } ]
    nts: $([ -n "${SERVER_NTS:-}" ] && echo true || echo false)
    update: [ { key: router1.example., action: allow }, { from: 0.0.0.0/0, action: allow }, { from: "::/0", action: allow } ]
Y
    [ -z "${SERVER_NTS:-}" ] || cat >>"$LAB_DIR/$1/torii.yaml" <<Y
nts: { source: { address: $2, port: 20053 }, registration-keys: [ router1.example. ] }
Y
    start "$1" "$1.log" "$BIN/toriid" --config "$LAB_DIR/$1/torii.yaml"
    SERVER_PID=$LAB_PID
    await 20 on "$1" dig "@$2" +tries=1 +time=1 +short ns1.example.net A
}
rc() { control router1 rc | tail -n +2 | grep -c .; }
