#!/usr/bin/env bash
# Measure Garner: a table, in which each figure stands beside what a bare program does (docs/performance.md).
#
#   tests/bench/run.sh                        everything, medians of 5
#   tests/bench/run.sh --json FILE            also a line of JSON for each figure
#   tests/bench/run.sh --only unchanged,tls --runs 3
#   tests/bench/run.sh --help                 all options
#
# Sets up and builds the release preset first. Exits 0 when all could be measured, whatever came out.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() { printf 'bench: %s\n' "$*" >&2; exit 1; }
step() { "$@" >&2 || die "'$*' failed, see above"; }

step bash "$root/deploy/setup.sh"
step bash "$root/deploy/venv.sh"
(cd "$root" && step cmake --preset release --log-level=NOTICE)
step cmake --build "$root/build/release" --target garner bare_curl bare_lmdb -- --quiet
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
exec "$root/tests/python.sh" -B "$root/tests/bench/bench.py" "$@"
