#!/bin/bash
# Starts the release build of toriid in the foreground and says what to try. usage: run.sh CONFIG
set -euo pipefail
cd "$(dirname "$0")/.."
config=${1:-conf/torii.yaml}
programs=${TORII_BIN:-.build/release}

secret=$(sed -n 's/.*name: *update\.example\..*secret: *"\{0,1\}\([A-Za-z0-9+\/=]*\)"\{0,1\}.*/\1/p' "$config" | head -1)
cat <<TRY

Torii serves 127.0.0.1 and ::1, port 5300. Try in another terminal:

  dig @127.0.0.1 -p 5300 www.example.net AAAA
  dig @::1 -p 5300 example.net SOA +tcp +norecurse
  printf 'server 127.0.0.1 5300\nzone example.net\nupdate add alice.example.net 60 A 192.0.2.80\nsend\n' | nsupdate -y hmac-sha256:update.example:${secret:-SECRET} && dig @127.0.0.1 -p 5300 alice.example.net +short

Control-C stops it; $programs/toriictl --socket run/torii.sock status asks how it is.

TRY
exec "$programs/toriid" --config "$config"
