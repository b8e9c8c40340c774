#!/usr/bin/env bash
# Measure the feed beside Redis Streams and JetStream: a table (docs/performance.md).
#
#   tests/bench/feed.sh                       everything, medians of 5
#   tests/bench/feed.sh --json FILE           also a line of JSON for each figure
#   tests/bench/feed.sh --only append --runs 9
#   tests/bench/feed.sh --help                all options
#
# Sets up and builds the release preset first. Exits 0 when all could be measured, whatever came out.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() { printf 'bench: %s\n' "$*" >&2; exit 1; }
step() { "$@" >&2 || die "'$*' failed, see above"; }

step bash "$root/deploy/setup.sh"
step bash "$root/deploy/venv.sh"
(cd "$root" && step cmake --preset release --log-level=NOTICE)
step cmake --build "$root/build/release" --target garner bench_feed_programs -- --quiet
exec "$root/tests/python.sh" -B "$root/tests/bench/feed.py" "$@"
