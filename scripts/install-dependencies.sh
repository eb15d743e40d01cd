#!/bin/bash
# Installs the system packages that this machine lacks, and says so. Asks nothing.
#
#   install-dependencies.sh build | test | lab | bench
#
# Debian and Ubuntu (apt). Services that come with a package (named, nsd, ...) are neither started now nor at the
# next boot: the tests start their own on loopback.
set -euo pipefail

build=(libldns-dev libsqlite3-dev libnftables-dev libssl-dev ca-certificates git make)
test=(bind9 bind9-dnsutils nsd knot unbound ldnsutils knot-dnsutils
    iproute2 nftables conntrack curl iputils-ping python3 python3-dnspython python3-cryptography openssl)
lab=(bind9-dnsutils iproute2 nftables conntrack curl iputils-ping python3)
bench=(bind9 bind9-dnsutils nsd knot unbound gcc libc6-dev python3)

purpose=${1:-build}
case $purpose in
    build) wanted=("${build[@]}") ;;
    test) wanted=("${build[@]}" "${test[@]}") ;;
    lab) wanted=("${build[@]}" "${lab[@]}") ;;
    bench) wanted=("${build[@]}" "${bench[@]}") ;;
    *)
        echo "usage: $0 build|test|lab|bench" >&2
        exit 2
        ;;
esac

check_swift() {
    if ! command -v "${SWIFT:-swift}" >/dev/null; then
        echo "Torii needs a Swift 6.3 toolchain, and there is no 'swift' on the PATH: see https://www.swift.org/install/linux/" >&2
        exit 1
    fi
    local said version
    if ! said=$("${SWIFT:-swift}" --version 2>&1); then
        echo "The Swift toolchain does not run: $said" >&2
        exit 1
    fi
    version=$(sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' <<<"$said" | head -1)
    if [ -n "$version" ] && [ "$(printf '%s\n6.3\n' "$version" | sort -V | head -1)" != 6.3 ]; then
        echo "Torii needs Swift 6.3 or later; this is Swift $version." >&2
        exit 1
    fi
}
check_swift

if ! command -v apt-get >/dev/null; then
    echo "This is not Debian or Ubuntu: install what these packages hold by hand: ${wanted[*]}" >&2
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "Missing: ${missing[*]}. Neither root nor sudo: install them and try again." >&2
        exit 1
    fi
    as_root=(sudo)
fi

echo "Installing with apt: ${missing[*]}"
# Debian's own way to say "start nothing": policy-rc.d answers 101. It goes away again unless it was there before.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
    "${as_root[@]}" chmod 755 $policy
    trap '"${as_root[@]}" rm -f $policy' EXIT
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 "${missing[@]}" >/dev/null

if [ -d /run/systemd/system ]; then
    for pair in bind9:named nsd:nsd knot:knot unbound:unbound nftables:nftables; do
        for package in "${missing[@]}"; do
            if [ "$package" = "${pair%%:*}" ]; then
                "${as_root[@]}" systemctl disable --quiet "${pair##*:}" 2>/dev/null || true
            fi
        done
    done
fi
