#!/usr/bin/env bash
# Fuzz for long, and keep what is new: each target runs for some time from its corpus, then what it found is merged into
# the corpus as few and small inputs, within a bound (128 and 32 kB). A line for each: executions, coverage before and after, crashes.
# A crash stays in build/clang/tests/fuzz/NAME/ and makes the exit code 1; it is to become a unit test.
#
#   tests/fuzz/long.sh [--seconds N] [--keep-kb N] [TARGET…]      3600 s and 32 kB each; all targets, without "fuzz_"
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=3600 keep_kb=32 keep_count=128 targets=()
while [ $# -gt 0 ]; do
    case $1 in
        --seconds | --keep-kb)
            [[ ${2:-} =~ ^[0-9]+$ ]] || { echo "long.sh: $1 needs a number" >&2; exit 2; }
            [ "$1" = --seconds ] && seconds=$2 || keep_kb=$2
            shift ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
        -*) echo "long.sh: '$1' is not an option: use --seconds N, --keep-kb N or names of targets" >&2; exit 2 ;;
        *) targets+=("${1#fuzz_}") ;;
    esac
    shift
done
known=()
for file in tests/fuzz/fuzz_*.c; do
    name=$(basename "$file" .c)
    known+=("${name#fuzz_}")
done
[ ${#targets[@]} -gt 0 ] || targets=("${known[@]}")
for name in "${targets[@]}"; do
    [ -e "tests/fuzz/fuzz_$name.c" ] || { echo "long.sh: no target '$name': there are ${known[*]}" >&2; exit 2; }
done

cmake --preset clang --log-level=NOTICE >/dev/null
cmake --build --preset clang --target "${targets[@]/#/fuzz_}" -- --quiet

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1}
limits=(-timeout=10 -rss_limit_mb=2048 -max_len=4096 -verbosity=0)
crashed=0

coverage() { # coverage PROGRAM FOLDER: how many edges the corpus reaches
    "$1" "${limits[@]/-verbosity=0/-verbosity=1}" -runs=0 "$2" 2>&1 | sed -nE 's/.*INITED.* cov: ([0-9]+).*/\1/p'
}

# What was found before is replaced by the smallest of what is needed now; seeds with names of their own stay.
keep() { # keep MINIMAL CORPUS
    local file size used=0 count=0
    find "$2" -type f -regextype posix-extended -regex '.*/[0-9a-f]{16}' -delete
    while read -r size file; do
        used=$((used + size)) count=$((count + 1))
        [ $used -le $((keep_kb * 1024)) ] && [ $count -le $keep_count ] || break
        cp "$file" "$2/$(sha1sum "$file" | cut -c1-16)"
    done < <(find "$1" -type f -printf '%s %p\n' | sort -n)
}

for name in "${targets[@]}"; do
    program=build/clang/tests/fuzz_$name corpus=tests/fuzz/corpus/$name
    work=build/clang/tests/fuzz/$name
    mkdir -p "$corpus" "$work/found"
    rm -rf "$work/minimal" && mkdir "$work/minimal"
    before=$(coverage "$program" "$corpus")
    rm -f "$work"/{crash,leak,timeout,oom}-*
    "$program" "${limits[@]}" -max_total_time="$seconds" -print_final_stats=1 -artifact_prefix="$work/" "$work/found" "$corpus" \
        >"$work/said.txt" 2>&1 || true
    "$program" "${limits[@]}" -set_cover_merge=1 -use_counters=0 "$work/minimal" "$corpus" "$work/found" >"$work/merge.txt" 2>&1 || true
    keep "$work/minimal" "$corpus"
    bad=$(find "$work" -maxdepth 1 \( -name 'crash-*' -o -name 'leak-*' -o -name 'timeout-*' -o -name 'oom-*' \) | wc -l)
    [ "$bad" = 0 ] || crashed=1
    printf '%-18s %10s executions in %s s, coverage %s -> %s, %s inputs of %s kB kept, %s crashes%s\n' "$name" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/said.txt")" "$seconds" "$before" "$(coverage "$program" "$corpus")" \
        "$(find "$corpus" -type f | wc -l)" "$(find "$corpus" -type f -printf '%s\n' | awk '{ n += $1 } END { print int((n + 1023) / 1024) }')" \
        "$bad" "$([ "$bad" = 0 ] || echo ": see $work/")"
done
exit $crashed
