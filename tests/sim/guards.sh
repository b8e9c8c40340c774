#!/bin/sh
# Which run finds each of the cluster's guards broken: the first of RUNS with seed 1, or with the next seed that
# has one. A table, in Markdown.
#
#     tests/sim/guards.sh [BIN [RUNS]]
set -eu
bin=${1:-build/release/bin/garner-sim-cluster}
runs=${2:-4000}

first() {
    "$bin" --seed "$2" --runs "$runs" --break "$1" 2>&1 >/dev/null |
        sed -n 's/^run \([0-9]*\) of seed \([0-9]*\) is wrong: \([A-Z0-9]*\) .*/\2 | \1 | \3/p'
}

echo "| guard | what is so where it is broken | seed | run | found as |"
echo "|---|---|---|---|---|"
"$bin" --guards | while IFS='	' read -r guard what; do
    found=
    for seed in $(seq 20); do
        [ -n "$found" ] || found=$(first "$guard" "$seed")
    done
    echo "| \`$guard\` | $what | ${found:-none | none | } |"
done
