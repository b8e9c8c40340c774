#!/usr/bin/env bash
# Make the virtual environment that the Python tests run in: Debian's Python and what tests/requirements.txt
# pins (pytest, moto, boto3, …). Does nothing if it is there already. Two at once wait for each other; one
# that was interrupted is begun anew.
#
#   deploy/venv.sh           in build/venv
#   deploy/venv.sh FOLDER    … or in this folder, which must be new, empty, or made by this script
#   deploy/venv.sh FOLDER REQUIREMENTS    … of what that file pins, in place of tests/requirements.txt
set -euo pipefail

die() { printf 'venv: %s\n' "$*" >&2; exit 1; }

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=/usr/bin/python3
requirements=${2:-$root/tests/requirements.txt}
case ${1:-} in
    -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    -*) die "'$1' is not an option: give a folder or nothing" ;;
esac
[ $# -le 2 ] || die "give a folder and a file of requirements, a folder, or nothing"
[ -r "$requirements" ] || die "$requirements can't be read: give a file of requirements"
folder=$(realpath -m -- "${1:-$root/build/venv}")
[ -x "$python" ] || die "$python is missing: run deploy/setup.sh"

# The mark is empty while the environment is being made, and says of what it was made once it is complete.
mark=$folder/.garner-venv
wanted=$({ cat "$requirements"; readlink -f "$python"; printf '%s\n' "$folder"; } | sha256sum)
complete() { [ -e "$mark" ] && [ "$(<"$mark")" = "$wanted" ] && [ -x "$folder/bin/python" ]; }
complete && exit 0

mkdir -p -- "$(dirname "$folder")"
exec 9>"$folder.lock"
# (pip holds the lock, too: one that outlives an interrupted script isn't met half-way.)
flock -n 9 || { printf 'venv: waiting for another one that makes %s\n' "$folder" >&2; flock 9; }
complete && exit 0

if [ -e "$folder" ] && [ ! -e "$mark" ] && [ -n "$(ls -A -- "$folder" 2>&1)" ]; then
    die "$folder is not empty and not of this script: give a new folder, so that nothing of yours is touched"
fi
printf 'venv: making %s\n' "$folder"
mkdir -p -- "$folder"
: >"$mark"
find "$folder" -mindepth 1 -maxdepth 1 ! -name .garner-venv -exec rm -rf -- {} +
"$python" -m venv -- "$folder" || die "$python can't make a virtual environment (see above): install python3-venv with deploy/setup.sh"
pip=("$folder/bin/python" -m pip --disable-pip-version-check --no-input)
# All is pinned, also what is needed by what is needed: nothing is left to choose, and nothing runs to be built.
"${pip[@]}" install --quiet --no-deps --only-binary :all: -r "$requirements" ||
    die "pip could not install $requirements (see above). It needs a Python package index: look at the network, at proxies and at 'pip config list', then run deploy/venv.sh again"
"${pip[@]}" check >/dev/null ||
    die "$requirements lacks something: run '$folder/bin/python -m pip check', and pin what it names"
printf '%s\n' "$wanted" >"$mark"
