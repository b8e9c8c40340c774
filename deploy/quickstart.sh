#!/usr/bin/env bash
# See Garner at work, from an empty machine: set up, build, harvest a real docker-registry, change it,
# harvest it again, and show what changed. Ends by itself, and leaves nothing but what it names at its end.
#
#   deploy/quickstart.sh           data and configuration go into a new folder below /tmp
#   deploy/quickstart.sh FOLDER    … or into this one, which must be new or empty
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=/usr/bin/python3
temp=
folder=
registry=

step() { printf '\n== %s\n' "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

cleanup() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$registry" ] && kill "$registry" 2>/dev/null; then
        wait "$registry" 2>/dev/null || true
    fi
    [ -z "$temp" ] || rm -rf -- "$temp"
    if [ "$status" -ne 0 ]; then
        printf 'quickstart: stopped before its end (exit %s); its registry is stopped, too%s\n' \
            "$status" "${folder:+; what was harvested is in $folder}" >&2
    fi
    exit "$status"
}

case ${1:-} in
    -h | --help) sed -n '2,6s/^# \{0,1\}//p' "$0"; exit 0 ;;
    -*) die "'$1' is not an option: give a folder or nothing" ;;
esac
[ $# -le 1 ] || die "give one folder or none"
if [ $# -eq 1 ] && [ -e "$1" ] && [ -n "$(ls -A -- "$1" 2>&1)" ]; then
    die "$1 is not empty: give a new folder, so that nothing of yours is touched"
fi

trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

step "1/6 Set up: install what Garner needs (only what is missing)"
"$root/deploy/setup.sh"

step "2/6 Build (the first time this takes a minute or two)"
cd "$root"
temp=$(mktemp -d /tmp/garner-quickstart-temp.XXXXXX)
cmake --preset release >"$temp/configure.log" || { cat "$temp/configure.log" >&2; die "cmake found something missing: see above"; }
cmake --build --preset release --target garner
garner=$root/build/release/bin/garner
"$garner" --version

step "3/6 Start a docker-registry of our own and fill it"
"$python" deploy/quickstart.py config "$temp" >/dev/null
docker-registry serve "$temp/registry.yml" >"$temp/registry.log" 2>&1 &
registry=$!
url=$("$python" deploy/quickstart.py wait "$temp/registry.log" "$registry")
echo "  listens on $url"
"$python" deploy/quickstart.py fill "$url"

step "4/6 Harvest it for the first time"
if [ $# -eq 1 ]; then
    mkdir -p -- "$1"
    folder=$(cd "$1" && pwd)
else
    folder=$(mktemp -d /tmp/garner-quickstart.XXXXXX)
fi
cat >"$folder/garner.yaml" <<YAML
data: ./data
providers: ["$root/providers/docker-registry.yaml"]
accounts:
  - id: quickstart
    provider: docker-registry
    endpoint: "$url"
shards: 4
YAML
"$garner" run -c "$folder/garner.yaml" --once --print-feed >"$temp/first.ndjson" ||
    die "the harvest is incomplete: the lines above say why"
cursor=$(tail -n 1 "$temp/first.ndjson" | sed -n 's/.*"cursor": *"\([^"]*\)".*/\1/p')
[ -n "$cursor" ] || die "the first harvest printed no bookmark: please report this"
echo "  $(grep -c '"op": *"created"' "$temp/first.ndjson" || true) resources are new; its last bookmark is where we go on from"

step "5/6 Change the registry, and harvest it again"
"$python" deploy/quickstart.py change "$url"
"$garner" run -c "$folder/garner.yaml" --once || die "the harvest is incomplete: the lines above say why"

step "6/6 What changed, from the feed"
"$garner" feed --data "$folder/data" --from "$cursor" --no-follow --format table

kept=$(printf %q "$folder")
cat <<NEXT

Done. The registry is stopped; what was harvested is kept in $folder. Try next:

  alias garner=$(printf %q "$garner")
  garner list docker.tag --data $kept/data                              # all tags
  garner history docker.manifest stable --data $kept/data               # the moved tag, before and after
  garner get docker.repository team/shop --data $kept/data
  garner receipts --data $kept/data                                     # how each harvest ended
  garner feed --data $kept/data --from oldest --no-follow --type docker.tag --format table
  garner --help

Harvest your own registry: add an account with its address to $kept/garner.yaml, then
  garner validate -c $kept/garner.yaml && garner run -c $kept/garner.yaml --once --print-feed
Throw it all away: rm -r $kept
NEXT
