#!/usr/bin/env bash
# Install what Garner needs to be built, tested and tried, on Debian 12 or 13. Can be run again: it
# installs only what is missing and says what it does.
#
#   deploy/setup.sh          everything: build, tests, quickstart
#   deploy/setup.sh --list   print the packages and stop
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

[ -r /etc/os-release ] || die "/etc/os-release is missing: this script knows Debian 12 and 13 only"
# shellcheck disable=SC1091
. /etc/os-release
release=${VERSION_CODENAME:-unknown}

packages=(
    gcc g++ clang clang-format libclang-rt-dev cmake ninja-build pkgconf git ca-certificates curl openssl
    iproute2 libnng-dev liblmdb-dev libprotobuf-c-dev protobuf-c-compiler libcurl4-openssl-dev
    libxml2-dev libxxhash-dev libroaring-dev libfyaml-dev libarchive-dev libssl-dev
    libmicrohttpd-dev libcmocka-dev libyyjson-dev
    libpq-dev postgresql
    python3 python3-venv docker-registry nghttp2-server nginx
    redis-server libhiredis-dev nats-server libnats-dev
)
stay_off=(nginx redis-server nats-server) # the benchmarks start their own
case $release in
    bookworm) packages=("${packages[@]/libclang-rt-dev/libclang-rt-14-dev}" libmsgpack-dev mitmproxy) ;; # 13 has no mitmproxy
    trixie) packages=("${packages[@]/libclang-rt-dev/libclang-rt-19-dev}" libmsgpack-c-dev) ;;
    *) die "Debian '$release' is not known here: use Debian 12 (bookworm) or 13 (trixie), or install the packages of 'deploy/setup.sh --list' by hand" ;;
esac
if [ "${1:-}" = --list ]; then
    printf '%s\n' "${packages[@]}"
    exit 0
elif [ $# -gt 0 ]; then
    die "'$1' is not an option: use --list or nothing"
fi

missing() {
    local package
    for package in "${packages[@]}"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || printf '%s\n' "$package"
    done
}

mapfile -t wanted < <(missing)
if [ ${#wanted[@]} -eq 0 ]; then
    say "all ${#packages[@]} packages are installed"
    exit 0
fi

sudo=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || die "run this as root (or install sudo): it installs ${wanted[*]}"
    sudo=(sudo)
fi
apt() { "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@"; }

say "reading the package lists"
apt update

# yyjson came into Debian with 13. On 12 its two packages, which need nothing newer than Debian 12's
# C library, are taken from 13 of the same mirror; the pin keeps everything else of 13 out.
if [ "$release" = bookworm ] && ! apt-cache show libyyjson-dev >/dev/null 2>&1; then
    base=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk '$2 == "bookworm" || $2 == "stable" || $2 == "oldstable" { print $1; exit }')
    [ -n "$base" ] || die "no apt source for Debian 12 found: add one to /etc/apt/sources.list"
    say "adding $base trixie, pinned to libyyjson0 and libyyjson-dev alone"
    "${sudo[@]}" tee /etc/apt/preferences.d/garner-yyjson >/dev/null <<'PIN'
Package: *
Pin: release n=trixie
Pin-Priority: -1

Package: libyyjson0 libyyjson-dev
Pin: release n=trixie
Pin-Priority: 500
PIN
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $base trixie main" |
        "${sudo[@]}" tee /etc/apt/sources.list.d/garner-yyjson.list >/dev/null
    apt update
fi

# Debian starts a server when it installs it, and again whenever the machine starts. New ones of `stay_off` stay off. A
# policy that somebody else made stays as it is.
policy=/usr/sbin/policy-rc.d own_policy='' new_servers=()
forget_policy() { [ -z "$own_policy" ] || "${sudo[@]}" rm -f "$policy"; own_policy=''; }
for server in "${stay_off[@]}"; do
    [[ " ${wanted[*]} " != *" $server "* ]] || new_servers+=("$server")
done
if [ ${#new_servers[@]} -gt 0 ] && [ ! -e "$policy" ]; then
    own_policy=1
    trap forget_policy EXIT
    "${sudo[@]}" tee "$policy" >/dev/null <<POLICY
#!/bin/sh
# Made by Garner's deploy/setup.sh while it installs packages: these servers aren't to be started.
for server in ${new_servers[*]}; do
    case " \$* " in *" \$server "* | *" \$server.service "*) exit 101 ;; esac
done
exit 0
POLICY
    "${sudo[@]}" chmod 755 "$policy"
fi
disable() {
    if [ -e "/etc/init.d/$1" ]; then # also its systemd unit
        "${sudo[@]}" update-rc.d "$1" disable
    elif command -v systemctl >/dev/null; then
        "${sudo[@]}" systemctl --root=/ --quiet disable "$1"
    fi
}

# Debian makes a PostgreSQL cluster and starts it when it installs the first one. Tests make their own.
no_cluster=/etc/postgresql-common/createcluster.d/garner-setup.conf own_no_cluster=''
forget_no_cluster() { [ -z "$own_no_cluster" ] || "${sudo[@]}" rm -f "$no_cluster"; own_no_cluster=''; }
if [[ " ${wanted[*]} " == *" postgresql "* ]]; then
    own_no_cluster=1
    trap 'forget_policy; forget_no_cluster' EXIT
    "${sudo[@]}" mkdir -p "$(dirname "$no_cluster")"
    echo "create_main_cluster = false" | "${sudo[@]}" tee "$no_cluster" >/dev/null
fi

say "installing ${wanted[*]}"
apt install --no-install-recommends -y "${wanted[@]}" >/dev/null
forget_policy
forget_no_cluster
for server in "${new_servers[@]}"; do disable "$server"; done
mapfile -t wanted < <(missing)
[ ${#wanted[@]} -eq 0 ] || die "apt did not install: ${wanted[*]}"
say "done"
