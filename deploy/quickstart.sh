#!/usr/bin/env bash
# See Garner at work, from an empty machine: set up, build, harvest three AWS accounts of a server of our own
# (moto, on the loopback), let somebody work in them, and show after each harvest what changed. Takes about half
# a minute once it is built, ends by itself, and leaves nothing but what it names at its end.
#
#   deploy/quickstart.sh           data and configuration go into a new folder below /tmp
#   deploy/quickstart.sh FOLDER    … or into this one, which must be new or empty
#
# Nothing of your own AWS is used, and nothing is asked of AWS.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=("$root/build/venv/bin/python" -B)
temp=
folder=
moto=

step() { printf '\n== %s\n' "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

cleanup() {
    local status=$?
    trap - EXIT INT TERM HUP
    if [ -n "$moto" ] && kill "$moto" 2>/dev/null; then
        wait "$moto" 2>/dev/null || true
    fi
    [ -z "$temp" ] || rm -rf -- "$temp"
    if [ "$status" -ne 0 ]; then
        printf 'quickstart: stopped before its end (exit %s); its server is stopped, too%s\n' \
            "$status" "${folder:+; what was harvested is in $folder}" >&2
    fi
    exit "$status"
}

case ${1:-} in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
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

step "1/5 Set up: install what Garner needs (only what is missing)"
"$root/deploy/setup.sh"
"$root/deploy/venv.sh"

step "2/5 Build (the first time this takes a minute or two)"
temp=$(mktemp -d /tmp/garner-quickstart-temp.XXXXXX)
cmake -S "$root" --preset release >"$temp/configure.log" || { cat "$temp/configure.log" >&2; die "cmake found something missing: see above"; }
cmake --build "$root/build/release" --target garner
garner=$root/build/release/bin/garner
"$garner" --version

# From here on there is no AWS but the one on the loopback: no keys, profiles, proxies or home of yours.
for name in $(compgen -e); do
    case $name in AWS_* | BOTO_* | MOTO_* | GARNER_* | *_proxy | *_PROXY) unset "$name" ;; esac
done
: >"$temp/empty"
export AWS_CONFIG_FILE=$temp/empty AWS_SHARED_CREDENTIALS_FILE=$temp/empty AWS_EC2_METADATA_DISABLED=true
export AWS_ACCESS_KEY_ID=AKIAQUICKSTARTQUICKS AWS_SECRET_ACCESS_KEY=not/a/secret+not+at+all HOME=$temp

world() { "${python[@]}" "$root/deploy/quickstart.py" "$@"; }

step "3/5 Start a cloud of our own, and fill three AWS accounts in it"
started=$SECONDS
"${python[@]}" "$root/deploy/quickstart.py" serve >"$temp/moto.log" 2>&1 &
moto=$!
url=$(world wait "$temp/moto.log" "$moto")
echo "  moto listens on $url"
world fill "$url"

step "4/5 Harvest it for the first time"
if [ $# -eq 1 ]; then
    mkdir -p -- "$1"
    folder=$(cd "$1" && pwd)
else
    folder=$(mktemp -d /tmp/garner-quickstart.XXXXXX)
fi
world config "$url" "$folder/garner.yaml"
echo "  each of 3 accounts by a role of its own, in 2 regions"

# All of it once; its last line says how much was asked and found. The cursor is where its changes begin.
harvest() {
    cursor=$("$garner" feed --data "$folder/data" --from now --limit 0 --format ndjson 2>/dev/null |
        sed -n 's/.*"cursor": *"\([^"]*\)".*/\1/p') || cursor=oldest
    "$garner" run -c "$folder/garner.yaml" --once 2>"$temp/run.log" ||
        { cat "$temp/run.log" >&2; die "the harvest is incomplete: the lines above say why"; }
    tail -n 1 "$temp/run.log" | sed 's/^/  /'
}
harvest

step "5/5 Somebody works in these accounts, and after each round they are harvested again"
for round in 1 2 3 4 5; do
    [ ! -t 1 ] || sleep 2 # to read what is there
    printf '\n-- round %s\n' "$round"
    world act "$url" "$round"
    harvest
    "$garner" feed --data "$folder/data" --from "$cursor" --no-follow --format table --op created,updated,deleted >"$temp/table"
    if [ -s "$temp/table" ]; then cat "$temp/table"; else echo "  nothing changed: the feed has nothing new"; fi
done
took=$((SECONDS - started))

group=$("$garner" feed --data "$folder/data" --from oldest --no-follow --format ndjson --type aws.ec2.security_group --op updated |
    sed -n 's/.*"type":"aws.ec2.security_group","id":"\([^"]*\)".*/\1/p' | head -n 1)
kept=$(printf %q "$folder")
cat <<NEXT

Done, $took s after the server was started. It is stopped; what was harvested is kept in $folder. Try next:

  alias garner=$(printf %q "$garner")
  garner history aws.ec2.security_group $group --data $kept/data     # the port, opened and closed
  garner list aws.iam.access_key --data $kept/data                   # all access keys there are
  garner get aws.s3.bucket_policy shop-prod-invoices --data $kept/data
  garner feed --data $kept/data --from oldest --no-follow --no-initial --touches /ipPermissions --format table
  garner receipts --data $kept/data --type aws.ec2.snapshot          # how each harvest ended
  garner --help

Harvest an account of your own, as the profile that you use for it. This is a garner.yaml:

  providers: ["$root/providers/aws.yaml"]
  accounts:
    - {id: "123456789012", provider: aws, credentials: {aws: {profile: default}}}

  $root/deploy/aws-policy.py    # the read-only policy that this needs; docs/aws.md says what to do with it
  garner validate -c garner.yaml && garner run -c garner.yaml --once --print-feed

Throw all of this away: rm -r $kept
NEXT
