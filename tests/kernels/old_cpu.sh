# No instruction leaks out of the tiers' own files: by qemu's user emulation the command runs on processors of 2008 (SSE4.2, no
# AVX) and of 2013 (AVX2), and writes what their tiers write here.
command -v qemu-x86_64 > /dev/null || { echo "skipped: no qemu-x86_64 (Debian: qemu-user)"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "skipped: not an x86-64 machine"; exit 77; }
. tests/cli/check.sh

ask() { run 0 "$@" generate $tiny --prompt 'The quick brown' --max-tokens 8 --temperature 0 --threads 1 --quiet; }
compare() { # PROCESSOR TIER
    PLLM_ISA=$2 ask "$PARALLM"
    cp "$work/out" "$work/here"
    ask qemu-x86_64 -cpu "$1" "$PARALLM"
    cmp -s "$work/out" "$work/here" || failed "another answer on a $1 than from the tier $2"
}

compare Nehalem scalar
! grep -qw avx2 /proc/cpuinfo || compare Haswell avx2
finish
