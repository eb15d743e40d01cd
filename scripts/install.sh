#!/bin/bash
# Puts the programs, the example configuration and the systemd units in place. usage: install.sh DESTDIR PREFIX BIN
#
# A configuration that is already there stays as it is; the example then goes beside it as *.example.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${1%/} prefix=$2 programs=$3

for program in toriid torii-router toriictl; do
    [ -x "$programs/$program" ] || { echo "$programs/$program is missing: 'make release' first" >&2; exit 1; }
    install -D -m 755 "$programs/$program" "$root$prefix/bin/$program"
done
for alias in torii-checkconf torii-checkzone; do ln -sf toriictl "$root$prefix/bin/$alias"; done
# The example's folders are those of a checkout; an installed daemon uses the system's.
placed() {
    sed -e "s#\.\./state#/var/lib/$1#" -e "s#\.\./run/#/run/$1/#" "$2"
}
for name in torii torii-router; do
    target=$root/etc/torii/$name.yaml
    if [ -e "$target" ]; then target=$target.example; fi
    install -d "$root/etc/torii"
    placed "$name" "conf/$name.yaml" >"$target"
    chmod 640 "$target"
    # The daemon's account reads it (it may hold keys), nobody else does.
    if getent group "$name" >/dev/null; then chgrp "$name" "$target"; fi
done
for file in zones/*; do
    [ -e "$root/etc/torii/$file" ] || install -D -m 644 "$file" "$root/etc/torii/$file"
done
for unit in conf/*.service; do
    install -d "$root/lib/systemd/system"
    sed "s#/usr/bin/torii#$prefix/bin/torii#g" "$unit" >"$root/lib/systemd/system/$(basename "$unit")"
done
echo "Installed below ${root:-/}: $prefix/bin, /etc/torii, /lib/systemd/system."
cat <<NEXT
Next, once, for the server (the router agent likewise, with torii-router):
  useradd --system --user-group --home-dir /var/lib/torii --shell /usr/sbin/nologin torii
  chgrp torii /etc/torii/torii.yaml
  systemctl daemon-reload && systemctl enable --now torii
NEXT
