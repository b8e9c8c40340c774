#!/usr/bin/env bash
# Measure the coordinator's deciders (docs/performance.md): how even placement is, what it moves, how long a plan takes, and what
# hearing from a large cluster costs. cluster/*.c say how.
#
#   tests/bench/cluster.sh
#
# Sets up and builds the release preset first. Exits 1 if a figure of placement is beyond what is promised.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

die() { printf 'bench: %s\n' "$*" >&2; exit 1; }
step() { "$@" >&2 || die "'$*' failed, see above"; }

step bash "$root/deploy/setup.sh"
(cd "$root" && step cmake --preset release --log-level=NOTICE)
step cmake --build "$root/build/release" --target bench_placement bench_heartbeats -- --quiet
"$root/build/release/tests/bench_placement"
"$root/build/release/tests/bench_heartbeats" 256 10
"$root/build/release/tests/bench_heartbeats" 16384 1000
