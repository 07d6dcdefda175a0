#!/bin/sh
# Installs the system packages that emulated networks, clusters and isolation need, where that takes no questions:
# as root, or with sudo without a password. Elsewhere it says in one line what to run. Never fails: all
# that does not need them works without.
set -u
packages="bubblewrap iproute2 iptables iputils-ping mininet net-tools nftables procps util-linux"

command -v dpkg-query >/dev/null 2>&1 || {
    echo "note: emulated networks need bubblewrap, iproute2, iptables, ping and Mininet; infraray doctor says what is missing"
    exit 0
}
missing=""
for package in $packages; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

advice="note: for emulated networks run once: sudo apt-get install --no-install-recommends$missing"
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    echo "$advice"
    exit 0
fi
install() {
    # shellcheck disable=SC2086  # several words each
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1
}
install || { $as_root apt-get update -qq >/dev/null 2>&1 && install; } || echo "$advice"
exit 0
