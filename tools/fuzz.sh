#!/bin/sh
# Runs every fuzz target for a while under ASan and UBSan: tools/fuzz.sh [SECONDS of each, 60] [STEM...]
# Needs clang. What is found lies in build-fuzz/; its input belongs into fuzz/corpus/STEM/ with the fix.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
if ! command -v clang > /dev/null 2>&1 && command -v apt-get > /dev/null 2>&1; then
    sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
    $sudo apt-get update -qq
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq clang > /dev/null # what it recommends has the runtime
fi
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- $(sed -n 's/^fuzz_target(\(.*\))$/\1/p' fuzz/CMakeLists.txt)
cmake -S . -B build-fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPARALLM_FUZZ=ON \
    -DPARALLM_SANITIZE=address,undefined > /dev/null
for stem; do
    ninja -C build-fuzz --quiet "fuzz_$stem"
    mkdir -p "build-fuzz/corpus/$stem"
done
echo "fuzzing for $seconds s each: $*"
# As many at a time as there are processors. xargs fails where one of them does; it replaces STEM in arguments alone,
# hence env.
printf '%s\n' "$@" | xargs -P "$(getconf _NPROCESSORS_ONLN)" -I STEM env build-fuzz/fuzz_STEM -max_total_time="$seconds" \
    -timeout=5 -rss_limit_mb=1024 -max_len=4096 -verbosity=0 -artifact_prefix=build-fuzz/STEM- build-fuzz/corpus/STEM fuzz/corpus/STEM
