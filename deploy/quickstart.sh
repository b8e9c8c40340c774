#!/usr/bin/env bash
# See Garner at work, from an empty machine: set up, build, harvest three AWS accounts of a server of our own
# (moto, on the loopback), then let `garner run` go on, let somebody work in these accounts, and see what changes
# as it changes. On a terminal it goes on until Ctrl-C; elsewhere, or with --end, it ends by itself after a round
# of each deed, about half a minute once it is built. It stops what it started, and leaves nothing but what it
# names at its end.
#
#   deploy/quickstart.sh           data and configuration go into a new folder below /tmp
#   deploy/quickstart.sh FOLDER    … or into this one, which must be new or empty
#   deploy/quickstart.sh --end     ends by itself, also on a terminal
#
# Nothing of your own AWS is used, and nothing is asked of AWS.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
python=("$root/build/venv/bin/python" -B)
temp=
folder=
ends=
[ -t 1 ] || ends=yes
actor=
feed=
run=
moto=

step() { printf '\n== %s\n' "$*"; }
die() { printf 'quickstart: %s\n' "$*" >&2; exit 1; }

# What runs in the background is stopped by its process id, and waited for. A shell lets it ignore Ctrl-C.
stop() {
    [ -z "$1" ] || ! kill "$1" 2>/dev/null || wait "$1" 2>/dev/null || true
}
stop_all() {
    stop "$actor"
    stop "$feed"
    stop "$run"
    stop "$moto"
    actor='' feed='' run='' moto=''
}

cleanup() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    stop_all
    [ -z "$temp" ] || rm -rf -- "$temp"
    if [ "$status" -ne 0 ]; then
        printf 'quickstart: stopped before its end (exit %s); what it started is stopped, too%s\n' \
            "$status" "${folder:+; what was harvested is in $folder}" >&2
    fi
    exit "$status"
}

while [ $# -gt 0 ]; do
    case $1 in
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
        --end) ends=yes ;;
        -*) die "'$1' is not an option: give a folder, --end or nothing" ;;
        *) [ -z "$folder" ] || die "give one folder or none"; folder=$1 ;;
    esac
    shift
done
if [ -n "$folder" ] && [ -e "$folder" ] && [ -n "$(ls -A -- "$folder" 2>&1)" ]; then
    given=$folder folder=
    die "$given is not empty: give a new folder, so that nothing of yours is touched"
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
[ -n "$folder" ] || folder=$(mktemp -d /tmp/garner-quickstart.XXXXXX)
mkdir -p -- "$folder"
folder=$(cd "$folder" && pwd)
GARNER_AT=$(world config "$url" "$folder")
export GARNER_AT
echo "  each of 3 accounts by a role of its own, in 2 regions: garner run -c garner.yaml --once"
"$garner" run -c "$folder/garner.yaml" --once 2>"$folder/run.log" ||
    { cat "$folder/run.log" >&2; die "the harvest is incomplete: the lines above say why"; }
tail -n 1 "$folder/run.log" | sed 's/^/  /'
cursor=$("$garner" feed --data "$folder/data" --from now --limit 0 --format ndjson | sed -n 's/.*"cursor": *"\([^"]*\)".*/\1/p')

step "5/5 Go on harvesting, while somebody works in these accounts, and follow the feed"
cat <<SAYS
  garner run -c garner.yaml                            (in the background: each collection again every 6 s)
  garner feed --op created,updated,deleted             (what is told here)
SAYS
"$garner" run -c "$folder/garner.yaml" 2>"$folder/run.log" &
run=$!
for ((tries = 0; ; tries++)); do
    ! "$garner" feed --from now --limit 0 >/dev/null 2>"$temp/feed.log" || break
    if [ "$tries" -ge 100 ] || ! kill -0 "$run" 2>/dev/null; then
        cat "$folder/run.log" "$temp/feed.log" >&2
        die "garner run did not start: the lines above say why"
    fi
    sleep 0.1
done

# By itself it ends when all that is done in a round of each deed was told.
if [ -n "$ends" ]; then
    timeout 180 "$garner" feed --from "$cursor" --op created,updated,deleted --format table --limit "$(world count)" &
    feed=$!
    world act "$url" once &
    actor=$!
    wait "$actor" || die "somebody could not work: the lines above say why"
    actor=
    wait -n -p ended "$feed" "$run" || die "not all that was done was told; garner run said: $(tail -n 5 "$folder/run.log")"
    [ "$ended" = "$feed" ] || die "garner run ended: $(tail -n 5 "$folder/run.log")"
    feed=
else
    echo "  Ctrl-C ends all of it."
    "$garner" feed --from "$cursor" --op created,updated,deleted --format table &
    feed=$!
    world act "$url" forever &
    actor=$!
    interrupted=
    trap 'interrupted=yes' INT
    wait -n "$actor" "$feed" "$run" || true
    [ -n "$interrupted" ] || die "something ended that should go on; garner run said: $(tail -n 5 "$folder/run.log")"
    trap 'exit 130' INT
    echo
fi
took=$((SECONDS - started))
stop_all
echo
echo "garner run, stopped: $(tail -n 1 "$folder/run.log")"

group=$("$garner" feed --data "$folder/data" --from oldest --no-follow --format ndjson --type aws.ec2.security_group --op updated |
    sed -n 's/.*"type":"aws.ec2.security_group","id":"\([^"]*\)".*/\1/p' | head -n 1)
kept=$(printf %q "$folder")
cat <<NEXT

Done, $took s after the server was started. All that was started is stopped; what was harvested
is kept in $folder. Try next:

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
  garner validate -c garner.yaml && garner run -c garner.yaml   # and, in another terminal: garner feed

Throw all of this away: rm -r $kept
NEXT
