#!/bin/bash
# The steps of the Dockerfile without a container engine: the runtime stage is built in a debootstrap root, the programs
# are put in, and the server is started in it and asked. Needs root. usage: image.sh BIN
#
# BIN: the folder with the programs that `make release` built.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" -eq 0 ] || { echo "image.sh needs root (chroot)" >&2; exit 1; }
command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >/dev/null
programs=${1:?where the programs are}

root=$(mktemp -d /tmp/torii-image-XXXXXX)
chmod 755 "$root"
daemon=
finish() {
    if [ -n "$daemon" ]; then kill "$daemon" 2>/dev/null || true; fi
    umount "$root/proc" 2>/dev/null || true
    rm -rf "$root"
}
trap finish EXIT

# What the FROM and RUN lines of the stages `runtime` and `router` install.
packages() { sed -n "/AS $1\$/,/^ENV\|^COPY/p" Dockerfile | grep -oE 'lib[a-z]+[0-9-]*[0-9]|ca-certificates|tzdata' | sort -u; }
wanted=$( (packages runtime; packages router) | sort -u | paste -sd, -)
echo "== debootstrap with $wanted"
debootstrap --variant=minbase --include="$wanted" bookworm "$root" >"$root.log" 2>&1 || { tail "$root.log"; exit 1; }
rm -f "$root.log"
mount -t proc proc "$root/proc"
chroot "$root" useradd --system --uid 530 --home-dir /var/lib/torii --shell /usr/sbin/nologin torii
chroot "$root" install -d -o torii -g torii -m 750 /var/lib/torii /run/torii

install -m 755 "$programs/toriid" "$programs/torii-router" "$programs/toriictl" "$root/usr/local/bin/"
install -d "$root/etc/torii"
cp -r zones "$root/etc/torii/"
sed -e 's#\.\./state#/var/lib/torii#' -e 's#\.\./run/#/run/torii/#' conf/torii.yaml >"$root/etc/torii/torii.yaml"

echo "== what the programs link"
for program in toriid torii-router toriictl; do
    chroot "$root" ldd "/usr/local/bin/$program" | awk '{print $1}' | paste -sd' ' - | sed "s#^#$program: #"
    if chroot "$root" ldd "/usr/local/bin/$program" | grep -q 'not found'; then
        echo "$program lacks a library" >&2
        exit 1
    fi
done
for program in toriid torii-router toriictl; do chroot "$root" "$program" --version; done

echo "== the server as the image runs it, not as root"
inside=(setpriv --reuid 530 --regid "$(chroot "$root" id -g torii)" --clear-groups)
chroot "$root" "${inside[@]}" toriid --config /etc/torii/torii.yaml --check
chroot "$root" "${inside[@]}" toriid --config /etc/torii/torii.yaml 2>"$root/log" &
daemon=$!
until grep -q ready "$root/log"; do
    kill -0 "$daemon" || { cat "$root/log"; exit 1; }
done
chroot "$root" "${inside[@]}" toriictl --socket /run/torii/torii.sock status
dig @127.0.0.1 -p 5300 www.example.net AAAA +norecurse +time=2 +tries=1 | grep -E 'status|AAAA'
echo "PASS: $(du -sh --exclude=proc "$root" | cut -f1) in the root, of it $(du -ch "$programs"/{toriid,torii-router,toriictl} | tail -1 | cut -f1) ours"
