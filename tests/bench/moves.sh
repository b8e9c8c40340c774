#!/usr/bin/env bash
# Measure how long a planned move pauses its shard (docs/performance.md); moves.py says how.
#
#   tests/bench/moves.sh                       100 moves
#   tests/bench/moves.sh --moves 500 --json FILE
#
# Sets up and builds the release preset first. Exits 1 beyond 200 ms at p99, or if a reader noticed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() { printf 'bench: %s\n' "$*" >&2; exit 1; }
step() { "$@" >&2 || die "'$*' failed, see above"; }

step bash "$root/deploy/setup.sh"
step bash "$root/deploy/venv.sh"
(cd "$root" && step cmake --preset release --log-level=NOTICE)
step cmake --build "$root/build/release" --target garner garner-coordinator garner-worker garner-gateway -- --quiet
export GARNER_BIN="$root/build/release/bin/garner"
exec "$root/tests/python.sh" -B "$root/tests/bench/moves.py" "$@"
