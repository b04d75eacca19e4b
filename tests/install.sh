# make install into an empty folder, which is then moved; the example built on what lies there by pkg-config and by
# find_package; make uninstall, which leaves only what was not ours. usage: tests/install.sh BUILD COMPILER
. tests/cli/check.sh
build=$1 cc=$2
export DESTDIR=$work/stage
place() { make -s -o all "$1" BUILD="$build" PREFIX=/opt/parallm DESTDIR="$DESTDIR"; }

run 0 place install
staged=$DESTDIR/opt/parallm home=$work/moved
for file in bin/parallm include/parallm.h share/doc/parallm/README.md share/doc/parallm/docs/throughput/throughput.svg share/doc/parallm/examples/generate.c \
    share/man/man1/parallm-plan.1 share/bash-completion/completions/parallm; do
    [ -f "$staged/$file" ] || failed "$file: is not installed"
done
mv "$staged" "$home"
! grep -rlI -e "$DESTDIR" -e /opt/parallm -e "$PWD" "$home" || failed "these files name the place they were built or installed at"

run 0 "$home/bin/parallm" --version
version=$(sed 's/^parallm //' "$work/out")
run 0 "$home/bin/parallm" generate $tiny -p ab --quiet && says out '"text"'

example=$home/share/doc/parallm/examples
answers() { run 0 "$1" $tiny ab ba && says out '^ba$'; }
libdir=$(dirname "$(find "$home" -name parallm.pc)")
export PKG_CONFIG_PATH=$libdir
run 0 pkg-config --modversion parallm && says out "^$version\$"
libdir=$(pkg-config --variable=libdir parallm)
# shellcheck disable=SC2046
run 0 "$cc" -Wall -Werror -o "$work/by-pkg-config" "$example/generate.c" $(pkg-config --cflags --libs parallm) \
    "-Wl,-rpath,$libdir" && answers "$work/by-pkg-config"

# The archive carries the whole library into a program, and no name of ours but those of parallm.h.
# shellcheck disable=SC2046
run 0 "$cc" -Wall -Werror -o "$work/static" "$example/generate.c" $(pkg-config --cflags --libs parallm-static) && answers "$work/static"
run 0 nm -g --defined-only "$libdir/libparallm.a"
if [ "$(uname -s)" = Linux ]; then
    strangers=$(grep -E ' [TBDRVW] ' "$work/out" | grep -v ' pllm_')
    [ -z "$strangers" ] || failed "libparallm.a has strange global names: $(echo "$strangers" | head -3)"
    run 0 ldd "$work/static" && ! grep libparallm "$work/out" || failed "the program with libparallm.a asks for libparallm.so"
fi

configured() { cmake -S "$example" -B "$work/by-cmake" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$home"; }
run 0 configured && run 0 cmake --build "$work/by-cmake" && answers "$work/by-cmake/example_generate"
wants() { # wants VERSION: a project that asks for it
    mkdir -p "$work/wants"
    printf 'cmake_minimum_required(VERSION 3.22)\nproject(x C)\nfind_package(parallm %s REQUIRED)\n' "$1" > "$work/wants/CMakeLists.txt"
    cmake -S "$work/wants" -B "$work/wants/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$home"
}
run 0 wants "$version"
run 1 wants 99.0 && says err '99.0'

mv "$home" "$staged"
mkdir -p "$staged/lib/pkgconfig"
touch "$staged/lib/pkgconfig/other.pc"
run 0 place uninstall
left=$(cd "$staged" && find . -mindepth 2 ! -type d -o -mindepth 2 -type d -empty)
[ "$left" = ./lib/pkgconfig/other.pc ] || failed "uninstall left: $left"
finish
