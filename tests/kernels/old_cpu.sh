# No instruction leaks out of the tiers' own files: the command runs on a processor of 2008 (SSE4.2, no AVX), by
# qemu's user emulation, and writes what the scalar tier writes here.
command -v qemu-x86_64 > /dev/null || { echo "skipped: no qemu-x86_64 (Debian: qemu-user)"; exit 77; }
[ "$(uname -m)" = x86_64 ] || { echo "skipped: not an x86-64 machine"; exit 77; }
. tests/cli/check.sh

ask() { run 0 "$@" generate $tiny --prompt 'The quick brown' --max-tokens 8 --temperature 0 --threads 1 --quiet; }
PLLM_ISA=scalar ask "$PARALLM"
cp "$work/out" "$work/here"
ask qemu-x86_64 -cpu Nehalem "$PARALLM"
cmp -s "$work/out" "$work/here" || failed "another answer on the old processor than from the scalar tier"
finish
