#!/usr/bin/env bash
# Set up, build and run all tests, on Debian 12 or 13. Ends with ctest's summary; exits 0 only if every
# step went well.
#
#   tests/run.sh             everything: the builds below, and their tests
#   tests/run.sh --quick     the debug build only
#   tests/run.sh -R REGEX    only the tests whose name matches, e.g. -R paging or -R '^asan: '
#
#   build     compiler, flags            tests run on it
#   asan      gcc, ASan and UBSan        all but the quickstart, the soak and idle memory
#   release   gcc, optimised             scenarios, the simulation, the benchmark in small, the quickstart, the soak, idle memory,
#                                        and the tests that kill or fill
#   clang     clang, ASan and UBSan      unit, scenarios, fuzz
#   tsan      gcc, ThreadSanitizer       unit but for some long ones of one thread, the integration test of threads
#
# All builds come first. Then one run of ctest takes the tests of all of them ("asan: test_value", …), so
# that its summary counts everything. What this machine can't check is in that summary as skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

quick='' filter=()
while [ $# -gt 0 ]; do
    case $1 in
        --quick) quick=1 ;;
        -R) [ $# -gt 1 ] || { echo "run.sh: -R needs a regular expression" >&2; exit 2; }
            filter=(-R "$2"); shift ;;
        -h | --help) sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; exit 0 ;;
        *) echo "run.sh: '$1' is not an option: use --quick, -R REGEX or nothing" >&2; exit 2 ;;
    esac
    shift
done

say() { printf '\n== %s (%d s)\n' "$*" $SECONDS; }
die() { printf '\nrun.sh: %s\n' "$*" >&2; exit 1; }
step() { # step NAME command…: a failure ends the run and names the step
    local name=$1
    shift
    say "$name"
    "$@" || die "step '$name' failed, see above"
}

export LC_ALL=C.UTF-8
[ -e /proc/self/maps ] || die "/proc isn't mounted, and the sanitizers need it: mount -t proc proc /proc"

launcher=()
step "set up" bash deploy/setup.sh
step "set up Python" bash deploy/venv.sh
command -v mitmdump >/dev/null || # Debian 13 doesn't package it
    step "set up mitmproxy" bash deploy/venv.sh build/venv-mitmproxy tests/requirements-mitmproxy.txt

# Tests talk to servers of their own on the loopback; a proxy for the world outside has no part in that.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY GARNER_AT GARNER_BIN
export ASAN_OPTIONS=exitcode=99:detect_stack_use_after_return=1:strict_string_checks=1
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=exitcode=99:print_stacktrace=1
export TSAN_OPTIONS=exitcode=99:halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan.supp
jobs=$(nproc)

build() { # build PRESET
    step "configure $1" cmake --preset "$1" --log-level=NOTICE
    step "build $1" cmake --build --preset "$1" -j "$jobs" -- --quiet
}

# The last step, whose summary is the last that is printed. More tests at once than there are cores, for many wait.
run_ctest() { # run_ctest FOLDER
    say "test"
    "${launcher[@]}" ctest --test-dir "$1" -j $((jobs + jobs / 2)) --output-on-failure --no-tests=error "${filter[@]}" ||
        die "step 'test' failed: again, and only what failed: ctest --test-dir $1 --rerun-failed --output-on-failure"
}

if [ "$quick" ]; then
    build dev
    run_ctest build/dev
    exit 0
fi

# --- what this machine can check ---

every=build/every
rm -rf "$every"
mkdir -p "$every/probe"

# Compiles and runs a few lines with a sanitizer; leaves what it said in probe/NAME.txt. True if it said $4.
probe() { # probe NAME SANITIZER CODE PATTERN [launcher…]
    local program=$every/probe/$1 pattern=$4
    printf '%s\n' "$3" >"$program.c"
    gcc -g -fsanitize="$2" -o "$program" "$program.c" -pthread || die "gcc -fsanitize=$2 doesn't work here"
    shift 4
    "$@" "$program" >"$program.txt" 2>&1 || true
    grep -q "$pattern" "$program.txt"
}

# A test that is skipped, so that the summary has it.
skipped() { # skipped NAME WHY
    printf 'run.sh: note: %s: %s\n' "$1" "$2" >&2
    mkdir -p "$every/machine"
    printf 'add_test([=[machine: %s]=] "/bin/sh" "-c" "echo; exit 77")\nset_tests_properties([=[machine: %s]=] PROPERTIES SKIP_RETURN_CODE 77)\n' \
        "$1" "$1" >>"$every/machine/CTestTestfile.cmake"
}

say "look at this machine"
if ! probe leak address '#include <stdlib.h>
void *volatile kept; int main(void) { kept = malloc(7); kept = 0; return 0; }' 'detected memory leaks'; then
    skipped "leaks are found" "LeakSanitizer can't work here (it needs ptrace): $(grep -m 1 -i sanitizer "$every/probe/leak.txt" || echo 'it said nothing of a leak')"
    ASAN_OPTIONS+=:detect_leaks=0
fi
race='#include <pthread.h>
int shared; static void *run(void *x) { shared++; return x; }
int main(void) { pthread_t t; pthread_create(&t, 0, run, 0); shared++; return pthread_join(t, 0); }'
tsan=1
if ! probe race thread "$race" 'data race'; then
    # With addresses more random than this ThreadSanitizer knows it can't start: take the randomness away.
    launcher=(setarch "$(uname -m)" --addr-no-randomize)
    if ! probe race thread "$race" 'data race' "${launcher[@]}"; then
        tsan='' launcher=()
        skipped "races are found" "ThreadSanitizer can't work here: $(grep -m 1 . "$every/probe/race.txt" || echo 'it said nothing of a race')"
    fi
fi

# --- builds ---

presets=(release clang tsan asan)
for preset in "${presets[@]}"; do
    build "$preset"
done

# --- one ctest for all of them ---

# Take the tests of some folders of a build into $every, as "PRESET: name". ctest applies properties by name,
# so the names must differ.
take() { # take PRESET NAMES-REGEX folder…
    local preset=$1 names=$2
    shift 2
    mkdir -p "$every/$preset"
    for folder in "$@"; do
        local list=build/$preset/tests/$folder/CTestTestfile.cmake
        [ -e "$list" ] || continue
        sed -nE "s/^(add_test|set_tests_properties)\(\[=\[($names)\]=\]/\1([=[$preset: \2]=]/p" "$list"
    done >>"$every/$preset/CTestTestfile.cmake"
}
any='[^]]*'
take asan "$any" structure unit scenario property sim integration aws
sed -i -E "/integration_(quickstart|soak|idle_memory)/d" "$every/asan/CTestTestfile.cmake"
take release "$any" scenario bench
take release "sim_harvest$any" sim
take release "$any(kill|full|idle_memory|quickstart|soak)$any" integration
take clang "$any" unit scenario fuzz
if [ "$tsan" ]; then
    take tsan "$any" unit
    sed -i -E '/test_(xml|[a-z_]*_random)\]/d' "$every/tsan/CTestTestfile.cmake" # long, and of one thread only
    take tsan integration_threads integration
fi
for list in "$every"/*/CTestTestfile.cmake; do
    folder=$(basename "$(dirname "$list")")
    [ -s "$list" ] || die "step 'test' has no tests of build $folder: tests/run.sh can't read build/$folder/tests"
    printf 'subdirs("%s")\n' "$folder"
done >"$every/CTestTestfile.cmake"

run_ctest "$every"
